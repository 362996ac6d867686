/** Words of the NATS client protocol; `/nats.md` grammar as nats-server 2.9 to 2.15 reads it. */

export type Direction = 'to_upstream' | 'to_client';

/** Index of a verb in counters; a number, since the parser counts on every message. */
export const VERB = {
  CONNECT: 0,
  PUB: 1,
  HPUB: 2,
  SUB: 3,
  UNSUB: 4,
  PING: 5,
  PONG: 6,
  OK: 7,
  INFO: 8,
  ERR: 9,
  MSG: 10,
  HMSG: 11,
} as const;
export type Verb = (typeof VERB)[keyof typeof VERB];

/** By verb number: as on the wire, and as metric label. */
export const VERB_NAMES = [
  'CONNECT',
  'PUB',
  'HPUB',
  'SUB',
  'UNSUB',
  'PING',
  'PONG',
  '+OK',
  'INFO',
  '-ERR',
  'MSG',
  'HMSG',
] as const;

/** What each side may say. */
export const VERBS_OF: Readonly<Record<Direction, readonly Verb[]>> = {
  to_upstream: [
    VERB.CONNECT,
    VERB.PUB,
    VERB.HPUB,
    VERB.SUB,
    VERB.UNSUB,
    VERB.PING,
    VERB.PONG,
    VERB.OK,
    VERB.INFO,
  ],
  to_client: [VERB.INFO, VERB.MSG, VERB.HMSG, VERB.PING, VERB.PONG, VERB.OK, VERB.ERR],
};

/** nats-server's default of max_control_line: bytes of an argument, without the verb. */
export const MAX_CONTROL_LINE_BYTES = 4096;
/** Lines of a server: nothing limits INFO, which grows with the cluster. */
export const MAX_SERVER_LINE_BYTES = 64 * 1024;

/** Why a stream cannot be read on. Label values of natsgate_parser_stops_total. */
export const PARSE_PROBLEMS = [
  'verb',
  'arguments',
  'size',
  'payload_end',
  'line_too_long',
  'ambiguous',
  'policy',
] as const;
export type ParseProblem = (typeof PARSE_PROBLEMS)[number];

export type ParseError = {
  readonly problem: ParseProblem;
  /** Bytes of this direction before what cannot be read: an operation, a header block, the byte after a payload. */
  readonly offset: number;
  readonly expected: string;
  /** The shape of its first bytes, see `shown`. */
  readonly found: string;
};

/** What nats-server answers to such an error, as clients recognise it. */
export function serverText(problem: ParseProblem): string {
  return problem === 'line_too_long' ? 'maximum control line exceeded' : 'Unknown Protocol Operation';
}

const MAX_SHOWN_BYTES = 32;
/** Words that tell what somebody tried to speak; whatever else is at a beginning may be half of a secret. */
const SHOWN_WORDS: readonly string[] = [...VERB_NAMES, 'HTTP', 'GET', 'POST', 'HELLO', 'AUTH'];

/**
 * The shape of foreign bytes, in printable ASCII: a known word at the beginning as it is, blanks, control bytes as
 * `\xNN`, and a dot for everything else; cut after 32 bytes. What clients send holds credentials and subjects, also
 * where it is no NATS, and this goes into logs.
 */
export function shown(bytes: Buffer, start: number, end: number): string {
  const cut = Math.min(end, start + MAX_SHOWN_BYTES);
  const head = bytes.toString('latin1', start, Math.min(end, start + LONGEST_WORD));
  const word = SHOWN_WORDS.find((one) => isWordAt(head, one));
  let text = word === undefined ? '' : head.slice(0, word.length);
  for (let at = start + text.length; at < cut; at++) {
    const byte = bytes[at] ?? 0;
    if (byte === 0x20) text += ' ';
    else if (byte < 0x20 || byte === 0x7f) text += `\\x${byte.toString(16).padStart(2, '0')}`;
    else text += '.';
  }
  return cut < end ? `${text}…` : text;
}

const LONGEST_WORD = 8;

/** In any case, and not as the beginning of a longer word. */
const isWordAt = (head: string, word: string): boolean =>
  head.slice(0, word.length).toUpperCase() === word && !/[A-Za-z0-9]/.test(head[word.length] ?? '');

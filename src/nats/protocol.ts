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
  'payload_too_big',
  'line_too_long',
  'ambiguous',
  'policy',
] as const;
export type ParseProblem = (typeof PARSE_PROBLEMS)[number];

export type ParseError = {
  readonly problem: ParseProblem;
  /** Bytes of this direction in front of what cannot be read: an operation, a header block, the byte behind a payload. */
  readonly offset: number;
  readonly expected: string;
  /** The first bytes of it, printable. */
  readonly found: string;
};

/** What nats-server answers to such an error, as clients recognise it. */
export function serverText(problem: ParseProblem): string {
  if (problem === 'line_too_long') return 'maximum control line exceeded';
  if (problem === 'payload_too_big') return 'Maximum Payload Violation';
  return 'Unknown Protocol Operation';
}

const MAX_SHOWN_BYTES = 32;
/** What JSON begins with, or its strings. */
const JSON_BEGINS: readonly number[] = [0x7b, 0x5b, 0x22];

/**
 * Foreign bytes as printable ASCII: everything else as `\xNN`, cut after 32 bytes, and where JSON begins: what a
 * CONNECT holds is nobody's to read.
 */
export function shown(bytes: Buffer, start: number, end: number): string {
  const cut = Math.min(end, start + MAX_SHOWN_BYTES);
  let text = '';
  let at = start;
  while (at < cut) {
    const byte = bytes[at++] ?? 0;
    const plain = byte >= 0x20 && byte < 0x7f && byte !== 0x5c;
    text += plain ? String.fromCharCode(byte) : `\\x${byte.toString(16).padStart(2, '0')}`;
    if (JSON_BEGINS.includes(byte)) break;
  }
  return at < end ? `${text}…` : text;
}

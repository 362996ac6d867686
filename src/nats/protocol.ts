import { OPERATIONS } from './operations.ts';

/** Limits of the NATS client protocol, and why a stream cannot be read. */

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
  'connect_too_long',
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
  const isTooLong = problem === 'line_too_long' || problem === 'connect_too_long';
  return isTooLong ? 'maximum control line exceeded' : 'Unknown Protocol Operation';
}

const MAX_SHOWN_BYTES = 32;
/** Words that tell what somebody tried to speak; whatever else is at a beginning may be half of a secret. */
const SHOWN_WORDS: readonly string[] = [
  ...OPERATIONS.map(({ name }) => name),
  'HTTP',
  'GET',
  'POST',
  'HELLO',
  'AUTH',
];

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

/** The operations of the NATS client protocol, as nats-server 2.9 to 2.15 reads them: one table for all that reads them. */

export type Direction = 'to_upstream' | 'to_client';
const DIRECTIONS = ['to_upstream', 'to_client'] as const satisfies readonly Direction[];

/** Row of a verb in `OPERATIONS`, and its place in counters; a number, since the parser counts on every message. */
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

export const ARGUMENT_NAMES = ['subject', 'sid', 'queue', 'reply', 'max', 'headerSize', 'size'] as const;
export type ArgumentName = (typeof ARGUMENT_NAMES)[number];

export type OperationRow = {
  /** On the wire, and as metric label. */
  readonly name: string;
  /** Towards whom it may go. */
  readonly directions: readonly Direction[];
  /** As an error names them, the one that may be missing in brackets; undefined: free text up to the line end. */
  readonly usage: string | undefined;
  /** Names of the arguments when all are there; those when one is missing. */
  readonly all: readonly ArgumentName[];
  readonly short: readonly ArgumentName[];
  /** A blank must follow the verb. */
  readonly needsBlank: boolean;
  /** Free text must not be empty. */
  readonly needsText: boolean;
  /** Free text that means nothing and has no limit. */
  readonly ignoresText: boolean;
  /** A payload follows the line. */
  readonly hasPayload: boolean;
  readonly hasHeaders: boolean;
};

const CLIENT = ['to_upstream'] as const;
const SERVER = ['to_client'] as const;
const BOTH = DIRECTIONS;

const withArguments = (name: string, directions: readonly Direction[], usage: string): OperationRow => {
  const words = usage.split(' ');
  const nameOf = (word: string): ArgumentName => {
    const bare = word.replace(/[[\]]/g, '');
    return bare === 'header-size' ? 'headerSize' : (bare as ArgumentName);
  };
  const all = words.map(nameOf);
  return {
    name,
    directions,
    usage: `${name} ${usage}`,
    all,
    short: words.filter((word) => !word.startsWith('[')).map(nameOf),
    needsBlank: true,
    needsText: false,
    ignoresText: false,
    hasPayload: all.includes('size'),
    hasHeaders: all.includes('headerSize'),
  };
};

type Text = Partial<Pick<OperationRow, 'needsBlank' | 'needsText' | 'ignoresText'>>;
const withText = (name: string, directions: readonly Direction[], text: Text): OperationRow => ({
  name,
  directions,
  usage: undefined,
  all: [],
  short: [],
  needsBlank: false,
  needsText: false,
  ignoresText: false,
  hasPayload: false,
  hasHeaders: false,
  ...text,
});

/** By verb number. A client may say +OK and INFO too: the server takes them. */
export const OPERATIONS: readonly OperationRow[] = [
  withText('CONNECT', CLIENT, { needsText: true }),
  withArguments('PUB', CLIENT, 'subject [reply] size'),
  withArguments('HPUB', CLIENT, 'subject [reply] header-size size'),
  withArguments('SUB', CLIENT, 'subject [queue] sid'),
  withArguments('UNSUB', CLIENT, 'sid [max]'),
  withText('PING', BOTH, { ignoresText: true }),
  withText('PONG', BOTH, { ignoresText: true }),
  withText('+OK', BOTH, { ignoresText: true }),
  withText('INFO', BOTH, { needsText: true }),
  withText('-ERR', SERVER, { needsBlank: true }),
  withArguments('MSG', SERVER, 'subject sid [reply] size'),
  withArguments('HMSG', SERVER, 'subject sid [reply] header-size size'),
];

/** The row of `verb`; every verb has one. */
export const rowOf = (verb: Verb): OperationRow => OPERATIONS[verb] as OperationRow;

/** Numbers by verb, all 0. */
export const zeroCounts = (): Float64Array => new Float64Array(OPERATIONS.length);

/** What each side may say. */
const verbsOf = (direction: Direction): readonly Verb[] =>
  OPERATIONS.flatMap(({ directions }, verb) => (directions.includes(direction) ? [verb as Verb] : []));

export const countsByName = (direction: Direction, counts: Float64Array): Record<string, number> =>
  Object.fromEntries(verbsOf(direction).map((verb) => [rowOf(verb).name, counts[verb] ?? 0]));

export type VerbWord = { readonly verb: Verb; readonly text: Buffer };

const wordsOf = (direction: Direction): readonly VerbWord[] =>
  verbsOf(direction)
    .toSorted((one, other) => Number(rowOf(other).hasPayload) - Number(rowOf(one).hasPayload))
    .map((verb) => ({ verb, text: Buffer.from(rowOf(verb).name.toLowerCase()) }));

/** Verbs in lower case; those of messages first, as most operations are messages. */
export const VERB_WORDS: Readonly<Record<Direction, readonly VerbWord[]>> = {
  to_upstream: wordsOf('to_upstream'),
  to_client: wordsOf('to_client'),
};

/** No verb begins so. */
export const NO_VERB = -1;
/** It may become a verb when more bytes come. */
export const PART_OF_A_VERB = -2;

/** The verb at `pos`, in any case, or one of the two above. */
export function verbAt(bytes: Buffer, pos: number, end: number, words: readonly VerbWord[]): number {
  const length = end - pos;
  let found: number = NO_VERB;
  for (const { verb, text } of words) {
    let same = 0;
    while (same < text.length && same < length && folded(bytes[pos + same] as number) === text[same]) same++;
    if (same === text.length) return verb;
    if (same === length) found = PART_OF_A_VERB;
  }
  return found;
}

/** ASCII letters in lower case; all else as it is. */
const folded = (byte: number): number => (byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte);

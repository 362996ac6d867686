/**
 * Subjects and patterns as bytes. A subject is read in place, and nothing is allocated to compare it with a pattern: this
 * runs for each message of a session with a policy.
 */

const DOT = 0x2e;
const STAR = 0x2a;
const GREATER = 0x3e;
/** Most tokens of a pattern; a subject may have more. */
export const MAX_PATTERN_TOKENS = 32;

const LITERAL = 0;
/** `*` */
const ANY = 1;
/** `>` */
const REST = 2;
type Kind = typeof LITERAL | typeof ANY | typeof REST;

/** Where the tokens of one subject are. It is used again for the next subject. */
export class SubjectTokens {
  bytes: Buffer = NOTHING;
  /** Of all; of those that a pattern can have it is known where they are. */
  count = 0;
  hasWildcard = false;
  /** No subscription gets such a subject, and as one nats-server refuses it. */
  hasEmpty = false;
  /** `>` is the last token or none: with an empty token or `>` before others nobody can subscribe. */
  isPattern = true;
  readonly starts = new Int32Array(MAX_PATTERN_TOKENS);
  readonly ends = new Int32Array(MAX_PATTERN_TOKENS);

  /** `bytes` are read as long as these tokens are used. */
  read(bytes: Buffer, start: number, end: number): this {
    this.bytes = bytes;
    this.hasWildcard = false;
    this.hasEmpty = false;
    let restInside = false;
    let count = 0;
    let from = start;
    for (let at = start; at <= end; at++) {
      if (at < end && bytes[at] !== DOT) continue;
      if (at === from) this.hasEmpty = true;
      else if (at === from + 1 && kindOf(bytes, from, at) !== LITERAL) {
        this.hasWildcard = true;
        if (at < end && bytes[from] === GREATER) restInside = true;
      }
      if (count < MAX_PATTERN_TOKENS) {
        this.starts[count] = from;
        this.ends[count] = at;
      }
      count++;
      from = at + 1;
    }
    this.count = count;
    this.isPattern = !this.hasEmpty && !restInside;
    return this;
  }

  lengthAt(index: number): number {
    return (this.ends[index] as number) - (this.starts[index] as number);
  }

  kindAt(index: number): Kind {
    return kindOf(this.bytes, this.starts[index] as number, this.ends[index] as number);
  }
}

const kindOf = (bytes: Buffer, start: number, end: number): Kind => {
  if (end !== start + 1) return LITERAL;
  return bytes[start] === STAR ? ANY : bytes[start] === GREATER ? REST : LITERAL;
};

const NOTHING = Buffer.alloc(0);

/** One pattern, made once and compared often. */
export class SubjectPattern {
  readonly #tokens: readonly Buffer[];
  readonly #kinds: readonly Kind[];

  /** `text` must be a pattern of at most 32 tokens. */
  constructor(text: string) {
    this.#tokens = text.split('.').map((token) => Buffer.from(token));
    this.#kinds = this.#tokens.map((token) => kindOf(token, 0, token.length));
  }

  get count(): number {
    return this.#kinds.length;
  }

  /** Each subject that `subject` matches is one that this pattern matches: token by token, and `>` never under `*`. */
  covers(subject: SubjectTokens): boolean {
    return this.#takes(subject, false);
  }

  /** As nats-server compares permissions: wildcards in `subject` are text like any other. */
  matches(subject: SubjectTokens): boolean {
    return this.#takes(subject, true);
  }

  #takes(subject: SubjectTokens, asText: boolean): boolean {
    const kinds = this.#kinds;
    for (let index = 0; index < kinds.length; index++) {
      if (index >= subject.count) return false;
      const kind = kinds[index];
      if (kind === REST) return true;
      if (kind === ANY ? !asText && subject.kindAt(index) === REST : !this.#isAt(index, subject))
        return false;
    }
    return kinds.length === subject.count;
  }

  /** Some subject matches both. */
  overlaps(subject: SubjectTokens): boolean {
    const kinds = this.#kinds;
    const least = Math.min(kinds.length, subject.count);
    for (let index = 0; index < least; index++) {
      const kind = kinds[index];
      if (kind === REST) return true;
      const theirs = subject.hasWildcard ? subject.kindAt(index) : LITERAL;
      if (theirs === REST) return true;
      if (kind === LITERAL && theirs === LITERAL && !this.#isAt(index, subject)) return false;
    }
    return kinds.length === subject.count;
  }

  #isAt(index: number, subject: SubjectTokens): boolean {
    const token = this.#tokens[index] as Buffer;
    const { bytes } = subject;
    const from = subject.starts[index] as number;
    if (subject.lengthAt(index) !== token.length) return false;
    for (let at = 0; at < token.length; at++) if (bytes[from + at] !== token[at]) return false;
    return true;
  }

  /** The first tokens of `subject` are these, and more follow. */
  begins(subject: SubjectTokens): boolean {
    const { count } = this;
    if (subject.count <= count) return false;
    for (let index = 0; index < count; index++) if (!this.#isAt(index, subject)) return false;
    return true;
  }
}

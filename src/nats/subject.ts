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
  readonly starts: Int32Array;
  readonly ends: Int32Array;
  readonly kinds: Uint8Array;
  /** Of tokens that differ they nearly always differ, so few bytes are compared. */
  readonly hashes: Int32Array;

  /** `most`: of so many tokens it is known where they are. */
  constructor(most = MAX_PATTERN_TOKENS) {
    const memory = new ArrayBuffer(13 * most);
    this.starts = new Int32Array(memory, 0, most);
    this.ends = new Int32Array(memory, 4 * most, most);
    this.hashes = new Int32Array(memory, 8 * most, most);
    this.kinds = new Uint8Array(memory, 12 * most, most);
  }

  /** `bytes` are read as long as these tokens are used. */
  read(bytes: Buffer, start: number, end: number): this {
    this.bytes = bytes;
    this.hasWildcard = false;
    this.hasEmpty = false;
    let restInside = false;
    let count = 0;
    let from = start;
    let hash = 0;
    for (let at = start; at <= end; at++) {
      const byte = at < end ? (bytes[at] as number) : DOT;
      if (byte !== DOT) {
        hash = (Math.imul(hash, 31) + byte) | 0;
        continue;
      }
      const kind = kindOf(bytes, from, at);
      if (at === from) this.hasEmpty = true;
      else if (kind !== LITERAL) {
        this.hasWildcard = true;
        if (at < end && kind === REST) restInside = true;
      }
      if (count < this.starts.length) {
        this.starts[count] = from;
        this.ends[count] = at;
        this.kinds[count] = kind;
        this.hashes[count] = hash;
      }
      count++;
      from = at + 1;
      hash = 0;
    }
    this.count = count;
    this.isPattern = !this.hasEmpty && !restInside;
    return this;
  }

  lengthAt(index: number): number {
    return (this.ends[index] as number) - (this.starts[index] as number);
  }
}

const kindOf = (bytes: Buffer, start: number, end: number): Kind => {
  if (end !== start + 1) return LITERAL;
  return bytes[start] === STAR ? ANY : bytes[start] === GREATER ? REST : LITERAL;
};

const NOTHING = Buffer.alloc(0);

/** One pattern, made once and compared often. */
export class SubjectPattern {
  readonly #tokens: SubjectTokens;
  readonly #hasRest: boolean;

  /** `text` must be a pattern of at most 32 tokens. */
  constructor(text: string) {
    const bytes = Buffer.from(text);
    this.#tokens = new SubjectTokens(text.split('.').length).read(bytes, 0, bytes.length);
    const { count, kinds } = this.#tokens;
    this.#hasRest = kinds[count - 1] === REST;
  }

  get count(): number {
    return this.#tokens.count;
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
    const { count, kinds } = this.#tokens;
    if (this.#hasRest ? subject.count < count : subject.count !== count) return false;
    for (let index = 0; index < count; index++) {
      const kind = kinds[index];
      if (kind === REST) return true;
      const isTaken = kind === ANY ? asText || subject.kinds[index] !== REST : this.#isAt(index, subject);
      if (!isTaken) return false;
    }
    return true;
  }

  /** Some subject matches both. */
  overlaps(subject: SubjectTokens): boolean {
    const { count, kinds } = this.#tokens;
    const least = Math.min(count, subject.count);
    for (let index = 0; index < least; index++) {
      const kind = kinds[index];
      const theirs = subject.kinds[index];
      if (kind === REST || theirs === REST) return true;
      if (kind === LITERAL && theirs === LITERAL && !this.#isAt(index, subject)) return false;
    }
    return count === subject.count;
  }

  /** The first tokens of `subject` are these, and more follow. */
  begins(subject: SubjectTokens): boolean {
    const { count } = this;
    if (subject.count <= count) return false;
    for (let index = 0; index < count; index++) if (!this.#isAt(index, subject)) return false;
    return true;
  }

  #isAt(index: number, subject: SubjectTokens): boolean {
    const own = this.#tokens;
    if (own.hashes[index] !== subject.hashes[index]) return false;
    const length = own.lengthAt(index);
    if (length !== subject.lengthAt(index)) return false;
    const from = subject.starts[index] as number;
    const ownFrom = own.starts[index] as number;
    for (let at = 0; at < length; at++)
      if (own.bytes[ownFrom + at] !== subject.bytes[from + at]) return false;
    return true;
  }
}

import type { Refusal } from '../handshake-outcome.ts';

export type HeadLimits = {
  /** Bytes of the header fields, the empty line after them included; the request line does not count. */
  readonly headBytes: number;
  /** Lines of header fields. */
  readonly headLines: number;
};

/** RFC 9112 §3: a server should take request lines of at least 8,000 bytes. */
export const MAX_TARGET_BYTES = 8000;
/** Room for the method and the version beside the longest target. */
const MAX_REQUEST_LINE_BYTES = MAX_TARGET_BYTES + 64;
/** RFC 9112 §2.2: a server should ignore at least one; nobody sends many. */
const MAX_EMPTY_LINES = 4;

const LF = 0x0a;
const CR = 0x0d;
const SPACE = 0x20;

export type HeadBreach = Extract<Refusal, 'bad_request' | 'target_too_long' | 'header_too_large'>;

/**
 * Finds the end of one request head, in pieces of any size, and counts its lines and bytes on the way: no byte after
 * the head, and none beyond a limit, needs to reach a parser. What a head means is the parser's to say.
 *
 * ```
 *   empty lines │ GET / HTTP/1.1 │ Host: a │ … │ (empty) │ what comes after
 *   at most 4   │ request line   │ fields: headLines, headBytes, end
 * ```
 */
export class HeadMeter {
  readonly #limits: HeadLimits;
  #part: 'start' | 'fields' | 'end' = 'start';
  #emptyLines = 0;
  /** Of the line under way, its end included. */
  #lineBytes = 0;
  #firstByte = 0;
  #blanks = 0;
  #fieldBytes = 0;
  #fieldLines = 0;
  /** Why the head is refused; what `read` gave back before it is still a part of it. */
  breach: HeadBreach | undefined;

  constructor(limits: HeadLimits) {
    this.#limits = limits;
  }

  /** The head is complete. */
  get ended(): boolean {
    return this.#part === 'end';
  }

  /** How many bytes of `chunk` belong to the head: all of them, until it has ended or been refused. */
  read(chunk: Buffer): number {
    let from = 0;
    while (from < chunk.length && this.breach === undefined && this.#part !== 'end') {
      const to = endOfLine(chunk, from);
      from = this.#part === 'start' ? this.#readStart(chunk, from, to) : this.#readField(chunk, from, to);
    }
    return from;
  }

  /** Of an empty line or the request line. */
  #readStart(chunk: Buffer, from: number, to: number): number {
    if (this.#lineBytes === 0) this.#firstByte = chunk[from] as number;
    for (let at = from; at < to; at += 1) if (chunk[at] === SPACE) this.#blanks += 1;
    const left = MAX_REQUEST_LINE_BYTES - this.#lineBytes;
    if (to - from > left) return this.#refuse('target_too_long', from + left);
    this.#lineBytes += to - from;
    if (chunk[to - 1] !== LF) return to;
    const bytes = this.#lineBytes;
    this.#lineBytes = 0;
    if (bytes === 2 && this.#firstByte === CR) {
      this.#emptyLines += 1;
      return this.#emptyLines > MAX_EMPTY_LINES ? this.#refuse('bad_request', to - 1) : to;
    }
    // What a parser would skip without a trace: CR or LF alone before the method, two blanks after it.
    if (this.#firstByte === CR || this.#firstByte === LF || this.#blanks > 2)
      return this.#refuse('bad_request', to - 1);
    this.#part = 'fields';
    return to;
  }

  #readField(chunk: Buffer, from: number, to: number): number {
    const left = this.#limits.headBytes - this.#fieldBytes;
    if (to - from > left) return this.#refuse('header_too_large', from + left);
    this.#fieldBytes += to - from;
    this.#lineBytes += to - from;
    if (chunk[to - 1] !== LF) return to;
    if (this.#lineBytes <= 2) {
      this.#part = 'end';
      return to;
    }
    this.#lineBytes = 0;
    this.#fieldLines += 1;
    return this.#fieldLines > this.#limits.headLines ? this.#refuse('header_too_large', to - 1) : to;
  }

  /** The bytes up to `at` were read without a fault, so the parser's verdict on them comes first. */
  #refuse(breach: HeadBreach, at: number): number {
    this.breach = breach;
    return at;
  }
}

/** Lines are short: a call of indexOf would cost more than the bytes. */
function endOfLine(chunk: Buffer, from: number): number {
  let at = from;
  while (at < chunk.length && chunk[at] !== LF) at += 1;
  return Math.min(at + 1, chunk.length);
}

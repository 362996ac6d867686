import { headersGoOn } from './header-block.ts';

const LF = 0x0a;
const CR = 0x0d;

const LINE = 0;
const PAYLOAD = 1;
const EXPECT_CR = 2;
const EXPECT_LF = 3;
const SKIP = 4;

/**
 * What is between two control lines: payloads, which are counted and never looked at, and text that means nothing.
 *
 * ```
 *          ┌──────────────── line complete, no payload ────────────────┐
 *        LINE ── line of PUB, HPUB, MSG, HMSG ──▶ PAYLOAD ──▶ CR ──▶ LF ─┘
 *          └── PING, PONG, +OK cut before their LF ──▶ SKIP ─────────────┘
 * ```
 */
export class Framing {
  #state = LINE;
  #left = 0;
  #headerBytes = 0;
  #headerSeen = 0;
  readonly #checkHeaders: boolean;
  /** What `advance` has stopped at; nothing is read after it. */
  wrong: 'payload_end' | 'headers' | undefined;

  constructor(checkHeaders: boolean) {
    this.#checkHeaders = checkHeaders;
  }

  /** A control line comes next. */
  get isAtLine(): boolean {
    return this.#state === LINE;
  }

  /** Bytes of the header block that were right before `wrong`. */
  get headerSeen(): number {
    return this.#headerSeen;
  }

  /** Bytes of the payload that are still to come; 0 outside of one. */
  get payloadLeft(): number {
    return this.#left;
  }

  beginPayload(bytes: number, headerBytes: number): void {
    this.#state = PAYLOAD;
    this.#left = bytes;
    this.#headerBytes = this.#checkHeaders ? headerBytes : 0;
    this.#headerSeen = 0;
  }

  /** Up to the next LF. */
  beginSkip(): void {
    this.#state = SKIP;
  }

  /** Goes on in what was begun. Returns the offset up to which it came: `end`, where a line begins, or what is wrong. */
  advance(bytes: Buffer, start: number, end: number): number {
    let pos = start;
    if (this.#state === PAYLOAD) {
      const take = Math.min(this.#left, end - pos);
      if (this.#headerBytes > this.#headerSeen && !this.#headersGoOn(bytes, pos, pos + take)) return pos;
      pos += take;
      this.#left -= take;
      if (this.#left > 0) return pos;
      this.#state = EXPECT_CR;
    }
    if (this.#state === EXPECT_CR && pos < end) {
      if (bytes[pos] !== CR) return this.#stop(pos);
      pos++;
      this.#state = EXPECT_LF;
    }
    if (this.#state === EXPECT_LF && pos < end) {
      if (bytes[pos] !== LF) return this.#stop(pos);
      this.#state = LINE;
      return pos + 1;
    }
    if (this.#state === SKIP) {
      while (pos < end && bytes[pos] !== LF) pos++;
      if (pos === end) return pos;
      this.#state = LINE;
      return pos + 1;
    }
    return pos;
  }

  #stop(pos: number): number {
    this.wrong = 'payload_end';
    return pos;
  }

  #headersGoOn(bytes: Buffer, start: number, end: number): boolean {
    if (headersGoOn(bytes, start, end, this.#headerSeen, this.#headerBytes)) {
      this.#headerSeen = Math.min(this.#headerBytes, this.#headerSeen + end - start);
      return true;
    }
    this.wrong = 'headers';
    return false;
  }
}

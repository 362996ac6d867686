/**
 * The beginning of a control line, until its end comes. Pieces may be as small as a byte: the search for the end goes on
 * where the last piece ended, so a long line costs no more than one in a single piece.
 */

const TAB = 0x09;
const LF = 0x0a;
const CR = 0x0d;
const BLANK = 0x20;
const LOWER_CASE = 0x20;
/** Of MSG and HMSG, and of nothing else that a server says. */
const MESSAGE_INITIALS = [0x6d, 0x68];
/** Room of a new buffer. */
const FIRST_BYTES = 256;

/** Where in the line the bytes seen so far end. */
const VERB = 0;
const BLANKS = 1;
const SUBJECT = 2;
const REST = 3;
type Place = typeof VERB | typeof BLANKS | typeof SUBJECT | typeof REST;

export class HeldLine {
  /** The line so far: the first `length` bytes. Only valid while `length` is not 0. */
  bytes: Buffer = NOTHING;
  length = 0;
  readonly #mostBytes: number;
  readonly #moreBytes: number;
  readonly #begin: Place;
  #place: Place;
  #wasCr = false;

  /** Of a line at most `mostBytes` are kept, and of what belongs to it `moreBytes`. */
  constructor(toClient: boolean, mostBytes: number, moreBytes: number) {
    this.#mostBytes = mostBytes;
    this.#moreBytes = moreBytes;
    // Only towards the client does it matter where an LF is.
    this.#begin = toClient ? VERB : REST;
    this.#place = this.#begin;
  }

  /**
   * The offset of the LF that ends the line, or `end` where none does. To be asked once for each piece, before it is
   * kept. In the subject of MSG and HMSG only CR LF ends the line: a publisher's first byte may be an LF, which account
   * imports and subject mappings then move on to any place of it.
   */
  endIn(bytes: Buffer, start: number, end: number): number {
    let at = start;
    for (; at < end && this.#place !== REST; at++) {
      const byte = bytes[at] as number;
      if (byte === LF && (this.#place === VERB || this.#wasCr)) return at;
      if (byte !== BLANK && byte !== TAB) {
        if (this.#place === BLANKS) this.#place = SUBJECT;
      } else if (this.#place === VERB) {
        const initial = (this.length > 0 ? this.bytes[0] : bytes[start]) as number;
        this.#place = MESSAGE_INITIALS.includes(initial | LOWER_CASE) ? BLANKS : REST;
      } else if (this.#place === SUBJECT) this.#place = REST;
      this.#wasCr = byte === CR;
    }
    while (at < end && bytes[at] !== LF) at++;
    return at;
  }

  /** Appends a piece, or the part of it for which there is room. */
  keep(bytes: Buffer, start: number, end: number): void {
    const length = this.length + end - start;
    if (this.bytes.length < length) {
      // Of its own: a part of Node's shared slab would keep all of it alive.
      const room = Math.max(FIRST_BYTES, Math.min(2 * length, this.#mostBytes + this.#moreBytes));
      const larger = Buffer.allocUnsafeSlow(room);
      this.bytes.copy(larger, 0, 0, this.length);
      this.bytes = larger;
    }
    bytes.copy(this.bytes, this.length, start, end);
    this.length = length;
  }

  get room(): number {
    return this.#mostBytes - this.length;
  }

  forget(): void {
    this.bytes = NOTHING;
    this.length = 0;
    this.#place = this.#begin;
    this.#wasCr = false;
  }
}

const NOTHING = Buffer.alloc(0);

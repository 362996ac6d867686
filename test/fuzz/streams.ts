import fc from 'fast-check';

/**
 * Random client streams. fast-check draws plain numbers, so that it can shrink them, and `build` makes frames of
 * them: 0 is the plainest frame, fewer numbers are fewer frames. Built by hand in one scratch buffer, because two
 * million of them must not take long.
 */
export type Numbers = readonly [shape: number, frames: readonly number[], cuts: readonly number[]];

export type Sequence = {
  /** Payload of a frame (cut-through) or of a message (buffered), at most. */
  readonly cap: number;
  readonly stream: Buffer;
  /** The stream, cut. */
  readonly pieces: readonly Buffer[];
};

const MAX_FRAMES = 8;
const uint32 = fc.noBias(fc.nat(0xffff_ffff));

export const numbers: fc.Arbitrary<Numbers> = fc.tuple(
  uint32,
  fc.array(uint32, { maxLength: MAX_FRAMES, size: 'max' }),
  fc.array(uint32, { maxLength: 6, size: 'max' }),
);

/** The last is for the border between the 16-bit and the 64-bit length, and dear. */
const CAPS = [1000, 125, 300, 1000, 125, 300, 1000, 70_000];
const MAX_PIECES = 80;
const MAX_PIECE_BYTES = 65_536;

const CONTINUATION = 0;
const TEXT = 1;
const BINARY = 2;
const CLOSE = 8;
const PING = 9;
const PONG = 10;

/** Pseudo-random, but the same in every run: a stream is given by its numbers. */
const NOISE = noise(256 * 1024);
const WORDS = Buffer.alloc(256 * 1024, 'aé€😀 PUB a 1\r\n');
const CODES = [
  1000, 1001, 1005, 999, 3000, 4999, 5000, 1004, 1006, 1015, 1012, 1014, 1016, 2999, 0, 65_535, 1003, 1007,
];
const ANNOUNCED = [
  2n ** 16n,
  2n ** 31n,
  2n ** 32n - 1n,
  2n ** 32n,
  2n ** 53n - 1n,
  2n ** 53n,
  2n ** 63n,
  2n ** 64n - 1n,
];

/** One at a time: the streams of the last call are overwritten by the next. */
const scratch = Buffer.alloc(MAX_FRAMES * 72 * 1024);

export function build([shape, frames, cuts]: Numbers): Sequence {
  const cap = CAPS[(shape >>> 2) & 7]!;
  const writer = new FrameWriter(cap);
  // A quarter of the streams breaks no rule, a quarter seldom, the rest at every second or fourth frame.
  const hostility = [0, 1, 8, 16][shape & 3]!;
  const starts = frames.map((choice) => {
    const start = writer.end;
    if (((choice >>> 6) & 31) < hostility) writer.putWrong(choice);
    else writer.putGood(choice);
    return start;
  });
  const stream = damaged(scratch.subarray(0, writer.end), shape >>> 5);
  return { cap, stream, pieces: cut(stream, starts, cuts) };
}

class FrameWriter {
  readonly #cap: number;
  end = 0;
  #open = false;

  constructor(cap: number) {
    this.#cap = cap;
  }

  putGood(choice: number): void {
    const kind = choice & 63;
    const size = this.#size(choice);
    if (kind < 30) this.#data(true, size, choice);
    else if (kind < 46) this.#data(false, size, choice);
    else if (kind < 54) this.#put(0x80 | PING, 0x80, Math.min(size, 125), choice);
    else if (kind < 59) this.#put(0x80 | PONG, 0x80, Math.min(size, 125), choice);
    else if (kind < 63) this.#data(kind < 61, 0, choice);
    else this.#close(choice, CODES[(choice >>> 11) & 1]!, true);
  }

  putWrong(choice: number): void {
    const size = this.#size(choice);
    const detail = choice >>> 11;
    const data = this.#open ? CONTINUATION : BINARY;
    switch (choice & 31) {
      case 0:
        return this.#put(0x80 | TEXT, 0x80, size, choice);
      case 1:
        return this.#text(false, size, choice);
      case 2:
        return this.#text(true, size, choice);
      case 3:
        return this.#put(0x80 | data | ((1 + (detail % 7)) << 4), 0x80, size, choice);
      case 4:
        return this.#put(0x80 | PING | (16 << (detail % 3)), 0x80, Math.min(size, 125), choice);
      case 5:
        return this.#put(0x80 | (3 + (detail % 5)), 0x80, size, choice);
      case 6:
        return this.#put(0x80 | (11 + (detail % 5)), 0x80, Math.min(size, 125), choice);
      case 7:
        return this.#put(0x80 | data, 0, size, choice);
      case 8:
        return this.#put(0x80 | [PING, PONG, CLOSE][detail % 3]!, 0, 0, choice);
      case 9: // the other kind of data frame than the one whose turn it is
        return this.#put(0x80 | (this.#open ? BINARY : CONTINUATION), 0x80, size, choice);
      case 10:
        return this.#put(this.#open ? BINARY : CONTINUATION, 0x80, size, choice);
      case 11:
        return this.#put(PING, 0x80, Math.min(size, 125), choice);
      case 12:
        return this.#put(CLOSE, 0x80, 2, choice);
      case 13:
        return this.#put(0x80 | PING, 0x80, 126 + (detail % 40), choice);
      case 14:
        return this.#put(0x80 | PONG, 0x80, detail % 126, choice, 2);
      case 15:
        return this.#put(0x80 | CLOSE, 0x80, 1, choice);
      case 16:
        return this.#put(0x80 | CLOSE, 0x80, 126, choice);
      case 17:
      case 18:
        return this.#close(choice, CODES[detail % CODES.length]!, true);
      case 19:
      case 20:
        return this.#close(choice, CODES[detail % CODES.length]!, false);
      case 21:
        return this.#data(true, this.#cap + 1, choice);
      case 22:
        return this.#data(detail % 2 === 0, this.#cap, choice);
      case 23:
      case 24: // a length of which little comes
        return this.#announce(0x80 | data, ANNOUNCED[detail % ANNOUNCED.length]!, choice);
      case 25:
        return this.#announce(0x80 | TEXT, ANNOUNCED[detail % ANNOUNCED.length]!, choice);
      case 26: // more than the payload that follows
        return this.#announce(0x80 | data, BigInt(detail % 70_000), choice);
      case 27:
        return this.#put(0x80 | data, 0x80, size % 120, choice, 2);
      case 28:
        return this.#put(0x80 | data, 0x80, size, choice, 8);
      case 29:
        return this.#raw(NOISE, choice >>> 16, detail % 40);
      case 30:
        return this.#raw(WORDS, choice >>> 16, detail % 40);
      default: // a frame that is cut, another behind it
        this.#data(true, size, choice);
        this.end = Math.max(0, this.end - 1 - (detail % 12));
    }
  }

  /** Around the borders of the length forms and of the cap, small ones mostly. */
  #size(choice: number): number {
    const detail = (choice >>> 15) & 63;
    switch ((choice >>> 11) & 15) {
      case 1:
        return 0;
      case 2:
        return 1 + (detail % 8);
      case 3:
        return 124 + (detail % 4);
      case 4:
        return this.#cap - (detail % 2);
      case 5:
        return Math.min(this.#cap, 16 * detail);
      case 6: // seldom, for they are dear
        return this.#cap > 65_536 && detail < 16 ? 65_534 + (detail & 3) : detail;
      case 7:
        return Math.min(this.#cap, this.#cap > 65_536 ? 2000 : 600) - detail;
      default:
        return detail;
    }
  }

  #data(fin: boolean, size: number, choice: number): void {
    this.#put((fin ? 0x80 : 0) | (this.#open ? CONTINUATION : BINARY), 0x80, size, choice);
    this.#open = !fin;
  }

  #text(fin: boolean, size: number, choice: number): void {
    this.#put((fin ? 0x80 : 0) | TEXT, 0x80, size, choice, undefined, WORDS);
    this.#open = !fin;
  }

  #close(choice: number, code: number, text: boolean): void {
    const start = this.end;
    const size = code === 1005 && text ? 0 : 2 + ((choice >>> 16) % 124);
    this.#put(0x80 | CLOSE, 0x80, size, choice, undefined, text ? WORDS : NOISE);
    if (size === 0) return;
    const mask = start + 2;
    scratch[start + 6] = (code >>> 8) ^ scratch[mask]!;
    scratch[start + 7] = (code & 0xff) ^ scratch[mask + 1]!;
  }

  /** A header that announces `length`, and up to 63 bytes of it. */
  #announce(first: number, length: bigint, choice: number): void {
    this.#byte(first);
    this.#byte(0x80 | 127);
    this.end = scratch.writeBigUInt64BE(length, this.end);
    this.#raw(NOISE, choice >>> 16, 4 + ((choice >>> 5) & 63));
  }

  #put(
    first: number,
    masked: number,
    size: number,
    choice: number,
    lengthBytes = size < 126 ? 0 : size < 65_536 ? 2 : 8,
    payloads = NOISE,
  ): void {
    this.#byte(first);
    this.#byte(masked | (lengthBytes === 0 ? size : lengthBytes === 2 ? 126 : 127));
    if (lengthBytes === 8) this.end = scratch.writeBigUInt64BE(BigInt(size), this.end);
    else if (lengthBytes === 2) this.end = scratch.writeUInt16BE(size, this.end);
    const from = choice >>> 16;
    if (masked === 0) return this.#raw(payloads, from, size);
    const mask = this.end;
    // One in eight is not masked in effect.
    if ((from & 7) === 7) scratch.fill(0, mask, mask + 4);
    else NOISE.copy(scratch, mask, from + 9, from + 13);
    const payload = mask + 4;
    for (let index = 0; index < size; index++) {
      scratch[payload + index] = payloads[from + index]! ^ scratch[mask + (index & 3)]!;
    }
    this.end = payload + size;
  }

  #raw(source: Buffer, from: number, length: number): void {
    this.end += source.copy(scratch, this.end, from, from + length);
  }

  #byte(value: number): void {
    scratch[this.end++] = value;
  }
}

/** A quarter of all streams is hurt behind the framing's back. */
function damaged(stream: Buffer, choice: number): Buffer {
  const place = choice >>> 4;
  const { length } = stream;
  if (length === 0) return stream;
  switch (choice & 15) {
    case 13: // somewhere near the front, where the headers of short frames are
      stream[(place >>> 3) % Math.min(length, 64)]! ^= 1 << (place & 7);
      return stream;
    case 14:
      stream[(place >>> 3) % length]! ^= 1 << (place & 7);
      return stream;
    case 15:
      return stream.subarray(0, place % length);
    case 12:
      return stream.subarray(0, length - 1 - (place % Math.min(length, 16)));
    default:
      return stream;
  }
}

/** Without cuts in one piece; else each cut gives the size of the next piece, over and over. */
function cut(stream: Buffer, starts: readonly number[], cuts: readonly number[]): Buffer[] {
  const pieces: Buffer[] = [];
  for (let at = 0, turn = 0; at < stream.length; turn++) {
    const choice = cuts.length === 0 || pieces.length > MAX_PIECES ? 7 : cuts[turn % cuts.length]!;
    const size = Math.min(pieceSize(choice, at, starts), MAX_PIECE_BYTES);
    pieces.push(stream.subarray(at, at + size));
    at += size;
  }
  return pieces;
}

function pieceSize(choice: number, at: number, starts: readonly number[]): number {
  const detail = choice >>> 3;
  switch (choice & 7) {
    case 0:
      return 1;
    case 1:
      return 2 + (detail % 2);
    case 2:
      return 1 + (detail % 15);
    case 3:
      return 1 + (detail % 63);
    case 4:
      return 1 + (detail % 1023);
    case 7:
      return MAX_PIECE_BYTES;
    default: {
      // Into the header of the next frame, or just before it.
      const next = starts.find((start) => start > at) ?? at;
      return Math.max(1, next - at - 1 + (detail % 15));
    }
  }
}

function noise(length: number): Buffer {
  const bytes = Buffer.alloc(length);
  let state = 0x9e37_79b9;
  for (let index = 0; index < length; index += 4) {
    // xorshift32
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    bytes.writeInt32LE(state | 0, index);
  }
  return bytes;
}

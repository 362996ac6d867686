const OPCODE_INDEX = [0, 1, 2, 6, 6, 6, 6, 6, 3, 4, 5, 6, 6, 6, 6, 6] as const;
const FINAL = 0x80;
const MASKED = 0x80;
const CONTROL = 0x08;

/** A header is at most 2 bytes, 8 of length and 4 of mask. */
const MAX_HEADER_BYTES = 14;

/**
 * Follows the frame headers in a client's byte stream without changing or keeping a byte: how many frames of
 * each opcode came, and whether a message has begun and not ended. Stock ws tells neither, and both are needed
 * to bound what an unfinished message or a flood of control frames may cost.
 *
 * It judges nothing: what it reads after a violation means nothing; ws refuses the stream a few ticks later.
 */
export class FrameMeter {
  /** Frames seen, by `OPCODES` of frame-counters.ts. */
  readonly frames: Float64Array;
  /** Control frames seen by this meter. */
  controlFrames = 0;
  /** Data messages that ended. */
  messages = 0;
  /** A data message has begun (its first header byte was seen) and its last byte has not come yet. */
  messageOpen = false;

  #header = 0;
  #headerBytesSeen = 0;
  #headerBytesNeeded = 2;
  /** Index of the first header byte behind the length. */
  #lengthEnd = 2;
  #payloadLength = 0;
  #payloadLeft = 0;

  /** `frames` may be shared by all meters of a process: it is only added to. */
  constructor(frames: Float64Array) {
    this.frames = frames;
  }

  feed(chunk: Buffer): void {
    let position = 0;
    const end = chunk.length;
    while (position < end) {
      if (this.#payloadLeft > 0) {
        const skipped = Math.min(this.#payloadLeft, end - position);
        position += skipped;
        this.#payloadLeft -= skipped;
        if (this.#payloadLeft === 0) this.#frameEnds();
      } else {
        this.#headerByte(chunk[position] ?? 0);
        position++;
      }
    }
  }

  #headerByte(byte: number): void {
    const index = this.#headerBytesSeen++;
    if (index === 0) {
      this.#header = byte;
      if ((byte & CONTROL) === 0) this.messageOpen = true;
    } else if (index === 1) {
      const short = byte & 0x7f;
      const lengthBytes = short === 126 ? 2 : short === 127 ? 8 : 0;
      this.#payloadLength = lengthBytes === 0 ? short : 0;
      this.#headerBytesNeeded = 2 + lengthBytes + ((byte & MASKED) === 0 ? 0 : 4);
      this.#lengthEnd = 2 + lengthBytes;
    } else if (index < this.#lengthEnd) {
      this.#payloadLength = this.#payloadLength * 256 + byte;
    }
    if (this.#headerBytesSeen < this.#headerBytesNeeded || this.#headerBytesSeen > MAX_HEADER_BYTES) return;
    this.#headerBytesSeen = 0;
    this.#headerBytesNeeded = 2;
    this.#payloadLeft = this.#payloadLength;
    const opcode = this.#header & 0x0f;
    const slot = OPCODE_INDEX[opcode] ?? 6;
    this.frames[slot] = (this.frames[slot] ?? 0) + 1;
    if ((opcode & CONTROL) !== 0) this.controlFrames++;
    if (this.#payloadLeft === 0) this.#frameEnds();
  }

  #frameEnds(): void {
    if ((this.#header & CONTROL) !== 0 || (this.#header & FINAL) === 0) return;
    this.messageOpen = false;
    this.messages++;
  }
}

import { opcodeIndex } from './frame-counters.ts';
import { CONTROL, FINAL, headerLength, MAX_HEADER_BYTES, payloadLength } from './frame-header.ts';

/**
 * Follows the frame headers in a client's byte stream without changing or keeping a payload byte: how many frames of
 * each opcode came, and whether a message has begun and not ended. Stock ws reports neither, and both are needed to
 * bound what an unfinished message or a flood of control frames may cost.
 *
 * It checks nothing: its counts mean nothing after a violation, which ws refuses a few ticks later.
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

  readonly #header = Buffer.allocUnsafeSlow(MAX_HEADER_BYTES);
  #headerBytes = 0;
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
    const header = this.#header;
    header[this.#headerBytes++] = byte;
    if (this.#headerBytes === 1 && (byte & CONTROL) === 0) this.messageOpen = true;
    if (this.#headerBytes < 2 || this.#headerBytes < headerLength(header[1] as number)) return;
    this.#headerBytes = 0;
    this.#payloadLeft = payloadLength(header, 0);
    const first = header[0] as number;
    const index = opcodeIndex(first & 0x0f);
    this.frames[index] = (this.frames[index] ?? 0) + 1;
    if ((first & CONTROL) !== 0) this.controlFrames++;
    if (this.#payloadLeft === 0) this.#frameEnds();
  }

  #frameEnds(): void {
    const first = this.#header[0] as number;
    if ((first & CONTROL) !== 0 || (first & FINAL) === 0) return;
    this.messageOpen = false;
    this.messages++;
  }
}

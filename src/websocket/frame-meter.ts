import { opcodeIndex } from './frame-counters.ts';
import { CONTROL, FINAL, headerLength, MAX_HEADER_BYTES, payloadLength } from './frame-header.ts';

/** What a read that is kept takes besides its bytes: a TLS record may hold one byte (270 were measured, Node 26.10). */
const CHUNK_BYTES = 256;

/**
 * Follows the frame headers in a client's byte stream without changing or keeping a payload byte: how many frames of
 * each opcode came, and whether a message has begun and not ended. Stock ws reports neither, and both are needed to
 * bound what an unfinished message or a flood of control frames may cost.
 *
 * It checks no rule. After a violation, which ws refuses a few ticks later, its counts are not valid.
 */
export class FrameMeter {
  /** Frames seen, by `OPCODES` of frame-counters.ts. */
  readonly frames: Float64Array;
  /** Control frames seen by this meter, and all others. */
  controlFrames = 0;
  dataFrames = 0;
  /** Data messages that ended. */
  messages = 0;
  /** A data message has begun (its first header byte was seen) and its last byte has not come yet. */
  messageOpen = false;
  /** Since when; undefined: none has. */
  openSinceMs: number | undefined;
  /** Bytes that ws keeps of it, at most: of the read in which it began, ws perhaps keeps only a part. */
  openBytes = 0;

  readonly #header = Buffer.allocUnsafeSlow(MAX_HEADER_BYTES);
  #headerBytes = 0;
  #payloadLeft = 0;

  /** `frames` may be shared by all meters of a process: it is only added to. */
  constructor(frames: Float64Array) {
    this.frames = frames;
  }

  feed(chunk: Buffer, nowMs: number): void {
    const messagesBefore = this.messages;
    this.#follow(chunk);
    const isAnother = this.messages !== messagesBefore;
    if (!this.messageOpen) this.forgetOpen();
    else {
      if (isAnother || this.openSinceMs === undefined) this.openSinceMs = nowMs;
      this.openBytes = (isAnother ? 0 : this.openBytes) + chunk.length + CHUNK_BYTES;
    }
  }

  /** Nothing is kept of the message that has begun. */
  forgetOpen(): void {
    this.openSinceMs = undefined;
    this.openBytes = 0;
  }

  #follow(chunk: Buffer): void {
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
    else this.dataFrames++;
    if (this.#payloadLeft === 0) this.#frameEnds();
  }

  #frameEnds(): void {
    const first = this.#header[0] as number;
    if ((first & CONTROL) !== 0 || (first & FINAL) === 0) return;
    this.messageOpen = false;
    this.messages++;
  }
}

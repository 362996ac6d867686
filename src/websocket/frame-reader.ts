import { isUtf8 } from 'node:buffer';
import type { ClientEnd, FrameWatcher } from './byte-socket.ts';
import { opcodeIndex } from './frame-counters.ts';
import {
  CONTROL,
  FINAL,
  lengthEnd,
  MASKED,
  MAX_HEADER_BYTES,
  OPCODE,
  payloadLength,
  RESERVED,
} from './frame-header.ts';
import { rotate, type Unmask } from './unmask.ts';

const MAX_CONTROL_PAYLOAD = 125;
const {
  continuation: CONTINUATION,
  text: TEXT,
  binary: BINARY,
  close: CLOSE,
  ping: PING,
  pong: PONG,
} = OPCODE;

/** The first byte of a binary message of one frame. */
const WHOLE_BINARY = FINAL | BINARY;

/** Called for control frames while a chunk is read; the data before them is handed on later. */
export type ControlFrames = {
  /** The payload is valid during the call. */
  onPing(payload: Buffer): void;
  onPong(): void;
};

/** What the readers of many sessions share. */
type FrameReaderParts = {
  /** The store that `read` works on. */
  readonly pool: { readonly bytes: Buffer };
  /** Must work on the same store. */
  readonly unmask: Unmask;
  readonly maxFrameBytes: number;
  /** By OPCODES; only added to. */
  readonly counters: { readonly clientFrames: Float64Array };
};

/**
 * Reads a client's frames (RFC 6455 §5) and moves their payloads, unmasked and joined, to another place of the same
 * store. It keeps no payload: each part of a frame is handed on when it arrives.
 *
 * ```
 *   in   [hdr payl][hdr payload][hd      one call of read()
 *   out  [payl payload]                  … r payload] comes with the next
 * ```
 *
 * State between two chunks is a few numbers, plus a header or a control frame where one was cut. All arithmetic
 * happens in locals; the fields are written once for each chunk.
 */
export class FrameReader {
  readonly #shared: FrameReaderParts;
  readonly #control: ControlFrames;

  /** The first thing that ended the stream of payload: a violation or the client's close frame. */
  end: ClientEnd | undefined;
  /** The client's close frame was read; nothing follows it. */
  closed = false;
  /** The framing is lost: nothing can be read any more. */
  broken = false;
  /** Control frames read so far, and all others. */
  controlFrames = 0;
  dataFrames = 0;
  /** One more than this ends the stream as `rate_exceeded`. The owner, which knows the time, raises it. */
  controlFramesAllowed = 2 ** 30;
  watcher: FrameWatcher | undefined;

  #discarding = false;
  /** Where the call of `read` puts its payload. */
  #out = 0;
  #payloadLeft = 0;
  #key = 0;
  /** First byte of the frame whose payload is being read. */
  #first = 0;
  #insideMessage = false;
  /** Start of a header that the last chunk cut. */
  #header: Buffer | undefined;
  #headerLength = 0;
  /** Payload of the control frame that is being read, where a chunk cut it. */
  #controlPayload: Buffer | undefined;
  #controlLength = 0;

  constructor(shared: FrameReaderParts, control: ControlFrames) {
    this.#shared = shared;
    this.#control = control;
  }

  /** From now on payload is dropped; frames are still read, for the client's close frame. */
  discard(): void {
    this.#discarding = true;
  }

  /**
   * Reads `[from, to)` of the pool and puts the payload bytes at `out`; returns their end. Needs room for `to - from` bytes
   * there. After a close frame or a violation the rest is dropped; what came before it is returned.
   */
  read(from: number, to: number, out: number): number {
    const { unmask } = this.#shared;
    const { bytes } = this.#shared.pool;
    let position = from;
    let end = out;
    this.#out = out;
    while (position < to && !this.closed && !this.broken) {
      const left = this.#payloadLeft;
      if (left > 0) {
        const count = Math.min(left, to - position);
        if ((this.#first & CONTROL) !== 0) this.#readControl(position, count);
        else if (!this.#discarding) {
          unmask(end, position, count, this.#key);
          end += count;
        }
        position += count;
        this.#payloadLeft = left - count;
        if (count < left) this.#key = rotate(this.#key, count);
        else if ((this.#first & CONTROL) !== 0) this.#endControl();
      } else {
        const second = bytes[position + 1] as number;
        const mask = position + lengthEnd(second);
        if (this.#header !== undefined || mask + 4 > to) position = this.#readCutHeader(position, to, end);
        else {
          const first = bytes[position] as number;
          // What nearly every frame is, without a call: the rules have nothing to say of it.
          if (first === WHOLE_BINARY && second >= MASKED && !this.#insideMessage) this.#first = first;
          else this.#judge(first, second);
          this.#begin(payloadLength(bytes, position), keyAt(bytes, mask), end);
          position = mask + 4;
        }
      }
    }
    return end;
  }

  /** Byte by byte, and judged as early as ws does it: at the second byte, and when the length is complete. */
  #readCutHeader(from: number, to: number, end: number): number {
    this.#header ??= Buffer.allocUnsafeSlow(MAX_HEADER_BYTES);
    const header = this.#header;
    let position = from;
    while (position < to) {
      header[this.#headerLength++] = this.#shared.pool.bytes[position++] as number;
      if (this.#headerLength < 2) continue;
      const first = header[0] as number;
      const second = header[1] as number;
      if (this.#headerLength === 2) {
        this.#judge(first, second);
        if (this.broken) return position;
      }
      const mask = lengthEnd(second);
      if (this.#headerLength < mask) continue;
      const length = payloadLength(header, 0);
      if (this.#headerLength === mask) this.#checkLength(length);
      if (this.#headerLength < mask + 4) continue;
      this.#begin(length, keyAt(header, mask), end);
      this.#header = undefined;
      this.#headerLength = 0;
      return position;
    }
    return position;
  }

  /** The rules that the first two bytes can break, RFC 6455 §5.1, §5.2, §5.4, §5.5. */
  #judge(first: number, second: number): void {
    this.#first = first;
    const opcode = first & 0x0f;
    if ((first & RESERVED) !== 0 || (second & MASKED) === 0) this.#break();
    else if (opcode === BINARY || opcode === TEXT) {
      if (this.#insideMessage) this.#break();
      else if (opcode === TEXT) this.#refuse({ reason: 'not_binary', code: 1003 });
      this.#insideMessage = (first & FINAL) === 0;
    } else if (opcode === CONTINUATION) {
      if (!this.#insideMessage) this.#break();
      this.#insideMessage = (first & FINAL) === 0;
    } else {
      const short = second & 0x7f;
      const known = opcode === CLOSE || opcode === PING || opcode === PONG;
      // A close payload is empty or begins with a code of two bytes.
      const fits = short <= MAX_CONTROL_PAYLOAD && !(opcode === CLOSE && short === 1);
      if (!known || !fits || (first & FINAL) === 0) this.#break();
    }
  }

  #checkLength(length: number): void {
    if (length > this.#shared.maxFrameBytes && (this.#first & CONTROL) === 0) {
      this.#refuse({ reason: 'message_too_big', code: 1009 });
      // Nobody sends that much to the end, and the end of its payload would never come.
      if (length > Number.MAX_SAFE_INTEGER) this.broken = true;
    }
  }

  /** A header is complete: its payload follows, which is put at `end`. */
  #begin(length: number, key: number, end: number): void {
    this.#checkLength(length);
    if (this.broken) return;
    const opcode = this.#first & 0x0f;
    (this.#shared.counters.clientFrames[opcodeIndex(opcode)] as number)++;
    this.#payloadLeft = length;
    this.#key = key;
    if (this.watcher !== undefined && opcode === BINARY) this.watcher.onFrame(end - this.#out);
    if (opcode < CLOSE) {
      this.dataFrames++;
      return;
    }
    this.controlFrames++;
    if (this.controlFrames > this.controlFramesAllowed) this.#refuse({ reason: 'rate_exceeded', code: 1008 });
    if (length === 0) this.#endControl();
  }

  #readControl(from: number, count: number): void {
    this.#controlPayload ??= Buffer.allocUnsafeSlow(MAX_CONTROL_PAYLOAD);
    const payload = this.#controlPayload;
    for (let index = 0; index < count; index++) {
      payload[this.#controlLength++] =
        (this.#shared.pool.bytes[from + index] as number) ^ (this.#key >>> (8 * (index & 3)));
    }
  }

  #endControl(): void {
    const payload = this.#controlPayload?.subarray(0, this.#controlLength) ?? NO_BYTES;
    this.#controlPayload = undefined;
    this.#controlLength = 0;
    const opcode = this.#first & 0x0f;
    if (opcode === CLOSE) this.#endClose(payload);
    else if (opcode === PONG) this.#control.onPong();
    else if (!this.#discarding) this.#control.onPing(payload);
  }

  #endClose(payload: Buffer): void {
    this.closed = true;
    const code = payload.length === 0 ? 1005 : payload.readUInt16BE(0);
    if (payload.length > 0 && !isValidCloseCode(code)) this.#break();
    else if (!isUtf8(payload.subarray(2))) this.#break(1007);
    else this.#refuse({ reason: 'client_closed', code });
  }

  #break(code: 1002 | 1007 = 1002): void {
    this.broken = true;
    this.#refuse({ reason: 'frame_violation', code });
  }

  /** No payload byte is handed on after this. The first reason stays. */
  #refuse(end: ClientEnd): void {
    this.end ??= end;
    this.#discarding = true;
  }
}

const NO_BYTES = Buffer.alloc(0);

function keyAt(bytes: Buffer, at: number): number {
  return (
    (bytes[at] as number) |
    ((bytes[at + 1] as number) << 8) |
    ((bytes[at + 2] as number) << 16) |
    ((bytes[at + 3] as number) << 24)
  );
}

/** What a peer may send, RFC 6455 §7.4 and the registry behind it; 1004 to 1006 and 1015 never travel. */
function isValidCloseCode(code: number): boolean {
  return (code >= 1000 && code <= 1014 && (code < 1004 || code > 1006)) || (code >= 3000 && code <= 4999);
}

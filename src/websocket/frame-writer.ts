import { sentHeaderLength } from './frame-header.ts';

/** Frames that we send: whole messages, unmasked, shortest length form (RFC 6455 §5.1, §5.2). */

const FINAL_BINARY = 0x82;
const FINAL_CLOSE = 0x88;
const FINAL_PONG = 0x8a;
const SHORT_LENGTH = 125;
const LENGTH_16 = 126;

/** A ping without payload. */
export const PING_FRAME = Buffer.from([0x89, 0]);

/**
 * Copies `chunk` to `at` of `bytes` as binary messages of at most `maxFrameBytes` (at most 65,535) payload bytes
 * each, headers in front. Returns the end of what was written.
 */
export function putBinaryFrames(bytes: Buffer, at: number, chunk: Buffer, maxFrameBytes: number): number {
  const length = chunk.length;
  if (length <= maxFrameBytes) {
    const payload = putHeader(bytes, at, length);
    bytes.set(chunk, payload);
    return payload + length;
  }
  let end = at;
  for (let from = 0; from < length; from += maxFrameBytes) {
    const piece = chunk.subarray(from, from + maxFrameBytes);
    end = putHeader(bytes, end, piece.length);
    bytes.set(piece, end);
    end += piece.length;
  }
  return end;
}

/** The length that `putBinaryFrames` writes for this many payload bytes. */
export function framedLength(length: number, maxFrameBytes: number): number {
  if (length <= maxFrameBytes) return sentHeaderLength(length) + length;
  const rest = length % maxFrameBytes;
  const whole = Math.floor(length / maxFrameBytes) * sentHeaderLength(maxFrameBytes);
  return length + whole + (rest === 0 ? 0 : sentHeaderLength(rest));
}

/** Returns the end of the header. */
function putHeader(bytes: Buffer, at: number, length: number): number {
  bytes[at] = FINAL_BINARY;
  if (length <= SHORT_LENGTH) {
    bytes[at + 1] = length;
    return at + 2;
  }
  bytes[at + 1] = LENGTH_16;
  bytes[at + 2] = length >>> 8;
  bytes[at + 3] = length & 0xff;
  return at + 4;
}

/** `payload` has at most 125 bytes, as every ping has. */
export function pongFrame(payload: Buffer): Buffer {
  const frame = Buffer.allocUnsafeSlow(2 + payload.length);
  frame[0] = FINAL_PONG;
  frame[1] = payload.length;
  frame.set(payload, 2);
  return frame;
}

/** Without a code the payload is empty (RFC 6455 §5.5.1). `reason` is ASCII, at most 123 bytes. */
export function closeFrame(code: number | undefined, reason: string): Buffer {
  if (code === undefined) return Buffer.from([FINAL_CLOSE, 0]);
  const frame = Buffer.allocUnsafeSlow(4 + reason.length);
  frame[0] = FINAL_CLOSE;
  frame[1] = 2 + reason.length;
  frame.writeUInt16BE(code, 2);
  frame.write(reason, 4, 'latin1');
  return frame;
}

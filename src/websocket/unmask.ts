import { UNMASK_MODULE } from './unmask.wasm.ts';

/**
 * Unmasking (RFC 6455 §5.3), fused with the move of the payload from the receive area to where it is written from.
 *
 * A key is the four mask bytes as one little-endian integer; its low byte belongs to the next payload byte.
 */

/** XORs `length` bytes from `from` on with `key` and puts them at `out`; the two ranges do not overlap. */
export type Unmask = (out: number, from: number, length: number, key: number) => void;

/**
 * SIMD works in steps of this size, so it may read and write up to one byte less than this after the end of either
 * range.
 */
export const SIMD_STEP_BYTES = 64;

/** From this length on the call into WebAssembly costs less than the loop in JavaScript (bench/micro). */
export const SIMD_FROM_BYTES = 40;

/** The key for what follows `count` bytes of a payload. */
export function rotate(key: number, count: number): number {
  const bits = 8 * (count & 3);
  return bits === 0 ? key : (key >>> bits) | (key << (32 - bits));
}

/** Byte by byte; the tests compare the other two with it. */
export function unmaskByByte(bytes: Buffer): Unmask {
  return (out, from, length, key) => {
    for (let index = 0; index < length; index++) {
      bytes[out + index] = (bytes[from + index] ?? 0) ^ (key >>> (8 * (index & 3)));
    }
  };
}

/** Four bytes at a time, in JavaScript: for short payloads, and where there is no WebAssembly. */
export function unmaskByWord(bytes: Buffer): Unmask {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return (out, from, length, key) => {
    let read = from;
    let write = out;
    const end = from + length;
    for (const last = end - 15; read < last; read += 16, write += 16) {
      view.setInt32(write, view.getInt32(read, true) ^ key, true);
      view.setInt32(write + 4, view.getInt32(read + 4, true) ^ key, true);
      view.setInt32(write + 8, view.getInt32(read + 8, true) ^ key, true);
      view.setInt32(write + 12, view.getInt32(read + 12, true) ^ key, true);
    }
    for (const last = end - 3; read < last; read += 4, write += 4) {
      view.setInt32(write, view.getInt32(read, true) ^ key, true);
    }
    for (let bits = 0; read < end; read++, write++, bits += 8) {
      bytes[write] = (bytes[read] ?? 0) ^ (key >>> bits);
    }
  };
}

/**
 * Sixteen bytes at a time, in WebAssembly, over its memory.
 *
 * @throws WebAssembly.CompileError where the processor or the runtime has no SIMD.
 */
export function unmaskBySimd(memory: WebAssembly.Memory): Unmask {
  const module = new WebAssembly.Module(Buffer.from(UNMASK_MODULE, 'base64'));
  return new WebAssembly.Instance(module, { pool: { memory } }).exports['unmask'] as Unmask;
}

const fastest = new WeakMap<Buffer, Unmask>();

/** The fastest way for each length that this runtime has, made once for each `bytes`. `memory` is what lies behind it. */
export function fastestUnmask(bytes: Buffer, memory: WebAssembly.Memory | undefined): Unmask {
  const known = fastest.get(bytes);
  if (known !== undefined) return known;
  const unmask = makeFastest(bytes, memory);
  fastest.set(bytes, unmask);
  return unmask;
}

function makeFastest(bytes: Buffer, memory: WebAssembly.Memory | undefined): Unmask {
  const byWord = unmaskByWord(bytes);
  let simd: Unmask;
  try {
    if (memory === undefined) return byWord;
    simd = unmaskBySimd(memory);
  } catch {
    // No SIMD here. Words work too; unmasking a bulk upload then costs about twice as much.
    return byWord;
  }
  return (out, from, length, key) => {
    if (length >= SIMD_FROM_BYTES) simd(out, from, length, key);
    else byWord(out, from, length, key);
  };
}

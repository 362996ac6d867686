/**
 * Unmasking (RFC 6455 §5.3), fused with the move of the payload from the receive area to where it is written from.
 *
 * A key is the four mask bytes as one little-endian integer; its low byte belongs to the next payload byte.
 */

/** XORs `length` bytes from `from` on with `key` and puts them at `out`; the two ranges do not overlap. */
export type Unmask = (out: number, from: number, length: number, key: number) => void;

/**
 * SIMD works in steps of this size: it may read and write up to so many bytes less one behind the end of either
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

/** The plain way, byte by byte: oracle of the other two. */
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
  const pages = memory.buffer.byteLength / 65_536;
  const module = new WebAssembly.Module(simdModule(pages));
  return new WebAssembly.Instance(module, { pool: { memory } }).exports['unmask'] as Unmask;
}

/** The fastest way for each length that this runtime has. `memory` is what lies behind `bytes`. */
export function fastestUnmask(bytes: Buffer, memory: WebAssembly.Memory | undefined): Unmask {
  const byWord = unmaskByWord(bytes);
  let simd: Unmask;
  try {
    if (memory === undefined) return byWord;
    simd = unmaskBySimd(memory);
  } catch {
    // No SIMD here: words do, at about twice the cost of a bulk upload's unmasking.
    return byWord;
  }
  return (out, from, length, key) => {
    if (length >= SIMD_FROM_BYTES) simd(out, from, length, key);
    else byWord(out, from, length, key);
  };
}

/** WebAssembly's binary format, as far as one function needs it (WebAssembly core specification, chapter 5). */
function simdModule(pages: number): Uint8Array<ArrayBuffer> {
  const i32 = 0x7f;
  const v128 = 0x7b;
  const get = (local: number): number[] => [0x20, local];
  const [out, from, length, key, keys] = [0, 1, 2, 3, 4];
  const end = length;
  const constant = (value: number): number[] => [0x41, ...leb(value)];
  const add = 0x6a;
  const step = (offset: number): number[] => [
    ...get(out),
    ...get(from),
    ...[0xfd, 0x00, 0, ...leb(offset)], // v128.load
    ...get(keys),
    ...[0xfd, 0x51], // v128.xor
    ...[0xfd, 0x0b, 0, ...leb(offset)], // v128.store
  ];
  const body = [
    ...[1, 1, v128], // one local more: the key four times
    ...[...get(key), 0xfd, 0x11, 0x21, keys], // keys = i32x4.splat(key)
    ...[...get(length), ...get(from), add, 0x21, end], // end = from + length, in the place of length
    ...[0x03, 0x40], // loop
    ...[0, 16, 32, 48].flatMap(step),
    ...[...get(out), ...constant(SIMD_STEP_BYTES), add, 0x21, out],
    ...[...get(from), ...constant(SIMD_STEP_BYTES), add, 0x22, from],
    ...[...get(end), 0x49, 0x0d, 0], // while from < end
    ...[0x0b, 0x0b],
  ];
  const section = (id: number, content: number[]): number[] => [id, ...leb(content.length), ...content];
  const name = (text: string): number[] => [text.length, ...Buffer.from(text)];
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, [1, 0x60, 4, i32, i32, i32, i32, 0]), // the type (i32, i32, i32, i32) -> ()
    ...section(2, [1, ...name('pool'), ...name('memory'), 0x02, 1, ...leb(pages), ...leb(pages)]),
    ...section(3, [1, 0]),
    ...section(7, [1, ...name('unmask'), 0, 0]),
    ...section(10, [1, ...leb(body.length), ...body]),
  ]);
}

/** LEB128, signed: correct for both kinds as long as bit 6 of the last byte is clear. */
function leb(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  while (rest > 0x3f) {
    bytes.push((rest & 0x7f) | 0x80);
    rest >>>= 7;
  }
  return [...bytes, rest];
}

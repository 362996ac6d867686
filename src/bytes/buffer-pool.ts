import { PrivateCopies } from './private-copies.ts';

/**
 * The bytes that all sessions share: one area that every read lands in, and a few slots that writes leave from.
 *
 * ```
 *   memory  ├─ receive (64 KiB) ─┤ slot 0 ├ slot 1 ├ … ┤
 *
 *   kernel ─read─▶ receive ─(frames read or framed, one pass)─▶ slot ─write─▶ kernel
 *                  used up before                               back in the pool at once, or kept by the
 *                  the callback returns                         session until the kernel has taken it
 * ```
 *
 * No write ever sees the receive area. When a chunk may come back after a write is the write-safety rule of
 * socket-writer.ts.
 *
 * An idle session holds nothing of it. Reading into one hot area costs half of what a new buffer for each read
 * does: 0.42 to 0.75 CPU-s/GB towards the client, 0.89 to 0.95 for a pipe on 'data' events (Node 26.10).
 */

/** Node asks the kernel for this much at once. */
export const READ_BYTES = 64 * 1024;

/** Room for the frame headers of one read in the smallest pieces (4 bytes for each KiB), and whole pages. */
const SLOT_BYTES = READ_BYTES + 4096;
/**
 * Behind a 4-byte frame header a payload lies half a page away from where it was read to, seen modulo 4096. Copying to
 * an address that is a few bytes ahead of its source in that sense is 15 times slower on AMD's Zen (0.294 against
 * 0.020 CPU-s/GB, Node 26.10).
 */
const FIRST_SLOT = READ_BYTES + 2048 - 4;
const DEFAULT_SLOTS = 60;
/** SIMD may read this many bytes after a slot. */
const SIMD_SLACK_BYTES = 64;
const SCRATCH_BYTES = 320;
const WASM_PAGE_BYTES = 64 * 1024;
const POISON = 0xdb;

export class BufferPool {
  /** The WebAssembly memory behind `bytes`; undefined where the runtime has none (`--jitless`). */
  readonly memory: WebAssembly.Memory | undefined;
  /** All of it: receive area and slots. */
  readonly bytes: Buffer;
  /** What one slot holds. */
  readonly slotBytes = SLOT_BYTES;
  /** Offset of 320 bytes, a multiple of 64, where WebAssembly keeps what is not of one session. */
  readonly scratch: number;
  /** At offset 0 of `bytes`. Valid until the callback of the read returns. */
  readonly receive: Buffer;
  readonly #free: number[] = [];
  readonly #copies = new PrivateCopies(SLOT_BYTES);
  readonly #poison: boolean;

  /** `poison`: overwrite whatever has become free; a test's way to see who still used it. */
  constructor(options: { readonly slots?: number; readonly poison?: boolean } = {}) {
    const slots = options.slots ?? DEFAULT_SLOTS;
    const length = FIRST_SLOT + SLOT_BYTES * (slots + 1) + SIMD_SLACK_BYTES;
    const pages = Math.ceil((length + SCRATCH_BYTES) / WASM_PAGE_BYTES);
    this.scratch = pages * WASM_PAGE_BYTES - SCRATCH_BYTES;
    if (typeof WebAssembly === 'object') {
      // Never grown: that would detach every view.
      this.memory = new WebAssembly.Memory({ initial: pages, maximum: pages });
      this.bytes = Buffer.from(this.memory.buffer);
    } else {
      this.bytes = Buffer.alloc(pages * WASM_PAGE_BYTES);
    }
    this.receive = this.bytes.subarray(0, READ_BYTES);
    this.#poison = options.poison === true;
    for (let slot = slots; slot >= 0; slot--) this.#free.push(FIRST_SLOT + SLOT_BYTES * slot);
  }

  /** Slots that nobody holds. Never 0 between two turns. */
  get free(): number {
    return this.#free.length;
  }

  /** Offset in `bytes` of a slot of 68 KiB, to be passed to `lend` or `untake` in the same turn. */
  take(): number {
    const slot = this.#free.pop();
    if (slot === undefined) throw new Error('a buffer slot was taken and neither lent nor given back');
    return slot;
  }

  untake(slot: number): void {
    this.#free.push(slot);
  }

  /**
   * What was put into the slot from its first byte up to `end`, as a chunk for a write; it must come back by
   * `release`. When this was the last slot the chunk is a private copy and the slot is free again, so that any
   * number of stalled sessions takes nothing from the others. `mayKeep`: false for a copy in any case.
   */
  lend(slot: number, end: number, mayKeep = true): Buffer {
    const chunk = this.bytes.subarray(slot, end);
    if (mayKeep && this.#free.length > 0) return chunk;
    const copy = this.#copies.of(chunk);
    this.#free.push(slot);
    return copy;
  }

  /** The memory that a chunk takes for as long as it is kept: of its whole slot or store, whatever its length. */
  storeBytes(chunk: Buffer): number {
    return chunk.buffer === this.bytes.buffer ? SLOT_BYTES : chunk.buffer.byteLength;
  }

  /** Takes a chunk back that the kernel has, or that nobody wants any more. Chunks of others are left alone. */
  release(chunk: Buffer): void {
    const ours = chunk.buffer === this.bytes.buffer;
    if (!ours && !this.#copies.has(chunk)) return;
    if (this.#poison) chunk.fill(POISON);
    if (ours) this.#free.push(chunk.byteOffset - this.bytes.byteOffset);
    else this.#copies.takeBack(chunk);
  }

  /**
   * Keeps up to this many bytes of private copies to be used again. When many sessions end so that others have room,
   * their memory must be free at once, not when the garbage collector runs.
   */
  keepSpares(bytes: number): void {
    this.#copies.keep(bytes);
  }

  /** To be called when a read was used up. */
  received(length: number): void {
    if (this.#poison) this.receive.fill(POISON, 0, length);
  }
}

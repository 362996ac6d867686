import type { BufferPool } from '../bytes/buffer-pool.ts';
import type { Stamp } from '../nats/stamp.ts';
import { stampRunIn } from '../nats/stamp-run.ts';

/** What a slot has more than a read. 256 stamps at most, so that a slot of short messages takes little of the stack. */
const MOST_GROWTH = 4096;

/**
 * Writes a run of the fast scan, each message with the stamp, in the chunk itself, which is a slot of the pool. A copy in
 * a second slot would be one more 64 KiB in the processor's cache for each read, which costs more than the copying.
 *
 * `start` and `end` are offsets in the chunk. Returns the longer chunk in the same slot, or undefined if that has no room:
 * nothing has changed then. There is room for a whole read with messages of 1 KiB or more.
 */
export function stampInPlace(
  pool: BufferPool,
  chunk: Buffer,
  { template, prefixBytes }: Stamp,
  start: number,
  end: number,
): Buffer | undefined {
  if (pool.memory === undefined) return undefined;
  const slot = chunk.byteOffset;
  const chunkEnd = slot + chunk.length;
  const place = slot + pool.slotBytes - template.length;
  if (chunkEnd > place) return undefined;
  pool.bytes.set(template, place);
  const stamped = stampRunIn(pool.memory, pool.scratch).stampInPlace(
    slot + start,
    slot + end,
    0,
    chunkEnd,
    Math.min(place, chunkEnd + MOST_GROWTH),
    place,
    prefixBytes,
    template.length - prefixBytes,
  );
  return stamped === 0 ? undefined : pool.bytes.subarray(slot, stamped);
}

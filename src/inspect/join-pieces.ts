import { type BufferPool, READ_BYTES } from '../bytes/buffer-pool.ts';
import type { Write } from './stream-editor.ts';

/** One write to a client; what a slot of the pool has room for when headers of frames come first. */
const MAX_WRITE_BYTES = READ_BYTES;

/**
 * Writes the pieces in as few writes as a socket takes: thousands of lines that were changed are thousands of pieces,
 * each of which a client that does not read would make wait with memory of its own. A piece is only valid in `write`.
 */
export function writeJoined(pool: BufferPool, pieces: readonly Buffer[], write: Write): void {
  const [first] = pieces;
  if (first !== undefined && pieces.length === 1 && first.length <= MAX_WRITE_BYTES) return write(first);
  let slot = pool.take();
  let end = slot;
  const flush = (): void => {
    // Lent before the write, which takes a slot itself.
    const joined = pool.lend(slot, end);
    write(joined);
    pool.release(joined);
  };
  for (const piece of pieces) {
    for (let at = 0; at < piece.length; ) {
      if (end - slot === MAX_WRITE_BYTES) {
        flush();
        slot = pool.take();
        end = slot;
      }
      const copied = piece.copy(pool.bytes, end, at, at + MAX_WRITE_BYTES - (end - slot));
      at += copied;
      end += copied;
    }
  }
  if (end > slot) flush();
  else pool.untake(slot);
}

/** The pieces as one chunk that goes back to the pool by `release`, of the pool where it fits; undefined: no byte. */
export function joined(pool: BufferPool, pieces: readonly Buffer[]): Buffer | undefined {
  let length = 0;
  for (const piece of pieces) length += piece.length;
  if (length === 0) return undefined;
  if (length > pool.slotBytes) return Buffer.concat(pieces);
  const slot = pool.take();
  let end = slot;
  for (const piece of pieces) {
    pool.bytes.set(piece, end);
    end += piece.length;
  }
  return pool.lend(slot, end);
}

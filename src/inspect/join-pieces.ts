import { type BufferPool, READ_BYTES } from '../bytes/buffer-pool.ts';
import type { Write } from './stream-editor.ts';

/** Most bytes of one write to a client: a slot of the pool has room for this and the frame headers. */
const MAX_WRITE_BYTES = READ_BYTES;

/**
 * Joins the pieces into as few writes as possible. Thousands of changed lines are thousands of pieces, and each would
 * take memory of its own while a client does not read. A piece is only valid in `write`.
 */
export function writeJoined(pool: BufferPool, pieces: readonly Buffer[], write: Write): void {
  const [first] = pieces;
  if (first !== undefined && pieces.length === 1 && first.length <= MAX_WRITE_BYTES) return write(first);
  let slot = pool.take();
  let end = slot;
  const flush = (): void => {
    // Lend the slot first, because the write takes a slot itself.
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

/** The pieces as one chunk, in a slot of the pool if it fits. `release` takes it back. undefined: there is no byte. */
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

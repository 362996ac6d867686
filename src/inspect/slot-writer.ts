import type { BufferPool } from '../bytes/buffer-pool.ts';
import type { Stamp } from '../nats/stamp.ts';
import { stampRunIn } from '../nats/stamp-run.ts';

const NO_SLOT = -1;
/** What grows to more chunks leaves as copies: one read with stamps must not take the slots of all sessions. */
const MOST_SLOTS = 4;

/**
 * Joins pieces in slots of the pool, and sends a slot when it is full. Thousands of changed lines are thousands of pieces,
 * and each would take memory of its own while its receiver does not read.
 */
export class SlotWriter {
  readonly #pool: BufferPool;
  readonly #mostBytes: number;
  readonly #send: (chunk: Buffer) => void;
  #slot = NO_SLOT;
  /** After what is written. */
  #end = 0;
  #sent = 0;

  /** `send` gets chunks of at most `mostBytes` and owns them. */
  constructor(pool: BufferPool, mostBytes: number, send: (chunk: Buffer) => void) {
    this.#pool = pool;
    this.#mostBytes = mostBytes;
    this.#send = send;
  }

  /** The piece is only read during the call. */
  write(piece: Buffer): void {
    for (let at = 0; at < piece.length; ) {
      if (this.#limit === this.#end) this.flush();
      const stop = at + this.#limit - this.#end;
      const copied = piece.copy(this.#pool.bytes, this.#end, at, stop);
      this.#end += copied;
      at += copied;
    }
  }

  /** Writes a run of the fast scan, each message with the stamp. Both are in the memory of the pool. */
  stamp({ template, prefixBytes }: Stamp, run: Buffer): void {
    const pool = this.#pool;
    if (pool.memory === undefined) throw new Error('a run without a fast scan');
    const { stamp, result } = stampRunIn(pool.memory, pool.scratch);
    const end = run.byteOffset + run.length;
    for (let at = run.byteOffset; at < end; ) {
      // The template is read from the end of the slot.
      const place = this.#limit - template.length;
      const isEmpty = this.#end === this.#slot;
      if (place >= this.#end) {
        pool.bytes.set(template, place);
        const suffixBytes = template.length - prefixBytes;
        this.#end = stamp(at, end, this.#end, place, place, prefixBytes, suffixBytes, result.byteOffset);
        at = result[0] as number;
      }
      if (at === end) return;
      if (isEmpty && this.#end === this.#slot) throw new Error('a stamped message has no room in a slot');
      this.flush();
    }
  }

  /** Sends what is written. */
  flush(): void {
    const slot = this.#slot;
    if (slot === NO_SLOT) return;
    this.#slot = NO_SLOT;
    if (this.#end === slot) this.#pool.untake(slot);
    else this.#send(this.#pool.lend(slot, this.#end, this.#sent++ < MOST_SLOTS));
  }

  /** Of the slot that is written to. Takes one if there is none. */
  get #limit(): number {
    if (this.#slot === NO_SLOT) {
      this.#slot = this.#pool.take();
      this.#end = this.#slot;
    }
    return this.#slot + this.#mostBytes;
  }
}

import type { BufferPool } from '../bytes/buffer-pool.ts';
import type { SessionSides } from './inspection.ts';
import { SlotWriter } from './slot-writer.ts';
import { stampInPlace } from './stamp-in-place.ts';
import { StreamEditor } from './stream-editor.ts';

const NO_ERRORS: Buffer[] = [];

/** Reads a chunk of the client, which fills the editor; returns the offset up to which it is understood. */
export type ClientReader = { readClient(chunk: Buffer): number };

/** What goes to the server of one session: the client's operations as they are read and edited. */
export class UpstreamStream {
  readonly editor = new StreamEditor();
  readonly #pool: BufferPool;
  readonly #reader: ClientReader;
  /** Enforcing: no byte passes before it is understood. */
  readonly #holdsBack: boolean;
  #sides: SessionSides | undefined;
  /** For operations of this read that were dropped: at most about eight times its bytes. */
  #errors = NO_ERRORS;

  constructor(pool: BufferPool, reader: ClientReader, holdsBack: boolean) {
    this.#pool = pool;
    this.#reader = reader;
    this.#holdsBack = holdsBack;
  }

  start(sides: SessionSides): void {
    this.#sides = sides;
  }

  /** Owns the chunk. Returns the errors that the client must get, if any. */
  pass(chunk: Buffer): Buffer | undefined {
    const understood = this.#reader.readClient(chunk);
    if (!this.#holdsBack) this.#sides?.writeToUpstream(chunk);
    else if (this.editor.isIdle && understood > 0)
      this.#sides?.writeToUpstream(understood === chunk.length ? chunk : chunk.subarray(0, understood));
    else this.#writeEdited(chunk, understood);
    return this.#errors === NO_ERRORS ? undefined : this.#takeErrors();
  }

  #writeEdited(chunk: Buffer, understood: number): void {
    const pool = this.#pool;
    const passing = chunk.subarray(0, understood);
    const stamped = this.editor.stampOnly((stamp, start, end) =>
      stampInPlace(pool, passing, stamp, start, end),
    );
    if (stamped !== undefined) return this.#sides?.writeToUpstream(stamped);
    const out = new SlotWriter(pool, pool.slotBytes, (edited) => this.#sides?.writeToUpstream(edited));
    this.editor.apply(chunk, understood, out);
    pool.release(chunk);
    out.flush();
  }

  /** The -ERR line of an operation that was dropped. */
  addError(line: Buffer): void {
    if (this.#errors === NO_ERRORS) this.#errors = [];
    this.#errors.push(line);
  }

  #takeErrors(): Buffer {
    const lines = Buffer.concat(this.#errors);
    this.#errors = NO_ERRORS;
    return lines;
  }
}

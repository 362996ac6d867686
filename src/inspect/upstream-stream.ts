import type { BufferPool } from '../bytes/buffer-pool.ts';
import type { SessionSides } from './inspection.ts';
import { joined } from './join-pieces.ts';
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
    const passed = this.#holdsBack ? this.#edited(chunk, understood) : chunk;
    if (passed !== undefined) this.#sides?.writeToUpstream(passed);
    return this.#errors === NO_ERRORS ? undefined : this.#takeErrors();
  }

  /** What may pass of the chunk. If that is not the chunk itself, the chunk goes back to the pool. */
  #edited(chunk: Buffer, understood: number): Buffer | undefined {
    const { editor } = this;
    if (editor.isIdle && understood > 0)
      return understood === chunk.length ? chunk : chunk.subarray(0, understood);
    const pieces: Buffer[] = [];
    editor.apply(chunk, understood, (piece) => pieces.push(piece));
    const passed = joined(this.#pool, pieces);
    this.#pool.release(chunk);
    return passed;
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

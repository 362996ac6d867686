import { type BufferPool, READ_BYTES } from '../bytes/buffer-pool.ts';
import { VERB } from '../nats/operations.ts';
import type { NatsParser } from '../nats/parser.ts';
import type { SessionSides } from './inspection.ts';
import { writeJoined } from './join-pieces.ts';
import { StreamEditor, type Write } from './stream-editor.ts';

/** Of lines that wait for a boundary, but for the last one. */
const MAX_WAITING_BYTES = READ_BYTES;
const NOTHING = Buffer.alloc(0);

/** Reads a piece of the server, which fills the editor; returns the offset up to which it is understood. */
export type ServerReader = { readServer(piece: Buffer): number };

/**
 * What goes to one client: the server's operations as they are read and edited, and lines of ours between them.
 *
 * ```
 *   insert(line) ──between two operations──▶ written now
 *             └── inside one, or before the first PONG ──▶ waits ──next boundary──▶ written there
 * ```
 */
export class ClientStream {
  readonly editor = new StreamEditor();
  readonly #parser: NatsParser;
  readonly #pool: BufferPool;
  readonly #reader: ServerReader;
  /** Nothing passes before it is understood. */
  readonly #holdsBack: boolean;
  #sides: SessionSides | undefined;
  #waiting: Buffer | undefined;
  #isLast = false;
  /** The client is given bytes that are not read yet. */
  #isAhead = false;

  constructor(parser: NatsParser, pool: BufferPool, reader: ServerReader, holdsBack: boolean) {
    this.#parser = parser;
    this.#pool = pool;
    this.#reader = reader;
    this.#holdsBack = holdsBack;
  }

  start(sides: SessionSides): void {
    this.#sides = sides;
  }

  get isWaiting(): boolean {
    return this.#waiting !== undefined;
  }

  /** The piece is only valid during the call. */
  pass(piece: Buffer, write: Write = this.#write): void {
    const copy = this.#copyForScan(piece);
    if (this.#holdsBack || this.#waiting !== undefined) this.#passRead(copy ?? piece, write);
    else this.#passUnread(copy ?? piece, write);
    if (copy !== undefined) this.#pool.release(copy);
  }

  /** SIMD reads the memory of the pool alone. What came from elsewhere, as TLS brings it, is copied there. */
  #copyForScan(piece: Buffer): Buffer | undefined {
    const pool = this.#pool;
    const isThere = pool.memory === undefined || piece.buffer === pool.memory.buffer;
    // The last slot would be lent as a copy from elsewhere again.
    if (isThere || piece.length > READ_BYTES || pool.free < 2) return undefined;
    const slot = pool.take();
    return pool.lend(slot, slot + piece.copy(pool.bytes, slot));
  }

  #passUnread(piece: Buffer, write: Write): void {
    // Written first: what the write has brought into the cache is read at half the cost.
    this.#isAhead = true;
    write(piece);
    this.#isAhead = false;
    this.#reader.readServer(piece);
  }

  #passRead(piece: Buffer, write: Write): void {
    const understood = this.#reader.readServer(piece);
    let passed = this.#holdsBack ? understood : piece.length;
    const boundary = this.#parser.lastBoundary;
    if (this.#waiting !== undefined && boundary >= 0 && (this.#isLast || this.#hasPong)) {
      this.editor.insert(boundary, this.#waiting);
      this.#waiting = undefined;
      if (this.#isLast) passed = boundary;
    }
    // No end of an operation will be found any more.
    if (this.#parser.error !== undefined) this.#waiting = undefined;
    if (this.editor.isIdle) {
      if (passed > 0) write(passed === piece.length ? piece : piece.subarray(0, passed));
      return;
    }
    const pieces: Buffer[] = [];
    this.editor.apply(piece, passed, (one) => pieces.push(one));
    writeJoined(this.#pool, pieces, write);
  }

  /** See `Inspection.insert`. */
  insert(line: Buffer): void {
    if (!this.#isBetween || !this.#hasPong || this.#sides?.clientTakes !== true) return this.#keep(line);
    const waiting = this.#waiting ?? NOTHING;
    this.#waiting = undefined;
    writeJoined(this.#pool, [waiting, line], this.#write);
  }

  /** See `Inspection.insertLast`. */
  insertLast(line: Buffer): void {
    this.#isLast = true;
    if (!this.#isBetween) return this.#keep(line);
    this.#waiting = undefined;
    if (line.length > 0) writeJoined(this.#pool, [line], this.#write);
  }

  #keep(line: Buffer): void {
    if (this.#parser.error !== undefined) return this.cancel();
    const waiting = this.#waiting ?? NOTHING;
    if (this.#isLast || waiting.length + line.length <= MAX_WAITING_BYTES)
      this.#waiting = Buffer.concat([waiting, line]);
  }

  cancel(): void {
    this.#waiting = undefined;
  }

  /** The client has the server's first PONG: its login is over. */
  get #hasPong(): boolean {
    return (this.#parser.counts[VERB.PONG] ?? 0) > 0;
  }

  /** The client is between two operations. What is held back, it has not seen. */
  get #isBetween(): boolean {
    const parser = this.#parser;
    if (this.#isAhead || !parser.isBetweenOperations) return false;
    return this.#holdsBack || (parser.heldBytes === 0 && parser.error === undefined);
  }

  readonly #write: Write = (piece) => this.#sides?.writeToClient(piece);
}

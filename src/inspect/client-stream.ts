import { type BufferPool, READ_BYTES } from '../bytes/buffer-pool.ts';
import { VERB } from '../nats/operations.ts';
import type { NatsParser } from '../nats/parser.ts';
import type { SessionSides } from './inspection.ts';
import { SlotWriter } from './slot-writer.ts';
import { StreamEditor } from './stream-editor.ts';

/** Limit of the lines that wait while the client is read on; the last line is not counted. */
const MAX_WAITING_BYTES = READ_BYTES;
const NOTHING = Buffer.alloc(0);

type Write = (piece: Buffer) => void;

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
  /** Enforcing: no byte passes before it is understood. */
  readonly #holdsBack: boolean;
  #sides: SessionSides | undefined;
  #waiting: Buffer | undefined;
  #isLast = false;
  /** Errors wait, or the client had not taken all of them when it was looked at last. */
  #awaitsErrors = false;
  /** The client is getting bytes that were not read yet. */
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
    if (this.#awaitsErrors) this.#awaitErrors();
  }

  /**
   * The fast scan (SIMD) reads only the memory of the pool, so a piece from elsewhere, as with TLS, is copied there.
   */
  #copyForScan(piece: Buffer): Buffer | undefined {
    const pool = this.#pool;
    const isThere = pool.memory === undefined || piece.buffer === pool.memory.buffer;
    // The pool lends its last slot as a copy outside of its memory, which would be no gain.
    if (isThere || piece.length > READ_BYTES || pool.free < 2) return undefined;
    const slot = pool.take();
    return pool.lend(slot, slot + piece.copy(pool.bytes, slot));
  }

  #passUnread(piece: Buffer, write: Write): void {
    // The write comes first: it brings the bytes into the CPU's cache, and then reading costs half.
    this.#isAhead = true;
    write(piece);
    this.#isAhead = false;
    this.#reader.readServer(piece);
  }

  #passRead(piece: Buffer, write: Write): void {
    const hadPong = this.#hasPong;
    const understood = this.#reader.readServer(piece);
    let passed = this.#holdsBack ? understood : piece.length;
    // An error comes before the PONG of a PING that the client has sent after its cause.
    const { firstBoundary, lastBoundary } = this.#parser;
    const boundary = hadPong && !this.#isLast ? firstBoundary : lastBoundary;
    if (this.#waiting !== undefined && boundary >= 0 && (this.#isLast || this.#hasPong)) {
      this.editor.insert(boundary, this.#waiting);
      this.#waiting = undefined;
      if (this.#isLast) passed = boundary;
    }
    // The parser has stopped, so there will be no boundary any more.
    if (this.#parser.error !== undefined) this.#waiting = undefined;
    if (this.editor.isIdle) {
      if (passed > 0) write(passed === piece.length ? piece : piece.subarray(0, passed));
      return;
    }
    const out = this.#joined(write);
    this.editor.apply(piece, passed, out);
    out.flush();
  }

  /** See `Inspection.insert`. */
  insert(line: Buffer): void {
    if (!this.#canWrite) return this.#keep(line, MAX_WAITING_BYTES);
    const waiting = this.#waiting ?? NOTHING;
    this.#waiting = undefined;
    this.#writeJoined(waiting, line);
  }

  /**
   * The same for errors of the client, of which none is lost once its PONG is certain: until they have gone it is not
   * read, so that it gets no more than one read has brought.
   */
  insertErrors(lines: Buffer, hasAskedForPong: boolean): void {
    if (this.#isLast) return;
    const isPongCertain = this.#hasPong || hasAskedForPong;
    if (this.#canWrite || !isPongCertain) this.insert(lines);
    else this.#keep(lines, Number.POSITIVE_INFINITY);
    if (isPongCertain) this.#awaitErrors();
  }

  #awaitErrors(): void {
    this.#awaitsErrors = this.#waiting !== undefined;
    this.#sides?.awaitErrors(this.#waiting?.length ?? 0);
  }

  get #canWrite(): boolean {
    return this.#isBetween && this.#hasPong;
  }

  /** See `Inspection.insertLast`. */
  insertLast(line: Buffer): void {
    this.#isLast = true;
    if (!this.#isBetween) return this.#keep(line, Number.POSITIVE_INFINITY);
    this.#waiting = undefined;
    this.#writeJoined(line);
  }

  #writeJoined(...pieces: readonly Buffer[]): void {
    const out = this.#joined(this.#write);
    for (const piece of pieces) out.write(piece);
    out.flush();
  }

  /** The write takes a slot itself, with room for the frame headers of so many bytes. */
  #joined(write: Write): SlotWriter {
    return new SlotWriter(this.#pool, READ_BYTES, (chunk) => {
      write(chunk);
      this.#pool.release(chunk);
    });
  }

  #keep(line: Buffer, mostBytes: number): void {
    if (this.#parser.error !== undefined) return this.cancel();
    const waiting = this.#waiting ?? NOTHING;
    if (waiting.length + line.length <= mostBytes) this.#waiting = Buffer.concat([waiting, line]);
  }

  cancel(): void {
    this.#waiting = undefined;
    if (this.#awaitsErrors) this.#awaitErrors();
  }

  /** The client has the server's first PONG: its login is over. */
  get #hasPong(): boolean {
    return (this.#parser.counts[VERB.PONG] ?? 0) > 0;
  }

  /** The client is between two operations. It has not seen bytes that are held back. */
  get #isBetween(): boolean {
    const parser = this.#parser;
    if (this.#isAhead || !parser.isBetweenOperations) return false;
    return this.#holdsBack || (parser.heldBytes === 0 && parser.error === undefined);
  }

  readonly #write: Write = (piece) => this.#sides?.writeToClient(piece);
}

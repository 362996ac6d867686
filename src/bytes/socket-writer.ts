import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { drop } from '../net/tcp-handle.ts';
import type { BufferPool } from './buffer-pool.ts';

/**
 * What the owner of a socket hears of it, in this order: any number of drains, an end, a failure, then its close, once
 * and last.
 */
export interface SocketOwner {
  readonly writer: SocketWriter;
  /** What was written is with the kernel. May come without a write that had to wait. */
  socketDrained(): void;
  /** The peer's FIN. */
  socketEnded(): void;
  /** Where it is left out, somebody else listens to errors. */
  socketFailed?(): void;
  socketClosed(): void;
}

/**
 * Writes to one socket of a session, and the only place that carries out the **write-safety rule**.
 *
 * What `socket.write(chunk)` could not give to the kernel at once stays in libuv as a pointer into `chunk`. So a chunk
 * goes back to the pool only when the kernel has all of it: `writableLength === 0` directly after the write on a plain
 * TCP socket, else `drain`, or the socket's end. (Sockets of a session have a high-water mark of 1 byte, so that `drain`
 * is certain; `finish` comes in its place once the socket is ending.) Overwriting 67 pending writes of 64 KiB corrupted
 * exactly the 194,560 bytes that the kernel had not taken (Node 26.10); a pool with `poison` makes every such mistake
 * visible.
 *
 * A TLS socket encrypts inside `write()`, so the chunk is free when the call returns, but only while no earlier write is
 * pending, and each is until the next turn. A later chunk waits as a pointer in the stream, and is free when its own
 * write is done. A copy of it would be garbage for each client that stalls: enough of them to end a process of 256 MiB.
 * Only ws, which does not tell when a write is done, gets one.
 *
 * ```
 *   write(chunk) ─▶ kernel has it ─────────────────────────────▶ pool      true
 *        └────────▶ pending ── drain, finish, close, drop() ──▶ pool      false: write no more until socketDrained
 * ```
 */
export class SocketWriter {
  readonly socket: Socket;
  readonly #pool: BufferPool;
  readonly #encrypts: boolean;
  #pending: Buffer[] = NONE;

  constructor(socket: Socket, pool: BufferPool) {
    this.socket = socket;
    this.#pool = pool;
    this.#encrypts = socket instanceof TLSSocket;
  }

  /**
   * Writes a chunk of the pool, which goes back to it, now or later. `sender`: what writes it to the socket, before it
   * returns, in place of `socket.write`. False: bytes are still here, and `socketDrained` is certain.
   */
  write(chunk: Buffer, sender?: { send(bytes: Buffer): void }): boolean {
    const { socket } = this;
    if (this.#encrypts) return this.#encrypt(chunk, sender);
    if (sender === undefined) socket.write(chunk);
    else sender.send(chunk);
    if (socket.writableLength === 0) {
      this.#pool.release(chunk);
      return true;
    }
    if (this.#pending === NONE) this.#pending = [chunk];
    else this.#pending.push(chunk);
    return false;
  }

  #encrypt(chunk: Buffer, sender?: { send(bytes: Buffer): void }): boolean {
    const { socket } = this;
    const isFree = socket.writableLength === 0;
    if (sender === undefined && !isFree) socket.write(chunk, () => this.#pool.release(chunk));
    else {
      const bytes = isFree ? chunk : privateCopy(chunk);
      if (sender === undefined) socket.write(bytes);
      else sender.send(bytes);
      this.#pool.release(chunk);
    }
    return !socket.writableNeedDrain;
  }

  /** Memory that pending writes take here. */
  get heldBytes(): number {
    if (this.#encrypts) return Math.ceil(ENCRYPTED_COST * this.socket.writableLength);
    let bytes = 0;
    for (const chunk of this.#pending) bytes += this.#pool.storeBytes(chunk);
    return bytes;
  }

  /** Destroys the socket, as `drop` of net/tcp-handle.ts; what is pending comes back now where that is safe. */
  drop(): void {
    if (drop(this.socket)) this.release();
  }

  /** For the listeners below: nothing points into the pending chunks any more. */
  release(): void {
    const chunks = this.#pending;
    this.#pending = NONE;
    for (const chunk of chunks) this.#pool.release(chunk);
  }
}

/** From now on the owner hears what becomes of its socket, and its writer gets back what is pending. */
export function own(owner: SocketOwner): void {
  const socket = owner.writer.socket as OwnedSocket;
  socket[OWNER] = owner;
  // `finish` comes in place of `drain` once the socket is ending.
  socket.on('drain', onDrain).on('finish', onDrain).on('end', onEnd).on('close', onClose);
  if (owner.socketFailed !== undefined) socket.on('error', onError);
}

export function ownerOf(socket: Socket): SocketOwner | undefined {
  return (socket as OwnedSocket)[OWNER];
}

/** OpenSSL keeps records in blocks of 16 KiB; measured with 1,400 readers that stopped: 94 MiB for 64. */
const ENCRYPTED_COST = 1.5;

/** Shared by all writers with nothing pending; never changed. */
const NONE: Buffer[] = [];

/** A part of Node's shared slab would keep 64 KiB alive for as long as the peer does not read. */
function privateCopy(chunk: Buffer): Buffer {
  const copy = Buffer.allocUnsafeSlow(chunk.length);
  chunk.copy(copy);
  return copy;
}

// One listener of each kind for all sockets, in place of five closures for each.

const OWNER = Symbol('owner');
type OwnedSocket = Socket & { [OWNER]?: SocketOwner };

function onDrain(this: OwnedSocket): void {
  const owner = this[OWNER];
  owner?.writer.release();
  owner?.socketDrained();
}

function onEnd(this: OwnedSocket): void {
  this[OWNER]?.socketEnded();
}

function onError(this: OwnedSocket): void {
  this[OWNER]?.socketFailed?.();
}

function onClose(this: OwnedSocket): void {
  const owner = this[OWNER];
  // libuv has cancelled what was pending.
  owner?.writer.release();
  owner?.socketClosed();
}

import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { WebSocket, WebSocketServer } from 'ws';
import { type BufferPool, READ_BYTES } from '../bytes/buffer-pool.ts';
import { readInto } from '../bytes/socket-reads.ts';
import { drop } from '../net/tcp-handle.ts';
import type { ByteSocket, ByteSocketOwner, ClientEnd, Engine } from './byte-socket.ts';
import { ControlFrameLimit } from './control-frame-limit.ts';
import type { FrameCounters } from './frame-counters.ts';
import { FrameReader } from './frame-reader.ts';
import { closeFrame, framedLength, PING_FRAME, pongFrame, putBinaryFrames } from './frame-writer.ts';
import { dropEmptyElements } from './header-lists.ts';
import { confirmer } from './subprotocol.ts';
import { fastestUnmask } from './unmask.ts';

/**
 * The engine of our own: `ws` answers the opening handshake, then the network socket is ours. What has arrived of a
 * frame is forwarded at once, so memory does not depend on the size of frames, and a text frame is refused at its
 * header. When a frame breaks a rule half-way, a part of it is upstream already; the session ends, and its upstream
 * connection, which serves nobody else, with it.
 */

const NO_HEAD = Buffer.alloc(0);

export type CutThroughOptions = {
  readonly pool: BufferPool;
  readonly maxFrameBytes: number;
  /** Payload of the frames that we send, at most; up to 65,535. */
  readonly maxSentFrameBytes: number;
  /** Those that may be confirmed to a client. */
  readonly subprotocols?: readonly string[];
  /** Monotonic milliseconds; may be coarse. */
  readonly clock: { readonly nowMs: number };
  /** Shared by all sockets of a process; only added to. */
  readonly counters: FrameCounters;
  /** Read accepted sockets straight into the pool, see socket-reads.ts. */
  readonly directReads: boolean;
};

export function cutThroughEngine(options: CutThroughOptions): Engine {
  const server = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    handleProtocols: confirmer(options.subprotocols ?? []),
    WebSocket: HandshakeOnly,
  } as ConstructorParameters<typeof WebSocketServer>[0]);
  const shared: Shared = { ...options, unmask: fastestUnmask(options.pool.bytes, options.pool.memory) };
  return {
    upgrade(request, socket, onOpen) {
      dropEmptyElements(request);
      // The 101 and the first message leave together. Not on TLS, where nothing would tell when a slot is free again.
      if (!(socket instanceof TLSSocket)) socket.cork();
      // Bytes after the request were refused long before, so the head is always empty.
      server.handleUpgrade(request, socket, NO_HEAD, () => onOpen(new CutThroughSocket(socket, shared)));
      if (socket.writableCorked > 0) socket.uncork();
    },
  };
}

/** True when ws is such that `cutThroughEngine` can work: what it overrides is there. `loopback-check.ts` tries it. */
export function hasSeam(): boolean {
  const method = (WebSocket.prototype as { setSocket?: (...args: unknown[]) => void }).setSocket;
  return typeof method === 'function' && method.length === 3;
}

/**
 * ws hands the network socket to this method when the 101 is written (ws 8.23; a private method, held by the check
 * at start and by the contract tests). Stock ws would attach its own receiver there; this leaves the socket alone.
 */
class HandshakeOnly extends WebSocket {
  setSocket(socket: Socket): void {
    // ws has just removed its own listener, and an error without any would end the process.
    socket.on('error', ignore);
  }
}

type Shared = CutThroughOptions & { readonly unmask: ReturnType<typeof fastestUnmask> };

class CutThroughSocket implements ByteSocket {
  readonly socket: Socket;
  readonly #shared: Shared;
  readonly #reader: FrameReader;
  readonly #controlLimit = new ControlFrameLimit();
  /** A TLS socket; see the write-safety rule in buffer-pool.ts. */
  readonly #encrypts: boolean;
  #owner: ByteSocketOwner | undefined;
  /** Chunks whose bytes the kernel has not taken yet. */
  #pending: Buffer[] = NONE;
  /** The newest ping that came while the client was not reading; one answer is enough (RFC 6455 §5.5.3). */
  #owedPong: Buffer | undefined;
  #closeSent = false;
  #endTold = false;

  constructor(socket: Socket, shared: Shared) {
    this.socket = socket;
    this.#shared = shared;
    this.#encrypts = socket instanceof TLSSocket;
    this.#reader = new FrameReader(
      shared.pool.bytes,
      shared.unmask,
      shared.maxFrameBytes,
      shared.counters.clientFrames,
      this,
    );
  }

  start(owner: ByteSocketOwner): void {
    this.#owner = owner;
    const socket = this.socket as OwnedSocket;
    socket[OWNER] = this;
    socket.setTimeout(0);
    // `finish` comes in place of `drain` once the socket is ending.
    socket.on('drain', onDrain).on('finish', onDrain).on('end', onEnd).on('close', onClose);
    const { pool, directReads } = this.#shared;
    const direct = directReads && !this.#encrypts && readInto(socket, pool.receive, onRead);
    if (!direct) socket.on('data', onData);
    socket.resume();
  }

  write(chunk: Buffer): boolean {
    if (this.#closeSent) return true;
    const { pool, counters, maxSentFrameBytes } = this.#shared;
    counters.sentBinaryFrames +=
      chunk.length <= maxSentFrameBytes ? 1 : Math.ceil(chunk.length / maxSentFrameBytes);
    if (this.socket.writableCorked > 0) return this.#writeFirst(chunk);
    const slot = pool.take();
    const end = putBinaryFrames(pool.bytes, slot, chunk, maxSentFrameBytes);
    counters.sentWireBytes += end - slot;
    const framed = pool.lend(slot, end);
    if (this.#encrypts) {
      const flowing = this.socket.write(this.socket.writableLength === 0 ? framed : Buffer.from(framed));
      pool.release(framed);
      return flowing;
    }
    this.socket.write(framed);
    if (this.socket.writableLength === 0) {
      pool.release(framed);
      return true;
    }
    this.#keep(framed);
    return false;
  }

  /** The message that leaves together with the 101; it is small, and a slot would be held for nothing until `drain`. */
  #writeFirst(chunk: Buffer): boolean {
    const { counters, maxSentFrameBytes } = this.#shared;
    const frames = Buffer.allocUnsafeSlow(framedLength(chunk.length, maxSentFrameBytes));
    putBinaryFrames(frames, 0, chunk, maxSentFrameBytes);
    counters.sentWireBytes += frames.length;
    this.socket.write(frames);
    return true;
  }

  pause(): void {
    this.socket.pause();
  }

  resume(): void {
    this.socket.resume();
  }

  ping(): void {
    if (this.#closeSent) return;
    this.#controlLimit.pinged();
    this.#send(PING_FRAME);
    this.#shared.counters.sentPings++;
  }

  close(code: number, reason: string): void {
    this.#endTold = true;
    this.#reader.discard();
    this.#sendClose(code, reason);
    // The client's close frame must be read even if its bytes were not wanted a moment ago.
    this.socket.resume();
  }

  destroy(): void {
    this.#endTold = true;
    this.#reader.discard();
    if (drop(this.socket)) this.#releasePending();
  }

  get bufferedBytes(): number {
    return this.socket.writableLength;
  }

  /** Nothing is ever held back. */
  get assemblingSinceMs(): undefined {
    return undefined;
  }

  get assemblingBytes(): number {
    return 0;
  }

  // ControlFrames

  onPing(payload: Buffer): void {
    if (this.#closeSent) return;
    if (this.socket.writableLength > 0) this.#owedPong = pongFrame(payload);
    else this.#send(pongFrame(payload));
  }

  onPong(): void {
    this.#owner?.onPong();
  }

  // Called by the listeners below

  /** A chunk that Node has read into memory of its own. */
  arrived(chunk: Buffer): void {
    const { receive } = this.#shared.pool;
    for (let from = 0; from < chunk.length; from += READ_BYTES) {
      this.received(chunk.copy(receive, 0, from, from + READ_BYTES));
    }
  }

  /** `length` bytes lie in the receive area. */
  received(length: number): void {
    const { pool, counters } = this.#shared;
    counters.clientWireBytes += length;
    this.#owner?.onLife();
    const reader = this.#reader;
    reader.controlFramesAllowed = this.#controlLimit.allowed(this.#shared.clock.nowMs, reader.controlFrames);
    const slot = pool.take();
    const end = reader.read(0, length, slot);
    pool.received(length);
    if (end === slot || this.#endTold) pool.untake(slot);
    else this.#owner?.onBytes(pool.lend(slot, end));
    if (reader.end !== undefined) this.#ended();
  }

  drained(): void {
    this.#releasePending();
    if (this.#owedPong !== undefined && !this.#closeSent) this.#send(this.#owedPong);
    this.#owedPong = undefined;
    this.#owner?.onDrain();
  }

  /** The client's FIN: without a close frame before it, the client is gone. */
  finished(): void {
    this.#tell('client_gone', 1006);
    this.#endSocket();
  }

  closed(): void {
    this.#tell('client_gone', 1006);
    // libuv has cancelled what was pending; nothing points into these any more.
    this.#releasePending();
    this.#owner?.onClosed();
  }

  /** The frame reader came to an end: the client's close frame, or a violation. */
  #ended(): void {
    const reader = this.#reader;
    const end = reader.end;
    if (end === undefined) return;
    if (end.reason === 'client_closed') {
      // The code goes back, the client's text never does.
      if (!this.#closeSent) this.#sendClose(end.code === 1005 ? undefined : end.code, '');
    }
    this.#tell(end.reason, end.code);
    // Both close frames have passed, or no answer can be read any more: the server ends TCP first (RFC 6455 §7.1.1).
    if (this.#closeSent && (reader.closed || reader.broken)) this.#endSocket();
  }

  #tell(reason: ClientEnd['reason'], code: number): void {
    if (this.#endTold) return;
    this.#endTold = true;
    this.#reader.discard();
    this.#owner?.onEnd({ reason, code });
  }

  #sendClose(code: number | undefined, reason: string): void {
    if (this.#closeSent) return;
    this.#closeSent = true;
    const frame = closeFrame(code, reason);
    this.#shared.counters.sentWireBytes += frame.length;
    this.socket.write(frame);
    if (this.#reader.closed || this.#reader.broken) this.#endSocket();
  }

  #endSocket(): void {
    // Ending twice makes an error object that nobody reads.
    if (!this.socket.writableEnded) this.socket.end();
  }

  /** A control frame of ours; small, and nobody else's memory. */
  #send(frame: Buffer): void {
    this.#shared.counters.sentWireBytes += frame.length;
    this.socket.write(frame);
  }

  #releasePending(): void {
    for (const chunk of this.#pending) this.#shared.pool.release(chunk);
    this.#pending = NONE;
  }

  #keep(chunk: Buffer): void {
    if (this.#pending === NONE) this.#pending = [chunk];
    else this.#pending.push(chunk);
  }
}

/** Shared by all sockets with nothing pending; never changed. */
const NONE: Buffer[] = [];

function ignore(): void {}

// One listener of each kind for all sockets, in place of five closures for each.

const OWNER = Symbol('owner');
type OwnedSocket = Socket & { [OWNER]?: CutThroughSocket };

function onRead(this: OwnedSocket, length: number): void {
  this[OWNER]?.received(length);
}

function onData(this: OwnedSocket, chunk: Buffer): void {
  this[OWNER]?.arrived(chunk);
}

function onDrain(this: OwnedSocket): void {
  this[OWNER]?.drained();
}

function onEnd(this: OwnedSocket): void {
  this[OWNER]?.finished();
}

function onClose(this: OwnedSocket): void {
  this[OWNER]?.closed();
}

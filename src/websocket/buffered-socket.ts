import type { Socket } from 'node:net';
import { WebSocket } from 'ws';
import type { BufferPool } from '../bytes/buffer-pool.ts';
import { own, ownerOf, type SocketOwner, SocketWriter } from '../bytes/socket-writer.ts';
import type { ByteSocket, ByteSocketOwner, ClientEnd, FrameWatcher } from './byte-socket.ts';
import { ControlFrameLimit } from './control-frame-limit.ts';
import { DeflateGate, type DeflateObserver } from './deflate-gate.ts';
import type { FrameCounters } from './frame-counters.ts';
import { sentHeaderLength } from './frame-header.ts';
import { FrameMeter } from './frame-meter.ts';
import type { ObservedWebSocket, WebSocketObserver } from './observed-web-socket.ts';
import { Portions, type PortionsOwner } from './portions.ts';

/** What the sockets of an engine share. */
export type BufferedSocketParts = {
  readonly pool: BufferPool;
  /** Payload of the frames that we send, at most. */
  readonly maxSentFrameBytes: number;
  /** Monotonic milliseconds; may be coarse. */
  readonly clock: { readonly nowMs: number };
  /** Shared by all sockets of a process; only added to. */
  readonly counters: FrameCounters;
  /**
   * Options of permessage-deflate for ws. Requests must have been checked against them before. undefined: no extension.
   */
  readonly deflate?: { readonly threshold: number } | undefined;
};

const CLIENT_GONE: ClientEnd = { reason: 'client_gone', code: 1006 };

/** One client, read and written by the package ws. */
export class BufferedSocket
  implements ByteSocket, SocketOwner, WebSocketObserver, PortionsOwner, DeflateObserver
{
  readonly #webSocket: ObservedWebSocket;
  readonly #parts: BufferedSocketParts;
  readonly writer: SocketWriter;
  readonly #meter: FrameMeter;
  readonly #controlLimit = new ControlFrameLimit();
  readonly #portions = new Portions(this);
  /** Where the session is compressed. */
  readonly #gate: DeflateGate | undefined;
  #owner: ByteSocketOwner | undefined;
  /** Messages that ws has handed out; fewer than `#meter.messages` while it inflates. */
  #messagesSeen = 0;
  /** FIN has come, and complete messages are still being inflated. */
  #isGone = false;
  #isClosed = false;
  #assemblingBytes = 0;
  framesSent = 0;

  constructor(webSocket: ObservedWebSocket, socket: Socket, parts: BufferedSocketParts) {
    this.#webSocket = webSocket;
    this.#parts = parts;
    this.writer = new SocketWriter(socket, parts.pool);
    this.#meter = new FrameMeter(parts.counters.clientFrames);
    this.#gate = parts.deflate === undefined ? undefined : new DeflateGate(webSocket, this);
  }

  get socket(): Socket {
    return this.writer.socket;
  }

  start(owner: ByteSocketOwner): void {
    this.#owner = owner;
    this.#webSocket.observe(this);
    // After ws's own listener, so that complete messages of a chunk are delivered before the chunk is judged.
    this.socket.on('data', onData).prependListener('end', onFin);
    own(this);
  }

  // To the client

  write(chunk: Buffer, withPing = false): boolean {
    const { counters, maxSentFrameBytes, deflate } = this.#parts;
    // After a close frame nothing may follow. ws sends one by itself when a frame breaks a rule.
    if (this.#webSocket.readyState !== WebSocket.OPEN) return true;
    this.#portions.watcher?.onSent(chunk.length, maxSentFrameBytes);
    let flows = true;
    for (let from = 0; from < chunk.length; from += maxSentFrameBytes) {
      const piece = chunk.subarray(from, from + maxSentFrameBytes);
      counters.sentBinaryFrames++;
      this.framesSent++;
      if (this.#gate === undefined) flows = this.writer.write(this.#lent(piece), this.#webSocket);
      else flows = this.#deflate(this.#gate, piece);
      // The gate counts deflated bytes, when their length is known.
      if (deflate === undefined || piece.length < deflate.threshold)
        counters.sentWireBytes += sentHeaderLength(piece.length) + piece.length;
    }
    if (withPing) this.ping();
    return flows;
  }

  #lent(piece: Buffer): Buffer {
    const { pool } = this.#parts;
    const slot = pool.take();
    return pool.lend(slot, slot + piece.copy(pool.bytes, slot));
  }

  #deflate(gate: DeflateGate, piece: Buffer): boolean {
    if (!gate.send(piece)) return false;
    // ws corks every frame, and a write inside cork() reports false even when all of it leaves at once; only
    // bytes that are still here mean a slow client, and then `drain` is certain (Node 26.10).
    return !(this.socket.writableNeedDrain && this.socket.writableLength > 0);
  }

  ping(): void {
    if (this.#webSocket.readyState !== WebSocket.OPEN) return;
    if (!this.#meter.messageOpen && this.#messagesSeen === this.#meter.messages) this.#gate?.releaseIfIdle();
    this.#controlLimit.pinged();
    this.#webSocket.ping();
    this.#parts.counters.sentPings++;
    this.#parts.counters.sentWireBytes += 2;
  }

  close(code: number, reason: string): void {
    this.#refuse();
    this.#webSocket.closeWithReason(code, reason);
    // The client's close frame must be read even if its bytes were not wanted a moment ago.
    this.#webSocket.resume();
  }

  destroy(): void {
    this.#refuse();
    this.#forgetBegun();
    this.writer.drop();
  }

  watchFrames(watcher: FrameWatcher | undefined): void {
    this.#portions.watcher = watcher;
  }

  get framesReceived(): number {
    return this.#meter.dataFrames;
  }

  get bufferedBytes(): number {
    return this.#gate?.unsentBytes ?? this.socket.writableLength;
  }

  get heldBytes(): number {
    return this.#gate?.unsentBytes ?? this.writer.heldBytes;
  }

  socketDrained(): void {
    this.onSent();
  }

  // DeflateObserver

  beforeInflate(): void {
    this.#portions.flush();
  }

  onDeflated(bytes: number): void {
    this.#parts.counters.sentWireBytes += sentHeaderLength(bytes) + bytes;
  }

  onSent(): void {
    if ((this.#gate?.unsentBytes ?? 0) === 0 && !this.#isClosed) this.#owner?.onDrain();
  }

  // From the client: what the socket brings, before ws has read it

  arrived(chunk: Buffer): void {
    const { clock, counters } = this.#parts;
    const meter = this.#meter;
    counters.clientWireBytes += chunk.length;
    const controlFramesAllowed = this.#controlLimit.allowed(clock.nowMs, meter.controlFrames);
    meter.feed(chunk, clock.nowMs);
    this.#owner?.onActivity();
    this.onHeld();
    if (meter.controlFrames > controlFramesAllowed) {
      // Not at once: ws answers a fault in this chunk by itself, a few ticks later.
      queueMicrotask(() => this.onClientEnd({ reason: 'rate_exceeded', code: 1008 }));
    }
  }

  get assemblingSinceMs(): number | undefined {
    return this.#meter.openSinceMs;
  }

  get assemblingBytes(): number {
    return this.#assemblingBytes;
  }

  /** The memory of unfinished or whole messages may have changed. */
  onHeld(): void {
    const bytes = this.#meter.openBytes + this.#portions.heldBytes;
    const change = bytes - this.#assemblingBytes;
    if (change === 0) return;
    this.#assemblingBytes = bytes;
    this.#owner?.onAssembling(change);
  }

  #forgetBegun(): void {
    this.#meter.forgetOpen();
    this.onHeld();
  }

  // WebSocketObserver: what ws has read

  onMessage(data: Buffer, isBinary: boolean): void {
    this.#messagesSeen++;
    if (this.#portions.isShut) return;
    if (isBinary) this.#portions.add(data);
    else this.onClientEnd({ reason: 'not_binary', code: 1003 });
    if (this.#isGone && this.#messagesSeen === this.#meter.messages) this.onClientEnd(CLIENT_GONE);
  }

  onPong(): void {
    this.#owner?.onPong();
  }

  onWebSocketClosed(): void {
    this.onClientEnd(CLIENT_GONE);
    this.#isClosed = true;
    if (!this.#portions.endIsDue) this.#closed();
  }

  // PortionsOwner: what its owner gets

  onPortion(portion: Buffer): void {
    this.#owner?.onBytes(portion);
  }

  stopReading(): void {
    this.#gate?.pause();
    this.#webSocket.pause();
  }

  read(): void {
    this.#webSocket.resume();
    this.#gate?.resume();
  }

  pause(): void {
    this.#portions.pause();
  }

  resume(): void {
    this.#portions.resume();
  }

  // The end of the client's side

  /** ws is about to send no more. A client that broke a rule still learns which, before its portions are gone upstream. */
  beforeEnd(): void {
    const end = this.#portions.dueEnd;
    if (end !== undefined && end.reason !== 'client_gone' && this.#webSocket.readyState === WebSocket.OPEN)
      this.#webSocket.closeWithReason(end.code, end.reason);
  }

  socketEnded(): void {
    if (this.#gate !== undefined && this.#messagesSeen < this.#meter.messages) this.#isGone = true;
    else this.onClientEnd(CLIENT_GONE);
  }

  socketClosed(): void {
    // Without a FIN before it, this is a reset; ws would inflate everything before it reports that.
    if (this.#gate !== undefined && !this.#isGone) this.onClientEnd(CLIENT_GONE);
  }

  onClientEnd(end: ClientEnd): void {
    this.#portions.end(end);
    if (this.#portions.endIsDue) this.#gate?.shut();
  }

  onLastPortion(end: ClientEnd): void {
    this.#refuse();
    this.#owner?.onEnd(end);
  }

  /** No byte goes to the owner any more. */
  #refuse(): void {
    const isClosing = this.#isClosed && this.#portions.endIsDue;
    this.#portions.shut();
    this.onHeld();
    this.#gate?.shut();
    // As the last step, after the caller has reported its own events.
    if (isClosing) setImmediate(() => this.#closed());
  }

  /** The socket is gone, and everything before that was passed on. */
  #closed(): void {
    this.#forgetBegun();
    this.#owner?.onClosed();
  }
}

// One for all sockets, in place of closures for each.

function onFin(this: Socket): void {
  (ownerOf(this) as BufferedSocket | undefined)?.beforeEnd();
}

function onData(this: Socket, chunk: Buffer): void {
  (ownerOf(this) as BufferedSocket | undefined)?.arrived(chunk);
}

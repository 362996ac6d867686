import type { Socket } from 'node:net';
import { type BufferPool, READ_BYTES } from '../bytes/buffer-pool.ts';
import { readInto } from '../bytes/socket-reads.ts';
import { own, ownerOf, type SocketOwner, SocketWriter } from '../bytes/socket-writer.ts';
import type { ByteSocket, ByteSocketOwner, ClientEnd, FrameWatcher } from './byte-socket.ts';
import { ControlFrameLimit } from './control-frame-limit.ts';
import type { FrameCounters } from './frame-counters.ts';
import { type ControlFrames, FrameReader } from './frame-reader.ts';
import { closeFrame, framedLength, PING_FRAME, pongFrame, putBinaryFrames } from './frame-writer.ts';
import type { Unmask } from './unmask.ts';

/** What the sockets of an engine share. */
export type CutThroughParts = {
  readonly pool: BufferPool;
  readonly unmask: Unmask;
  readonly maxFrameBytes: number;
  /** Payload of the frames that we send, at most; up to 65,535. */
  readonly maxSentFrameBytes: number;
  /** Monotonic milliseconds; may be coarse. */
  readonly clock: { readonly nowMs: number };
  /** Shared by all sockets of a process; only added to. */
  readonly counters: FrameCounters;
  /** Read accepted sockets straight into the pool, see socket-reads.ts. */
  readonly directReads: boolean;
};

/** One client whose frames we read and write ourselves. */
export class CutThroughSocket implements ByteSocket, SocketOwner, ControlFrames {
  readonly #parts: CutThroughParts;
  readonly writer: SocketWriter;
  readonly #reader: FrameReader;
  readonly #controlLimit = new ControlFrameLimit();
  #owner: ByteSocketOwner | undefined;
  /** The newest ping that came while the client was not reading; one answer is enough (RFC 6455 §5.5.3). */
  #owedPong: Buffer | undefined;
  #closeSent = false;
  #endTold = false;
  framesSent = 0;

  constructor(socket: Socket, parts: CutThroughParts) {
    this.#parts = parts;
    this.writer = new SocketWriter(socket, parts.pool);
    this.#reader = new FrameReader(parts, this);
  }

  get socket(): Socket {
    return this.writer.socket;
  }

  start(owner: ByteSocketOwner): void {
    this.#owner = owner;
    const { socket } = this;
    socket.setTimeout(0);
    own(this);
    const { pool, directReads } = this.#parts;
    if (!directReads || !readInto(socket, pool.receive, onRead)) socket.on('data', onData);
    socket.resume();
  }

  write(chunk: Buffer, withPing = false): boolean {
    if (this.#closeSent) return true;
    const { pool, counters, maxSentFrameBytes } = this.#parts;
    const frames = chunk.length <= maxSentFrameBytes ? 1 : Math.ceil(chunk.length / maxSentFrameBytes);
    counters.sentBinaryFrames += frames;
    this.framesSent += frames;
    this.#reader.watcher?.onSent(chunk.length, maxSentFrameBytes);
    if (this.socket.writableCorked > 0) return this.#writeFirst(chunk, withPing);
    const slot = pool.take();
    let end = putBinaryFrames(pool.bytes, slot, chunk, maxSentFrameBytes);
    if (withPing) {
      this.#controlLimit.pinged();
      end += PING_FRAME.copy(pool.bytes, end);
      counters.sentPings++;
    }
    counters.sentWireBytes += end - slot;
    return this.writer.write(pool.lend(slot, end));
  }

  /**
   * For the message that leaves together with the 101. It is small, and a slot would be held until `drain` for nothing.
   */
  #writeFirst(chunk: Buffer, withPing: boolean): boolean {
    const { counters, maxSentFrameBytes } = this.#parts;
    const frames = Buffer.allocUnsafeSlow(framedLength(chunk.length, maxSentFrameBytes));
    putBinaryFrames(frames, 0, chunk, maxSentFrameBytes);
    counters.sentWireBytes += frames.length;
    this.socket.write(frames);
    if (withPing) this.ping();
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
    this.#parts.counters.sentPings++;
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
    this.writer.drop();
  }

  watchFrames(watcher: FrameWatcher | undefined): void {
    this.#reader.watcher = watcher;
  }

  get framesReceived(): number {
    return this.#reader.dataFrames;
  }

  get bufferedBytes(): number {
    return this.socket.writableLength;
  }

  get heldBytes(): number {
    return this.writer.heldBytes;
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
    const { receive } = this.#parts.pool;
    for (let from = 0; from < chunk.length; from += READ_BYTES) {
      this.received(chunk.copy(receive, 0, from, from + READ_BYTES));
    }
  }

  /** `length` bytes lie in the receive area. */
  received(length: number): void {
    const { pool, counters } = this.#parts;
    counters.clientWireBytes += length;
    this.#owner?.onActivity();
    const reader = this.#reader;
    reader.controlFramesAllowed = this.#controlLimit.allowed(this.#parts.clock.nowMs, reader.controlFrames);
    const slot = pool.take();
    const end = reader.read(0, length, slot);
    pool.received(length);
    if (end === slot || this.#endTold) pool.untake(slot);
    else this.#owner?.onBytes(pool.lend(slot, end));
    if (reader.end !== undefined) this.#ended();
  }

  // SocketOwner

  socketDrained(): void {
    if (this.#owedPong !== undefined && !this.#closeSent) this.#send(this.#owedPong);
    this.#owedPong = undefined;
    this.#owner?.onDrain();
  }

  /** If no close frame came before this, the client is gone. */
  socketEnded(): void {
    this.#tell('client_gone', 1006);
    this.#endSocket();
  }

  socketClosed(): void {
    this.#tell('client_gone', 1006);
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
    // Both close frames were sent, or no answer can be read any more. The server ends TCP first (RFC 6455 §7.1.1).
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
    this.#parts.counters.sentWireBytes += frame.length;
    this.socket.write(frame);
    if (this.#reader.closed || this.#reader.broken) this.#endSocket();
  }

  #endSocket(): void {
    // Ending twice makes an error object that nobody reads.
    if (!this.socket.writableEnded) this.socket.end();
  }

  /** Sends a control frame. It is small, and its memory is not of the pool. */
  #send(frame: Buffer): void {
    this.#parts.counters.sentWireBytes += frame.length;
    this.socket.write(frame);
  }
}

// One listener of each kind for all sockets, in place of closures for each.

function onRead(this: Socket, length: number): void {
  (ownerOf(this) as CutThroughSocket | undefined)?.received(length);
}

function onData(this: Socket, chunk: Buffer): void {
  (ownerOf(this) as CutThroughSocket | undefined)?.arrived(chunk);
}

import type { Socket } from 'node:net';
import { WebSocket, WebSocketServer } from 'ws';
import { type BufferPool, READ_BYTES } from '../bytes/buffer-pool.ts';
import { own, ownerOf, type SocketOwner, SocketWriter } from '../bytes/socket-writer.ts';
import type { ByteSocket, ByteSocketOwner, ClientEnd, Engine } from './byte-socket.ts';
import { ControlFrameLimit } from './control-frame-limit.ts';
import { DeflateGate } from './deflate-gate.ts';
import type { FrameCounters } from './frame-counters.ts';
import { sentHeaderLength } from './frame-header.ts';
import { FrameMeter } from './frame-meter.ts';
import { dropEmptyElements } from './header-lists.ts';
import { Portions } from './portions.ts';
import { subprotocolSelector } from './subprotocol.ts';

/**
 * The engine on stock `ws`: a message is handed on when it is complete. It holds at most one unfinished message
 * (the frame cap) and one read for each session, and ws judges every frame. With `deflate` every session has
 * permessage-deflate; a message then leaves some turns after it came, in order. A message of more than one read is
 * handed on in portions, one in a turn: inspection of 8 MiB in one turn would hold up everybody for seconds.
 */

const NO_HEAD = Buffer.alloc(0);

/** ws holds a view for each fragment and chunk; these bound their number for a given message cap. */
const fragmentLimit = (maxMessageBytes: number): number => Math.max(256, Math.floor(maxMessageBytes / 4096));
const chunkLimit = (maxMessageBytes: number): number => Math.max(4096, Math.floor(maxMessageBytes / 512));

export type BufferedEngineOptions = {
  readonly pool: BufferPool;
  readonly maxMessageBytes: number;
  /** Payload of the frames that we send, at most. */
  readonly maxSentFrameBytes: number;
  /** ws destroys the socket this long after a close frame, should the owner's own deadline fail. */
  readonly closeFenceMs: number;
  /** Those that may be confirmed to a client. */
  readonly subprotocols?: readonly string[];
  /** Monotonic milliseconds; may be coarse. */
  readonly clock: { readonly nowMs: number };
  /** Shared by all sockets of a process; only added to. */
  readonly counters: FrameCounters;
  /** For ws; each request must have been found acceptable by these before. undefined: no extension. */
  readonly deflate?: { readonly threshold: number } | undefined;
};

/** Bytes that wait for zlib or the kernel before the owner must stop: one read is deflated, one waits. */
const MAX_UNSENT_BYTES = 64 * 1024;
/** What a read that is kept takes besides its bytes: a TLS record may hold one byte (270 were measured, Node 26.10). */
const CHUNK_BYTES = 256;
const CLIENT_GONE: ClientEnd = { reason: 'client_gone', code: 1006 };

export function bufferedEngine(options: BufferedEngineOptions): Engine {
  const server = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: options.deflate ?? false,
    handleProtocols: subprotocolSelector(options.subprotocols ?? []),
    maxPayload: options.maxMessageBytes,
    maxFragments: fragmentLimit(options.maxMessageBytes),
    maxBufferedChunks: chunkLimit(options.maxMessageBytes),
    maxPendingAutoPongs: 60,
    closeTimeout: options.closeFenceMs,
    WebSocket: ObservedWebSocket,
  } as ConstructorParameters<typeof WebSocketServer>[0]);
  return {
    upgrade(request, socket, onOpen) {
      dropEmptyElements(request);
      // Bytes after the request were refused long before, so the head is always empty.
      server.handleUpgrade(request, socket, NO_HEAD, (webSocket) => {
        onOpen(new BufferedSocket(webSocket as ObservedWebSocket, socket, options));
      });
    },
  };
}

/** Reason words for the close frames that ws sends by itself after a violation. */
const VIOLATIONS: Readonly<Record<number, ClientEnd['reason']>> = {
  1007: 'frame_violation',
  1008: 'rate_exceeded',
  1009: 'message_too_big',
};

const violation = (code: number): ClientEnd['reason'] => VIOLATIONS[code] ?? 'frame_violation';

type CloseObserver = { onPeerClose(code: number): void; onViolation(code: number): void };

/**
 * ws calls its own public methods when the peer ends or breaks a rule; overriding them tells us at once, where
 * events come only when the socket is gone. `close` is called by ws with no argument or with two to answer a
 * close frame, and with one after a violation (ws 8.23, held by the contract tests).
 */
class ObservedWebSocket extends WebSocket {
  observer: CloseObserver | undefined;

  override close(...args: [code?: number, reason?: string | Buffer]): void {
    const [code] = args;
    if (args.length === 1 && code !== undefined) {
      this.observer?.onViolation(code);
      super.close(code, violation(code));
    } else {
      this.observer?.onPeerClose(code ?? 1005);
      // The code goes back, the peer's text never does.
      super.close(code);
    }
  }

  closeWithReason(code: number, reason: string): void {
    super.close(code, reason);
  }

  /** ws calls this for one thing only: more pings than it may owe pongs for. */
  override terminate(): void {
    this.observer?.onViolation(1008);
    super.terminate();
  }
}

class BufferedSocket implements ByteSocket, SocketOwner, CloseObserver {
  readonly #webSocket: ObservedWebSocket;
  readonly #options: BufferedEngineOptions;
  readonly writer: SocketWriter;
  readonly #meter: FrameMeter;
  readonly #controlLimit = new ControlFrameLimit();
  /** Where the session is compressed. */
  readonly #gate: DeflateGate | undefined;
  #owner: ByteSocketOwner | undefined;
  /** No byte goes to the owner any more. */
  #refused = false;
  /** What is to be handed on. */
  readonly #waiting = new Portions();
  /** More waits than this turn may hand on, or the owner has paused; nothing more is read meanwhile. */
  #isBehind = false;
  /** By the owner. */
  #isPaused = false;
  #hasTurn = false;
  /** How the client's side has ended; told when all that came before it was handed on. */
  #dueEnd: ClientEnd | undefined;
  /** Messages that ws has handed out; behind `#meter.messages` while it inflates. */
  #messagesSeen = 0;
  /** FIN has come, and complete messages are still being inflated. */
  #isGone = false;
  #isClosed = false;
  /** Compressed sessions only: handed to ws, and not with the kernel. */
  #unsentBytes = 0;
  #assemblingSinceMs: number | undefined;
  /** Of the message that has begun. */
  #begunBytes = 0;
  #assemblingBytes = 0;

  constructor(webSocket: ObservedWebSocket, socket: Socket, options: BufferedEngineOptions) {
    this.#webSocket = webSocket;
    this.#options = options;
    this.writer = new SocketWriter(socket, options.pool);
    this.#meter = new FrameMeter(options.counters.clientFrames);
    if (options.deflate === undefined) return;
    this.#gate = new DeflateGate(webSocket, {
      beforeInflate: () => this.#flush(),
      onDeflated: (bytes) => {
        options.counters.sentWireBytes += sentHeaderLength(bytes) + bytes;
      },
    });
  }

  get socket(): Socket {
    return this.writer.socket;
  }

  start(owner: ByteSocketOwner): void {
    this.#owner = owner;
    const webSocket = this.#webSocket;
    webSocket.observer = this;
    webSocket.on('message', (data: Buffer, isBinary: boolean) => this.#onMessage(data, isBinary));
    webSocket.on('pong', () => owner.onPong());
    // The close code has told all; without a listener the event would be thrown.
    webSocket.on('error', ignore);
    // Behind ws's own listener, so that what was complete in a chunk is delivered before the chunk is judged.
    this.socket.on('data', onData);
    own(this);
    webSocket.on('close', () => {
      this.#end(CLIENT_GONE);
      this.#isClosed = true;
      if (this.#dueEnd === undefined) this.#closed();
    });
  }

  write(chunk: Buffer): boolean {
    const { counters, maxSentFrameBytes, deflate } = this.#options;
    let flows = true;
    for (let from = 0; from < chunk.length; from += maxSentFrameBytes) {
      const piece = chunk.subarray(from, from + maxSentFrameBytes);
      counters.sentBinaryFrames++;
      if (deflate === undefined) flows = this.writer.write(this.#lent(piece), this.#webSocket);
      else flows = this.#deflate(piece);
      // What is deflated the gate counts, when its length is known.
      if (deflate === undefined || piece.length < deflate.threshold)
        counters.sentWireBytes += sentHeaderLength(piece.length) + piece.length;
    }
    return flows;
  }

  #lent(piece: Buffer): Buffer {
    const { pool } = this.#options;
    const slot = pool.take();
    return pool.lend(slot, slot + piece.copy(pool.bytes, slot));
  }

  #deflate(piece: Buffer): boolean {
    // zlib reads it in another thread, some time.
    const copy = Buffer.allocUnsafeSlow(piece.length);
    piece.copy(copy);
    this.#unsentBytes += copy.length;
    this.#webSocket.send(copy, () => this.#onSent(copy.length));
    if (this.#unsentBytes > MAX_UNSENT_BYTES) return false;
    // ws corks every frame, and a write inside cork() reports false even when all of it leaves at once; only
    // bytes that are still here mean a slow client, and then `drain` is certain (Node 26.10).
    return !(this.socket.writableNeedDrain && this.socket.writableLength > 0);
  }

  /** The kernel, or nobody any more, has these bytes. */
  #onSent(bytes: number): void {
    this.#unsentBytes -= bytes;
    if (this.#unsentBytes === 0 && !this.#isClosed) this.#owner?.onDrain();
  }

  // CloseObserver

  onPeerClose(code: number): void {
    this.#end({ reason: 'client_closed', code });
  }

  onViolation(code: number): void {
    this.#end({ reason: violation(code), code });
  }

  // SocketOwner

  socketDrained(): void {
    this.#onSent(0);
  }

  socketEnded(): void {
    if (this.#gate !== undefined && this.#messagesSeen < this.#meter.messages) this.#isGone = true;
    else this.#end(CLIENT_GONE);
  }

  socketClosed(): void {
    // Without a FIN before it is a reset: ws would inflate to the end before it says so.
    if (this.#gate !== undefined && !this.#isGone) this.#end(CLIENT_GONE);
  }

  // ByteSocket

  pause(): void {
    this.#isPaused = true;
    this.#stopReading();
  }

  resume(): void {
    this.#isPaused = false;
    if (this.#isBehind) this.#handOnSoon();
    else this.#read();
  }

  #stopReading(): void {
    this.#gate?.pause();
    this.#webSocket.pause();
  }

  #read(): void {
    this.#webSocket.resume();
    this.#gate?.resume();
  }

  ping(): void {
    if (this.#webSocket.readyState !== WebSocket.OPEN) return;
    if (!this.#meter.messageOpen && this.#messagesSeen === this.#meter.messages) this.#gate?.releaseIfIdle();
    this.#controlLimit.pinged();
    this.#webSocket.ping();
    this.#options.counters.sentPings++;
    this.#options.counters.sentWireBytes += 2;
  }

  close(code: number, reason: string): void {
    this.#refuse();
    this.#webSocket.closeWithReason(code, reason);
    // The client's close frame must be read even if its bytes were not wanted a moment ago.
    this.#webSocket.resume();
  }

  destroy(): void {
    this.#refuse();
    this.#begunBytes = 0;
    this.#tellAssembling();
    this.writer.drop();
  }

  get bufferedBytes(): number {
    return this.#gate === undefined ? this.socket.writableLength : this.#unsentBytes;
  }

  get heldBytes(): number {
    return this.#gate === undefined ? this.writer.heldBytes : this.#unsentBytes;
  }

  get assemblingSinceMs(): number | undefined {
    return this.#assemblingSinceMs;
  }

  get assemblingBytes(): number {
    return this.#assemblingBytes;
  }

  #onMessage(data: Buffer, isBinary: boolean): void {
    this.#messagesSeen++;
    if (this.#refused) return;
    if (!isBinary) this.#end({ reason: 'not_binary', code: 1003 });
    else if (data.length > 0 && this.#dueEnd === undefined) {
      if (this.#waiting.bytes === 0) queueMicrotask(this.#flush);
      this.#waiting.add(data);
    }
    if (this.#isGone && this.#messagesSeen === this.#meter.messages) this.#end(CLIENT_GONE);
  }

  /** Whatever arrived in one turn leaves in one piece (8 µs a message upstream without, 2 with; Node 20). */
  #flush = (): void => {
    if (!this.#isBehind && this.#waiting.bytes > 0) this.#handOn();
  };

  /** One portion. What is left then waits for the next turn, or for the owner. */
  #handOn(): void {
    const mayGo = !this.#isPaused || this.#dueEnd !== undefined;
    const portion = mayGo ? this.#waiting.take(READ_BYTES) : undefined;
    if (portion !== undefined) this.#owner?.onBytes(portion);
    if (this.#refused) return;
    const wasBehind = this.#isBehind;
    this.#isBehind = this.#waiting.bytes > 0;
    this.#tellAssembling();
    if (this.#isBehind) {
      if (!wasBehind) this.#stopReading();
      this.#handOnSoon();
    } else if (this.#dueEnd !== undefined) this.#tellEnd(this.#dueEnd);
    else if (wasBehind && !this.#isPaused) this.#read();
  }

  #handOnSoon(): void {
    if (this.#hasTurn || (this.#isPaused && this.#dueEnd === undefined)) return;
    this.#hasTurn = true;
    setImmediate(() => {
      this.#hasTurn = false;
      if (this.#isBehind) this.#handOn();
    });
  }

  /** For the listener below. */
  arrived(chunk: Buffer): void {
    const nowMs = this.#options.clock.nowMs;
    this.#options.counters.clientWireBytes += chunk.length;
    const messagesBefore = this.#meter.messages;
    const controlFramesAllowed = this.#controlLimit.allowed(nowMs, this.#meter.controlFrames);
    this.#meter.feed(chunk);
    this.#owner?.onActivity();
    const isNew = this.#meter.messages !== messagesBefore;
    if (!this.#meter.messageOpen) this.#assemblingSinceMs = undefined;
    else if (isNew) this.#assemblingSinceMs = nowMs;
    else this.#assemblingSinceMs ??= nowMs;
    // Of the newest chunk perhaps only a part, which is as good.
    const before = isNew ? 0 : this.#begunBytes;
    this.#begunBytes = this.#meter.messageOpen ? before + chunk.length + CHUNK_BYTES : 0;
    this.#tellAssembling();
    if (this.#meter.controlFrames > controlFramesAllowed) {
      // In a moment: for what is wrong in this chunk ws has its own answer, and gives it a few ticks later.
      queueMicrotask(() => this.#end({ reason: 'rate_exceeded', code: 1008 }));
    }
  }

  #tellAssembling(): void {
    const bytes = this.#begunBytes + (this.#isBehind ? this.#waiting.bytes : 0);
    const change = bytes - this.#assemblingBytes;
    if (change === 0) return;
    this.#assemblingBytes = bytes;
    this.#owner?.onAssembling(change);
  }

  #end(end: ClientEnd): void {
    if (this.#refused || this.#dueEnd !== undefined) return;
    // What was complete before the end does go upstream.
    this.#flush();
    if (this.#refused) return;
    if (!this.#isBehind) return this.#tellEnd(end);
    this.#dueEnd = end;
    this.#gate?.shut();
    this.#handOnSoon();
  }

  #tellEnd(end: ClientEnd): void {
    this.#refuse();
    this.#owner?.onEnd(end);
  }

  #refuse(): void {
    this.#refused = true;
    this.#waiting.clear();
    this.#isBehind = false;
    this.#tellAssembling();
    this.#gate?.shut();
    const isClosing = this.#isClosed && this.#dueEnd !== undefined;
    this.#dueEnd = undefined;
    // Last, after whatever the caller has to say.
    if (isClosing) setImmediate(() => this.#closed());
  }

  /** The socket is gone, and everything before that was told. */
  #closed(): void {
    this.#begunBytes = 0;
    this.#tellAssembling();
    this.#owner?.onClosed();
  }
}

function onData(this: Socket, chunk: Buffer): void {
  (ownerOf(this) as BufferedSocket | undefined)?.arrived(chunk);
}

function ignore(): void {}

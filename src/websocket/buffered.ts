import type { Socket } from 'node:net';
import { WebSocket, WebSocketServer } from 'ws';
import type { ByteSocket, ByteSocketOwner, ClientEnd, Engine } from './byte-socket.ts';
import type { FrameCounters } from './frame-counters.ts';
import { FrameMeter } from './frame-meter.ts';

/**
 * The engine on stock `ws`: a message is handed on when it is complete. It holds at most one unfinished message
 * (the frame cap) and one read for each session, and ws judges every frame.
 */

const NO_HEAD = Buffer.alloc(0);

/** More control frames than this within the window end the session. */
const MAX_CONTROL_FRAMES = 100;
const CONTROL_FRAME_WINDOW_MS = 10_000;

/** ws holds a view for each fragment and chunk; these bound their number for a given message cap. */
const fragmentLimit = (maxMessageBytes: number): number => Math.max(256, Math.floor(maxMessageBytes / 4096));
const chunkLimit = (maxMessageBytes: number): number => Math.max(4096, Math.floor(maxMessageBytes / 512));

export type BufferedEngineOptions = {
  readonly maxMessageBytes: number;
  /** Payload of the frames that we send, at most. */
  readonly maxSentFrameBytes: number;
  /** ws destroys the socket this long after a close frame, should the owner's own deadline fail. */
  readonly closeFenceMs: number;
  /** Monotonic milliseconds; may be coarse. */
  readonly clock: { readonly nowMs: number };
  /** Shared by all sockets of a process; only added to. */
  readonly counters: FrameCounters;
};

export function bufferedEngine(options: BufferedEngineOptions): Engine {
  const server = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    // Without a handler ws would accept the first subprotocol offered; no answer is what NATS clients expect.
    handleProtocols: () => false,
    maxPayload: options.maxMessageBytes,
    maxFragments: fragmentLimit(options.maxMessageBytes),
    maxBufferedChunks: chunkLimit(options.maxMessageBytes),
    maxPendingAutoPongs: 60,
    closeTimeout: options.closeFenceMs,
    WebSocket: TellingWebSocket,
  } as ConstructorParameters<typeof WebSocketServer>[0]);
  return {
    upgrade(request, socket, onOpen) {
      // Bytes behind the request were refused long before, so the head is always empty.
      server.handleUpgrade(request, socket, NO_HEAD, (webSocket) => {
        onOpen(new BufferedSocket(webSocket as TellingWebSocket, socket, options));
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

/**
 * ws calls its own public methods when the peer ends or breaks a rule; overriding them tells us at once, where
 * events come only when the socket is gone. `close` is called by ws with no argument or with two to answer a
 * close frame, and with one after a violation (ws 8.23, held by the contract tests).
 */
class TellingWebSocket extends WebSocket {
  onPeerClose: (code: number) => void = () => {};
  onViolation: (code: number) => void = () => {};

  override close(...args: [code?: number, reason?: string | Buffer]): void {
    const [code] = args;
    if (args.length === 1 && code !== undefined) {
      this.onViolation(code);
      super.close(code, violation(code));
    } else {
      this.onPeerClose(code ?? 1005);
      // The code goes back, the peer's text never does.
      super.close(code);
    }
  }

  closeWithReason(code: number, reason: string): void {
    super.close(code, reason);
  }

  /** ws calls this for one thing only: more pings than it may owe pongs for. */
  override terminate(): void {
    this.onViolation(1008);
    super.terminate();
  }
}

class BufferedSocket implements ByteSocket {
  readonly #webSocket: TellingWebSocket;
  readonly #socket: Socket;
  readonly #options: BufferedEngineOptions;
  readonly #meter: FrameMeter;
  #owner: ByteSocketOwner | undefined;
  /** No byte goes to the owner any more. */
  #refused = false;
  /** Messages of this turn. */
  #messages: Buffer[] = [];
  #assemblingSinceMs: number | undefined;
  #controlWindowStartMs = 0;
  #controlFramesBefore = 0;

  constructor(webSocket: TellingWebSocket, socket: Socket, options: BufferedEngineOptions) {
    this.#webSocket = webSocket;
    this.#socket = socket;
    this.#options = options;
    this.#meter = new FrameMeter(options.counters.clientFrames);
  }

  start(owner: ByteSocketOwner): void {
    this.#owner = owner;
    const webSocket = this.#webSocket;
    webSocket.onPeerClose = (code) => this.#end({ reason: 'client_closed', code });
    webSocket.onViolation = (code) => this.#end({ reason: violation(code), code });
    webSocket.on('message', (data: Buffer, isBinary: boolean) => this.#onMessage(data, isBinary));
    webSocket.on('pong', () => owner.onPong());
    // The close code has told all; without a listener the event would be thrown.
    webSocket.on('error', () => {});
    // Behind ws's own listener, so that what was complete in a chunk is delivered before the chunk is judged.
    this.#socket.on('data', (chunk: Buffer) => this.#onChunk(chunk));
    this.#socket.on('drain', () => owner.onDrain());
    this.#socket.on('end', () => this.#end({ reason: 'client_gone', code: 1006 }));
    webSocket.on('close', () => {
      this.#end({ reason: 'client_gone', code: 1006 });
      owner.onClosed();
    });
  }

  write(borrowed: Buffer): boolean {
    const { counters, maxSentFrameBytes } = this.#options;
    // ws keeps a pointer to what the kernel did not take.
    const chunk = Buffer.allocUnsafeSlow(borrowed.length);
    borrowed.copy(chunk);
    for (let from = 0; from < chunk.length; from += maxSentFrameBytes) {
      const piece =
        chunk.length <= maxSentFrameBytes ? chunk : chunk.subarray(from, from + maxSentFrameBytes);
      this.#webSocket.send(piece, { binary: true, fin: true });
      counters.sentBinaryFrames++;
      counters.sentWireBytes += piece.length + (piece.length < 126 ? 2 : 4);
    }
    // ws corks every frame, and a write inside cork() reports false even when all of it leaves at once; only
    // bytes that are still here mean a slow client, and then `drain` is certain (Node 26.10).
    return !(this.#socket.writableNeedDrain && this.#socket.writableLength > 0);
  }

  pause(): void {
    this.#webSocket.pause();
  }

  resume(): void {
    this.#webSocket.resume();
  }

  ping(): void {
    if (this.#webSocket.readyState !== WebSocket.OPEN) return;
    this.#webSocket.ping();
    this.#options.counters.sentPings++;
    this.#options.counters.sentWireBytes += 2;
  }

  close(code: number, reason: string): void {
    this.#refused = true;
    this.#messages = [];
    this.#webSocket.closeWithReason(code, reason);
    // The client's close frame must be read even if its bytes were not wanted a moment ago.
    this.#webSocket.resume();
  }

  destroy(): void {
    this.#refused = true;
    this.#messages = [];
    this.#socket.destroy();
  }

  get bufferedBytes(): number {
    return this.#socket.writableLength;
  }

  get assemblingSinceMs(): number | undefined {
    return this.#assemblingSinceMs;
  }

  #onMessage(data: Buffer, isBinary: boolean): void {
    if (this.#refused) return;
    if (!isBinary) this.#end({ reason: 'not_binary', code: 1003 });
    else if (data.length > 0) {
      if (this.#messages.length === 0) queueMicrotask(this.#flush);
      this.#messages.push(data);
    }
  }

  /** Whatever arrived in one turn leaves in one piece (8 µs a message upstream without, 2 with; Node 20). */
  #flush = (): void => {
    const messages = this.#messages;
    if (messages.length === 0) return;
    this.#messages = [];
    const [first] = messages;
    if (first !== undefined) this.#owner?.onBytes(messages.length === 1 ? first : Buffer.concat(messages));
  };

  #onChunk(chunk: Buffer): void {
    const nowMs = this.#options.clock.nowMs;
    this.#options.counters.clientWireBytes += chunk.length;
    const messagesBefore = this.#meter.messages;
    this.#meter.feed(chunk);
    this.#owner?.onLife();
    if (!this.#meter.messageOpen) this.#assemblingSinceMs = undefined;
    else if (this.#meter.messages !== messagesBefore) this.#assemblingSinceMs = nowMs;
    else this.#assemblingSinceMs ??= nowMs;
    if (nowMs - this.#controlWindowStartMs >= CONTROL_FRAME_WINDOW_MS) {
      this.#controlWindowStartMs = nowMs;
      this.#controlFramesBefore = this.#meter.controlFrames;
    } else if (this.#meter.controlFrames - this.#controlFramesBefore > MAX_CONTROL_FRAMES) {
      // In a moment: for what is wrong in this chunk ws has its own answer, and tells it a few ticks later.
      queueMicrotask(() => this.#end({ reason: 'rate_exceeded', code: 1008 }));
    }
  }

  #end(end: ClientEnd): void {
    if (this.#refused) return;
    // What was complete before the end does go upstream.
    this.#flush();
    this.#refused = true;
    this.#owner?.onEnd(end);
  }
}

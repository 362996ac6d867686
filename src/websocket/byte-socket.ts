import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { CloseReason } from '../close-reason.ts';

/** Makes byte sockets of opening handshakes that passed all rules. */
export type Engine = {
  /**
   * Answers the request with 101 and calls `onOpen` in the same turn, with a socket that must be started there. If the
   * client has left, the network socket is destroyed and `onOpen` is never called: watch `close`.
   */
  upgrade(request: IncomingMessage, socket: Socket, onOpen: (client: ByteSocket) => void): void;
};

/**
 * One accepted WebSocket seen as a byte pipe. Message and frame borders mean nothing to its owner.
 *
 * ```
 *           onBytes ──▶                    pause() / resume(): stop and restart onBytes
 *  client ═══════════════ ByteSocket ═══════════════ session
 *           ◀── write()                    write() false ─▶ … ─▶ onDrain
 *
 *  open ──first onEnd, or close()──▶ closing ──▶ onClosed (socket gone, nothing follows)
 *    └────────────────────── destroy() ─────────────▲
 * ```
 *
 * After the first `onEnd`, `close()` or `destroy()` no byte reaches `onBytes`, even if it was parsed already.
 * Everything complete before that has been delivered, in order.
 */
export interface ByteSocket {
  /** Starts delivery. Called once, in the same turn in which the socket was made. */
  start(owner: ByteSocketOwner): void;
  /**
   * Sends `chunk` (1 byte to 64 KiB) as binary messages. False: the socket holds bytes that the kernel did not
   * take; `onDrain` will follow, write no more until then. The chunk is only read during the call. `withPing`: an empty
   * ping follows, as by `ping`, but if possible without a system call of its own.
   */
  write(chunk: Buffer, withPing?: boolean): boolean;
  /** Stops `onBytes`. What was read already may still come (one chunk of 64 KiB at most). */
  pause(): void;
  resume(): void;
  /** Sends an empty ping. `onPong` tells of the answer. */
  ping(): void;
  /**
   * Sends what was written before, then one close frame, then waits for the client's close frame. The wait is
   * the owner's: it calls `destroy()` at its deadline. Later calls do nothing.
   */
  close(code: number, reason: string): void;
  /** Drops both directions now, as `drop` of net/tcp-handle.ts. `onClosed` follows. */
  destroy(): void;
  /** From now on `watcher` learns where messages begin; undefined: nobody does. */
  watchFrames(watcher: FrameWatcher | undefined): void;
  /** Data frames so far; pings and their like are not among them. */
  readonly framesReceived: number;
  readonly framesSent: number;
  /** The network socket below; only for looking at it. */
  readonly socket: Socket;
  /** Bytes handed to `write` that the kernel has not taken yet. */
  readonly bufferedBytes: number;
  /** The memory that they take here. */
  readonly heldBytes: number;
  /** Since when a message has been held back unfinished; undefined where pieces are forwarded as they come. */
  readonly assemblingSinceMs: number | undefined;
  /** The memory of that message, and of whole messages that wait for their turn. */
  readonly assemblingBytes: number;
}

/** Follows the borders of messages of one client. */
export type FrameWatcher = {
  /** A message of the client begins at this offset of the chunk that `onBytes` brings next. */
  onFrame(offset: number): void;
  /** So many bytes have gone to the client, as messages of at most `mostBytes`. */
  onSent(bytes: number, mostBytes: number): void;
};

export interface ByteSocketOwner {
  /**
   * Client bytes, unmasked and in order, never empty: all bytes of one turn, up to one read (64 KiB). The rest comes in
   * the next turns. The chunk belongs to the owner, who returns it to the buffer pool when the bytes are with the
   * kernel.
   */
  onBytes(chunk: Buffer): void;
  onDrain(): void;
  onPong(): void;
  /** `assemblingBytes` has grown or shrunk by so many. */
  onAssembling(change: number): void;
  /** Something arrived from the client, whatever it was. */
  onActivity(): void;
  /** The client's side ended: it closed, vanished, or broke a rule. At most once; not after `close()`. */
  onEnd(end: ClientEnd): void;
  /** The socket is gone. Exactly once, last. */
  onClosed(): void;
}

/**
 * How the client's side ended, and with which close code: the client's own (client_closed; 1005 when it sent none),
 * 1006 when it vanished, or the one that answers its violation. The owner answers with `close(code, reason)` if a close
 * frame is due. If the socket has sent that frame already, the call does nothing.
 */
export type ClientEnd = {
  readonly reason: Extract<
    CloseReason,
    'client_closed' | 'client_gone' | 'not_binary' | 'frame_violation' | 'message_too_big' | 'rate_exceeded'
  >;
  readonly code: number;
};

import { WebSocket } from 'ws';
import type { ClientEnd } from './byte-socket.ts';

/** What ws reports of one client, at once. */
export type WebSocketObserver = {
  onMessage(data: Buffer, isBinary: boolean): void;
  onPong(): void;
  /** The client has closed, or ws has refused what it sent. May come several times. */
  onClientEnd(end: ClientEnd): void;
  /** The socket is gone. */
  onWebSocketClosed(): void;
};

/** What the codes mean with which ws would close by itself after a violation. */
const VIOLATIONS: Readonly<Record<number, ClientEnd['reason']>> = {
  1007: 'frame_violation',
  1008: 'rate_exceeded',
  1009: 'message_too_big',
};

/**
 * ws calls its own public methods when the peer ends or breaks a rule; overriding them tells us at once, where
 * events come only when the socket is gone. `close` is called by ws with no argument or with two to answer a
 * close frame, and with one after a violation (ws 8.23, held by the contract tests).
 */
export class ObservedWebSocket extends WebSocket {
  observer: WebSocketObserver | undefined;

  /** To be called once. */
  observe(observer: WebSocketObserver): void {
    this.observer = observer;
    this.on('message', onMessage).on('pong', onPong).on('close', onClose);
    // The close code has told all; without a listener the event would be thrown.
    this.on('error', ignore);
  }

  override close(...args: [code?: number, reason?: string | Buffer]): void {
    const [code] = args;
    if (args.length === 1 && code !== undefined) {
      const reason = VIOLATIONS[code] ?? 'frame_violation';
      this.observer?.onClientEnd({ reason, code });
      // The owner closes an open one, after what the client has to read before that.
      if (this.readyState !== WebSocket.OPEN) super.close(code, reason);
    } else {
      this.observer?.onClientEnd({ reason: 'client_closed', code: code ?? 1005 });
      // The code goes back, the peer's text never does.
      super.close(code);
    }
  }

  closeWithReason(code: number, reason: string): void {
    super.close(code, reason);
  }

  /** ws calls this for one thing only: more pings than it may owe pongs for. */
  override terminate(): void {
    this.observer?.onClientEnd({ reason: 'rate_exceeded', code: 1008 });
    super.terminate();
  }
}

// One listener of each kind for all sockets, in place of closures for each.

function onMessage(this: WebSocket, data: unknown, isBinary: boolean): void {
  (this as ObservedWebSocket).observer?.onMessage(data as Buffer, isBinary);
}

function onPong(this: WebSocket): void {
  (this as ObservedWebSocket).observer?.onPong();
}

function onClose(this: WebSocket): void {
  (this as ObservedWebSocket).observer?.onWebSocketClosed();
}

function ignore(): void {}

import type { Socket } from 'node:net';
import { WebSocket, WebSocketServer } from 'ws';
import type { Engine } from './byte-socket.ts';
import { type CutThroughParts, CutThroughSocket } from './cut-through-socket.ts';
import { dropEmptyElements } from './header-lists.ts';
import { subprotocolSelector } from './subprotocol.ts';
import { fastestUnmask } from './unmask.ts';

/**
 * The engine of our own: `ws` answers the opening handshake, then the network socket is ours. What has arrived of a
 * frame is forwarded at once, so memory does not depend on the size of frames, and a text frame is refused at its
 * header. When a frame breaks a rule half-way, a part of it is upstream already; the session ends, and its upstream
 * connection, which serves nobody else, with it.
 */

const NO_HEAD = Buffer.alloc(0);

export type CutThroughOptions = Omit<CutThroughParts, 'unmask'> & {
  /** Those that may be confirmed to a client. */
  readonly subprotocols?: readonly string[];
};

export function cutThroughEngine(options: CutThroughOptions): Engine {
  const server = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    handleProtocols: subprotocolSelector(options.subprotocols ?? []),
    WebSocket: DetachedWebSocket,
  } as ConstructorParameters<typeof WebSocketServer>[0]);
  const parts: CutThroughParts = {
    ...options,
    unmask: fastestUnmask(options.pool.bytes, options.pool.memory),
  };
  return {
    upgrade(request, socket, onOpen) {
      dropEmptyElements(request);
      // The 101 and the first message leave together.
      socket.cork();
      // Bytes after the request were refused long before, so the head is always empty.
      server.handleUpgrade(request, socket, NO_HEAD, () => onOpen(new CutThroughSocket(socket, parts)));
      socket.uncork();
    },
  };
}

/** True when ws is such that `cutThroughEngine` can work: what it overrides is there. `loopback-check.ts` tries it. */
export function canOverrideSetSocket(): boolean {
  const method = (WebSocket.prototype as { setSocket?: (...args: unknown[]) => void }).setSocket;
  return typeof method === 'function' && method.length === 3;
}

/**
 * ws hands the network socket to this method when the 101 is written (ws 8.23; a private method, held by the check
 * at start and by the contract tests). Stock ws would attach its own receiver there; this leaves the socket alone.
 */
class DetachedWebSocket extends WebSocket {
  setSocket(socket: Socket): void {
    // ws has just removed its own listener, and an error without any would end the process.
    socket.on('error', ignore);
  }
}

function ignore(): void {}

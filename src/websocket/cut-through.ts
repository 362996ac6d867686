import type { Socket } from 'node:net';
import { WebSocket, WebSocketServer } from 'ws';
import type { Engine } from './byte-socket.ts';
import { type CutThroughParts, CutThroughSocket } from './cut-through-socket.ts';
import { dropEmptyElements } from './header-lists.ts';
import { subprotocolSelector } from './subprotocol.ts';
import { fastestUnmask } from './unmask.ts';

/**
 * natsgate's own engine. `ws` answers the opening handshake, then natsgate reads and writes the network socket. Each
 * part of a frame is forwarded when it arrives, so memory does not depend on the size of frames, and a text frame is
 * refused at its header. If a frame breaks a rule half-way, its first part is upstream already. Then the session ends,
 * and with it the upstream connection, which no other session uses.
 */

const NO_HEAD = Buffer.alloc(0);

type CutThroughOptions = Omit<CutThroughParts, 'unmask'> & {
  /** Subprotocols that may be confirmed to a client. */
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

/** True if ws has the method that `cutThroughEngine` overrides. `loopback-check.ts` then tries the engine. */
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

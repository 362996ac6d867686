import { WebSocketServer } from 'ws';
import { BufferedSocket, type BufferedSocketParts } from './buffered-socket.ts';
import type { Engine } from './byte-socket.ts';
import { dropEmptyElements } from './header-lists.ts';
import { ObservedWebSocket } from './observed-web-socket.ts';
import { subprotocolSelector } from './subprotocol.ts';

/**
 * The engine on stock `ws`: a message is handed on when it is complete. It holds at most one unfinished message
 * (the frame cap) and one read for each session, and ws judges every frame. With `deflate` every session has
 * permessage-deflate; a message then leaves some turns after it came, in order.
 */

const NO_HEAD = Buffer.alloc(0);

/** ws holds a view for each fragment and chunk. These limit their number, by the largest message. */
const fragmentLimit = (maxMessageBytes: number): number => Math.max(256, Math.floor(maxMessageBytes / 4096));
const chunkLimit = (maxMessageBytes: number): number => Math.max(4096, Math.floor(maxMessageBytes / 512));

export type BufferedEngineOptions = BufferedSocketParts & {
  readonly maxMessageBytes: number;
  /** ws destroys the socket this long after a close frame, in case the owner's own deadline fails. */
  readonly closeFenceMs: number;
  /** Subprotocols that may be confirmed to a client. */
  readonly subprotocols?: readonly string[];
};

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

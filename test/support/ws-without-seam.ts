/** Loaded in front of the program: a `ws` whose method for the network socket takes something else than it did. */
import { WebSocket } from 'ws';

type Hidden = { setSocket(...args: unknown[]): void };

const prototype = WebSocket.prototype as unknown as Hidden;
const { setSocket } = prototype;
prototype.setSocket = function (this: Hidden, socket, head, options, ...more) {
  setSocket.call(this, socket, head, options, ...more);
};
// One parameter more than there was.
Object.defineProperty(prototype.setSocket, 'length', { value: 4 });

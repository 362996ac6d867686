/**
 * Loaded in front of the program: a `ws` that looks as it did, and does not ask its subclass any more when it hands
 * over the network socket.
 */
import { WebSocket, WebSocketServer } from 'ws';

type Hidden = { setSocket(...args: unknown[]): void };
type Upgrades = {
  options: { WebSocket: new (...args: never[]) => Hidden };
  completeUpgrade(...args: unknown[]): void;
};

const { setSocket } = WebSocket.prototype as unknown as Hidden;
const prototype = WebSocketServer.prototype as unknown as Upgrades;
const { completeUpgrade } = prototype;
prototype.completeUpgrade = function (this: Upgrades, ...args) {
  const { options } = this;
  const Closed = class extends options.WebSocket {
    override setSocket(...given: unknown[]): void {
      setSocket.apply(this, given);
    }
  };
  completeUpgrade.apply(
    { __proto__: this, options: { ...options, WebSocket: Closed } } as unknown as Upgrades,
    args,
  );
};

import { type Attack, inParallel, open } from './attack.ts';

/** A TLS handshake costs the attacker as much as the gateway. */
const CONNECTIONS = { clear: 20_000, tls: 4000 };
const REQUEST =
  'GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nOrigin: https://evil.example\r\n\r\n';

export const refusedFlood: Attack = {
  name: 'refused-flood',
  what: '20,000 handshakes (over TLS 4,000) that are refused, from clients that do not close: each holds its place for a second',
  async run(target) {
    const connections = target.tls ? CONNECTIONS.tls : CONNECTIONS.clear;
    const recent: { destroy(): void }[] = [];
    await inParallel(connections, 100, async () => {
      const socket = await open(target);
      socket.write(REQUEST);
      recent.push(socket);
      if (recent.length > 4000) recent.shift()?.destroy();
    });
    for (const socket of recent) socket.destroy();
    return { connections, bytes: connections * REQUEST.length };
  },
};

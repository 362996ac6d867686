import { setTimeout as wait } from 'node:timers/promises';
import { type Attack, inParallel, openTcp } from './attack.ts';

const SCRAPES = Buffer.from('GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n'.repeat(1600));
const CONNECTIONS = 160;
const ROUNDS = 5;
const SILENT = 2000;

/** 65 kB of them, never read, blocked every session for 9.6 s. */
export const adminPipelined: Attack = {
  name: 'admin-pipelined',
  what: '160 connections at a time to the admin port send 1,600 scrapes each in one piece, five times: 57 MB',
  async run({ adminPort: port }) {
    let bytes = 0;
    for (let round = 0; round < ROUNDS; round++) {
      const sockets = new Set<{ destroy(): void }>();
      await inParallel(CONNECTIONS, 20, async () => {
        const socket = await openTcp({ port });
        sockets.add(socket.pause());
        socket.write(SCRAPES);
        bytes += SCRAPES.length;
      });
      await wait(1000);
      for (const socket of sockets) socket.destroy();
    }
    return { connections: CONNECTIONS * ROUNDS, bytes };
  },
};

export const adminSilent: Attack = {
  name: 'admin-silent',
  what: '2,000 connections to the admin port that say nothing, 200 at a time',
  async run({ adminPort: port }) {
    const open: { destroy(): void }[] = [];
    await inParallel(SILENT, 50, async () => {
      open.push(await openTcp({ port }));
      if (open.length > 200) open.shift()?.destroy();
      await wait(100);
    });
    await wait(2000);
    for (const socket of open) socket.destroy();
    return { connections: SILENT, bytes: 0 };
  },
};

import { setTimeout as wait } from 'node:timers/promises';
import { type Attack, inParallel, openTcp } from './attack.ts';

const CONNECTIONS = 12_000;
const ROUNDS = 3;
const AT_ONCE = CONNECTIONS / 2;

export const silent: Attack = {
  name: 'silent',
  what: '12,000 connections, 6,000 at a time, that say nothing, three times over',
  async run(target) {
    let connections = 0;
    for (let round = 0; round < ROUNDS * 2; round++) {
      const sockets = new Set<{ destroy(): void }>();
      await inParallel(AT_ONCE, 200, async () => void sockets.add(await openTcp(target)));
      connections += AT_ONCE;
      await wait(1000);
      for (const socket of sockets) socket.destroy();
    }
    return { connections, bytes: 0 };
  },
};

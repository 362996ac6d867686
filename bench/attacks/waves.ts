import { once } from 'node:events';
import { setTimeout as wait } from 'node:timers/promises';
import { REQUEST } from '../load/client.ts';
import { type Attack, inParallel, open } from './attack.ts';

const WAVES = 10;
const WAVE = 400;

/** Where descriptors are few, each of them must get an answer or be counted as dropped. */
export const waves: Attack = {
  name: 'waves',
  what: '10 waves of 400 clients at once that ask for a session, stay for a second and leave',
  async run(target) {
    const answers = new Map<string, number>();
    for (let wave = 0; wave < WAVES; wave++) {
      const sockets = new Set<{ destroy(): void }>();
      await inParallel(WAVE, WAVE, async () => {
        const socket = await open(target);
        sockets.add(socket);
        const answer = firstLine(socket);
        socket.write(REQUEST);
        const line = await answer;
        answers.set(line, (answers.get(line) ?? 0) + 1);
      });
      await wait(1000);
      for (const socket of sockets) socket.destroy();
    }
    const note = [...answers].map(([line, count]) => `${line} ${count}`).join(', ');
    return { connections: WAVES * WAVE, bytes: WAVES * WAVE * REQUEST.length, note };
  },
};

async function firstLine(socket: NodeJS.EventEmitter): Promise<string> {
  const signal = AbortSignal.timeout(10_000);
  const closed = once(socket, 'close', { signal }).then(() => 'closed');
  const data = once(socket, 'data', { signal }).then(([bytes]) => String(bytes).slice(9, 12));
  return Promise.race([data, closed]).catch(() => 'silence');
}

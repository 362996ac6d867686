import { REQUEST } from '../load/client.ts';
import { type Attack, inParallel, open } from './attack.ts';

const CLIENTS = 20_000;
const MOST_OPEN = 9000;
const MOST_MS = 75_000;

export const tlsClientsThatStay: Attack = {
  name: 'tls-stay',
  what: '20,000 TLS clients (as many as 75 s allow), 9,000 open at a time, ask for a session and stay',
  tls: true,
  async run(target) {
    const untilMs = performance.now() + MOST_MS;
    const staying: { destroy(): void }[] = [];
    let connections = 0;
    await inParallel(CLIENTS, 100, async () => {
      if (performance.now() > untilMs) return;
      const socket = await open(target);
      socket.resume().write(REQUEST);
      connections++;
      staying.push(socket);
      if (staying.length > MOST_OPEN) staying.shift()?.destroy();
    });
    for (const socket of staying) socket.destroy();
    return { connections, bytes: connections * REQUEST.length };
  },
};

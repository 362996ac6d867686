/**
 * The client of pod.ts, run inside the pod's network: waits until the gateway is ready, publishes to itself, and
 * tells one line of JSON for each thing that happens. While the gateway drains it reads the metrics to the end.
 */
import { once } from 'node:events';
import { setTimeout as wait } from 'node:timers/promises';
import { WebSocket } from 'ws';

const tell = (event: string, more: object): void =>
  void process.stdout.write(`${JSON.stringify({ event, ...more })}\n`);
const admin = 'http://127.0.0.1:8081';

while ((await fetch(`${admin}/readyz`).catch(() => undefined))?.status !== 200) await wait(20);

/** nats-server may need a moment longer; until then the answer is 502. */
async function open(): Promise<{ readonly socket: WebSocket; readonly ms: number }> {
  for (;;) {
    const startedMs = performance.now();
    const socket = new WebSocket('wss://127.0.0.1:8443', {
      origin: 'https://app.example.com',
      rejectUnauthorized: false,
    });
    const opened = await new Promise<boolean>((resolve) => {
      socket.once('open', () => resolve(true)).once('error', () => resolve(false));
    });
    if (opened) return { socket, ms: Math.round(performance.now() - startedMs) };
    await wait(50);
  }
}

const { socket, ms } = await open();
tell('open', { ms });

let received = '';
let echoed = false;
socket.on('message', (bytes: Buffer) => {
  received += bytes.toString('latin1');
  const text = /MSG pod\.test 1 \d+\r\n([^\r]*)\r\n/.exec(received)?.[1];
  if (text === undefined || echoed) return;
  echoed = true;
  tell('echo', { text });
});
const text = 'hello through everything';
socket.send(
  Buffer.from(`CONNECT {"verbose":false}\r\nSUB pod.test 1\r\nPUB pod.test ${text.length}\r\n${text}\r\n`),
);

let forced = 0;
const metrics = async (): Promise<void> => {
  const answer = await fetch(`${admin}/metrics`).catch(() => undefined);
  const value = /^natsgate_drain_forced_closes_total (\d+)$/m.exec((await answer?.text()) ?? '')?.[1];
  if (value !== undefined) forced = Number(value);
};
await metrics();
const [code, reason] = (await once(socket, 'close')) as [number, Buffer];
tell('close', { code, reason: reason.toString() });
await metrics();
tell('metrics', { forced });

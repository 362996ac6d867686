import { freePort } from '../test/support/free-port.ts';
import { startBench } from './bench-processes.ts';
import { Client } from './load/client.ts';
import { residentBytes } from './memory.ts';
import { percentile } from './statistics.ts';
import { startWith } from './subjects/natsgate.ts';
import { targetOf } from './work/upload.ts';

/**
 * `node bench/admin-api.ts [ENDED]`: how long the admin API takes with 9,000 open sessions, after 100,000 others have
 * ended, and how much memory these have left.
 */
const OPEN = 9000;
const ENDED = Number(process.argv[2] ?? 100_000);
const AT_ONCE = 200;
const TIMES = 30;
const PATHS = [
  '/api/status',
  '/api/sessions?limit=50',
  '/api/sessions?limit=50&sort=buffered',
  '/api/sessions?limit=50&sort=client&offset=8900',
  '/api/sessions?limit=50&client=*7.0.0*',
  '/api/sessions?limit=500',
  '/api/sessions?state=ended&limit=50&sort=age',
  '/api/handshakes',
];

const bench = await startBench();
const adminPort = await freePort();
const admin = `127.0.0.1:${adminPort}`;
const subject = await startWith({ upstreamPort: bench.upstreamPort }, { config: { admin } });
const open = (count: number): Promise<Client[]> =>
  Promise.all(Array.from({ length: count }, () => new Client(targetOf(subject)).opened()));
const mebibytes = (): string => (residentBytes([subject.pid]) / 2 ** 20).toFixed(0);
try {
  const held: Client[] = [];
  while (held.length < OPEN) held.push(...(await open(AT_ONCE)));
  console.log(`${held.length} sessions are open: ${mebibytes()} MiB`);
  for (let ended = 0; ended < ENDED; ended += AT_ONCE)
    for (const { socket } of await open(AT_ONCE)) socket.destroy();
  console.log(`${ENDED} others have ended: ${mebibytes()} MiB`);
  for (const path of PATHS) {
    const took: number[] = [];
    let bytes = 0;
    for (let time = 0; time < TIMES; time++) {
      const startMs = performance.now();
      const answer = await fetch(`http://${admin}${path}`);
      bytes = (await answer.arrayBuffer()).byteLength;
      took.push(performance.now() - startMs);
    }
    took.sort((left, right) => left - right);
    const [median, most] = [percentile(took, 0.5), took.at(-1) ?? 0].map((ms) => ms.toFixed(1).padStart(6));
    console.log(`${path.padEnd(48)} ${median} ms, at most ${most} ms, ${bytes} bytes`);
  }
} finally {
  await subject.stop();
  bench.generator.stop();
  bench.upstream.stop();
}
process.exit();

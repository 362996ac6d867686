import { setTimeout } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { freePort } from '../test/support/free-port.ts';
import { startBench } from './bench-processes.ts';
import { cpuBetween, readCpu } from './cpu.ts';
import { Client } from './load/client.ts';
import { residentBytes } from './memory.ts';
import { percentile } from './statistics.ts';
import { startWith } from './subjects/natsgate.ts';
import { targetOf } from './work/upload.ts';

/**
 * How long each answer of the admin port takes with many open sessions, after many others have ended, and how much memory
 * these have left. CPU is that of the gateway for one answer, which other work of the machine does not change.
 */
const USAGE = `node bench/admin-api.ts [--open N] [--ended N]

  --open N      sessions that are open, all inspected (9000)
  --ended N     sessions that have ended (100000)`;

const { values } = parseArgs({
  options: {
    open: { type: 'string', default: '9000' },
    ended: { type: 'string', default: '100000' },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) {
  console.log(USAGE);
  process.exit();
}
const OPEN = Number(values.open);
const ENDED = Number(values.ended);
const AT_ONCE = 200;
const TIMES = 30;
const PATHS = [
  '/livez',
  '/metrics',
  '/api/status',
  '/api/sessions?limit=50',
  '/api/sessions?limit=50&sort=buffered',
  `/api/sessions?limit=50&sort=client&offset=${OPEN - 100}`,
  '/api/sessions?limit=50&client=*7.0.0*',
  '/api/sessions?limit=50&any=7.0.0%20browser',
  '/api/sessions?limit=500',
  '/api/sessions/1',
  '/api/sessions?state=ended&limit=50&sort=age',
  '/api/sessions?state=ended&limit=500&any=7.0.0',
  '/api/subjects',
  '/api/handshakes',
  '/api/policy/observed',
  '/api/captures',
  '/api/config',
  '/api/log/lines',
  '/api/openapi.json',
];

const bench = await startBench();
const adminPort = await freePort();
const admin = `127.0.0.1:${adminPort}`;
const subject = await startWith(
  { upstreamPort: bench.upstreamPort },
  { config: { admin, inspect: 'observe' } },
);
const open = (count: number): Promise<Client[]> =>
  Promise.all(Array.from({ length: count }, () => new Client(targetOf(subject)).opened()));
const mebibytes = (): string => (residentBytes([subject.pid]) / 2 ** 20).toFixed(0);
const cpu = () => readCpu(subject.pids());

/** The answer's milliseconds, and its bytes. */
async function ask(path: string): Promise<{ readonly ms: number; readonly bytes: number }> {
  const startMs = performance.now();
  const answer = await fetch(`http://${admin}${path}`);
  const bytes = (await answer.arrayBuffer()).byteLength;
  return { ms: performance.now() - startMs, bytes };
}

async function measure(path: string): Promise<void> {
  const before = cpu();
  const { ms: first, bytes } = await ask(path);
  const firstCpu = cpuBetween(before, cpu()).ns / 1e6;
  const took: number[] = [];
  const from = cpu();
  for (let time = 0; time < TIMES; time++) {
    // The text of /metrics is given again for a moment (src/admin/metrics-page.ts), which no scraper meets.
    if (path === '/metrics') await setTimeout(300);
    took.push((await ask(path)).ms);
  }
  const each = cpuBetween(from, cpu()).ns / 1e6 / TIMES;
  took.sort((left, right) => left - right);
  const columns = [first, firstCpu, percentile(took, 0.5), took.at(-1) ?? 0, each];
  const numbers = columns.map((one) => one.toFixed(1).padStart(9)).join('');
  console.log(`${path.padEnd(52)}${numbers}${String(bytes).padStart(9)}`);
}

try {
  const held: Client[] = [];
  while (held.length < OPEN) held.push(...(await open(Math.min(AT_ONCE, OPEN - held.length))));
  console.log(`${held.length} sessions are open: ${mebibytes()} MiB`);
  for (let ended = 0; ended < ENDED; ended += AT_ONCE)
    for (const { socket } of await open(AT_ONCE)) socket.destroy();
  console.log(`${ENDED} others have ended: ${mebibytes()} MiB`);
  const heads = ['first ms', 'its CPU', 'median', 'most', 'CPU each', 'bytes'];
  console.log(`${''.padEnd(52)}${heads.map((head) => head.padStart(9)).join('')}`);
  for (const path of PATHS) await measure(path);
} finally {
  await subject.stop();
  bench.generator.stop();
  bench.upstream.stop();
}
process.exit();

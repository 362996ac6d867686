import { parseArgs } from 'node:util';
import { freePort } from '../test/support/free-port.ts';
import { startBench } from './bench-processes.ts';
import { cpuBetween, readCpu } from './cpu.ts';
import { Helper } from './helper.ts';
import type { GeneratorMethods } from './load/generator.ts';
import { median } from './statistics.ts';
import { startWith } from './subjects/natsgate.ts';
import { targetOf } from './work/upload.ts';

/**
 * What it costs to look: one session with 50,000 operations a second each way, which nobody watches, which a page watches,
 * and of which a capture runs, in slices that follow one another. PING is the operation: an echo of it is one of a server
 * too. Beside it another session has a frame there and back. CPU is that of the gateway, over the slices that nobody
 * watches; times are of frames, by open loop.
 */
const USAGE = `node bench/watch.ts [--rounds N] [--seconds N]

  --rounds N      slices of each kind (6)
  --seconds N     of each slice (4)`;

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '6' },
    seconds: { type: 'string', default: '4' },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) {
  console.log(USAGE);
  process.exit();
}
const rounds = Number(values.rounds);
const seconds = Number(values.seconds);
const FRAMES = 5000;
const TEXT = 'PING\r\n'.repeat(10);
const OTHERS = 200;

const bench = await startBench();
const other = await Helper.start<GeneratorMethods>(new URL('load/generator.ts', import.meta.url).pathname);
await bench.upstream.call('setMode', { kind: 'echo' });
const admin = `127.0.0.1:${await freePort()}`;
const subject = await startWith(
  { upstreamPort: bench.upstreamPort },
  { config: { admin, inspect: 'observe' } },
);

type Slice = { readonly cpu: number; readonly p50: number; readonly p99: number; readonly otherP99: number };

async function slice(): Promise<Slice> {
  const before = readCpu(subject.pids());
  const [own, beside] = await Promise.all([
    bench.generator.call('pingPong', { perSecond: FRAMES, seconds, payloadBytes: TEXT.length, text: TEXT }),
    other.call('pingPong', { perSecond: OTHERS, seconds, payloadBytes: TEXT.length, text: TEXT }),
  ]);
  const { ns } = cpuBetween(before, readCpu(subject.pids()));
  return { cpu: ns / 1e7 / seconds, p50: own.p50, p99: own.p99, otherP99: beside.p99 };
}

/** The page reads as fast as it can. */
async function watched(session: number): Promise<{ readonly slice: Slice; readonly missed: number }> {
  const stop = new AbortController();
  const answer = await fetch(`http://${admin}/api/sessions/${session}/operations`, { signal: stop.signal });
  let text = '';
  const reading = (async () => {
    for await (const piece of answer.body!.pipeThrough(new TextDecoderStream())) text += piece;
  })().catch(() => {});
  const measured = await slice();
  stop.abort();
  await reading;
  const missed = [...text.matchAll(/"missed":(\d+)/g)].reduce((sum, [, count]) => sum + Number(count), 0);
  return { slice: measured, missed };
}

async function captured(session: number): Promise<Slice> {
  const started = await fetch(`http://${admin}/api/captures`, {
    method: 'POST',
    body: JSON.stringify({ session }),
  });
  const { id } = (await started.json()) as { readonly id: number };
  const measured = await slice();
  await fetch(`http://${admin}/api/captures/${id}`, { method: 'DELETE' });
  return measured;
}

try {
  // An enforcer wants a CONNECT first, and an echo of that is nothing that a server says.
  const target = targetOf(subject);
  await bench.generator.call('open', { target, connections: 1 });
  await other.call('open', { target, connections: 1 });
  const list = await fetch(`http://${admin}/api/sessions`);
  const { sessions } = (await list.json()) as { readonly sessions: readonly { readonly id: number }[] };
  const session = sessions[0]!.id;
  const all: Record<string, Slice[]> = { 'nobody looks': [], watched: [], captured: [], 'nobody, again': [] };
  await slice();
  let missed = 0;
  for (let round = 0; round < rounds; round++) {
    all['nobody looks']!.push(await slice());
    const look = await watched(session);
    missed += look.missed;
    all['watched']!.push(look.slice);
    all['captured']!.push(await captured(session));
    all['nobody, again']!.push(await slice());
  }
  console.log(`observe, ${rounds} slices of ${seconds} s, medians; ${missed} operations were told as missed`);
  console.log('                  CPU %   p50 µs   p99 µs   p99 µs of the other session');
  for (const [name, slices] of Object.entries(all)) {
    const of = (key: keyof Slice): string =>
      median(slices.map((one) => one[key]))
        .toFixed(1)
        .padStart(9);
    console.log(`${name.padEnd(14)}${of('cpu')}${of('p50')}${of('p99')}${of('otherP99')}`);
  }
} finally {
  await subject.stop();
  for (const one of [bench.generator, bench.upstream, other]) one.stop();
}

import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { pin } from './affinity.ts';
import { startBench } from './bench-processes.ts';
import { cpuBetween, readCpu } from './cpu.ts';
import { type Inspect, startProfiled } from './subjects/natsgate.ts';
import { WORKS } from './work/all.ts';

/**
 * `node bench/profile.ts handshake [--times N] [--top N] [--inspect LEVEL]`: the functions in which natsgate spends its
 * time under one kind of work.
 */
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    times: { type: 'string', default: '5' },
    top: { type: 'string', default: '40' },
    inspect: { type: 'string', default: 'off' },
  },
});
const work = WORKS.find((one) => one.name === positionals[0]);
if (work === undefined) {
  console.error(`bench/profile.ts wants one of ${WORKS.map((one) => one.name).join(', ')}`);
  process.exit(2);
}

/** Before the first byte; the functions of the loader and of its compiler. */
const LOADING =
  /node:internal\/(modules|deps|bootstrap|process)|^(compile|wrapSafe|Module|internalModuleStat|evaluate|getOptions|internalBinding)/;
/** Its price, but for what the collector and the processor's cache have to do because of it. */
const INSPECTION = /src\/(nats|inspect)\/|^fastScan wasm/;

type CallFrame = { readonly functionName: string; readonly url: string; readonly lineNumber: number };
type Profile = {
  readonly nodes: readonly { readonly id: number; readonly callFrame: CallFrame }[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
};

/** Self time in ms by function. */
function selfTimes(profile: Profile): ReadonlyMap<string, number> {
  const names = new Map(profile.nodes.map((node) => [node.id, nameOf(node.callFrame)]));
  const times = new Map<string, number>();
  for (const [index, id] of profile.samples.entries()) {
    const name = names.get(id) ?? '';
    times.set(name, (times.get(name) ?? 0) + (profile.timeDeltas[index] ?? 0) / 1000);
  }
  return times;
}

function nameOf({ functionName, url, lineNumber }: CallFrame): string {
  const file = url.split(/\/(?=node_modules\/|src\/)/).at(-1) ?? '';
  return `${functionName || '(anonymous)'} ${file === '' ? '' : `${file}:${lineNumber + 1}`}`.trim();
}

const bench = await startBench();
const { subject, kind, folder, finish } = await startProfiled(
  { upstreamPort: bench.upstreamPort },
  values.inspect as Inspect,
);
try {
  pin(work.layout, { subject: subject.pids(), generator: bench.generator.pid, upstream: bench.upstream.pid });
  const before = readCpu(subject.pids());
  for (let time = 0; time < Number(values.times); time++) {
    console.log(await work.measure(bench, { subject, kind, warmUp: false, scale: 1 }));
    await bench.generator.call('closeAll');
    await bench.upstream.call('dropAll');
  }
  // Node reads sockets while the profiler takes it for idle: half of the CPU of a pipe towards the client.
  const cpuMs = cpuBetween(before, readCpu(subject.pids())).ns / 1e6;
  await finish();
  const file = (await readdir(folder)).find((name) => name.endsWith('.cpuprofile')) ?? '';
  const times = selfTimes(JSON.parse(await readFile(join(folder, file), 'utf8')) as Profile);
  const busy = [...times]
    .filter(([name]) => name !== '(idle)' && !LOADING.test(name))
    .sort(([, a], [, b]) => b - a);
  const all = busy.reduce((sum, [, ms]) => sum + ms, 0);
  console.log(`${all.toFixed(0)} ms not idle, without the loading of modules`);
  const inspection = busy.reduce((sum, [name, ms]) => sum + (INSPECTION.test(name) ? ms : 0), 0);
  const pipeMs = cpuMs - inspection;
  console.log(
    `inspection ${inspection.toFixed(0)} ms, ${((100 * inspection) / pipeMs).toFixed(1)} % of the other ${pipeMs.toFixed(0)} ms of CPU`,
  );
  for (const [name, ms] of busy.slice(0, Number(values.top))) {
    console.log(`${((100 * ms) / all).toFixed(1).padStart(5)} % ${ms.toFixed(0).padStart(6)} ms  ${name}`);
  }
} finally {
  await subject.stop();
  bench.generator.stop();
  bench.upstream.stop();
}

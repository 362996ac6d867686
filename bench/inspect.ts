import { parseArgs } from 'node:util';
import { pin } from './affinity.ts';
import { startBench } from './bench-processes.ts';
import { median, shuffled } from './statistics.ts';
import { natsgate, startLevels } from './subjects/natsgate.ts';
import { WORKS } from './work/all.ts';
import type { Work } from './work/work.ts';

/**
 * What inspection adds to all the CPU that the kernel counts for the pipe. Processes differ by more than that, by the
 * luck that they have with their memory and their compiled code, and so do two minutes of a shared machine. So the
 * levels are routes of one program, each round gives every level a slice of a tenth of a second in random order, and
 * the figure is the median of the rounds' ratios to `off`, with the interval that has the true median in 95 of 100
 * cases. `off, again` is the control: what is within its interval of 0 is nothing.
 */
const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '300' },
    only: { type: 'string', default: 'nats-up,nats-down' },
  },
});
const rounds = Number(values.rounds);
/** Of a work: about a tenth of a second. */
const SLICE = 0.15;
const LEVELS = { '/off': 'off', '/again': 'off', '/observe': 'observe', '/enforce': 'enforce' } as const;
type Path = keyof typeof LEVELS;
const PATHS = Object.keys(LEVELS) as Path[];
const NAMES: Readonly<Record<Path, string>> = {
  '/off': 'off',
  '/again': 'off, again',
  '/observe': 'observe',
  '/enforce': 'enforce',
};

const bench = await startBench();
const subject = await startLevels(bench.upstreamPort, LEVELS);

async function measure(work: Work, path: Path, warmUp: boolean): Promise<number> {
  const kind = natsgate('cut-through', LEVELS[path]);
  const of = { subject: { ...subject, path }, kind, warmUp, scale: warmUp ? 1 : SLICE };
  const figures = await work.measure(bench, of);
  await bench.generator.call('closeAll');
  await bench.upstream.call('dropAll');
  return figures['cpu']!;
}

/** Of sorted values: the two between which the median of what they are drawn from lies, 19 times in 20. */
function interval(sorted: readonly number[]): readonly [number, number] {
  const half = 0.98 * Math.sqrt(sorted.length);
  const low = Math.max(0, Math.floor(sorted.length / 2 - half));
  const high = Math.min(sorted.length - 1, Math.ceil(sorted.length / 2 + half));
  return [sorted[low]!, sorted[high]!];
}

try {
  pin('throughput', {
    subject: subject.pids(),
    generator: bench.generator.pid,
    upstream: bench.upstream.pid,
  });
  for (const name of values.only.split(',')) {
    const work = WORKS.find((one) => one.name === name);
    if (work === undefined) throw new Error(`there is no work called ${name}`);
    for (const path of PATHS) await measure(work, path, true);
    const cpu = new Map<Path, number[]>(PATHS.map((path) => [path, []]));
    for (let round = 0; round < rounds; round++)
      for (const path of shuffled(PATHS)) cpu.get(path)!.push(await measure(work, path, false));
    // Both slices at `off`, but for the control, which is one of them.
    const off = cpu.get('/off')!;
    const both = off.map((one, round) => Math.sqrt(one * cpu.get('/again')![round]!));
    console.log(
      `${work.title}: ${median(both).toFixed(3)} ${work.columns[0]!.title} at off, ${rounds} rounds`,
    );
    for (const path of PATHS.slice(1)) {
      const base = path === '/again' ? off : both;
      const added = cpu
        .get(path)!
        .map((one, round) => 100 * (one / base[round]! - 1))
        .sort((a, b) => a - b);
      const [low, high] = interval(added);
      console.log(
        `  ${NAMES[path].padEnd(12)} ${median(added).toFixed(1).padStart(5)} %  (${low.toFixed(1)} to ${high.toFixed(1)})`,
      );
    }
  }
} finally {
  await subject.stop();
  bench.generator.stop();
  bench.upstream.stop();
}

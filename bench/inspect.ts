import { parseArgs } from 'node:util';
import { pin } from './affinity.ts';
import { startBench } from './bench-processes.ts';
import { median, shuffled } from './statistics.ts';
import { natsgate, startWith } from './subjects/natsgate.ts';
import type { Subject } from './subjects/subject.ts';
import { WORKS } from './work/all.ts';
import type { Figures, Work } from './work/work.ts';

/**
 * What inspection adds to all the CPU that the kernel counts for the pipe. Two processes that do the same differ by
 * some per cent, by the luck that they have with their memory and their compiled code, and two minutes of a shared
 * machine by far more. So the levels are routes of one program, each round gives every level a slice of a tenth of a
 * second in random order, and the figure is the median of the rounds' ratios to `off`. `off, again` is the control.
 */
const USAGE = `node bench/inspect.ts [--processes N] [--rounds N] [--only nats-up,nats-down]

  --processes N   one after the other (6)
  --rounds N      in each of them (80)
  --only a,b      these works (nats-up,nats-up-128,nats-up-16,nats-down)`;

const { values } = parseArgs({
  options: {
    processes: { type: 'string', default: '6' },
    rounds: { type: 'string', default: '80' },
    only: { type: 'string', default: 'nats-up,nats-up-128,nats-up-16,nats-down' },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) {
  console.log(USAGE);
  process.exit();
}
const processes = Number(values.processes);
const rounds = Number(values.rounds);
/** Of a work: less than a tenth of a second. */
const SLICE = 0.06;
/** 20 entries, of which the last allows what is sent. Nobody of whom the bench tells is a user or of a tenant. */
const ENTRIES = [...Array.from({ length: 19 }, (_, index) => `bench.other${index}.*.>`), 'bench.*'];
const LISTS = { allow: ENTRIES, deny: ['bench.admin.>', 'bench.*.secret'] };
const ROLES = [{ name: 'default', publish: LISTS, subscribe: LISTS, replies: 'publish' }];
const STAMP = { 'Natsgate-Session': '{session}' };
const STAMP_BYTES = 'NATS/1.0\r\nNatsgate-Session: 0123456789abcdef\r\n\r\n'.length;
const ROUTES = {
  '/off': { inspect: 'off' },
  '/again': { inspect: 'off' },
  '/observe': { inspect: 'observe' },
  '/enforce': { inspect: 'enforce' },
  '/policy-observe': { inspect: 'observe', policy: { mode: 'observe', roles: ROLES } },
  '/policy': { inspect: 'enforce', policy: { roles: ROLES } },
  '/stamp': { inspect: 'enforce', connect: { stamp: STAMP } },
} as const;
type Path = keyof typeof ROUTES;
const PATHS = Object.keys(ROUTES) as Path[];
const NAMES: Readonly<Record<Path, string>> = {
  '/off': 'off',
  '/again': 'off, again',
  '/observe': 'observe',
  '/enforce': 'enforce',
  '/policy-observe': 'a policy that observes',
  '/policy': 'a policy that enforces',
  '/stamp': 'a stamp',
};
type Added = { readonly cpu: number; readonly user: number; readonly system: number };

const bench = await startBench();

async function measure(work: Work, subject: Subject, path: Path, warmUp: boolean): Promise<Figures> {
  const kind = {
    ...natsgate('cut-through', ROUTES[path].inspect),
    ...(path === '/stamp' ? { stampBytes: STAMP_BYTES } : {}),
  };
  const of = { subject: { ...subject, path }, kind, warmUp, scale: warmUp ? 4 * SLICE : SLICE };
  const figures = await work.measure(bench, of);
  await bench.generator.call('closeAll');
  await bench.upstream.call('dropAll');
  return figures;
}

/** One process: what each level adds to `off`, in per cent, round by round; user and system time as parts of it. */
async function measureProcess(work: Work): Promise<{ added: Map<Path, Added[]>; off: number[] }> {
  const routes = PATHS.map((one) => ({ path: one, ...ROUTES[one] }));
  const subject = await startWith({ upstreamPort: bench.upstreamPort }, { routes });
  const added = new Map<Path, Added[]>(PATHS.map((path) => [path, []]));
  const off: number[] = [];
  try {
    pin('throughput', {
      subject: subject.pids(),
      generator: bench.generator.pid,
      upstream: bench.upstream.pid,
    });
    for (const path of PATHS) await measure(work, subject, path, true);
    for (let round = 0; round < rounds; round++) {
      const figures = new Map<Path, Figures>();
      for (const path of shuffled(PATHS)) figures.set(path, await measure(work, subject, path, false));
      const of = (path: Path, key: string): number => figures.get(path)![key]!;
      // Both slices at `off`, but for the control, which is one of them.
      const both = (key: string): number => (of('/off', key) + of('/again', key)) / 2;
      off.push(both('cpu'));
      for (const path of PATHS) {
        const base = path === '/again' ? (key: string) => of('/off', key) : both;
        const part = (key: string): number => (100 * (of(path, key) - base(key))) / base('cpu');
        added.get(path)!.push({ cpu: part('cpu'), user: part('user'), system: part('system') });
      }
    }
  } finally {
    await subject.stop();
  }
  return { added, off };
}

const mean = (list: readonly number[]): number => list.reduce((sum, one) => sum + one, 0) / list.length;

try {
  for (const name of values.only.split(',')) {
    const work = WORKS.find((one) => one.name === name);
    if (work === undefined) throw new Error(`there is no work called ${name}`);
    const all: Awaited<ReturnType<typeof measureProcess>>[] = [];
    for (let count = 0; count < processes; count++) all.push(await measureProcess(work));
    const off = median(all.flatMap((one) => one.off));
    console.log(`${work.title}: ${off.toFixed(3)} ${work.columns[0]!.title} at off`);
    for (const path of PATHS.slice(1)) {
      const cpu = (one: (typeof all)[number]): number[] => one.added.get(path)!.map((added) => added.cpu);
      const each = all.map((one) => median(cpu(one))).sort((a, b) => a - b);
      const added = all.flatMap((one) => one.added.get(path)!);
      const figures = [
        `${median(all.flatMap(cpu)).toFixed(1).padStart(5)} %`,
        `process by process ${each.map((one) => one.toFixed(1)).join(', ')}`,
        `mean user ${mean(added.map((one) => one.user)).toFixed(1)}`,
        `system ${mean(added.map((one) => one.system)).toFixed(1)}`,
      ];
      console.log(`  ${NAMES[path].padEnd(23)} ${figures.join('; ')}`);
    }
  }
} finally {
  bench.generator.stop();
  bench.upstream.stop();
}

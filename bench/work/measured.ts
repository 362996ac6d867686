import { cpuBetween, readCpu, readSteal } from '../cpu.ts';
import type { Subject } from '../subjects/subject.ts';
import type { Bench, Column, Figures } from './work.ts';

/** Columns of every work whose figure is the CPU of the subject; `unit` is what one of the `units` is called. */
export function cpuColumns(unit: string, perSecond: string): readonly Column[] {
  return [
    { key: 'cpu', title: unit, digits: 3 },
    { key: 'user', title: 'user', digits: 3 },
    { key: 'system', title: 'system', digits: 3 },
    { key: 'perSecond', title: perSecond, digits: 1 },
    { key: 'subjectBusy', title: 'subject busy %', digits: 0 },
    { key: 'generatorBusy', title: 'generator', digits: 0 },
    { key: 'upstreamBusy', title: 'upstream', digits: 0 },
  ];
}

export type Scale = {
  /** Nanoseconds in one unit of the CPU column: 1000 for µs. */
  readonly ns: number;
  /** Units a second are divided by this. */
  readonly perSecond: number;
};

/** Runs `action`, in which the subject does `units` of work, and says what CPU it took. */
export async function measured(
  bench: Bench,
  subject: Subject,
  units: number,
  scale: Scale,
  action: () => Promise<unknown>,
): Promise<Figures> {
  const ends = [bench.generator.pid, bench.upstream.pid];
  // Without a subject it is the two ends themselves.
  const pids = (): readonly number[] => (subject.pid === 0 ? ends : subject.pids());
  const all = () => [pids(), [bench.generator.pid], [bench.upstream.pid]].map((one) => readCpu(one));
  const stealBefore = readSteal();
  const startMs = performance.now();
  const before = all();
  await action();
  const after = all();
  const wallNs = 1e6 * (performance.now() - startMs);
  const stealAfter = readSteal();
  const [cpu, generator, upstream] = before.map((one, index) => cpuBetween(one, after[index]!));
  const each = cpu!.ns / units / scale.ns;
  return {
    cpu: each,
    user: each * cpu!.userShare,
    system: each * (1 - cpu!.userShare),
    perSecond: units / (wallNs / 1e9) / scale.perSecond,
    subjectBusy: (100 * cpu!.ns) / wallNs,
    generatorBusy: (100 * generator!.ns) / wallNs,
    upstreamBusy: (100 * upstream!.ns) / wallNs,
    steal: (100 * (stealAfter.steal - stealBefore.steal)) / Math.max(1, stealAfter.all - stealBefore.all),
    seconds: wallNs / 1e9,
  };
}

import { spawnSync } from 'node:child_process';
import { availableParallelism } from 'node:os';

/**
 * Who runs where: the subject has processor 0 for itself, so that it is seen working alone. With two processors
 * generator and upstream share the other one.
 */
export type Layout = 'throughput' | 'latency';

export type Processes = {
  readonly subject: readonly number[];
  readonly generator: number;
  readonly upstream: number;
};

const processors = availableParallelism();
const canPin = processors >= 2 && spawnSync('taskset', ['-V']).status === 0;

export const pinning = canPin ? 'subject on a processor of its own' : 'none';

/**
 * For latency the generator keeps its processor busy with waiting for the right moment; so the upstream, which has
 * nothing to do while the subject works, shares the subject's processor where there are only two.
 */
export function pin(layout: Layout, processes: Processes): void {
  if (!canPin) return;
  const third = processors >= 3 ? 2 : layout === 'latency' ? 0 : 1;
  for (const pid of processes.subject) pinProcess(pid, 0);
  pinProcess(processes.generator, 1);
  pinProcess(processes.upstream, third);
}

/** Keeps a process off the other processors, where that can be asked for. */
export function pinProcess(pid: number, processor: number): void {
  if (canPin) spawnSync('taskset', ['-a', '-c', '-p', String(processor), String(pid)]);
}

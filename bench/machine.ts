import { availableParallelism, cpus, release, totalmem } from 'node:os';
import { pinning } from './affinity.ts';
import type { SubjectKind } from './subjects/subject.ts';

export type Machine = {
  readonly date: string;
  readonly processor: string;
  readonly processors: number;
  readonly memoryGibibytes: number;
  readonly kernel: string;
  readonly node: string;
  readonly pinning: string;
  readonly versions: Readonly<Record<string, string>>;
};

/** Where figures come from; without that they say nothing. */
export async function describeMachine(kinds: readonly SubjectKind[]): Promise<Machine> {
  const versions: Record<string, string> = {};
  for (const kind of kinds) versions[kind.name] = (await kind.version()) ?? 'not installed';
  return {
    date: new Date().toISOString(),
    processor: cpus()[0]?.model ?? 'unknown',
    processors: availableParallelism(),
    memoryGibibytes: Math.round(totalmem() / 2 ** 30),
    kernel: release(),
    node: process.versions.node,
    pinning,
    versions,
  };
}

export function machineLines(machine: Machine): string {
  const versions = Object.entries(machine.versions).map(([name, version]) => `${name} ${version}`);
  return [
    `${machine.date}, ${machine.processors} × ${machine.processor}, ${machine.memoryGibibytes} GiB, Linux ${machine.kernel}`,
    `Node ${machine.node}; pinning: ${machine.pinning}; ${versions.join(', ')}`,
  ].join('\n');
}

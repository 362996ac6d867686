import { readdirSync, readFileSync } from 'node:fs';

/** What a set of processes has used so far. Linux only: it is read from /proc. */
export type CpuReading = {
  /** User and system together, all threads, exact to the nanosecond. */
  readonly ns: number;
  /** Clock ticks; only their proportion is used. */
  readonly userTicks: number;
  readonly systemTicks: number;
};

export type CpuUse = {
  readonly ns: number;
  /** Share of user time in it, 0 to 1. */
  readonly userShare: number;
};

const TICK_NS = 10_000_000;

/** Children that have ended count in ticks, with the parent that waited for them. */
export function readCpu(pids: readonly number[]): CpuReading {
  let ns = 0;
  let userTicks = 0;
  let systemTicks = 0;
  for (const pid of pids) {
    const ticks = statTicks(pid);
    userTicks += ticks.user + ticks.childrenUser;
    systemTicks += ticks.system + ticks.childrenSystem;
    ns += threadNs(pid) + (ticks.childrenUser + ticks.childrenSystem) * TICK_NS;
  }
  return { ns, userTicks, systemTicks };
}

export function cpuBetween(before: CpuReading, after: CpuReading): CpuUse {
  const user = after.userTicks - before.userTicks;
  const system = after.systemTicks - before.systemTicks;
  return { ns: after.ns - before.ns, userShare: user + system === 0 ? 0 : user / (user + system) };
}

/** All processes of a group, for programs that fork. */
export function processesOfGroup(group: number): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => statFields(pid)?.[2] === String(group));
}

/** Ticks that a hypervisor gave to others, and all ticks, of all processors together. */
export function readSteal(): { readonly steal: number; readonly all: number } {
  const fields = readFileSync('/proc/stat', 'utf8')
    .split('\n', 1)[0]!
    .trim()
    .split(/\s+/)
    .slice(1, 9)
    .map(Number);
  return { steal: fields[7] ?? 0, all: fields.reduce((sum, one) => sum + one, 0) };
}

function threadNs(pid: number): number {
  let ns = 0;
  try {
    for (const thread of readdirSync(`/proc/${pid}/task`)) {
      ns += Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ', 1)[0]);
    }
  } catch {
    // A thread or a process that ended meanwhile.
  }
  return ns;
}

function statTicks(pid: number) {
  const fields = statFields(pid) ?? [];
  const [user = 0, system = 0, childrenUser = 0, childrenSystem = 0] = fields.slice(11, 15).map(Number);
  return { user, system, childrenUser, childrenSystem };
}

/** From the third field on (state), which follows the name in parentheses. */
function statFields(pid: number): string[] | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return text.slice(text.lastIndexOf(')') + 2).split(' ');
  } catch {
    return undefined;
  }
}

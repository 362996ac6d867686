import { readFileSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import type { Subject } from './subjects/subject.ts';

const POLL_MS = 100;
const REST_MS = 1000;
/**
 * V8 gives the pages of a wave of handshakes back to the system 8 to 20 seconds later, by the collections after that;
 * a single one, however thorough, keeps 40 MB of them (Node 26.10).
 */
export const SETTLING_COLLECTIONS = 25;
const COLLECTIONS = 3;
const COLLECTION_INTERVAL_MS = 1000;
const REST_BYTES = 512 * 1024;
const REST_TIMEOUT_MS = 20_000;

/** For a Node program whose memory is measured: SIGWINCH collects, and what was freed goes back to the system. */
export const EXACT_MEMORY = {
  flags: ['--expose-gc', '--import', "data:text/javascript,process.on('SIGWINCH',()=>{gc();gc()})"],
  env: { MALLOC_MMAP_THRESHOLD_: '16384', MALLOC_TRIM_THRESHOLD_: '65536' },
} as const;

/** Memory that the processes have in RAM; pages that several of them share count once. */
export function residentBytes(pids: readonly number[]): number {
  let bytes = 0;
  for (const pid of pids) {
    const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
    bytes += Number(/^Pss:\s+(\d+) kB$/m.exec(rollup)?.[1] ?? 0) * 1024;
  }
  return bytes;
}

/** The same after a collection, when it has come to rest: freed pages are handed back a moment later. */
export async function residentInUse(subject: Subject, collections = COLLECTIONS): Promise<number> {
  if (subject.collects) {
    for (let collection = 0; collection < collections; collection++) {
      process.kill(subject.pid, 'SIGWINCH');
      await wait(COLLECTION_INTERVAL_MS);
    }
  }
  await wait(REST_MS);
  return atRest(() => residentBytes(subject.pids()), REST_BYTES);
}

/** Waits until `figure` has varied by no more than `tolerance` for a second. */
export async function atRest(figure: () => number | Promise<number>, tolerance: number): Promise<number> {
  const deadlineMs = performance.now() + REST_TIMEOUT_MS;
  let least = await figure();
  let most = least;
  let sinceMs = performance.now();
  while (performance.now() - sinceMs < REST_MS) {
    if (performance.now() > deadlineMs) throw new Error(`a figure moves between ${least} and ${most}`);
    await wait(POLL_MS);
    const now = await figure();
    least = Math.min(least, now);
    most = Math.max(most, now);
    if (most - least > tolerance) [least, most, sinceMs] = [now, now, performance.now()];
  }
  return most;
}

import { mkdir, rm, stat, utimes } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';

const POLL_MS = 200;
const REFRESH_MS = 2_000;
/** A holder refreshes its lock every two seconds; one this old belongs to a process that is gone. */
const STALE_MS = 15_000;

/**
 * Runs `work` while this process alone holds the lock `folder`, so that several processes do not bring the
 * same thing at once. Throws when the lock is not free within `timeoutMs`.
 *
 * A stale lock taken over by two waiters at the same instant could let both in; work under it must therefore
 * end in an atomic rename, and then costs twice but breaks nothing.
 */
export async function withFolderLock<T>(
  folder: string,
  timeoutMs: number,
  work: () => Promise<T>,
): Promise<T> {
  await take(folder, timeoutMs);
  // A failed refresh means that the lock was removed by hand; the work still ends in its rename.
  const refresh = setInterval(() => void utimes(folder, new Date(), new Date()).catch(() => {}), REFRESH_MS);
  try {
    return await work();
  } finally {
    clearInterval(refresh);
    await rm(folder, { recursive: true, force: true });
  }
}

async function take(folder: string, timeoutMs: number): Promise<void> {
  await mkdir(dirname(folder), { recursive: true });
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    try {
      await mkdir(folder);
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    if (await isStale(folder)) await rm(folder, { recursive: true, force: true });
    else if (Date.now() > deadline)
      throw new Error(`${folder} was held by another process for ${timeoutMs / 1000} s`);
    else await wait(POLL_MS);
  }
}

async function isStale(folder: string): Promise<boolean> {
  try {
    return Date.now() - (await stat(folder)).mtimeMs > STALE_MS;
  } catch {
    return false; // released a moment ago: the next try takes it
  }
}

/** Notices that files have another content. */
import { setTimeout as sleep } from 'node:timers/promises';
import { allSeenNow, type FileReader, type FileSeen, isOther } from './files.ts';

/**
 * How often contents are compared. Reading six small files costs 2 ms of CPU. Events (fs.watch) would be quicker, but
 * no file system in a network has them, and asking for them stops the whole process while a mount hangs.
 */
const LOOK_MS = 2000;
/** Several files belong to one update; it is over when nothing has changed for so long. */
const QUIET_MS = 100;
/** Where something always changes, what is there after so many looks counts. */
const MAX_LOOKS = 10;

/** Calls `look` every so often, one call at a time. Holds no process alive. */
export function everySoOften(look: () => Promise<void>, intervalMs = LOOK_MS): { stop(): void } {
  let looking = false;
  const timer = setInterval(() => {
    if (looking) return;
    looking = true;
    void look().finally(() => {
      looking = false;
    });
  }, intervalMs);
  timer.unref();
  return { stop: () => clearInterval(timer) };
}

/** Whether the files have another content than the one that was seen, said when it has settled. */
export async function haveChanged(seen: readonly FileSeen[], reader: FileReader): Promise<boolean> {
  let now = await allSeenNow(seen, reader);
  if (!isOther(seen, now)) return false;
  for (let look = 1; look < MAX_LOOKS && reader.hung === undefined; look++) {
    await sleep(QUIET_MS, undefined, { ref: false });
    const next = await allSeenNow(seen, reader);
    if (!isOther(now, next)) break;
    now = next;
  }
  return isOther(seen, now);
}

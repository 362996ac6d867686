import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/**
 * Brings `folder` into being or replaces it. `make` gets an empty folder beside it, and gives the path of what is to be
 * `folder`, inside of that. Nothing else is left, whatever happens.
 *
 * Processes that do the same at once each do the work, and one of them has the last word: it ends in renames, so that
 * nobody sees a half, and a program that runs from the old one goes on.
 */
export async function cachedFolder(folder: string, make: (work: string) => Promise<string>): Promise<void> {
  await mkdir(dirname(folder), { recursive: true });
  const work = await mkdtemp(join(dirname(folder), 'work-'));
  try {
    const made = await make(work);
    await rename(folder, join(work, 'old')).catch(ignore('ENOENT'));
    // Another process may have put its own there in between; it is as good.
    await rename(made, folder).catch(ignore('ENOTEMPTY', 'EEXIST'));
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

const ignore =
  (...codes: readonly string[]) =>
  (error: NodeJS.ErrnoException): void => {
    if (!codes.includes(error.code ?? '')) throw error;
  };

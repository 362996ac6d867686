import { readdir, readFile, stat } from 'node:fs/promises';

/** How many descriptors the kernel lets this process open; Node has raised the soft limit to the hard one. */
export async function readDescriptorLimit(): Promise<number | undefined> {
  try {
    const limit = /^Max open files\s+(\d+)/m.exec(await readFile('/proc/self/limits', 'utf8'))?.[1];
    return limit === undefined ? undefined : Number(limit);
  } catch {
    // Not Linux: the cap is then the configured one.
    return undefined;
  }
}

const OPEN = '/proc/self/fd';

/** How many are open; undefined where it cannot be known. Linux says it as a size since 6.2, before that it lists them. */
export async function openDescriptors(): Promise<number | undefined> {
  try {
    const { size } = await stat(OPEN);
    // Reading takes one.
    return size > 0 ? size : (await readdir(OPEN)).length - 1;
  } catch {
    return undefined;
  }
}

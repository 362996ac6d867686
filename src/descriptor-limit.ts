import { readFile } from 'node:fs/promises';

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

import { readFile } from 'node:fs/promises';
import { totalmem } from 'node:os';
import { join } from 'node:path';

/** Where Linux shows its control groups; a test brings folders of its own. */
export type CgroupFiles = {
  /** The file system of control groups: v2, or v1 with a folder for each controller. */
  readonly mounted: string;
  /** In which groups this process is. */
  readonly membership: string;
};

const SYSTEM_FILES: CgroupFiles = { mounted: '/sys/fs/cgroup', membership: '/proc/self/cgroup' };
const V2 = {
  limit: 'memory.max',
  used: 'memory.current',
  files: /^file (\d+)$/m,
  shared: /^shmem (\d+)$/m,
} as const;
const V1 = {
  limit: 'memory.limit_in_bytes',
  used: 'memory.usage_in_bytes',
  files: /^total_cache (\d+)$/m,
  shared: /^total_shmem (\d+)$/m,
} as const;
/** v1 says "no limit" by the largest number of pages. */
const UNLIMITED_BYTES = 2 ** 60;

/** The memory that this process may use. */
export type SystemMemory = {
  readonly limitBytes: number;
  /** Whose limit it is. */
  readonly from: 'container' | 'machine';
  /**
   * Bytes in use, without cached files that the kernel can drop. cgroup v2 also counts socket buffers, which are
   * gigabytes for 5,000 clients that do not read; v1 does not. undefined: no limit is set, or the system does not
   * say. Never rejects.
   */
  usedBytes(): Promise<number | undefined>;
};

/** The limit of the container, or all memory of the machine where there is none. */
export async function readMemory(files: CgroupFiles = SYSTEM_FILES): Promise<SystemMemory> {
  return (
    (await readGroup(files)) ?? { limitBytes: totalmem(), from: 'machine', usedBytes: async () => undefined }
  );
}

/**
 * The control group with the lowest memory limit: the process's own group or one of its parents. In a container the
 * parents and the path of its own group are often not visible; then the root of the file system is the container's
 * group.
 */
async function readGroup(files: CgroupFiles): Promise<SystemMemory | undefined> {
  const memberships = await contentOf(files.membership);
  if (memberships === undefined) return undefined;
  const lines = memberships.split('\n').map((line) => /^\d+:([^:]*):(\/.*)$/.exec(line));
  const v1 = lines.find((line) => line?.[1]?.split(',').includes('memory'));
  const path = (v1 ?? lines.find((line) => line?.[1] === ''))?.[2];
  if (path === undefined) return undefined;
  const root = v1 === undefined ? files.mounted : join(files.mounted, 'memory');
  const names = v1 === undefined ? V2 : V1;
  let least: { readonly folder: string; readonly limitBytes: number } | undefined;
  for (const folder of foldersOf(root, path)) {
    const limitBytes = Number(await contentOf(join(folder, names.limit)));
    // "max" means no limit.
    if (!(limitBytes > 0 && limitBytes < UNLIMITED_BYTES)) continue;
    if (least === undefined || limitBytes < least.limitBytes) least = { folder, limitBytes };
  }
  if (least === undefined) return undefined;
  const { folder, limitBytes } = least;
  return {
    limitBytes,
    from: 'container',
    async usedBytes() {
      const used = Number(await contentOf(join(folder, names.used)));
      const statistics = await contentOf(join(folder, 'memory.stat'));
      const bytes = (of: RegExp): number => Number(of.exec(statistics ?? '')?.[1] ?? 0);
      return used > 0 ? used - (bytes(names.files) - bytes(names.shared)) : undefined;
    },
  };
}

/** The group at `path` and its parents, up to the root. */
function foldersOf(root: string, path: string): string[] {
  const names = path.split('/').filter((name) => name !== '');
  // A group above the root of our namespace: nothing of the path is here.
  if (names.includes('..')) return [root];
  return Array.from({ length: names.length + 1 }, (_, depth) => join(root, ...names.slice(0, depth)));
}

async function contentOf(file: string): Promise<string | undefined> {
  try {
    return (await readFile(file, 'utf8')).trim();
  } catch {
    return undefined;
  }
}

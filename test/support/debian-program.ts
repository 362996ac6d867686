import { access, glob } from 'node:fs/promises';
import { join } from 'node:path';
import { debianFolder, unpackDebianPackage } from '../../src/dev/debian-packages.ts';
import { isExecutable } from '../../src/dev/executables.ts';
import { defaultCacheDir } from '../../src/dev/nats-server.ts';

const ROOT = join(import.meta.dirname, '..', '..');

export type DebianProgram = {
  /** What comes before the arguments. */
  readonly command: readonly string[];
  /** The folder in which its files are as they would be below `/`. */
  readonly root: string;
};

/** A program at this path: the machine's own, or that of Debian's newest suite, unpacked into the cache. */
export async function debianProgram(packageName: string, path: string): Promise<DebianProgram> {
  if (await isExecutable(join('/', path))) return { command: [join('/', path)], root: '/' };
  const cacheDir = defaultCacheDir(ROOT, process.env);
  const found = await unpackedProgram(debianFolder(cacheDir, packageName), path);
  if (found !== undefined) return found;
  const say = (line: string): void => console.error(line);
  const options = { packageName, withDependencies: true, cacheDir, env: process.env, say };
  const brought = await unpackedProgram(await unpackDebianPackage(options), path);
  if (brought === undefined) throw new Error(`no ${path} came with the package ${packageName}`);
  return brought;
}

async function unpackedProgram(root: string, path: string): Promise<DebianProgram | undefined> {
  const loader = await ownLoader(root);
  const program = join(root, path);
  const isThere = await access(program).then(
    () => true,
    () => false,
  );
  if (loader === undefined || !isThere) return undefined;
  return { command: [...loader.before, program], root };
}

/** What runs the programs of a package that was unpacked to `root`: its libc may be newer than the machine's. */
export async function ownLoader(
  root: string,
): Promise<{ readonly before: readonly string[]; readonly libraries: string } | undefined> {
  const [loader] = await Array.fromAsync(glob(join(root, 'usr/lib{,64}/ld-linux*.so.*')));
  const [libraries] = await Array.fromAsync(glob(join(root, 'usr/lib/*-linux-gnu*')));
  if (loader === undefined || libraries === undefined) return undefined;
  return { before: [loader, '--library-path', libraries], libraries };
}

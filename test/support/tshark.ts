import { execFile } from 'node:child_process';
import { chmod, copyFile, readFile, writeFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { debianFolder, installDebianPackage, unpackDebianPackage } from '../../src/dev/debian-packages.ts';
import { findOnPath, messageOf } from '../../src/dev/executables.ts';
import { defaultCacheDir } from '../../src/dev/nats-server.ts';
import { ownLoader } from './debian-program.ts';
import { temporaryFolder } from './temporary-folder.ts';

const exec = promisify(execFile);
const ROOT = join(import.meta.dirname, '..', '..');
const TIMEOUT_MS = 180_000;
/** Wireshark runs no Lua script as root. */
const NOBODY = 65_534;

export type Wireshark = {
  /** Before the name of the program: the loader of an unpacked one. */
  readonly before: readonly string[];
  readonly folder: string;
  readonly env: Readonly<Record<string, string | undefined>>;
};

let finding: Promise<Wireshark> | undefined;

/** Programs of Wireshark over one capture file, with a copy of `natsgate.lua`, as another user than root. */
export class CaptureReading implements AsyncDisposable {
  readonly #wireshark: Wireshark;
  readonly #folder: Awaited<ReturnType<typeof temporaryFolder>>;

  private constructor(wireshark: Wireshark, folder: Awaited<ReturnType<typeof temporaryFolder>>) {
    this.#wireshark = wireshark;
    this.#folder = folder;
  }

  static async of(pcapng: Buffer): Promise<CaptureReading> {
    const reading = new CaptureReading(await findTshark(), await temporaryFolder());
    await chmod(reading.path, 0o755);
    await writeFile(join(reading.path, 'capture.pcapng'), pcapng, { mode: 0o644 });
    await copyFile(join(ROOT, 'examples/wireshark/natsgate.lua'), join(reading.path, 'natsgate.lua'));
    await chmod(join(reading.path, 'natsgate.lua'), 0o644);
    return reading;
  }

  get path(): string {
    return this.#folder.path;
  }

  /** Standard output of tshark over the file. It fails where Wireshark complains about a script. */
  async tshark(...args: readonly string[]): Promise<string> {
    const { stdout, stderr } = await this.#run('tshark', ['-r', 'capture.pcapng', ...args]);
    if (/lua/i.test(stderr)) throw new Error(stderr);
    return stdout;
  }

  /** The same with our Lua file, and `scripts` before it. */
  lua(args: readonly string[], scripts: readonly string[] = []): Promise<string> {
    const all = [...scripts, 'natsgate.lua'].flatMap((name) => ['-X', `lua_script:${name}`]);
    return this.tshark(...all, ...args);
  }

  /** Rows of fields of the packets that are shown under `filter`, with our Lua file. */
  async fields(filter: string, ...names: readonly string[]): Promise<string[][]> {
    const out = await this.lua(['-Y', filter, '-T', 'fields', ...names.flatMap((name) => ['-e', name])]);
    return out
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => line.split('\t'));
  }

  async capinfos(): Promise<string> {
    return (await this.#run('capinfos', ['capture.pcapng'])).stdout;
  }

  #run(program: string, args: readonly string[]): Promise<{ stdout: string; stderr: string }> {
    const { before, folder, env } = this.#wireshark;
    const [command = '', ...rest] = [...before, join(folder, program), ...args];
    const user = userInfo().uid === 0 ? { uid: NOBODY, gid: NOBODY } : {};
    const options = { cwd: this.path, timeout: TIMEOUT_MS, maxBuffer: 64 * 1024 * 1024 };
    return exec(command, rest, { ...options, ...user, env: { ...env, HOME: this.path, LC_ALL: 'C' } });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#folder[Symbol.asyncDispose]();
  }
}

/** From the PATH, the cache, Debian's newest suite unpacked into the cache, or Debian's own package when root. */
export function findTshark(): Promise<Wireshark> {
  finding ??= find();
  return finding;
}

async function find(): Promise<Wireshark> {
  const env = process.env;
  const onPath = async (): Promise<Wireshark | undefined> => {
    const [path] = await findOnPath('tshark', env);
    return path === undefined ? undefined : { before: [], folder: join(path, '..'), env: {} };
  };
  const found = await onPath();
  if (found !== undefined) return found;
  const cacheDir = defaultCacheDir(ROOT, env);
  const cached = await unpacked(debianFolder(cacheDir, 'tshark'));
  if (cached !== undefined) return cached;
  const say = (line: string) => console.error(line);
  const options = { packageName: 'tshark', withDependencies: true, cacheDir, env, say };
  const failures: string[] = [];
  try {
    const brought = await unpacked(await unpackDebianPackage(options));
    if (brought !== undefined) return brought;
    failures.push('no loader came with it');
  } catch (error) {
    failures.push(messageOf(error));
  }
  try {
    if (userInfo().uid !== 0) throw new Error('only root can install packages');
    await installDebianPackage(options);
    const installed = await onPath();
    if (installed !== undefined) return installed;
  } catch (error) {
    failures.push(messageOf(error));
  }
  throw new Error(`no tshark: install it so that it is on the PATH (${failures.join('; ')})`);
}

async function unpacked(root: string): Promise<Wireshark | undefined> {
  const loader = await ownLoader(root);
  const isThere = await readFile(join(root, 'usr/bin/tshark')).then(
    () => true,
    () => false,
  );
  if (loader === undefined || !isThere) return undefined;
  return {
    before: loader.before,
    folder: join(root, 'usr/bin'),
    env: {
      WIRESHARK_DATA_DIR: join(root, 'usr/share/wireshark'),
      WIRESHARK_PLUGIN_DIR: join(loader.libraries, 'wireshark/plugins'),
    },
  };
}

import { execFile } from 'node:child_process';
import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { platform } from 'node:os';
import { delimiter, isAbsolute, join } from 'node:path';

/** Environment variables as an argument; only the process edge reads the real ones. */
export type Environment = Readonly<Record<string, string | undefined>>;

export type RunOptions = {
  readonly timeoutMs: number;
  readonly env?: Environment;
  readonly cwd?: string;
};

/** More output than this is an error of the program that was run. */
const MAX_OUTPUT_BYTES = 8 * 1024 * 1024;

/** Runs a program to its end and gives its standard output. Throws one sentence with the last line of its complaint. */
export function run(command: string, args: readonly string[], options: RunOptions): Promise<string> {
  return new Promise((resolve, reject) => {
    const settings = {
      timeout: options.timeoutMs,
      killSignal: 'SIGKILL',
      maxBuffer: MAX_OUTPUT_BYTES,
      encoding: 'utf8',
      windowsHide: true,
      ...(options.env === undefined ? {} : { env: { ...options.env } }),
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    } as const;
    execFile(command, args, settings, (error, stdout, stderr) => {
      if (error === null) return resolve(stdout);
      const complaint = error.killed
        ? `no end within ${options.timeoutMs / 1000} s`
        : lastLine(stderr) || lastLine(stdout) || error.message;
      reject(new Error(`${[command, ...args.slice(0, 1)].join(' ')}: ${complaint}`, { cause: error }));
    });
  });
}

/** Every executable file of this name on the PATH of `env`, in its order. */
export async function findOnPath(name: string, env: Environment): Promise<string[]> {
  const fileName = executableName(name);
  const candidates = (env['PATH'] ?? '')
    .split(delimiter)
    // A relative entry means the folder in which the program happens to run; nothing should be run from there.
    .filter((folder) => isAbsolute(folder))
    .map((folder) => join(folder, fileName));
  const found = await Promise.all(candidates.map(isExecutable));
  return [...new Set(candidates.filter((_, index) => found[index]))];
}

export function executableName(name: string): string {
  return platform() === 'win32' ? `${name}.exe` : name;
}

export async function isExecutable(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return (await stat(path)).isFile();
  } catch {
    return false; // not there, or not ours to run: the same answer
  }
}

/** The first x.y.z that `binary --version` prints; undefined when it cannot be run or prints none. */
export async function versionOf(binary: string): Promise<string | undefined> {
  try {
    return /\d+\.\d+\.\d+/.exec(await run(binary, ['--version'], { timeoutMs: 10_000 }))?.[0];
  } catch {
    return undefined; // a wrong architecture, a missing library: it is no candidate
  }
}

/** Compares x.y.z by numbers. */
export function isAtLeast(version: string, minimum: string): boolean {
  const have = version.split('.').map(Number);
  const want = minimum.split('.').map(Number);
  for (let index = 0; index < 3; index++) {
    const difference = (have[index] ?? 0) - (want[index] ?? 0);
    if (difference !== 0) return difference > 0;
  }
  return true;
}

/** What an error says, for a sentence about it. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function lastLine(text: string): string {
  return text.trim().split('\n').at(-1)?.trim() ?? '';
}

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { processesOfGroup } from '../cpu.ts';

const START_TIMEOUT_MS = 20_000;
const POLL_MS = 20;

/** A program with a folder of its own, its output in a file there, in a process group of its own. */
export class Program {
  readonly #child: ChildProcess;
  readonly folder: string;

  private constructor(child: ChildProcess, folder: string) {
    this.#child = child;
    this.folder = folder;
    process.once('exit', this.#kill);
  }

  /** `files` are written first; `args` is told their folder. */
  static async start(
    command: string,
    args: (folder: string) => readonly string[],
    files: Readonly<Record<string, string>> = {},
    env: Readonly<Record<string, string>> = {},
  ): Promise<Program> {
    const folder = await mkdtemp(join(tmpdir(), 'natsgate-bench-'));
    for (const [name, text] of Object.entries(files))
      await writeFile(join(folder, name), text, { mode: 0o600 });
    const output = openSync(join(folder, 'output'), 'a');
    const child = spawn(command, args(folder), {
      detached: true,
      stdio: ['ignore', output, output],
      env: { ...process.env, ...env },
    });
    closeSync(output);
    await once(child, 'spawn');
    return new Program(child, folder);
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  group(): readonly number[] {
    return processesOfGroup(this.pid);
  }

  get output(): string {
    return readFileSync(join(this.folder, 'output'), 'utf8');
  }

  /** Waits for a line of its output that matches. */
  async said(pattern: RegExp): Promise<RegExpExecArray> {
    return this.#until(() => pattern.exec(this.output) ?? undefined);
  }

  /** Waits until it listens there. */
  async listens(port: number): Promise<void> {
    await this.#until(async () => ((await canConnect(port)) ? true : undefined));
  }

  /** Lets it end by itself. */
  async end(signal: NodeJS.Signals): Promise<void> {
    const ended = once(this.#child, 'exit');
    this.#child.kill(signal);
    await ended;
  }

  /** Kills it, if it still runs, and takes its folder away. */
  async stop(): Promise<void> {
    process.off('exit', this.#kill);
    const ended = this.#hasEnded ? undefined : once(this.#child, 'exit');
    this.#kill();
    await ended;
    await rm(this.folder, { recursive: true, force: true });
  }

  get #hasEnded(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  async #until<T>(find: () => T | undefined | Promise<T | undefined>): Promise<T> {
    const deadlineMs = performance.now() + START_TIMEOUT_MS;
    for (;;) {
      const found = await find();
      if (found !== undefined) return found;
      if (this.#hasEnded || performance.now() > deadlineMs) {
        const { output } = this;
        await this.stop();
        throw new Error(`${this.#child.spawnargs.join(' ')} did not start: ${output}`);
      }
      await wait(POLL_MS);
    }
  }

  #kill = (): void => {
    try {
      process.kill(-this.pid, 'SIGKILL');
    } catch {
      // Ended already.
    }
  };
}

/** For programs that cannot be given port 0. */
export async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** The first version number that the command prints; undefined when there is no such command. */
export function versionOf(command: string, ...args: string[]): string | undefined {
  const run = spawnSync(command, args, { encoding: 'utf8', timeout: 10_000 });
  if (run.error !== undefined) return undefined;
  return /\d+\.\d+(\.\d+)?/.exec(run.stdout + run.stderr)?.[0] ?? 'unknown';
}

async function canConnect(port: number): Promise<boolean> {
  const socket = connect({ host: '127.0.0.1', port });
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

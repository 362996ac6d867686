import { type ChildProcess, spawn } from 'node:child_process';
import { rmSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { messageOf } from './executables.ts';
import { readPorts } from './ports-file.ts';

export type NatsServerOptions = {
  /** Text of a configuration file. Address and ports are ours whatever it says. */
  readonly config?: string;
  readonly jetstream?: boolean;
  /** Default: one that is free. */
  readonly port?: number;
  /** Also serve the monitoring endpoints, on `monitorPort`. */
  readonly monitor?: boolean;
  /** Further command line flags. */
  readonly args?: readonly string[];
  /** Ends a start that is under way; it then rejects, and nothing is left. */
  readonly signal?: AbortSignal;
};

export type ExitStatus = { readonly code: number | null; readonly signal: NodeJS.Signals | null };

const START_TIMEOUT_MS = 15_000;
const STOP_TIMEOUT_MS = 3_000;
const POLL_MS = 10;
const MAX_LOG_CHARACTERS = 64 * 1024;

/** Starts a private nats-server on 127.0.0.1 and resolves when it listens. Its data stays in a temporary folder. */
export async function startNatsServer(
  binary: string,
  options: NatsServerOptions = {},
): Promise<RunningNatsServer> {
  const folder = await mkdtemp(join(tmpdir(), 'natsgate-nats-server-'));
  const server = new RunningNatsServer(binary, folder, options);
  const onAbort = (): void => void server.kill();
  options.signal?.addEventListener('abort', onAbort);
  try {
    if (options.config !== undefined) await writeFile(join(folder, 'nats.conf'), options.config);
    await server.restart();
    options.signal?.throwIfAborted();
    return server;
  } catch (error) {
    await server.close();
    throw error;
  } finally {
    options.signal?.removeEventListener('abort', onAbort);
  }
}

/**
 * A nats-server of our own. It can be killed and started again on the same ports with the same data; a caller that
 * started it closes it.
 */
export class RunningNatsServer {
  readonly #binary: string;
  readonly #folder: string;
  readonly #options: NatsServerOptions;
  #process: ChildProcess | undefined;
  #exited: Promise<ExitStatus> = Promise.resolve({ code: null, signal: null });
  #log = '';
  #port: number;
  #monitorPort: number | undefined;
  #closed = false;
  /** Stops and starts happen one after the other. */
  #turn: Promise<void> = Promise.resolve();

  constructor(binary: string, folder: string, options: NatsServerOptions) {
    this.#binary = binary;
    this.#folder = folder;
    this.#options = options;
    this.#port = options.port ?? -1;
    this.#monitorPort = options.monitor ? -1 : undefined;
  }

  get port(): number {
    return this.#port;
  }

  get monitorPort(): number | undefined {
    return this.#monitorPort;
  }

  get url(): string {
    return `nats://127.0.0.1:${this.#port}`;
  }

  get running(): boolean {
    return this.#process !== undefined;
  }

  /** Settles when the process that runs now, or ran last, has ended. Never rejects. */
  get exited(): Promise<ExitStatus> {
    return this.#exited;
  }

  /** The last 64 Ki characters of what it printed, over restarts. */
  get log(): string {
    return this.#log;
  }

  /** Sends a signal and does not wait; see `exited`. False when no process runs. */
  kill(signal: NodeJS.Signals = 'SIGKILL'): boolean {
    return this.#process?.kill(signal) ?? false;
  }

  /** Stops the process where it is: its connections stay open, and nothing is read or said. It goes on by itself. */
  freeze(forMs: number): void {
    const child = this.#process;
    if (child?.kill('SIGSTOP') !== true) throw new Error('nats-server does not run');
    setTimeout(() => child.kill('SIGCONT'), forMs).unref();
  }

  /** Ends the process in order, by force after three seconds. Data and ports are kept for `restart`. */
  stop(): Promise<void> {
    return this.#inTurn(() => this.#stop());
  }

  /** Starts the server on its ports, after stopping it when it runs. */
  restart(): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#closed) throw new Error('this nats-server was closed');
      await this.#stop();
      await this.#start();
    });
  }

  /** Ends the process and removes its data. */
  close(): Promise<void> {
    this.#closed = true;
    return this.#inTurn(async () => {
      await this.#stop();
      await rm(this.#folder, { recursive: true, force: true, maxRetries: 3 });
    });
  }

  /** `close` without waiting, for a program that ends in this very turn. */
  abort(): void {
    this.#closed = true;
    this.kill('SIGKILL');
    rmSync(this.#folder, { recursive: true, force: true });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #inTurn(work: () => Promise<void>): Promise<void> {
    const done = this.#turn.then(work);
    // The caller gets the failure; the next in turn starts all the same.
    this.#turn = done.catch(() => {});
    return done;
  }

  async #start(): Promise<void> {
    const deadline = Date.now() + START_TIMEOUT_MS;
    for (;;) {
      try {
        return await this.#launch(deadline);
      } catch (error) {
        await this.#stop();
        // While the server was down somebody's outgoing connection may have been given its port for a moment.
        const isPortTaken = messageOf(error).includes('address already in use');
        if (!isPortTaken || this.#options.port !== undefined || Date.now() > deadline || this.#closed)
          throw error;
        await wait(20 * POLL_MS);
      }
    }
  }

  async #launch(deadline: number): Promise<void> {
    const child = spawn(this.#binary, this.#flags(), {
      stdio: ['ignore', 'pipe', 'pipe'],
      windowsHide: true,
      // A process group of its own: Ctrl-C at a terminal is ours to act on, and the server outlives our drain.
      detached: true,
    });
    this.#process = child;
    let launchError: Error | undefined;
    this.#exited = new Promise((resolve) => {
      const ended = (status: ExitStatus) => {
        if (this.#process === child) this.#process = undefined;
        resolve(status);
      };
      child.once('error', (error) => {
        launchError = error;
        // A process that never was sends no 'close'; for a signal that failed, the end is still to come.
        if (child.pid === undefined) ended({ code: null, signal: null });
      });
      child.once('close', (code, signal) => ended({ code, signal }));
    });
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        this.#log = (this.#log + text).slice(-MAX_LOG_CHARACTERS);
      });
    }
    const portsFile = join(this.#folder, `${basename(this.#binary)}_${child.pid}.ports`);
    for (;;) {
      const ports = await readPorts(portsFile);
      if (ports !== undefined) {
        this.#port = ports.client;
        this.#monitorPort = ports.monitor;
        return;
      }
      if (this.#process !== child) {
        throw new Error(
          `${this.#binary} ended at its start: ${launchError ? messageOf(launchError) : lastLines(this.#log)}`,
        );
      }
      if (Date.now() > deadline) {
        throw new Error(
          `${this.#binary} does not listen after ${START_TIMEOUT_MS / 1000} s: ${lastLines(this.#log)}`,
        );
      }
      await wait(POLL_MS);
    }
  }

  #flags(): string[] {
    const { config, jetstream, args } = this.#options;
    return [
      ...(config === undefined ? [] : ['-c', join(this.#folder, 'nats.conf')]),
      ...['-a', '127.0.0.1', '-p', String(this.#port)],
      ...(this.#monitorPort === undefined ? [] : ['-m', String(this.#monitorPort)]),
      ...(jetstream ? ['-js'] : []),
      ...['-sd', join(this.#folder, 'data'), '--ports_file_dir', this.#folder],
      ...(args ?? []),
    ];
  }

  async #stop(): Promise<void> {
    const child = this.#process;
    if (child === undefined) return;
    child.kill('SIGTERM');
    // A stopped process (SIGSTOP) takes SIGTERM only when it goes on.
    const force = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
    try {
      await this.#exited;
    } finally {
      clearTimeout(force);
    }
  }
}

function lastLines(log: string): string {
  return log.trim().split('\n').slice(-8).join(' | ') || 'it printed nothing';
}

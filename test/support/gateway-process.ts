import { type ChildProcess, spawn } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { readFileSync } from 'node:fs';
import { readdir, writeFile } from 'node:fs/promises';
import { type Agent, get, type IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as wait } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { testCompression, testEngine } from './config.ts';
import { LogCapture } from './gateway.ts';
import { type TemporaryFolder, temporaryFolder } from './temporary-folder.ts';

const PROGRAM = join(import.meta.dirname, '..', '..', 'src', 'main.ts');

/**
 * A flood leaves garbage, and glibc keeps what was freed of it: together up to 80 MiB, come and gone by chance.
 * With this, RSS is what is in use: SIGWINCH collects and says so, and freed buffers go back to the system.
 */
const EXACT_MEMORY = {
  flags: [
    '--expose-gc',
    '--import',
    `data:text/javascript,process.on('SIGWINCH',()=>{gc();gc();console.log('{"message":"collected"}')})`,
  ],
  env: { MALLOC_MMAP_THRESHOLD_: '16384', MALLOC_TRIM_THRESHOLD_: '65536' },
} as const;

/** What the program says of the dial that it makes by itself: the upstream's connection number 0. */
const FIRST_DIAL = [
  'nats-server answers',
  'upstream accepts connections',
  'no upstream server answers; until one does, handshakes get 502 or 504',
];

const START_TIMEOUT_MS = 180_000;
const POLL_MS = 50;
/** How long a figure is watched, and how much it may vary meanwhile, before it counts as at rest. */
const REST_MS = 1000;
const REST_BYTES = 256 * 1024;

/** Keys of the configuration file, nested as there. */
export type Settings = Readonly<Record<string, unknown>>;

export type ProcessOptions = {
  /** Allows `rssInUse`. */
  readonly exactMemory?: boolean;
  /** A module that runs before the program, to take away what the program must do without. */
  readonly preload?: string;
};

export type ProcessEnd = { readonly code: number | null; readonly signal: NodeJS.Signals | null };

/**
 * The whole program in a process of its own, for what can only be seen from outside: memory, descriptors,
 * signals, exit codes. Killed when it is disposed of. Its figures come from /proc, so Linux only.
 */
export class GatewayProcess extends EventEmitter implements AsyncDisposable {
  readonly log = new LogCapture();
  readonly exited: Promise<ProcessEnd>;
  readonly #child: ChildProcess;
  readonly #folder: TemporaryFolder;
  /** To be written again by a test that reloads. */
  readonly configFile: string;
  #errors = '';
  #end: ProcessEnd | undefined;
  #port = 0;
  #adminPort = 0;

  private constructor(folder: TemporaryFolder, configFile: string, options: ProcessOptions) {
    super();
    this.#folder = folder;
    this.configFile = configFile;
    const { exactMemory = false, preload } = options;
    const flags: string[] = exactMemory ? [...EXACT_MEMORY.flags] : [];
    if (preload !== undefined) flags.push('--import', pathToFileURL(preload).href);
    this.#child = spawn(process.execPath, [...flags, PROGRAM, '--config', configFile], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...environment(), ...(exactMemory ? EXACT_MEMORY.env : {}) },
    });
    const killChild = (): void => void this.#child.kill('SIGKILL');
    process.once('exit', killChild);
    this.exited = new Promise((resolve) => {
      this.#child.once('close', (code, signal) => {
        process.off('exit', killChild);
        this.#end = { code, signal };
        resolve(this.#end);
        this.emit('change');
      });
    });
    this.#child.once('error', (error) => {
      this.#errors += error.message;
    });
    this.#child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
      this.#errors += chunk;
    });
    this.#readLines();
  }

  /** Starts on free ports of 127.0.0.1, lets programs without Origin in, and resolves when it is ready. */
  static async start(
    upstreamPort: number,
    settings: Settings = {},
    options: ProcessOptions = {},
  ): Promise<GatewayProcess> {
    const folder = await temporaryFolder();
    const file = join(folder.path, 'natsgate.yaml');
    // JSON is YAML.
    const config = {
      listen: '127.0.0.1:0',
      admin: '127.0.0.1:0',
      origins: { allow: ['https://app.example.com'], missing: 'allow' },
      upstream: `nats://127.0.0.1:${upstreamPort}`,
      engine: testEngine(),
      compression: testCompression() ? 'on' : 'off',
      ...settings,
    };
    await writeFile(file, JSON.stringify(config, undefined, 2));
    const gateway = new GatewayProcess(folder, file, options);
    try {
      await gateway.#ready();
      return gateway;
    } catch (error) {
      await gateway[Symbol.asyncDispose]();
      throw error;
    }
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get port(): number {
    return this.#port;
  }

  get adminPort(): number {
    return this.#adminPort;
  }

  /** What it wrote to standard error: nothing, when all is well. */
  get errors(): string {
    return this.#errors;
  }

  /** The lines of sessions that have ended. */
  get sessionsEnded(): LogCapture['lines'] {
    return this.log.lines.filter((line) => line.message === 'session ended');
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Waits until `holds`, checked at each log line and at the end of the process. */
  async until(holds: () => boolean, timeoutMs: number): Promise<void> {
    const signal = AbortSignal.timeout(timeoutMs);
    while (!holds()) await once(this, 'change', { signal });
  }

  /** How the process ended; throws when it runs on for longer than `timeoutMs`. */
  async ended(timeoutMs: number): Promise<ProcessEnd> {
    await this.until(() => this.#end !== undefined, timeoutMs);
    return this.exited;
  }

  /** Memory of the process that is in RAM now. */
  rssBytes(): number {
    const kibibytes = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${this.pid}/status`, 'utf8'))?.[1];
    if (kibibytes === undefined) throw new Error('the gateway process shows no VmRSS');
    return Number(kibibytes) * 1024;
  }

  /** Samples RSS until disposed of; `bytes` is the most that was seen. */
  watchRss(): Disposable & { readonly bytes: number } {
    let most = this.rssBytes();
    const sampling = setInterval(() => {
      if (this.#end === undefined) most = Math.max(most, this.rssBytes());
    }, POLL_MS);
    return {
      get bytes() {
        return most;
      },
      [Symbol.dispose]: () => clearInterval(sampling),
    };
  }

  /** RSS of an `exactMemory` process after a full collection. */
  async rssInUse(timeoutMs: number): Promise<number> {
    const collected = (): number => this.log.lines.filter((line) => line.message === 'collected').length;
    const before = collected();
    this.signal('SIGWINCH');
    await this.until(() => collected() > before, timeoutMs);
    return this.#rssAtRest(timeoutMs);
  }

  async openDescriptors(): Promise<number> {
    return (await readdir(`/proc/${this.pid}/fd`)).length;
  }

  /** Value of the one series of /metrics with this name and, among its labels, these. */
  async metric(name: string, labels: Readonly<Record<string, string>> = {}): Promise<number> {
    const pairs = Object.entries(labels).map(([label, value]) => `${label}="${value}"`);
    const isMeant = (line: string): boolean =>
      /^[^{ ]+/.exec(line)?.[0] === name && pairs.every((pair) => line.includes(pair));
    const lines = (await this.#fetch('/metrics')).split('\n').filter(isMeant);
    if (lines.length !== 1) throw new Error(`${lines.length} series for ${name} with ${pairs.join(', ')}`);
    return Number(lines[0]?.split(' ').at(-1));
  }

  /** Asks `figure` again and again until `holds`; the last figure stands in the error. */
  async untilFigure(
    figure: () => Promise<number>,
    holds: (value: number) => boolean,
    what: string,
    timeoutMs: number,
  ): Promise<number> {
    const deadlineMs = performance.now() + timeoutMs;
    for (;;) {
      const value = await figure();
      if (holds(value)) return value;
      if (performance.now() > deadlineMs) throw new Error(`${what}: still ${value} after ${timeoutMs} ms`);
      await wait(POLL_MS);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.signal('SIGKILL');
    await this.exited;
    await this.#folder[Symbol.asyncDispose]();
  }

  /** Freed memory is handed back by other threads, a moment later. */
  async #rssAtRest(timeoutMs: number): Promise<number> {
    const deadlineMs = performance.now() + timeoutMs;
    let least = this.rssBytes();
    let most = least;
    let sinceMs = performance.now();
    while (performance.now() - sinceMs < REST_MS) {
      if (performance.now() > deadlineMs) throw new Error(`RSS moves between ${least} and ${most}`);
      await wait(POLL_MS);
      const rss = this.rssBytes();
      least = Math.min(least, rss);
      most = Math.max(most, rss);
      if (most - least > REST_BYTES) [least, most, sinceMs] = [rss, rss, performance.now()];
    }
    return most;
  }

  async #ready(): Promise<void> {
    const line = (messages: readonly string[]) =>
      this.log.lines.find(({ message }) => messages.includes(message));
    await this.until(() => line(FIRST_DIAL) !== undefined || this.#end !== undefined, START_TIMEOUT_MS);
    const ready = line(['ready']);
    if (ready === undefined || this.#end !== undefined) {
      const said = this.log.text.join('') + this.#errors;
      throw new Error(`the gateway ended at its start with ${JSON.stringify(this.#end)}: ${said}`);
    }
    this.#port = Number(new URL(String(ready['listen'])).port);
    this.#adminPort = Number(new URL(String(ready['admin'])).port);
  }

  #readLines(): void {
    let rest = '';
    this.#child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
      const lines = (rest + chunk).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) this.log.write(line);
      this.emit('change');
    });
  }

  /** On a connection of its own, closed behind the answer, so that it does not count among the descriptors. */
  async #fetch(path: string): Promise<string> {
    const agent = false as unknown as Agent;
    const request = get({ host: '127.0.0.1', port: this.#adminPort, path, agent });
    const [response] = (await once(request, 'response', { signal: AbortSignal.timeout(30_000) })) as [
      IncomingMessage,
    ];
    const body = await text(response);
    if (response.statusCode !== 200) throw new Error(`${path}: ${response.statusCode} ${body}`);
    return body;
  }
}

/** Ours, without what would configure the gateway or make its process report to the test runner. */
function environment(): NodeJS.ProcessEnv {
  const env: NodeJS.ProcessEnv = {};
  for (const [name, value] of Object.entries(process.env)) {
    if (!/^(NATSGATE_|NODE_TEST_CONTEXT$|NODE_OPTIONS$|NODE_V8_COVERAGE$)/.test(name)) env[name] = value;
  }
  return env;
}

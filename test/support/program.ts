import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

const MAIN = join(import.meta.dirname, '..', '..', 'src', 'main.ts');
const DEADLINE_MS = 180_000;

/** Where programs are, and the cache that spares each process compiling everything again. */
export const BARE_ENVIRONMENT = {
  PATH: process.env['PATH'],
  NODE_COMPILE_CACHE: process.env['NODE_COMPILE_CACHE'],
};

/** Makes the program take its standard output for a terminal. */
export const AT_A_TERMINAL = [
  '--import',
  `data:text/javascript,import tty from 'node:tty';import {syncBuiltinESMExports} from 'node:module';tty.isatty=(fd)=>fd===1;syncBuiltinESMExports();`,
];

export type Result = { readonly code: number | null; readonly out: string; readonly err: string };

type Environment = Readonly<Record<string, string>>;

/** The program with a command line, as a process. Of our environment it gets only `BARE_ENVIRONMENT`. */
export class Program implements AsyncDisposable {
  readonly #child;
  out = '';
  err = '';

  constructor(args: readonly string[], env: Environment = {}, nodeFlags: readonly string[] = [], input = '') {
    this.#child = spawn(process.execPath, [...nodeFlags, MAIN, ...args], {
      env: { ...BARE_ENVIRONMENT, ...env },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    // Most commands do not read it, and may have ended.
    this.#child.stdin.on('error', () => {}).end(input);
    this.#child.stdout.setEncoding('utf8').on('data', (text: string) => {
      this.out += text;
    });
    this.#child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.err += text;
    });
  }

  /** The first match in standard output, past or future. */
  async find(pattern: RegExp): Promise<RegExpExecArray> {
    const signal = AbortSignal.timeout(DEADLINE_MS);
    for (;;) {
      const found = pattern.exec(this.out);
      if (found !== null) return found;
      if (this.#child.exitCode !== null) throw new Error(`ended without ${pattern}: ${this.out}${this.err}`);
      await Promise.race([
        once(this.#child.stdout, 'data', { signal }),
        once(this.#child, 'exit', { signal }),
      ]);
    }
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Waits for its end. */
  async ended(): Promise<Result> {
    const deadline = setTimeout(() => this.#child.kill('SIGKILL'), DEADLINE_MS);
    if (this.#child.exitCode === null || !this.#child.stdout.closed) await once(this.#child, 'close');
    clearTimeout(deadline);
    return { code: this.#child.exitCode, out: this.out, err: this.err };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.ended();
  }
}

/** Runs the program to its end. */
export const natsgate = (args: readonly string[], env?: Environment, input?: string): Promise<Result> =>
  new Program(args, env, [], input).ended();

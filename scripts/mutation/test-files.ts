import { spawn } from 'node:child_process';
import { existsSync, globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type Reach, reaches, reachOf } from './reach.ts';

type Verdict = 'passed' | 'failed' | 'timed out';
type TestFile = { readonly path: string; readonly ms: number; readonly reach: Reach };

/** A test file that takes longer runs only when no other one fails. */
const SLOW_MS = 8000;
const MEASURE_LIMIT_MS = 300_000;
const LEAST_LIMIT_MS = 20_000;

/** The test files of one copy of the project, each with its time and what it reaches; those that fail are left out. */
export class TestFiles {
  readonly #copy: string;
  readonly #compiled: string;
  readonly #files: TestFile[] = [];
  #endRun = (): void => {};

  /** `compiled`: a folder for Node's compile cache. */
  constructor(copy: string, compiled: string) {
    this.#copy = copy;
    this.#compiled = compiled;
  }

  /** Measures each file that `pattern` names, which takes as long as they take; what `kept` has already is taken. */
  async measure(pattern: string, kept: string): Promise<void> {
    for (const path of globSync(pattern, { cwd: this.#copy }).toSorted()) {
      const at = join(kept, `${path}.json`);
      mkdirSync(dirname(at), { recursive: true });
      if (!existsSync(at)) writeFileSync(at, JSON.stringify(await this.#measured(path)));
      const file = JSON.parse(readFileSync(at, 'utf8')) as TestFile | null;
      if (file !== null) this.#files.push(file);
    }
  }

  async #measured(path: string): Promise<TestFile | null> {
    const folder = mkdtempSync(join(tmpdir(), 'natsgate-reach-'));
    const start = performance.now();
    // Code out of a cache is counted less exactly.
    const env = { NODE_V8_COVERAGE: folder, NODE_DISABLE_COMPILE_CACHE: '1' };
    const verdict = await this.#run(path, MEASURE_LIMIT_MS, env);
    const ms = Math.round(performance.now() - start);
    console.log(`${path} ${verdict} ${ms} ms`);
    const reach = reachOf(folder, this.#copy);
    rmSync(folder, { recursive: true, force: true });
    return verdict === 'passed' ? { path, ms, reach } : null;
  }

  /** What notices that `file` is another one at `place`; files beside it are asked first, slow ones last. */
  async noticing(file: string, place: number): Promise<string | undefined> {
    const isBeside = ({ path }: TestFile): boolean => file.startsWith(`src/${dirname(path).slice(5)}/`);
    const rank = (test: TestFile): number => {
      if (test.path === file.replace(/^src(.*)\.ts$/, 'test$1.test.ts')) return 0;
      if (test.ms > SLOW_MS) return 3;
      return isBeside(test) ? 1 : 2;
    };
    const asked = this.#files
      .filter(({ reach }) => reaches(reach, file, place))
      .toSorted((a, b) => rank(a) - rank(b) || a.ms - b.ms);
    for (const test of asked) {
      const limitMs = Math.max(LEAST_LIMIT_MS, test.ms * 4);
      const again = (): Promise<Verdict> =>
        this.#run(test.path, limitMs, { NODE_COMPILE_CACHE: this.#compiled });
      let verdict = await again();
      // Tests of the whole program wait for more than one process: what fails by chance must not count.
      if (verdict === 'failed' && !isBeside(test)) verdict = await again();
      if (verdict !== 'passed') return `${test.path} ${verdict}`;
    }
    return undefined;
  }

  /** Ends a test that runs. */
  end(): void {
    this.#endRun();
  }

  /** Until the file ends, one test fails, or `limitMs` are over. */
  #run(path: string, limitMs: number, env: NodeJS.ProcessEnv): Promise<Verdict> {
    const child = spawn(process.execPath, ['--test-reporter=tap', path], {
      cwd: this.#copy,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'ignore'],
      // The leader of a group, so that what a test started ends with it.
      detached: true,
    });
    const end = (): void => {
      try {
        process.kill(-child.pid!, 'SIGKILL');
      } catch {
        // The whole group has ended.
      }
    };
    this.#endRun = end;
    return new Promise((resolve) => {
      let verdict: Verdict | undefined;
      const endAs = (early: Verdict): void => {
        verdict ??= early;
        end();
      };
      const timer = setTimeout(() => endAs('timed out'), limitMs);
      child.stdout.setEncoding('utf8').on('data', (text: string) => {
        if (/^\s*not ok /m.test(text)) endAs('failed');
      });
      child.once('exit', (code) => {
        clearTimeout(timer);
        end();
        resolve(verdict ?? (code === 0 ? 'passed' : 'failed'));
      });
    });
  }
}

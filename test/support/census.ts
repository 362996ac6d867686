import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { EngineName } from '../../src/config/config.ts';
import type { ConfigOverrides } from './config.ts';

/** What a gateway process holds, right after a full collection. */
export type Census = {
  readonly port: number;
  readonly sessions: number;
  /** Sessions with bytes that a side has not taken yet. */
  readonly stalledSessions: number;
  readonly freeSlots: number;
  readonly pendingDeadlines: number;
  /** That were made since `watchTimers`, and have neither run out nor been cleared. */
  readonly timers: number;
  readonly heapBytes: number;
  readonly externalBytes: number;
  readonly bufferBytes: number;
  /** Just before the collection: with the buffers that nobody refers to any more. */
  readonly uncollectedBufferBytes: number;
  /** Since the start of the process, on the JavaScript heap. */
  readonly allocatedBytes: number;
};

/** The space for new objects is large enough for a test to be over before it is full, so that nothing is collected early. */
const FLAGS = ['--expose-gc', '--min-semi-space-size=16'];
const PROGRAM = join(import.meta.dirname, 'census-process.ts');
const TIMEOUT_MS = 20_000;

/** A gateway in a process of its own that answers what it holds; its deadlines never pass. */
export class CensusProcess implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly port: number;

  private constructor(child: ChildProcess, port: number) {
    this.#child = child;
    this.port = port;
  }

  static async start(
    upstreamPort: number,
    engine: EngineName,
    overrides: ConfigOverrides = {},
  ): Promise<CensusProcess> {
    // The flags of the test runner are not for it.
    const env = { ...process.env, NODE_OPTIONS: '', NODE_TEST_CONTEXT: undefined };
    const child = fork(PROGRAM, [String(upstreamPort), JSON.stringify({ engine, ...overrides })], {
      execArgv: FLAGS,
      env,
    });
    try {
      return new CensusProcess(child, (await answer(child)).port);
    } catch (error) {
      child.kill('SIGKILL');
      throw error;
    }
  }

  async take(): Promise<Census> {
    this.#child.send('census');
    return answer(this.#child);
  }

  async watchTimers(): Promise<void> {
    this.#child.send('watch timers');
    await answer(this.#child);
  }

  /** The first census that `holds`. */
  async until(holds: (census: Census) => boolean): Promise<Census> {
    const deadlineMs = performance.now() + TIMEOUT_MS;
    for (;;) {
      const census = await this.take();
      if (holds(census)) return census;
      if (performance.now() > deadlineMs) throw new Error(`still ${JSON.stringify(census)}`);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const closed = once(this.#child, 'close');
    this.#child.kill('SIGKILL');
    await closed;
  }
}

async function answer(child: ChildProcess): Promise<Census> {
  const [message] = (await once(child, 'message', { signal: AbortSignal.timeout(TIMEOUT_MS) })) as [Census];
  return message;
}

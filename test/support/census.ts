import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import type { EngineName } from '../../src/config/config.ts';
import type { ConfigOverrides } from './config.ts';

/** What can be seen without a collection. */
export type Look = {
  readonly sessions: number;
  /** Sessions with bytes that a side has not taken yet. */
  readonly stalledSessions: number;
};

/** What a gateway process holds, right after a full collection. */
export type Census = Look & {
  readonly port: number;
  readonly adminPort: number;
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

/**
 * The space for new objects is large enough for a test to be over before it is full, so that nothing is collected early.
 * Compiled code stays: giving it up in the middle would hide what a session holds.
 */
const FLAGS = ['--expose-gc', '--min-semi-space-size=16', '--no-flush-bytecode'];
const PROGRAM = join(import.meta.dirname, 'census-process.ts');
const TIMEOUT_MS = 180_000;
const POLL_MS = 25;

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
      return new CensusProcess(child, (await answer<Census>(child)).port);
    } catch (error) {
      child.kill('SIGKILL');
      throw error;
    }
  }

  take(): Promise<Census> {
    return this.#ask('census');
  }

  async watchTimers(): Promise<void> {
    await this.#ask('watch timers');
  }

  /** Waits until the process looks as it should. */
  async looks(asItShould: (look: Look) => boolean): Promise<void> {
    await this.#poll('look', asItShould);
  }

  /** A census, when the process looks as it should. */
  async when(asItShould: (look: Look) => boolean): Promise<Census> {
    await this.looks(asItShould);
    return this.take();
  }

  /** The first census that `holds`, each after one collection only. */
  until(holds: (census: Census) => boolean): Promise<Census> {
    return this.#poll('again', holds);
  }

  async #poll<Answer>(question: string, holds: (answer: Answer) => boolean): Promise<Answer> {
    const deadlineMs = performance.now() + TIMEOUT_MS;
    for (;;) {
      const found = await this.#ask<Answer>(question);
      if (holds(found)) return found;
      if (performance.now() > deadlineMs) throw new Error(`still ${JSON.stringify(found)}`);
      await wait(POLL_MS);
    }
  }

  async #ask<Answer>(question: string): Promise<Answer> {
    this.#child.send(question);
    return answer(this.#child);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = once(this.#child, 'exit');
    // It exits by itself, and so leaves its compiled code in the cache for the next one.
    this.#child.disconnect();
    await exited;
  }
}

async function answer<Answer>(child: ChildProcess): Promise<Answer> {
  const [message] = (await once(child, 'message', { signal: AbortSignal.timeout(TIMEOUT_MS) })) as [Answer];
  return message;
}

import { EventEmitter, once } from 'node:events';
import { type Gateway, type GatewayOptions, startGateway } from '../../src/gateway.ts';
import { createLog } from '../../src/log.ts';
import { SendQueues } from '../../src/net/send-queues.ts';
import { TimerWheel } from '../../src/timer-wheel.ts';
import { type ConfigOverrides, testConfig } from './config.ts';

export type LogLine = Readonly<Record<string, unknown>> & { readonly message: string };

export type TestGateway = AsyncDisposable & {
  readonly gateway: Gateway;
  readonly port: number;
  readonly adminPort: number;
  readonly log: LogCapture;
  /** Session time stands still but for this; each step also lets pending socket events run. */
  advance(ms: number): void;
};

/** A gateway in this process on free ports whose session deadlines only pass when the test says so. */
export async function startTestGateway(
  upstreamPort: number,
  overrides: ConfigOverrides = {},
  options: Partial<GatewayOptions> = {},
): Promise<TestGateway> {
  const log = new LogCapture();
  const timerWheel = new TimerWheel();
  // What holds only while the clock is near zero holds nowhere else.
  timerWheel.advance(Math.random() * 3_600_000);
  const config = testConfig(upstreamPort, overrides);
  const gateway = await startGateway(config, {
    log: createLog(config.log, log),
    timerWheel,
    // Time passes faster here than the kernel can be asked.
    sendQueues: new SendQueues([]),
    ...options,
  });
  return {
    gateway,
    port: gateway.address.port,
    adminPort: gateway.adminAddress.port,
    log,
    advance: (ms) => timerWheel.advance(ms),
    [Symbol.asyncDispose]: () => gateway.stop(),
  };
}

/**
 * Turns the clock of the sessions, `stepMs` at a time, until `holds`; milliseconds that it took. What the kernel does
 * meanwhile counts as progress of a session, so a single step over a limit need not reach it.
 */
export async function turnUntil(
  gateway: Pick<TestGateway, 'advance'>,
  holds: () => boolean,
  stepMs = 250,
): Promise<number> {
  const deadline = AbortSignal.timeout(180_000);
  let ms = 0;
  for (; !holds(); ms += stepMs) {
    deadline.throwIfAborted();
    gateway.advance(stepMs);
    await new Promise((resolve) => setImmediate(resolve));
  }
  return ms;
}

/** Collects log lines and lets a test wait for one. */
export class LogCapture extends EventEmitter {
  readonly lines: LogLine[] = [];
  readonly text: string[] = [];

  write(line: string): void {
    this.text.push(line);
    this.lines.push(JSON.parse(line) as LogLine);
    this.emit('line');
  }

  /** The first line, past or future, that `matches`. */
  async find(matches: (line: LogLine) => boolean): Promise<LogLine> {
    for (let from = 0; ; ) {
      for (; from < this.lines.length; from++) {
        const line = this.lines[from];
        if (line !== undefined && matches(line)) return line;
      }
      await once(this, 'line', { signal: AbortSignal.timeout(30_000) });
    }
  }

  ended(): Promise<LogLine> {
    return this.find((line) => line.message === 'session ended');
  }
}

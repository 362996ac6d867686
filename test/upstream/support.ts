import { EventEmitter } from 'node:events';
import { BufferPool } from '../../src/bytes/buffer-pool.ts';
import type { UpstreamConfig, UpstreamServer } from '../../src/config/config.ts';
import type { Log } from '../../src/log.ts';
import { Places } from '../../src/places.ts';
import type { ConnectOptions, DialContext, DialTarget, Upstream } from '../../src/upstream/connection.ts';
import { DialError, type DialFailure } from '../../src/upstream/dial-error.ts';
import type { HealthAnswer, HealthProbe } from '../../src/upstream/health.ts';
import { UpstreamPool } from '../../src/upstream/pool.ts';
import type { System } from '../../src/upstream/system.ts';

/** Lets everything run that promises have set going. */
export const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

export class ManualSystem implements System {
  #nowMs = 0;
  readonly #timers = new Set<{ readonly atMs: number; readonly call: () => void }>();
  readonly lookups: string[] = [];
  /** Answers of the next lookups; without any, lookups hang. */
  readonly answers = new Map<string, readonly string[] | Error>();
  /** What `random` says. */
  chance = 0;

  nowMs(): number {
    return this.#nowMs;
  }
  readonly random = (): number => this.chance;
  after(delayMs: number, call: () => void): () => void {
    const timer = { atMs: this.#nowMs + delayMs, call };
    this.#timers.add(timer);
    return () => this.#timers.delete(timer);
  }
  async resolve(host: string): Promise<readonly string[]> {
    this.lookups.push(host);
    const answer = this.answers.get(host);
    if (answer === undefined) return new Promise(() => {});
    if (answer instanceof Error) throw answer;
    return answer;
  }

  /** The process stands still: time passes, nothing is called. */
  freeze(ms: number): void {
    this.#nowMs += ms;
  }

  get timers(): number {
    return this.#timers.size;
  }

  /** Moves the clock, calls what falls due in order, and lets promises run between. */
  async advance(ms: number): Promise<void> {
    const untilMs = this.#nowMs + ms;
    for (;;) {
      await turn();
      const due = [...this.#timers].filter((timer) => timer.atMs <= untilMs);
      const [first] = due.toSorted((one, other) => one.atMs - other.atMs);
      if (first === undefined) break;
      this.#timers.delete(first);
      this.#nowMs = Math.max(this.#nowMs, first.atMs);
      first.call();
    }
    this.#nowMs = untilMs;
    await turn();
  }
}

export class FakeSocket extends EventEmitter {
  destroyed = false;
  destroy(): void {
    if (this.destroyed) return;
    this.destroyed = true;
    this.emit('close');
  }
}

export type Behaviour = 'speaks' | 'lame' | 'silent' | 'fault' | { readonly after: number } | DialFailure;

/** Servers that behave as a test says, by address; attempts are written down. */
export class FakeServers {
  readonly behaviour = new Map<string, Behaviour>();
  readonly attempts: string[] = [];
  readonly sockets: FakeSocket[] = [];
  readonly connects: string[] = [];
  inFlight = 0;
  readonly #tools: ManualSystem;

  constructor(tools: ManualSystem) {
    this.#tools = tools;
  }

  connect = (target: DialTarget, { dialTimeoutMs, signal }: ConnectOptions): Promise<Upstream> => {
    this.attempts.push(target.address);
    this.inFlight++;
    const { promise, resolve, reject } = Promise.withResolvers<Upstream>();
    const behaviour = this.behaviour.get(target.address) ?? 'speaks';
    const speak = (): void => {
      const socket = new FakeSocket();
      this.sockets.push(socket);
      resolve({
        socket,
        server: target,
        info: { ldm: behaviour === 'lame' },
      } as unknown as Upstream);
    };
    const fail = (outcome: DialFailure): void =>
      reject(new DialError(outcome, target, `${target.name}: ${outcome}`));
    const cancels: (() => void)[] = [];
    if (behaviour === 'speaks' || behaviour === 'lame') speak();
    else if (behaviour === 'fault') reject(new TypeError('a fault'));
    else if (typeof behaviour === 'string' && behaviour !== 'silent') fail(behaviour);
    else {
      cancels.push(this.#tools.after(dialTimeoutMs, () => fail('upstream_timeout')));
      if (behaviour !== 'silent') cancels.push(this.#tools.after(behaviour.after, speak));
    }
    const onAbort = (): void => reject(signal.reason);
    signal.addEventListener('abort', onAbort);
    const over = (): void => {
      this.inFlight--;
      for (const cancel of cancels) cancel();
      signal.removeEventListener('abort', onAbort);
    };
    promise.then(over, over);
    return promise;
  };
}

export class FakeProbe implements HealthProbe {
  answer: HealthAnswer | undefined = { outcome: 'ok', cause: undefined };
  asked = 0;
  closed = false;
  readonly #hung = Promise.withResolvers<HealthAnswer>();
  ask(): Promise<HealthAnswer> {
    this.asked++;
    return this.answer === undefined ? this.#hung.promise : Promise.resolve(this.answer);
  }
  close(): void {
    this.closed = true;
    this.#hung.resolve({ outcome: 'unreachable', cause: 'closed' });
  }
}

export const IN_CLEAR: DialContext = { tls: undefined, proxy: undefined, signs: false };

export const server = (host: string): UpstreamServer => ({ host, port: 4222, name: `${host}:4222` });

export type Bench = ReturnType<typeof bench>;

/** A pool over fakes: servers `hosts` (addresses or names), everything else by default and in the order `first`. */
export function bench(
  hosts: readonly string[],
  overrides: Partial<UpstreamConfig> = {},
  places = new Places(1000),
) {
  const tools = new ManualSystem();
  const servers = new FakeServers(tools);
  const probes = new Map<string, FakeProbe>();
  const lines: { level: string; message: string; fields: Record<string, unknown> }[] = [];
  const say =
    (level: string) =>
    (fields: object, message: string): void => {
      lines.push({ level, message, fields: fields as Record<string, unknown> });
    };
  const log = { debug: say('debug'), info: say('info'), warn: say('warn'), error: say('error') };
  const pool = new UpstreamPool(
    {
      servers: hosts.map(server),
      order: 'first',
      connectTimeoutMs: 1000,
      dialTimeoutMs: 1800,
      health: { urls: [], intervalMs: 5000 },
      readiness: 'process',
      tls: undefined,
      proxyProtocol: 'off',
      proxySigner: undefined,
      ...overrides,
    },
    {
      connect: servers.connect,
      ownContext: IN_CLEAR,
      buffers: new BufferPool({ slots: 1 }),
      observer: { onConnect: (outcome) => servers.connects.push(outcome), onFirstByte: () => {} },
      log: log as unknown as Log,
      places,
      system: tools,
      makeProbe: (_template, _host, address) => {
        const probe = new FakeProbe();
        probes.set(address, probe);
        return probe;
      },
    },
  );
  return { tools, servers, pool, probes, lines, places };
}

/** The address that a dial ended at, or how it failed. */
export async function placed({ pool }: Bench, signal = new AbortController().signal): Promise<string> {
  return pool.dial(signal, IN_CLEAR).then(
    ({ server: target }) => (target as DialTarget).address,
    (error: unknown) => (error instanceof DialError ? error.outcome : String(error)),
  );
}

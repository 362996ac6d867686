import type { UpstreamConfig } from '../config/config.ts';
import type { Log } from '../log.ts';
import { choose } from './choose.ts';
import { DialError, type DialObserver, type DialTarget, type Upstream } from './dial.ts';
import { type HealthProbe, HttpHealthProbe, healthTarget } from './health.ts';
import type { Member } from './member.ts';
import { type Field, Race, type SingleAttempt } from './race.ts';
import { Readiness } from './readiness.ts';
import { PooledServer, type UpstreamServerStatus } from './server.ts';
import type { TlsClient } from './start-tls.ts';
import { spread, systemTools, type Tools } from './tools.ts';

/** How often a gateway whose readiness follows the upstream dials by itself, when no client makes it. */
const PROBE_WHEN_UP_MS = 5000;
const PROBE_WHEN_DOWN_MS = 1000;

export type PoolParts = {
  /** One attempt at one address, on nobody's behalf. */
  readonly attempt: SingleAttempt;
  /** Told of each connect, for the metrics. */
  readonly observer: DialObserver;
  readonly log: Log;
  readonly tools?: Tools;
  /** The pool whose place it takes: whether an upstream answers is not forgotten by it, nor who carries how much. */
  readonly before?: UpstreamPool;
  /** What health checks over https are verified with, now. */
  readonly tls?: () => TlsClient | undefined;
  /** Makes what asks `url`; a test brings its own. */
  readonly makeProbe?: (template: string, host: string, address: string) => HealthProbe;
};

/**
 * The nats-servers that sessions are placed on.
 *
 * ```
 *  configured server ─▶ one member, or one for each address of its name ─▶ choose ─▶ race of attempts ─▶ session
 *                        ▲ marked by failed attempts (backoff), lame-duck INFO, health checks
 * ```
 */
export class UpstreamPool {
  readonly #config: UpstreamConfig;
  readonly #parts: PoolParts;
  readonly #tools: Tools;
  readonly #servers: readonly PooledServer[];
  readonly #serverOf = new WeakMap<Member, PooledServer>();
  readonly #field: Field;
  readonly #readiness: Readiness;
  readonly #closing = new AbortController();
  #members: readonly Member[] = [];
  #lastDialAtMs = Number.NEGATIVE_INFINITY;
  #saidReady: boolean | undefined;
  #dials = 0;
  #retired = false;
  #cancelHealth = (): void => {};
  #cancelProbe = (): void => {};

  /** Nothing is looked up, asked or dialled before `start`. */
  constructor(config: UpstreamConfig, parts: PoolParts) {
    this.#config = config;
    this.#parts = parts;
    this.#tools = parts.tools ?? systemTools;
    const { before } = parts;
    this.#readiness = before === undefined ? new Readiness(this.#tools.nowMs()) : before.#readiness;
    const { urls } = config.health;
    const makeProbe = parts.makeProbe ?? httpProbe(parts.tls);
    const names = new Set<string>();
    const servers: PooledServer[] = [];
    for (const [index, server] of config.servers.entries()) {
      if (names.has(server.name)) continue;
      names.add(server.name);
      const template = urls.length > 1 ? urls[index] : urls[0];
      const probe =
        template === undefined ? undefined : (address: string) => makeProbe(template, server.host, address);
      const known = before?.serverNamed(server.name);
      servers.push(new PooledServer(server, this.#tools, parts.log, probe, () => this.#collect(), known));
    }
    this.#servers = servers;
    this.#collect();
    this.#field = this.#makeField();
  }

  start(): void {
    for (const server of this.#servers) server.addresses?.start();
    if (this.#config.health.urls.length > 0) this.#checkHealth();
    if (this.#config.readiness === 'upstream') this.#probe();
  }

  /**
   * Another pool takes its place: asks for nothing of its own any more, and closes when the last dial is over. Its
   * sessions go on, and count for the servers that both have.
   */
  retire(): void {
    this.#retired = true;
    this.#cancelHealth();
    this.#cancelProbe();
    if (this.#dials === 0) this.close();
  }

  /** Ends lookups, checks and probes of its own. Dials under way end by their own signals. */
  close(): void {
    this.#cancelHealth();
    this.#cancelProbe();
    this.#closing.abort();
    for (const server of this.#servers) server.close();
  }

  /**
   * Connects to a server and waits for its first INFO line, in `dialTimeout` in all: the servers one after the
   * other, beside one another where one is silent. The socket is paused and belongs to the caller, and its server
   * has one session more until it closes. `attempt` may bring what belongs to this client.
   *
   * @throws DialError naming the servers tried; the reason of `signal` when it aborts. No socket is left then.
   */
  async dial(signal: AbortSignal, attempt: SingleAttempt = this.#parts.attempt): Promise<Upstream> {
    this.#dials++;
    try {
      const upstream = await new Race(this.#field, attempt, signal).run();
      this.#dialled(true);
      return upstream;
    } catch (error) {
      if (error instanceof DialError) this.#dialled(false);
      throw error;
    } finally {
      if (--this.#dials === 0 && this.#retired) this.close();
    }
  }

  /** A session on this server was told that it is about to go; whether that is news, its member knows. */
  leaves({ name, address }: DialTarget): void {
    this.serverNamed(name)?.leaves(address);
  }

  /** False only where `readiness` is upstream, and no dial has succeeded for a while. */
  get ready(): boolean {
    return this.#config.readiness === 'process' || this.#readiness.ready(this.#tools.nowMs());
  }

  /** For the pool that takes the place of this one. */
  serverNamed(name: string): PooledServer | undefined {
    return this.#servers.find(({ server }) => server.name === name);
  }

  /** In the order of the configuration, each name once. */
  status(): readonly UpstreamServerStatus[] {
    return this.#servers.map((server) => server.status());
  }

  #collect(): void {
    this.#members = this.#servers.flatMap((server) => {
      for (const member of server.members) this.#serverOf.set(member, server);
      return server.members;
    });
  }

  #makeField(): Field {
    const { order, connectTimeoutMs, dialTimeoutMs } = this.#config;
    const { observer } = this.#parts;
    const tools = this.#tools;
    const names = this.#servers.flatMap(({ addresses }) => addresses ?? []);
    return {
      connectTimeoutMs,
      dialTimeoutMs,
      tools,
      observer,
      next: (tried) => choose(this.#members, tried, order, tools.nowMs(), tools.random),
      hasMore: (tried) => names.length > 0 || this.#members.length > tried.size,
      freshAddresses: () => {
        const lookups = names.flatMap((addresses) => addresses.fresh() ?? []);
        return lookups.length === 0 ? undefined : Promise.race(lookups);
      },
      unresolved: (seconds) =>
        this.#servers.flatMap((server) => server.unresolved(observer.onConnect, seconds) ?? []),
      succeeded: (member, lameDuck) => this.#serverOf.get(member)?.succeeded(member, lameDuck),
      failed: (member, atMs, error) => this.#serverOf.get(member)?.failed(member, atMs, error),
      placed: (member, upstream) => this.#serverOf.get(member)?.placed(member, upstream),
    };
  }

  #dialled(succeeded: boolean): void {
    if (this.#retired) return;
    const nowMs = this.#tools.nowMs();
    this.#lastDialAtMs = nowMs;
    this.#readiness.dialled(succeeded, nowMs);
    this.#sayReady();
  }

  #checkHealth(): void {
    for (const server of this.#servers) server.check();
    const delayMs = spread(this.#config.health.intervalMs, 0.1, this.#tools.random);
    this.#cancelHealth = this.#tools.after(delayMs, () => this.#checkHealth());
  }

  /** Without it, a gateway that is not ready gets no clients, dials nothing and never learns that it could be. */
  #probe(): void {
    const dueMs = this.#readiness.answers ? PROBE_WHEN_UP_MS : PROBE_WHEN_DOWN_MS;
    const again = (): void => {
      if (this.#retired || this.#closing.signal.aborted) return;
      this.#sayReady();
      this.#cancelProbe = this.#tools.after(PROBE_WHEN_DOWN_MS, () => this.#probe());
    };
    if (this.#tools.nowMs() - this.#lastDialAtMs < dueMs) again();
    else {
      this.dial(this.#closing.signal)
        .then(
          (upstream) => upstream.socket.destroy(),
          () => {},
        )
        .then(again, again);
    }
  }

  #sayReady(): void {
    if (this.#config.readiness === 'process' || this.ready === this.#saidReady) return;
    const first = this.#saidReady === undefined;
    this.#saidReady = this.ready;
    if (this.#saidReady) {
      if (!first) this.#parts.log.info({}, 'an upstream answers; ready again');
    } else this.#parts.log.warn({}, 'no upstream answers; not ready (upstream.readiness)');
  }
}

const httpProbe =
  (tls: PoolParts['tls']) =>
  (template: string, host: string, address: string): HealthProbe =>
    new HttpHealthProbe(healthTarget(template, host, address), tls);

import type { BufferPool } from '../bytes/buffer-pool.ts';
import type { UpstreamConfig, UpstreamServer } from '../config/config.ts';
import type { Log } from '../log.ts';
import type { ServerInfo } from '../nats/info.ts';
import type { Places } from '../places.ts';
import { Candidates } from './candidates.ts';
import { connect as connectTo } from './connect.ts';
import type { DialContext, DialObserver, DialTarget, Upstream } from './connection.ts';
import { DialError } from './dial-error.ts';
import type { Endpoint } from './endpoint.ts';
import { type HealthProbe, HttpHealthProbe, healthTarget } from './health.ts';
import { Race, type RaceOptions } from './race.ts';
import { ReadinessProbe } from './readiness-probe.ts';
import { PooledServer, type UpstreamServerStatus } from './server.ts';
import { jitter, realSystem, type System } from './system.ts';

export type PoolParts = {
  /** For dials on the gateway's own behalf, and for health checks over https. */
  readonly ownContext: DialContext;
  readonly buffers: BufferPool;
  /** Called for each connect, for the metrics. */
  readonly observer: DialObserver;
  readonly log: Log;
  /** Connections beside those that sessions have or will have: further attempts, probes, health checks. */
  readonly places: Places;
  /** The pool that this one replaces: it inherits whether an upstream answers, and who carries how many sessions. */
  readonly before?: UpstreamPool;
  // A test brings its own.
  readonly system?: System;
  readonly connect?: typeof connectTo;
  readonly makeProbe?: (template: string, host: string, address: string) => HealthProbe;
};

/** What became of dialling one server. */
export type FirstAnswer = { readonly server: UpstreamServer } & (
  | { readonly address: string; readonly info: ServerInfo; readonly error?: undefined }
  | { readonly error: Error }
);

/**
 * The nats-servers that sessions are placed on.
 *
 * ```
 *  configured server ─▶ one endpoint, or one for each address of its name ─▶ choose ─▶ race of attempts ─▶ session
 *                        ▲ marked by failed attempts (backoff), lame-duck INFO, health checks
 * ```
 */
export class UpstreamPool {
  #ownContext: DialContext;
  readonly #config: UpstreamConfig;
  readonly #parts: PoolParts;
  readonly #system: System;
  readonly #servers: readonly PooledServer[];
  readonly #candidates: Candidates;
  readonly #readiness: ReadinessProbe;
  readonly #closing = new AbortController();
  #endpoints: readonly Endpoint[] = [];
  #dials = 0;
  #retired = false;
  #cancelHealth: (() => void) | undefined;

  /** Nothing is looked up, asked or dialled before `start`. */
  constructor(config: UpstreamConfig, parts: PoolParts) {
    this.#config = config;
    this.#parts = parts;
    this.#ownContext = parts.ownContext;
    this.#system = parts.system ?? realSystem;
    const { before, log, places } = parts;
    this.#readiness = new ReadinessProbe(
      { system: this.#system, log, places, dial: () => this.#dialForReadiness() },
      before === undefined ? undefined : before.#readiness,
    );
    this.#servers = this.#makeServers();
    this.#collectEndpoints();
    this.#candidates = this.#candidatesOf(this.#servers, () => this.#endpoints);
  }

  /** Other certificates, or another signer, for what it dials by itself from now on. */
  renew(ownContext: DialContext): void {
    this.#ownContext = ownContext;
  }

  start(): void {
    for (const server of this.#servers) server.resolver?.start();
    if (this.#config.health.urls.length > 0) this.#checkHealth();
    if (this.#config.readiness === 'upstream') this.#readiness.start();
  }

  /**
   * Another pool takes its place: this one asks nothing by itself any more, and closes when its last dial is over.
   * Its sessions go on, and count for the servers that both have.
   */
  retire(): void {
    this.#retired = true;
    this.#cancelHealth?.();
    this.#readiness.stop();
    if (this.#dials === 0) this.close();
  }

  /** Ends its own lookups, checks and probes. Dials under way end by their own signals. */
  close(): void {
    this.#cancelHealth?.();
    this.#readiness.stop();
    this.#closing.abort();
    for (const server of this.#servers) server.close();
  }

  /**
   * Connects to a server and waits for its first INFO line, in `dialTimeout` in all: one server after the other,
   * overlapping where one is silent. The socket is paused and belongs to the caller, and its server has one session
   * more until it closes. `context`: what belongs to this client.
   *
   * @throws DialError naming the servers tried; the reason of `signal` when it aborts. No socket is left then.
   */
  async dial(signal: AbortSignal, context: DialContext): Promise<Upstream> {
    this.#dials++;
    try {
      const upstream = await this.#race(context, signal).run();
      this.#dialled(true);
      return upstream;
    } catch (error) {
      if (error instanceof DialError) this.#dialled(false);
      throw error;
    } finally {
      if (--this.#dials === 0 && this.#retired) this.close();
    }
  }

  /**
   * Dials each server once, at most `dialTimeout` each, and hangs up. Empty when the pool has been closed meanwhile.
   * Never rejects.
   */
  async dialEach(): Promise<readonly FirstAnswer[]> {
    this.#dials++;
    const answers = await Promise.all(this.#servers.map((server) => this.#dialOnly(server)));
    if (--this.#dials === 0 && this.#retired) this.close();
    if (this.#closing.signal.aborted) return [];
    this.#dialled(answers.some(({ error }) => error === undefined));
    return answers;
  }

  async #dialOnly(only: PooledServer): Promise<FirstAnswer> {
    const { server } = only;
    const { places } = this.#parts;
    const { signal } = this.#closing;
    while (!places.take()) await new Promise<void>((resolve) => places.whenFree(resolve));
    try {
      const candidates = this.#candidatesOf([only], () => only.endpoints);
      const upstream = await this.#race(this.#ownContext, signal, candidates).run();
      upstream.socket.destroy();
      return { server, address: upstream.server.address, info: upstream.info };
    } catch (error) {
      return { server, error: error as Error };
    } finally {
      places.give();
    }
  }

  /** A session on this server got an INFO with `ldm`; the endpoint knows whether that is news. */
  markLameDuck({ name, address }: DialTarget): void {
    this.#serverNamed(name)?.markLameDuck(address);
  }

  /** False only where `readiness` is upstream, and no dial has succeeded for a while. */
  get ready(): boolean {
    return this.#config.readiness === 'process' || this.#readiness.ready;
  }

  /** In the order of the configuration, each name once. */
  status(): readonly UpstreamServerStatus[] {
    return this.#servers.map((server) => server.status());
  }

  #race(context: DialContext, signal: AbortSignal, candidates = this.#candidates): Race {
    const { connectTimeoutMs, dialTimeoutMs } = this.#config;
    const { buffers, observer, places, connect = connectTo } = this.#parts;
    const options: RaceOptions = {
      connectTimeoutMs,
      dialTimeoutMs,
      system: this.#system,
      observer,
      places,
      connectTo: (target, limits, attemptSignal, attemptObserver) =>
        connect(target, { ...context, ...limits, buffers, signal: attemptSignal, observer: attemptObserver }),
    };
    return new Race(candidates, options, signal);
  }

  /** A name that is configured twice is one server. */
  #makeServers(): readonly PooledServer[] {
    const { servers, health } = this.#config;
    const { before, log, places, makeProbe = this.#makeHttpProbe } = this.#parts;
    const parts = { system: this.#system, log, places };
    const made = new Map<string, PooledServer>();
    for (const [index, server] of servers.entries()) {
      if (made.has(server.name)) continue;
      const template = health.urls.length > 1 ? health.urls[index] : health.urls[0];
      const probe =
        template === undefined ? undefined : (address: string) => makeProbe(template, server.host, address);
      const known = before === undefined ? undefined : before.#serverNamed(server.name);
      const onEndpoints = (): void => this.#collectEndpoints();
      made.set(server.name, new PooledServer(server, parts, probe, onEndpoints, known));
    }
    return [...made.values()];
  }

  #serverNamed(name: string): PooledServer | undefined {
    return this.#servers.find(({ server }) => server.name === name);
  }

  #collectEndpoints(): void {
    this.#endpoints = this.#servers.flatMap(({ endpoints }) => endpoints);
  }

  #candidatesOf(servers: readonly PooledServer[], endpoints: () => readonly Endpoint[]): Candidates {
    return new Candidates(servers, endpoints, this.#config.order, this.#system, this.#parts.observer);
  }

  #dialled(succeeded: boolean): void {
    if (!this.#retired) this.#readiness.dialled(succeeded);
  }

  async #dialForReadiness(): Promise<void> {
    const { socket } = await this.dial(this.#closing.signal, this.#ownContext);
    socket.destroy();
  }

  #checkHealth(): void {
    for (const server of this.#servers) server.checkHealth();
    const delayMs = jitter(this.#config.health.intervalMs, 0.1, this.#system.random);
    this.#cancelHealth = this.#system.after(delayMs, () => this.#checkHealth());
  }

  readonly #makeHttpProbe = (template: string, host: string, address: string): HealthProbe =>
    new HttpHealthProbe(healthTarget(template, host, address), () => this.#ownContext.tls);
}

import { isDeepStrictEqual } from 'node:util';
import type { RouteNumbers } from './admin/metric-table.ts';
import type { BufferPool } from './bytes/buffer-pool.ts';
import type { RouteConfig, UpstreamConfig } from './config/config.ts';
import { routesOf } from './config/routes.ts';
import type { OutcomeClass } from './handshake-outcome.ts';
import type { Log } from './log.ts';
import type { Places } from './places.ts';
import { isCutThrough, type Prepared } from './prepare.ts';
import { Traffic } from './session/pipe.ts';
import type { SessionObserver, SessionParts } from './session/session.ts';
import type { TimerWheel } from './timer-wheel.ts';
import type { DialContext, DialObserver } from './upstream/connection.ts';
import { firstDial } from './upstream/first-dial.ts';
import { UpstreamPool } from './upstream/pool.ts';
import type { UpstreamServerStatus } from './upstream/server.ts';
import type { TlsClient } from './upstream/start-tls.ts';
import { type BufferedEngineOptions, bufferedEngine } from './websocket/buffered.ts';
import type { Engine } from './websocket/byte-socket.ts';
import { COMPRESSION_RESULTS, Compression, type CompressionResult } from './websocket/compression.ts';
import { cutThroughEngine } from './websocket/cut-through.ts';
import type { FrameCounters } from './websocket/frame-counters.ts';

/** What sessions of one route are made of. A session keeps the one that it began with. */
export type Route = {
  readonly config: RouteConfig;
  /** undefined: in clear. */
  readonly tls: TlsClient | undefined;
  readonly engine: Engine;
  /** undefined: off. */
  readonly compression: Compression | undefined;
  readonly upstreams: UpstreamPool;
  readonly sessionParts: SessionParts;
};

/** What all routes share, and what outlives a reload. */
export type RouteParts = {
  readonly log: Log;
  readonly pool: BufferPool;
  readonly wheel: TimerWheel;
  readonly frames: FrameCounters;
  readonly sessionObserver: SessionObserver;
  readonly held: SessionParts['held'];
  readonly queues: SessionParts['queues'];
  /** Connections to upstreams beside those of sessions. */
  readonly dialPlaces: Places;
  readonly totals: RouteTotals;
  /** For dials on the gateway's own behalf. */
  ownContext(route: Route): DialContext;
  /** `upstream`: the name of the route that has it as its own. */
  dialObserver(upstream: string): DialObserver;
};

/** Numbers by route, also of those that a reload took away while they had sessions. No sum ever falls. */
export class RouteTotals {
  readonly #traffic = new Map<string, Traffic>();
  readonly #answers = new Map<string, Record<OutcomeClass, number>>();
  #compressions: Compression[] = [];
  /** Of routes that are forgotten. */
  readonly #gone = new Traffic();
  readonly #goneResults = new Map<CompressionResult, number>();

  trafficOf(route: string): Traffic {
    const known = this.#traffic.get(route) ?? new Traffic();
    this.#traffic.set(route, known);
    return known;
  }

  /** An opening handshake that was for this route has its answer. */
  answered(route: string, outcome: OutcomeClass): void {
    this.#answersOf(route)[outcome]++;
  }

  add(compression: Compression): void {
    this.#compressions.push(compression);
  }

  get bytes() {
    return {
      to_upstream: this.#sum((one) => one.bytesToUpstream),
      to_client: this.#sum((one) => one.bytesToClient),
    };
  }

  get pauses() {
    return { client: this.#sum((one) => one.clientPauses), upstream: this.#sum((one) => one.upstreamPauses) };
  }

  get pausedNow() {
    return {
      client: this.#sum((one) => one.clientsPausedNow),
      upstream: this.#sum((one) => one.upstreamsPausedNow),
    };
  }

  /** For the metrics: the `running` routes and all that were, with how many `sessions` each has. */
  routes(running: readonly string[], sessions: ReadonlyMap<string, number>): readonly RouteNumbers[] {
    return [...new Set([...running, ...this.#traffic.keys()])].map((name) => {
      const { bytesToUpstream, bytesToClient } = this.trafficOf(name);
      return {
        name,
        sessions: sessions.get(name) ?? 0,
        handshakes: this.#answersOf(name),
        bytes: { to_upstream: bytesToUpstream, to_client: bytesToClient },
      };
    });
  }

  /** Forgets all other routes, but not what they have carried: names that come and go must not pile up. */
  keepOnly(names: ReadonlySet<string>, compressions: ReadonlySet<Compression>): void {
    for (const [name, traffic] of this.#traffic) {
      if (names.has(name)) continue;
      this.#traffic.delete(name);
      this.#answers.delete(name);
      this.#gone.bytesToUpstream += traffic.bytesToUpstream;
      this.#gone.bytesToClient += traffic.bytesToClient;
      this.#gone.clientPauses += traffic.clientPauses;
      this.#gone.upstreamPauses += traffic.upstreamPauses;
    }
    this.#compressions = this.#compressions.filter((one) => {
      if (compressions.has(one) || one.active > 0) return true;
      for (const result of COMPRESSION_RESULTS)
        this.#goneResults.set(result, (this.#goneResults.get(result) ?? 0) + one.results[result]);
      return false;
    });
  }

  get compressedSessions(): number {
    return this.#compressions.reduce((sum, { active }) => sum + active, 0);
  }

  get compressionResults(): Readonly<Record<string, number>> {
    const sum = (result: CompressionResult): number =>
      this.#compressions.reduce(
        (total, { results }) => total + results[result],
        this.#goneResults.get(result) ?? 0,
      );
    return Object.fromEntries(COMPRESSION_RESULTS.map((result) => [result, sum(result)]));
  }

  #answersOf(route: string): Record<OutcomeClass, number> {
    const known = this.#answers.get(route) ?? { accepted: 0, client_fault: 0, server_fault: 0 };
    this.#answers.set(route, known);
    return known;
  }

  #sum(value: (one: Traffic) => number): number {
    let sum = value(this.#gone);
    for (const one of this.#traffic.values()) sum += value(one);
    return sum;
  }
}

/** What ws may take longer than our own deadlines before it destroys a closing socket by itself. */
const CLOSE_FENCE_MARGIN_MS = 5000;

/**
 * The routes of one configuration. Whatever of `before` is configured as it was goes on in it: a pool remembers its
 * servers, an engine its WebAssembly module, compression its sessions.
 */
export class Routes {
  readonly #routes = new Map<string, Route>();
  readonly #made: Made = nothingMade();
  readonly #parts: RouteParts;

  constructor(prepared: Prepared, parts: RouteParts, before?: Routes) {
    this.#parts = parts;
    const { timeouts } = prepared.config;
    const kept = before === undefined ? nothingMade() : before.#made;
    for (const config of routesOf(prepared.config)) {
      const { upstream, limits } = config;
      const pool = this.#poolFor(config, kept);
      this.#routes.set(config.name, {
        config,
        tls: upstream.tls && prepared.tlsClients.get(upstream.tls),
        engine: this.#engineFor(prepared, config, kept),
        compression: this.#compressionFor(prepared, config, kept),
        upstreams: pool.upstreams,
        sessionParts: {
          pool: parts.pool,
          wheel: parts.wheel,
          limits: { ...timeouts, sessionAgeMs: limits.sessionAgeMs },
          traffic: parts.totals.trafficOf(config.name),
          observer: parts.sessionObserver,
          held: parts.held,
          queues: parts.queues,
        },
      });
    }
  }

  get(name: string): Route | undefined {
    return this.#routes.get(name);
  }

  get names(): readonly string[] {
    return [...this.#routes.keys()];
  }

  get compressions(): ReadonlySet<Compression> {
    return new Set(this.#made.compressions.values());
  }

  /** Named as the routes that have them as their own. */
  get upstreams(): readonly string[] {
    return [...this.#made.pools.keys()];
  }

  /** Starts the pools that `before` does not have, and takes over the others. */
  start(before?: Routes): void {
    for (const [name, { upstreams }] of this.#made.pools) {
      const route = this.#routes.get(name);
      if (route !== undefined) upstreams.ownContext = this.#parts.ownContext(route);
    }
    for (const { upstreams } of this.#without(before)) upstreams.start();
  }

  /** Dials each server of the pools that `before` does not have once, and logs what became of it. Never rejects. */
  async firstDial(before?: Routes): Promise<void> {
    const fresh = new Set(this.#without(before));
    const named = [...this.#made.pools].filter(([, pool]) => fresh.has(pool));
    const { log } = this.#parts;
    const isOnly = this.#made.pools.size === 1;
    await Promise.all(
      named.map(([upstream, pool]) => firstDial(pool.upstreams, isOnly ? {} : { upstream }, log)),
    );
  }

  /** Others run now: ends what they have not taken over, each pool when its last dial is over. */
  retire(by: Routes): void {
    for (const { upstreams } of this.#without(by)) upstreams.retire();
  }

  #without(others: Routes | undefined): readonly Pool[] {
    const theirs = others === undefined ? [] : [...others.#made.pools.values()];
    return [...this.#made.pools.values()].filter(
      ({ upstreams }) => !theirs.some((pool) => pool.upstreams === upstreams),
    );
  }

  close(): void {
    for (const { upstreams } of this.#made.pools.values()) upstreams.close();
  }

  /** Those whose readiness follows their upstream say yes. */
  get ready(): boolean {
    return [...this.#made.pools.values()].every(({ upstreams }) => upstreams.ready);
  }

  /** Every server with the upstream that it is in, which has the name of its route. */
  servers(): readonly (UpstreamServerStatus & { readonly upstream: string })[] {
    return [...this.#made.pools].flatMap(([upstream, pool]) =>
      pool.upstreams.status().map((status) => ({ ...status, upstream })),
    );
  }

  #poolFor({ name, upstream }: RouteConfig, kept: Made): Pool {
    for (const pool of this.#made.pools.values()) if (pool.config === upstream) return pool;
    const before = kept.pools.get(name);
    const isSame = before !== undefined && isDeepStrictEqual(ofPool(before.config), ofPool(upstream));
    const pool = isSame ? { ...before, config: upstream } : this.#makePool(name, upstream, before?.upstreams);
    this.#made.pools.set(name, pool);
    return pool;
  }

  #makePool(name: string, config: UpstreamConfig, before: UpstreamPool | undefined): Pool {
    const { dialObserver, log, pool: buffers, dialPlaces: places } = this.#parts;
    const observer = dialObserver(name);
    const upstreams = new UpstreamPool(config, { buffers, observer, log, places, ...(before && { before }) });
    return { config, upstreams };
  }

  /** Routes whose frames are handled alike share one: each cut-through engine has a WebAssembly module of its own. */
  #engineFor(prepared: Prepared, config: RouteConfig, kept: Made): Engine {
    const key = engineKey(prepared, config);
    const { engines } = this.#made;
    const engine = engines.get(key) ?? kept.engines.get(key) ?? this.#makeEngine(prepared, config);
    engines.set(key, engine);
    return engine;
  }

  #makeEngine(prepared: Prepared, config: RouteConfig): Engine {
    const options = this.#bufferedOptions(prepared, config);
    const { cutThrough } = prepared;
    if (cutThrough === undefined || !isCutThrough(prepared)) return bufferedEngine(options);
    const { maxFrameBytes } = config.limits;
    return cutThroughEngine({
      ...options,
      pool: this.#parts.pool,
      maxFrameBytes,
      directReads: cutThrough.directReads,
    });
  }

  #compressionFor(prepared: Prepared, config: RouteConfig, kept: Made): Compression | undefined {
    if (!config.compression.enabled) return undefined;
    // Its cap is that of one route.
    const key = JSON.stringify([config.name, config.compression, engineKey(prepared, config)]);
    const known = kept.compressions.get(key);
    const made = known ?? new Compression(config.compression, this.#bufferedOptions(prepared, config));
    if (known === undefined) this.#parts.totals.add(made);
    this.#made.compressions.set(key, made);
    return made;
  }

  #bufferedOptions({ config }: Prepared, { limits, subprotocols }: RouteConfig): BufferedEngineOptions {
    const { maxFrameBytes: maxMessageBytes, maxSentFrameBytes } = limits;
    const { stallMs, closeMs } = config.timeouts;
    const closeFenceMs = stallMs + closeMs + CLOSE_FENCE_MARGIN_MS;
    const { wheel: clock, frames: counters } = this.#parts;
    return { maxMessageBytes, maxSentFrameBytes, closeFenceMs, clock, counters, subprotocols };
  }
}

type Pool = {
  readonly config: UpstreamConfig;
  readonly upstreams: UpstreamPool;
};

/** What another configuration may take over. */
type Made = {
  readonly engines: Map<string, Engine>;
  readonly compressions: Map<string, Compression>;
  /** By the route that has it as its own; those that inherit an upstream share the pool of the default route. */
  readonly pools: Map<string, Pool>;
};

const nothingMade = (): Made => ({ engines: new Map(), compressions: new Map(), pools: new Map() });

/** What a pool depends on: signer and certificates are others in each configuration, and only connections use them. */
const ofPool = (config: UpstreamConfig) => ({
  ...config,
  proxySigner: undefined,
  tls: config.tls && { ...config.tls, material: undefined },
});

const engineKey = ({ config }: Prepared, { limits, subprotocols }: RouteConfig): string => {
  const { maxFrameBytes, maxSentFrameBytes } = limits;
  const { stallMs, closeMs } = config.timeouts;
  return JSON.stringify([config.engine, stallMs, closeMs, maxFrameBytes, maxSentFrameBytes, subprotocols]);
};

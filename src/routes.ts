import { isDeepStrictEqual } from 'node:util';
import type { BufferPool } from './bytes/buffer-pool.ts';
import type { RouteConfig, UpstreamConfig } from './config/config.ts';
import { routesOf } from './config/routes.ts';
import type { Counters } from './counters.ts';
import type { Log } from './log.ts';
import type { Places } from './places.ts';
import { isCutThrough, type Prepared } from './prepare.ts';
import type { SessionObserver, SessionParts } from './session/session.ts';
import type { ServerSnapshot } from './status.ts';
import type { TimerWheel } from './timer-wheel.ts';
import type { DialContext, DialObserver } from './upstream/connection.ts';
import { firstDial } from './upstream/first-dial.ts';
import { UpstreamPool } from './upstream/pool.ts';
import type { TlsClient } from './upstream/start-tls.ts';
import { type BufferedEngineOptions, bufferedEngine } from './websocket/buffered.ts';
import type { Engine } from './websocket/byte-socket.ts';
import { Compression, type CompressionCounts } from './websocket/compression.ts';
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
  readonly counters: Counters;
  readonly compressionCounts: CompressionCounts;
  /** For dials on the gateway's own behalf. */
  ownContext(route: Route): DialContext;
  /** `upstream`: the name of the route that has it as its own. */
  dialObserver(upstream: string): DialObserver;
};

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
          traffic: parts.counters.addRoute(config.name).traffic,
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
  servers(): readonly ServerSnapshot[] {
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
      maxFrameBytes,
      directReads: cutThrough.directReads,
    });
  }

  #compressionFor(prepared: Prepared, config: RouteConfig, kept: Made): Compression | undefined {
    if (!config.compression.enabled) return undefined;
    // Its cap is that of one route.
    const key = JSON.stringify([config.name, config.compression, engineKey(prepared, config)]);
    const made =
      kept.compressions.get(key) ??
      new Compression(
        config.compression,
        this.#bufferedOptions(prepared, config),
        this.#parts.compressionCounts,
      );
    this.#made.compressions.set(key, made);
    return made;
  }

  #bufferedOptions({ config }: Prepared, { limits, subprotocols }: RouteConfig): BufferedEngineOptions {
    const { maxFrameBytes: maxMessageBytes, maxSentFrameBytes } = limits;
    const { stallMs, closeMs } = config.timeouts;
    const closeFenceMs = stallMs + closeMs + CLOSE_FENCE_MARGIN_MS;
    const { wheel: clock, frames: counters, pool } = this.#parts;
    return { pool, maxMessageBytes, maxSentFrameBytes, closeFenceMs, clock, counters, subprotocols };
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

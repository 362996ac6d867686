import { isDeepStrictEqual } from 'node:util';
import { Authorizer } from './auth/authorizer.ts';
import type { Budget, MemoryLimit } from './budget.ts';
import type { AuthConfig, Config, RatesConfig, RouteConfig, UpstreamConfig } from './config/config.ts';
import { routesOf } from './config/routes.ts';
import type { Parts } from './parts.ts';
import { DEFAULT_ROLE, Roles } from './policy/roles.ts';
import type { PolicyRules } from './policy/rules.ts';
import { isCutThrough, type Prepared } from './prepare.ts';
import { Rates } from './rates/session-rates.ts';
import type { SessionParts } from './session/session-contract.ts';
import type { Running, ServerSnapshot } from './snapshot.ts';
import { dialContext } from './upstream/dial-context.ts';
import { firstDial } from './upstream/first-dial.ts';
import { UpstreamPool } from './upstream/pool.ts';
import type { TlsClient } from './upstream/start-tls.ts';
import { type BufferedEngineOptions, bufferedEngine } from './websocket/buffered.ts';
import type { Engine } from './websocket/byte-socket.ts';
import { Compression } from './websocket/compression.ts';
import { cutThroughEngine } from './websocket/cut-through.ts';

/** What sessions of one route are made of. A session keeps the one that it began with. */
export type Route = {
  readonly config: RouteConfig;
  /** undefined: in clear. */
  readonly tls: TlsClient | undefined;
  readonly engine: Engine;
  /** undefined: off. */
  readonly compression: Compression | undefined;
  readonly upstreams: UpstreamPool;
  /** undefined: nobody is asked who they are. */
  readonly authorizer: Authorizer | undefined;
  /** undefined: clients may say all that the server lets them. */
  readonly roles: Roles | undefined;
  /** undefined: clients may be as fast as they can. */
  readonly rates: Rates | undefined;
  readonly sessionParts: SessionParts;
};

/** An upstream with its pool. Routes that inherit it share the pool. */
type Pool = {
  readonly config: UpstreamConfig;
  readonly tls: TlsClient | undefined;
  readonly upstreams: UpstreamPool;
};

/** What ws may take longer than our own deadlines before it destroys a closing socket by itself. */
const CLOSE_FENCE_MARGIN_MS = 5000;

/**
 * One configuration that runs, or did and still has handshakes: its routes, and the pools that they dial. A pool that
 * is configured as in `before` goes on in its place, and remembers its servers.
 */
export class Runtime implements Running {
  readonly prepared: Prepared;
  readonly #parts: Parts;
  readonly #routes = new Map<string, Route>();
  /** By the route that has it as its own. */
  readonly #pools = new Map<string, Pool>();
  /** Routes that inherit `auth` share what is remembered of tokens. */
  readonly #authorizers = new Map<AuthConfig, Authorizer>();
  /** Likewise of `policy`, and what is compiled. */
  readonly #roles = new Map<PolicyRules, Roles>();
  /** Routes that inherit `rates` count together. */
  readonly #rates = new Map<RatesConfig, Rates>();

  /** Nothing of it runs before `start`. */
  constructor(prepared: Prepared, parts: Parts, before?: Runtime) {
    this.prepared = prepared;
    this.#parts = parts;
    for (const config of routesOf(prepared.config)) {
      this.#routes.set(config.name, this.#makeRoute(config, before));
    }
  }

  get config(): Config {
    return this.prepared.config;
  }

  get budget(): Budget {
    return this.prepared.budget;
  }

  get memoryLimit(): MemoryLimit | undefined {
    return this.prepared.memoryLimit;
  }

  get isCutThrough(): boolean {
    return isCutThrough(this.prepared);
  }

  route(name: string): Route | undefined {
    return this.#routes.get(name);
  }

  get routeNames(): readonly string[] {
    return [...this.#routes.keys()];
  }

  get roleNames(): readonly string[] {
    return [...this.#roles.keys()].flatMap(({ roles }) => [DEFAULT_ROLE, ...roles.map(({ name }) => name)]);
  }

  /** Routes whose clients may say something else than in `other`, or which are there alone. */
  policiesOtherThan(other: Runtime): ReadonlySet<string> {
    const others = [...this.#routes.values()].filter(
      ({ config: { name, policy } }) => !isDeepStrictEqual(policy, other.route(name)?.config.policy),
    );
    return new Set(others.map(({ config }) => config.name));
  }

  /** Named as the routes that have them as their own. */
  get upstreamNames(): readonly string[] {
    return [...this.#pools.keys()];
  }

  /** Why new sessions should go elsewhere; undefined: they are welcome. */
  get notReady(): string | undefined {
    const answers = [...this.#pools.values()].every(({ upstreams }) => upstreams.ready);
    if (!answers) return 'upstream: no nats-server answers';
    const isFull = this.config.limits.readiness === 'capacity' && this.#parts.admission.isFull;
    return isFull ? 'capacity: no session has room' : undefined;
  }

  servers(): readonly ServerSnapshot[] {
    return [...this.#pools].flatMap(([upstream, pool]) =>
      pool.upstreams.status().map((status) => ({ ...status, upstream })),
    );
  }

  /** Starts the pools that `before` does not have, and takes over the others. */
  start(before?: Runtime): void {
    for (const { config, tls, upstreams } of this.#pools.values()) upstreams.renew(dialContext(config, tls));
    for (const { upstreams } of this.#without(before)) upstreams.start();
    for (const authorizer of this.#authorizers.values()) authorizer.start();
    this.#parts.keySets.use([...this.#authorizers.keys()].flatMap(keyUrlsOf));
  }

  /** Dials each server of the pools that `before` does not have once, and logs what became of it. Never rejects. */
  async firstDial(before?: Runtime): Promise<void> {
    const fresh = this.#without(before);
    const isOnly = this.#pools.size === 1;
    const named = [...this.#pools].filter(([, pool]) => fresh.includes(pool));
    await Promise.all(
      named.map(([upstream, pool]) => firstDial(pool.upstreams, isOnly ? {} : { upstream }, this.#parts.log)),
    );
  }

  /** Another one runs now: ends what it has not taken over, each pool when its last dial is over. */
  retire(by: Runtime): void {
    for (const { upstreams } of this.#without(by)) upstreams.retire();
  }

  close(): void {
    for (const { upstreams } of this.#pools.values()) upstreams.close();
    for (const authorizer of this.#authorizers.values()) authorizer.close();
  }

  #without(other: Runtime | undefined): readonly Pool[] {
    const theirs = other === undefined ? [] : [...other.#pools.values()].map(({ upstreams }) => upstreams);
    return [...this.#pools.values()].filter(({ upstreams }) => !theirs.includes(upstreams));
  }

  #makeRoute(config: RouteConfig, before: Runtime | undefined): Route {
    const { pool, wheel, queues, turns, counters, overload: held, sessionObserver: observer } = this.#parts;
    const { timeouts } = this.config;
    const { traffic, compression: counts } = counters.addRoute(config.name);
    const { tls, upstreams } = this.#poolFor(config, before);
    const options = this.#bufferedOptions(config);
    const limits = { ...timeouts, sessionAgeMs: config.limits.sessionAgeMs };
    return {
      config,
      tls,
      engine: this.#makeEngine(config, options),
      compression: config.compression.enabled
        ? new Compression(config.compression, options, counts)
        : undefined,
      upstreams,
      authorizer: config.auth && this.#authorizerOf(config.auth),
      roles: config.policy && this.#rolesOf(config.policy),
      rates: config.rates && this.#ratesOf(config.rates, before),
      sessionParts: { pool, wheel, limits, traffic, observer, held, queues, turns },
    };
  }

  #rolesOf(rules: PolicyRules): Roles {
    const roles = this.#roles.get(rules) ?? new Roles(rules);
    this.#roles.set(rules, roles);
    return roles;
  }

  #authorizerOf(config: AuthConfig): Authorizer {
    const authorizer = this.#authorizers.get(config) ?? new Authorizer(config, this.#parts);
    this.#authorizers.set(config, authorizer);
    return authorizer;
  }

  /** Those of `before` go on, so that a reload is no second burst for everybody. */
  #ratesOf(config: RatesConfig, before: Runtime | undefined): Rates {
    const same = (before === undefined ? [] : [...before.#rates.values()]).find((one) =>
      isDeepStrictEqual(one.config, config),
    );
    const rates = this.#rates.get(config) ?? same ?? new Rates(config);
    this.#rates.set(config, rates);
    return rates;
  }

  #poolFor({ name, upstream: config }: RouteConfig, runtime: Runtime | undefined): Pool {
    for (const pool of this.#pools.values()) if (pool.config === config) return pool;
    const tls = config.tls && this.prepared.tlsClients.get(config.tls);
    const before = runtime === undefined ? undefined : runtime.#pools.get(name);
    const isSame = before !== undefined && isDeepStrictEqual(ofPool(before.config), ofPool(config));
    const upstreams = isSame ? before.upstreams : this.#makePool(name, config, tls, before?.upstreams);
    const pool = { config, tls, upstreams };
    this.#pools.set(name, pool);
    return pool;
  }

  #makePool(
    name: string,
    config: UpstreamConfig,
    tls: TlsClient | undefined,
    before: UpstreamPool | undefined,
  ): UpstreamPool {
    const { log, pool: buffers, dialPlaces: places, recorder } = this.#parts;
    const observer = recorder.dialsOf(name);
    const parts = { buffers, log, places, observer, ownContext: dialContext(config, tls) };
    return new UpstreamPool(config, before === undefined ? parts : { ...parts, before });
  }

  #makeEngine({ limits }: RouteConfig, options: BufferedEngineOptions): Engine {
    const { cutThrough } = this.prepared;
    if (cutThrough === undefined || !this.isCutThrough) return bufferedEngine(options);
    const { pool } = this.#parts;
    const { maxFrameBytes } = limits;
    return cutThroughEngine({ ...options, pool, maxFrameBytes, directReads: cutThrough.directReads });
  }

  #bufferedOptions({ limits, subprotocols }: RouteConfig): BufferedEngineOptions {
    const { maxFrameBytes: maxMessageBytes, maxSentFrameBytes } = limits;
    const { stallMs, closeMs } = this.config.timeouts;
    const closeFenceMs = stallMs + closeMs + CLOSE_FENCE_MARGIN_MS;
    const { wheel: clock, frames: counters, pool } = this.#parts;
    return { pool, maxMessageBytes, maxSentFrameBytes, closeFenceMs, clock, counters, subprotocols };
  }
}

const keyUrlsOf = ({ issuers }: AuthConfig) =>
  issuers.flatMap(({ keys }) => (keys.kind === 'url' ? [keys] : []));

/** What a pool depends on: signer and certificates are others in each configuration, and only connections use them. */
const ofPool = (config: UpstreamConfig) => ({
  ...config,
  proxySigner: undefined,
  tls: config.tls && { ...config.tls, material: undefined },
});

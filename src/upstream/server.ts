import { isIP } from 'node:net';
import type { UpstreamServer } from '../config/config.ts';
import { foreignText, type Log } from '../log.ts';
import type { Places } from '../places.ts';
import type { ConnectOutcome } from './connect-outcome.ts';
import type { Upstream } from './connection.ts';
import { DIAL_FAILURES, DialError, type DialFailure } from './dial-error.ts';
import { Endpoint, type EndpointOwner, SERVER_STATES, type ServerState } from './endpoint.ts';
import { HEALTH_OUTCOMES, type HealthAnswer, type HealthProbe, verdictOf } from './health.ts';
import { HealthChecks } from './health-checks.ts';
import { LOOKUP_OUTCOMES, Resolver } from './resolver.ts';
import { SessionCounts } from './session-counts.ts';
import { StateLog } from './state-log.ts';
import type { System } from './system.ts';

/** What became of one attempt: label values of natsgate_upstream_dials_total. */
const DIAL_OUTCOMES = ['ok', ...DIAL_FAILURES] as const;

/** One server as it is configured, for metrics, the log and the API. */
export type UpstreamServerStatus = {
  readonly name: string;
  readonly state: ServerState;
  /** Connections that carry a session. */
  readonly sessions: number;
  /** Addresses its name has now; 1 for an address. */
  readonly addresses: number;
  /** Milliseconds until its backoff ends; 0: none. */
  readonly retryInMs: number;
  readonly lastError: string | undefined;
  /** Milliseconds since the epoch. */
  readonly lastErrorAtMs: number | undefined;
  readonly dials: Readonly<Record<string, number>>;
  readonly healthChecks: Readonly<Record<string, number>>;
  readonly lookups: Readonly<Record<string, number>>;
  /** How often it announced lame-duck mode. */
  readonly lameDucks: number;
  /** Milliseconds since the epoch, while it is. One that is down may have announced lame-duck mode before. */
  readonly downSinceMs: number | undefined;
  readonly lameDuckSinceMs: number | undefined;
};

/** What all servers of a pool share. */
export type ServerParts = { readonly system: System; readonly log: Log; readonly places: Places };

/** A server of the configuration: one endpoint, or one for each address of its name. */
export class PooledServer implements EndpointOwner {
  readonly server: UpstreamServer;
  /** undefined: its host is an address. */
  readonly resolver: Resolver | undefined;
  readonly #system: System;
  readonly #onEndpoints: () => void;
  readonly #stateLog: StateLog;
  readonly #log: Log;
  readonly #checks: HealthChecks | undefined;
  readonly #sessions: SessionCounts;
  readonly #closers = new WeakMap<Endpoint, () => void>();
  readonly #dials = zeros(DIAL_OUTCOMES);
  readonly #lookups = zeros(LOOKUP_OUTCOMES);
  #endpoints: Endpoint[] = [];
  #lameDucks = 0;
  #lookupFailure: string | undefined;
  #lastError: string | undefined;
  #lastErrorAtMs: number | undefined;
  #downSinceMs: number | undefined;
  #lameDuckSinceMs: number | undefined;

  /**
   * `onEndpoints` is called when the addresses have changed. `before`: the same server in the pool that this one
   * replaces; its sessions are counted here too.
   */
  constructor(
    server: UpstreamServer,
    { system, log, places }: ServerParts,
    makeProbe: ((address: string) => HealthProbe) | undefined,
    onEndpoints: () => void,
    before?: PooledServer,
  ) {
    this.server = server;
    this.#system = system;
    this.#log = log;
    this.#onEndpoints = onEndpoints;
    this.#sessions = before === undefined ? new SessionCounts() : before.#sessions;
    this.#checks =
      makeProbe && new HealthChecks(makeProbe, places, (endpoint, answer) => this.#checked(endpoint, answer));
    this.#stateLog = new StateLog(server.name, log, system, () => ({
      state: this.state,
      sessions: this.#sessions.total,
      lastError: this.#lastError,
    }));
    if (isIP(server.host) !== 0) this.#endpoints = [this.#endpointAt(server.host)];
    else {
      this.resolver = new Resolver(server.host, system, {
        onAddresses: (found) => this.#setAddresses(found),
        onLookup: (outcome, cause) => {
          this.#lookups[outcome] = (this.#lookups[outcome] ?? 0) + 1;
          this.#lookedUp(cause);
        },
      });
    }
  }

  get endpoints(): readonly Endpoint[] {
    return this.#endpoints;
  }

  get state(): ServerState {
    if (this.#endpoints.length === 0) return this.#lookupFailure === undefined ? 'untried' : 'down';
    const states = new Set(this.#endpoints.map((endpoint) => endpoint.state));
    return SERVER_STATES.find((state) => states.has(state)) ?? 'down';
  }

  status(): UpstreamServerStatus {
    const nowMs = this.#system.nowMs();
    const waits = this.#endpoints.map(({ retryAtMs }) => Math.max(0, Math.round(retryAtMs - nowMs)));
    return {
      name: this.server.name,
      state: this.state,
      sessions: this.#sessions.total,
      addresses: this.#endpoints.length,
      retryInMs: waits.length === 0 ? 0 : Math.min(...waits),
      lastError: this.#lastError,
      lastErrorAtMs: this.#lastErrorAtMs,
      dials: this.#dials,
      healthChecks: this.#checks?.counts ?? zeros(HEALTH_OUTCOMES),
      lookups: this.#lookups,
      lameDucks: this.#lameDucks,
      downSinceMs: this.#downSinceMs,
      lameDuckSinceMs: this.#lameDuckSinceMs,
    };
  }

  // EndpointOwner

  succeeded(endpoint: Endpoint, lameDuck: boolean): void {
    this.#count('ok');
    if (lameDuck) this.#countLameDuck();
    endpoint.succeeded(lameDuck, this.#system.nowMs());
    this.#changed();
  }

  failed(endpoint: Endpoint, startedAtMs: number, error: DialError): void {
    this.#count(error.outcome);
    const { address, host } = endpoint.target;
    this.#met(foreignText(address === host ? error.message : `${error.message} (${address})`));
    endpoint.failed(startedAtMs, this.#system.nowMs(), this.#system.random());
    void this.resolver?.fresh();
    this.#changed();
  }

  /** Counts the session until its socket has closed. */
  placed(endpoint: Endpoint, upstream: Upstream): void {
    endpoint.sessions++;
    this.#sessions.total++;
    upstream.socket.on('close', this.#closerOf(endpoint));
  }

  /** A session that it carries got an INFO with `ldm`. */
  markLameDuck(address: string): void {
    const endpoint = this.#endpoints.find(({ target }) => target.address === address);
    if (endpoint?.markLameDuck(this.#system.nowMs()) !== true) return;
    this.#countLameDuck();
    this.#changed();
  }

  /** The failure of a server whose name has no address; undefined when it has one. */
  unresolved(
    onConnect: (outcome: ConnectOutcome, seconds: number) => void,
    seconds: number,
  ): DialError | undefined {
    if (this.#endpoints.length > 0) return undefined;
    const failure = this.#lookupFailure;
    const outcome = failure === undefined ? 'upstream_timeout' : 'upstream_refused';
    onConnect('dns', seconds);
    this.#count(outcome);
    const cause = failure ?? 'its name is not resolved yet';
    return new DialError(outcome, this.server, `${this.server.name}: ${cause}`);
  }

  checkHealth(): void {
    this.#checks?.run(this.#endpoints);
  }

  close(): void {
    this.resolver?.close();
    this.#stateLog.close();
    this.#checks?.close();
  }

  #checked(endpoint: Endpoint, { outcome, cause }: HealthAnswer): void {
    if (cause !== undefined) this.#met(foreignText(cause));
    endpoint.checked(verdictOf(outcome));
    this.#changed();
  }

  #setAddresses(found: readonly string[]): void {
    const known = new Map(this.#endpoints.map((endpoint) => [endpoint.target.address, endpoint]));
    this.#endpoints = found.map((address) => known.get(address) ?? this.#endpointAt(address));
    this.#sessions.keepOnly(found);
    this.#checks?.keepOnly(this.#endpoints);
    this.#onEndpoints();
    this.#changed();
  }

  #lookedUp(failure: string | undefined): void {
    const before = this.#lookupFailure;
    this.#lookupFailure = failure;
    if (failure !== undefined) this.#met(`name lookup: ${failure}`);
    if (before === undefined && failure !== undefined && this.#endpoints.length > 0) {
      const fields = { server: this.server.name, error: failure, addresses: this.#endpoints.length };
      this.#log.warn(fields, 'upstream name not resolved; its last addresses are kept');
    }
    this.#changed();
  }

  #endpointAt(address: string): Endpoint {
    return new Endpoint({ ...this.server, address }, this, this.#sessions.at(address));
  }

  #changed(): void {
    const isLameDuck = this.#endpoints.some((endpoint) => endpoint.isLameDuck);
    this.#downSinceMs = this.state === 'down' ? (this.#downSinceMs ?? Date.now()) : undefined;
    this.#lameDuckSinceMs = isLameDuck ? (this.#lameDuckSinceMs ?? Date.now()) : undefined;
    this.#stateLog.changed();
  }

  #countLameDuck(): void {
    this.#lameDucks++;
    this.#met('its INFO says ldm: it is in lame-duck mode');
  }

  #met(error: string): void {
    this.#lastError = error;
    this.#lastErrorAtMs = Date.now();
  }

  #count(outcome: 'ok' | DialFailure): void {
    this.#dials[outcome] = (this.#dials[outcome] ?? 0) + 1;
  }

  /** One function for all sessions of an endpoint: a session must not cost a closure. */
  #closerOf(endpoint: Endpoint): () => void {
    let closer = this.#closers.get(endpoint);
    if (closer === undefined) {
      closer = () => {
        endpoint.sessions--;
        this.#sessions.total--;
      };
      this.#closers.set(endpoint, closer);
    }
    return closer;
  }
}

const zeros = (names: readonly string[]): Record<string, number> =>
  Object.fromEntries(names.map((name) => [name, 0]));

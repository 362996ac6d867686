import type { UpstreamConfig } from '../config/config.ts';
import { choose } from './choose.ts';
import type { DialObserver } from './connection.ts';
import type { DialError } from './dial-error.ts';
import type { Endpoint } from './endpoint.ts';
import type { PooledServer } from './server.ts';
import type { System } from './system.ts';

/** The endpoints of `servers`, as one dial sees them. */
export class Candidates {
  readonly #servers: readonly PooledServer[];
  readonly #endpoints: () => readonly Endpoint[];
  readonly #order: UpstreamConfig['order'];
  readonly #system: System;
  readonly #observer: DialObserver;

  /** `endpoints`: those of the servers, which change with the addresses of their names. */
  constructor(
    servers: readonly PooledServer[],
    endpoints: () => readonly Endpoint[],
    order: UpstreamConfig['order'],
    system: System,
    observer: DialObserver,
  ) {
    this.#servers = servers;
    this.#endpoints = endpoints;
    this.#order = order;
    this.#system = system;
    this.#observer = observer;
  }

  /** The endpoint to try next, undefined when all that are known were tried. */
  next(tried: ReadonlySet<Endpoint>): Endpoint | undefined {
    return choose(this.#endpoints(), tried, this.#order, this.#system.nowMs(), this.#system.random);
  }

  /** Whether there is, or might be after a lookup, an endpoint beyond the `tried` ones. */
  hasMore(tried: ReadonlySet<Endpoint>): boolean {
    return this.#servers.some(({ resolver }) => resolver) || this.#endpoints().length > tried.size;
  }

  /** Settles when a lookup under way has ended. undefined: nothing is looked up, or not worth it again. */
  freshAddresses(): Promise<void> | undefined {
    const lookups = this.#servers.flatMap(({ resolver }) => resolver?.fresh() ?? []);
    return lookups.length === 0 ? undefined : Promise.race(lookups);
  }

  /** Failures of servers whose name has no address, `seconds` after the dial began. */
  unresolved(seconds: number): readonly DialError[] {
    const { onConnect } = this.#observer;
    return this.#servers.flatMap((server) => server.unresolved(onConnect, seconds) ?? []);
  }
}

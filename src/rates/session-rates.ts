import type { RateLimit, RatesConfig } from '../config/config.ts';
import { RateMeter } from './rate-meter.ts';
import { type Shared, SharedMeters } from './shared-meters.ts';

/** Which reads a limit is about. */
export type ReadSide = 'client' | 'upstream';

/**
 * `shared`: `own` has an equal part of the rate. A session waits for the others only as long as it must wait for itself,
 * so that one that says little goes on, whatever the others do.
 */
type Metered = { readonly limit: RateLimit; readonly own: RateMeter; readonly shared?: Shared };

/** Who a session belongs to. undefined: nobody is known, so what is counted by it has no limit here. */
export type RateKeys = { readonly identity: string | undefined; readonly origin: string | undefined };

/** The rates of all sessions that are limited by one `rates` of the configuration. */
export class Rates {
  readonly config: RatesConfig;
  readonly #shared = new Map<RateLimit, SharedMeters>();

  constructor(config: RatesConfig) {
    this.config = config;
    for (const limit of config.limits)
      if (limit.per === 'identity' || limit.per === 'origin')
        this.#shared.set(limit, new SharedMeters(limit));
  }

  /** To be released when the session has ended. */
  forSession(keys: RateKeys): SessionRates {
    const metered: Metered[] = [];
    const taken: { readonly from: SharedMeters; readonly key: string }[] = [];
    for (const limit of this.config.limits) {
      const from = this.#shared.get(limit);
      if (from === undefined) metered.push({ limit, own: new RateMeter(limit) });
      else {
        const key = limit.per === 'identity' ? keys.identity : keys.origin;
        if (key === undefined) continue;
        taken.push({ from, key });
        metered.push({ limit, own: new RateMeter({ ...limit, burstMs: 0 }), shared: from.take(key) });
      }
    }
    return new SessionRates(this.config, metered, (nowMs) => {
      for (const { from, key } of taken) from.give(key, nowMs);
    });
  }
}

/** What one session may read, by the limits of its own and those that it shares. */
export class SessionRates {
  readonly config: Pick<RatesConfig, 'exceeded' | 'maxDelayMs'>;
  readonly release: (nowMs: number) => void;
  readonly #limits: Readonly<Record<ReadSide, readonly Metered[]>>;

  constructor(config: RatesConfig, metered: readonly Metered[], release: (nowMs: number) => void) {
    this.config = config;
    this.release = release;
    const { client = [], upstream = [] } = Object.groupBy(metered, ({ limit }) => sideOf(limit));
    this.#limits = { client, upstream };
  }

  /** What one read of this side has brought. */
  charge(side: ReadSide, bytes: number, messages: number, nowMs: number): void {
    for (const { limit, own, shared } of this.#limits[side]) {
      const amount = limit.kind === 'bytes' ? bytes : messages;
      shared?.meter.charge(amount, nowMs);
      own.charge(amount * (shared?.users ?? 1), nowMs);
    }
  }

  /** Milliseconds until this side may be read on; 0: now. */
  waitMs(side: ReadSide, nowMs: number): number {
    let longest = 0;
    for (const one of this.#limits[side]) longest = Math.max(longest, waitOf(one, nowMs));
    return longest;
  }

  /** Why it must wait so long. */
  worst(side: ReadSide, nowMs: number): RateLimit | undefined {
    const waitMs = this.waitMs(side, nowMs);
    return this.#limits[side].find((one) => waitOf(one, nowMs) === waitMs)?.limit;
  }
}

const waitOf = ({ own, shared }: Metered, nowMs: number): number =>
  Math.min(own.waitMs(nowMs), shared?.meter.waitMs(nowMs) ?? Number.POSITIVE_INFINITY);

const sideOf = ({ per }: RateLimit): ReadSide => (per === 'toClient' ? 'upstream' : 'client');

import type { RateLimit, RatesConfig } from '../config/config.ts';
import { TICK_MS } from '../timer-wheel.ts';
import { RateMeter } from './rate-meter.ts';
import { type Shared, SharedMeters } from './shared-meters.ts';

/** Which reads a limit is about. */
export type ReadSide = 'client' | 'upstream';
/** Of each kind of limit, how much of it one operation is. */
export type Amounts = Record<RateLimit['kind'], number>;

/**
 * `shared`: `own` has an equal part of the rate. A session waits for the others only as long as it must wait for itself,
 * so that one that says little goes on, whatever the others do.
 */
type Metered = { readonly limit: RateLimit; readonly own: RateMeter; readonly shared?: Shared };

/** Who a session belongs to. undefined: nobody is known, so what is counted by it has no limit here. */
export type RateKeys = { readonly identity: string | undefined; readonly origin: string | undefined };

/** A session whose last refusal is longer ago is not limited any more. */
const RECENT_MS = 5000;

/** The rates of all sessions that are limited by one `rates` of the configuration. */
export class Rates {
  readonly config: RatesConfig;
  readonly #shared = new Map<RateLimit, SharedMeters>();

  constructor(config: RatesConfig) {
    this.config = config;
    for (const limit of config.limits)
      if (limit.per === 'identity' || limit.per === 'origin')
        this.#shared.set(limit, new SharedMeters({ ...limit, burstMs: burstOf(limit, limit.burstMs) }));
  }

  /** To be released when the session has ended. */
  forSession(keys: RateKeys): SessionRates {
    const metered: Metered[] = [];
    const taken: { readonly from: SharedMeters; readonly key: string }[] = [];
    for (const limit of this.config.limits) {
      const from = this.#shared.get(limit);
      const own = (burstMs: number) => new RateMeter({ ...limit, burstMs: burstOf(limit, burstMs) });
      if (from === undefined) metered.push({ limit, own: own(limit.burstMs) });
      else {
        const key = limit.per === 'identity' ? keys.identity : keys.origin;
        if (key === undefined) continue;
        taken.push({ from, key });
        metered.push({ limit, own: own(0), shared: from.take(key) });
      }
    }
    return new SessionRates(this.config, metered, (nowMs) => {
      for (const { from, key } of taken) from.give(key, nowMs);
    });
  }
}

/** The clock moves in steps. Of what is refused, and not only read later, all of one step may come at once. */
const burstOf = ({ exceeded }: RateLimit, burstMs: number): number =>
  exceeded === 'error' ? Math.max(burstMs, TICK_MS) : burstMs;

/** What one session may say and read, by the limits of its own and those that it shares. */
export class SessionRates {
  readonly config: Pick<RatesConfig, 'maxDelayMs'>;
  readonly release: (nowMs: number) => void;
  readonly #limits: Readonly<Record<ReadSide | 'operations', readonly Metered[]>>;
  #refusal: { readonly limit: RateLimit; readonly sinceMs: number; lastMs: number } | undefined;

  constructor(
    config: Pick<RatesConfig, 'maxDelayMs'>,
    metered: readonly Metered[],
    release: (nowMs: number) => void,
  ) {
    this.config = config;
    this.release = release;
    const {
      client = [],
      upstream = [],
      operations = [],
    } = Object.groupBy(metered, ({ limit }) => placeOf(limit));
    this.#limits = { client, upstream, operations };
  }

  /** What one read of this side has brought. */
  charge(side: ReadSide, bytes: number, messages: number, nowMs: number): void {
    for (const one of this.#limits[side]) chargeTo(one, one.limit.kind === 'bytes' ? bytes : messages, nowMs);
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

  /** Each operation of a limited kind must be asked for by `refusal`. */
  judges(kind: RateLimit['kind']): boolean {
    return this.#limits.operations.some(({ limit }) => limit.kind === kind);
  }

  /** The limit for which an operation must not pass now; undefined: it may, and is to be charged. */
  refusal(amounts: Amounts, nowMs: number): RateLimit | undefined {
    for (const one of this.#limits.operations) {
      const { limit } = one;
      if (amounts[limit.kind] === 0 || waitOf(one, nowMs) === 0) continue;
      if (this.refusing(nowMs) === undefined) this.#refusal = { limit, sinceMs: nowMs, lastMs: nowMs };
      else if (this.#refusal !== undefined) this.#refusal.lastMs = nowMs;
      return limit;
    }
    return undefined;
  }

  /** An operation that passes. */
  chargeOperation(amounts: Amounts, nowMs: number): void {
    for (const one of this.#limits.operations) chargeTo(one, amounts[one.limit.kind], nowMs);
  }

  /** The limit for which operations are refused now, and for how long already; undefined: none are. */
  refusing(nowMs: number): { readonly limit: RateLimit; readonly seconds: number } | undefined {
    const refusal = this.#refusal;
    if (refusal === undefined || nowMs - refusal.lastMs > RECENT_MS) return undefined;
    return { limit: refusal.limit, seconds: (nowMs - refusal.sinceMs) / 1000 };
  }
}

function chargeTo({ own, shared }: Metered, amount: number, nowMs: number): void {
  shared?.meter.charge(amount, nowMs);
  own.charge(amount * (shared?.users ?? 1), nowMs);
}

const waitOf = ({ own, shared }: Metered, nowMs: number): number =>
  Math.min(own.waitMs(nowMs), shared?.meter.waitMs(nowMs) ?? Number.POSITIVE_INFINITY);

/** Before an operation may pass, or after a read. */
function placeOf({ exceeded, per }: RateLimit): ReadSide | 'operations' {
  if (exceeded === 'error') return 'operations';
  return per === 'toClient' ? 'upstream' : 'client';
}

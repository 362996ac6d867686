import { KeyRates } from './key-rates.ts';

/** For one key: a client address, or an identity. 0: no limit. */
export type QuotaLimits = { readonly sessions: number; readonly handshakesPerSecond: number };

export type QuotaRefusal = 'too_many_sessions' | 'too_many_handshakes';

/**
 * Sessions and handshakes of each key, up to the same limits for all. A key is in the tables while it has sessions, or
 * has spent tokens, and no longer; so the total caps and rates bound them. Sessions count without a limit too, since a
 * reload may bring one.
 */
export class Quota {
  #limits: QuotaLimits;
  #rates: KeyRates;
  readonly #sessions = new Map<string, number>();

  constructor(limits: QuotaLimits) {
    this.#limits = limits;
    this.#rates = new KeyRates(limits.handshakesPerSecond);
  }

  /** A rate that stays the same goes on where it was, or each change would give another burst. */
  configure(limits: QuotaLimits): void {
    const before = this.#limits;
    this.#limits = limits;
    if (limits.handshakesPerSecond !== before.handshakesPerSecond)
      this.#rates = new KeyRates(limits.handshakesPerSecond);
  }

  /** Entries of the tables; for tests of their bounds. */
  get tracked(): { readonly sessions: number; readonly rates: number } {
    return { sessions: this.#sessions.size, rates: this.#rates.size };
  }

  /** Why not one more; undefined: it may come in. Changes nothing. */
  refusal(key: string, nowMs: number): QuotaRefusal | undefined {
    const { sessions } = this.#limits;
    if (sessions > 0 && (this.#sessions.get(key) ?? 0) >= sessions) return 'too_many_sessions';
    return this.#rates.has(key, nowMs) ? undefined : 'too_many_handshakes';
  }

  /** Counts one more, where there was no refusal. The caller releases it. */
  take(key: string, nowMs: number): void {
    this.#rates.take(key, nowMs);
    addTo(this.#sessions, key, 1);
  }

  release(key: string): void {
    addTo(this.#sessions, key, -1);
  }
}

/** A count that comes to nothing leaves no entry. */
export function addTo(counts: Map<string, number>, key: string, by: 1 | -1): void {
  const sum = (counts.get(key) ?? 0) + by;
  if (sum > 0) counts.set(key, sum);
  else counts.delete(key);
}

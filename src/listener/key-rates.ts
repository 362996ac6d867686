import { TokenBucket } from '../net/token-bucket.ts';

/** About 10 MB when full. */
const MAX_KEYS = 65_536;

/** Full buckets forgotten for each one that is used: more than one, so that the table shrinks after a wave. */
const FORGOTTEN_PER_TAKE = 2;

/**
 * A token bucket for each key, a client address or an identity, in a table of bounded size, least recently used first.
 *
 * A key that is unknown has a full bucket, so a bucket that filled up again (two seconds after its last
 * use) can be forgotten without loss. Only when more keys than the table holds come within these two
 * seconds is a bucket forgotten too early, and its key gets a second burst: the price of a bound. The
 * total rate, checked beside this one, keeps that theoretical unless it is set above 30 000 a second.
 */
export class KeyRates {
  readonly #perSecond: number;
  readonly #maxKeys: number;
  readonly #buckets = new Map<string, TokenBucket>();

  /** A rate of 0 means no limit, and nothing is kept. */
  constructor(perSecond: number, maxKeys: number = MAX_KEYS) {
    this.#perSecond = perSecond;
    this.#maxKeys = maxKeys;
  }

  /** Keys with a bucket. */
  get size(): number {
    return this.#buckets.size;
  }

  /** True when the key may come in now. Changes nothing. */
  has(key: string, nowMs: number): boolean {
    return this.#perSecond === 0 || (this.#buckets.get(key)?.has(nowMs) ?? true);
  }

  /** Takes a token of the key; call it only where `has` was true. */
  take(key: string, nowMs: number): void {
    if (this.#perSecond === 0) return;
    const bucket = this.#buckets.get(key) ?? new TokenBucket(this.#perSecond, nowMs);
    bucket.take(nowMs);
    this.#buckets.delete(key);
    this.#forget(nowMs);
    this.#buckets.set(key, bucket);
  }

  /** Makes room for one more. A Map keeps its order of insertion, so its first keys are the oldest. */
  #forget(nowMs: number): void {
    let forgotten = 0;
    for (const [key, bucket] of this.#buckets) {
      const full = this.#buckets.size >= this.#maxKeys;
      if (!full && (forgotten === FORGOTTEN_PER_TAKE || !bucket.isFull(nowMs))) return;
      this.#buckets.delete(key);
      forgotten += 1;
    }
  }
}

import { type Rate, RateMeter } from './rate-meter.ts';

/** Of those that nobody uses but that are not paid yet. About 10 MB. */
const MAX_LEFT = 65_536;

/** A meter, and how many sessions charge it now. */
export type Shared = { readonly meter: RateMeter; users: number };

/**
 * One meter for all sessions with the same key. A session takes it and gives it back; one that is not paid by then is kept,
 * so that who connects anew does not begin anew. Above MAX_LEFT those that were left first are forgotten.
 */
export class SharedMeters {
  readonly #rate: Rate;
  readonly #most: number;
  readonly #used = new Map<string, Shared>();
  /** In the order in which they were left. */
  readonly #left = new Map<string, Shared>();

  constructor(rate: Rate, most: number = MAX_LEFT) {
    this.#rate = rate;
    this.#most = most;
  }

  /** Meters that are kept. */
  get size(): number {
    return this.#used.size + this.#left.size;
  }

  take(key: string): Shared {
    const entry = this.#used.get(key) ??
      this.#left.get(key) ?? { meter: new RateMeter(this.#rate), users: 0 };
    this.#left.delete(key);
    this.#used.set(key, entry);
    entry.users++;
    return entry;
  }

  /** Once for each `take`. */
  give(key: string, nowMs: number): void {
    const entry = this.#used.get(key);
    if (entry === undefined || --entry.users > 0) return;
    this.#used.delete(key);
    this.#left.set(key, entry);
    for (const [oldest, { meter }] of this.#left) {
      if (this.#left.size <= this.#most && !meter.isIdle(nowMs)) return;
      this.#left.delete(oldest);
    }
  }
}

/** The burst, in seconds of the rate: reconnecting clients come in waves. */
const BURST_SECONDS = 2;

/** Lets `perSecond` pass on average and twice as many at once. Starts full. A rate of 0 lets nothing pass. */
export class TokenBucket {
  readonly #perSecond: number;
  readonly #capacity: number;
  #tokens: number;
  #filledAtMs: number;

  constructor(perSecond: number, nowMs: number) {
    this.#perSecond = perSecond;
    // With less than one whole token of room a slow rate (0.2 a second) would never let anybody in.
    this.#capacity = perSecond > 0 ? Math.max(1, perSecond * BURST_SECONDS) : 0;
    this.#tokens = this.#capacity;
    this.#filledAtMs = nowMs;
  }

  /** `reserve`: the part of a full bucket, 0 to 1, that must be left for others. */
  has(nowMs: number, reserve = 0): boolean {
    this.#fill(nowMs);
    return this.#tokens >= 1 + Math.floor(reserve * this.#capacity);
  }

  /** Takes a token; call it only where `has` was true. */
  take(nowMs: number): void {
    this.#fill(nowMs);
    this.#tokens -= 1;
  }

  /** A full bucket is the same as a new one: it holds nothing worth keeping. */
  isFull(nowMs: number): boolean {
    this.#fill(nowMs);
    return this.#tokens === this.#capacity;
  }

  #fill(nowMs: number): void {
    // A clock that steps back fills nothing and, above all, takes nothing away.
    const elapsedMs = Math.max(0, nowMs - this.#filledAtMs);
    this.#filledAtMs = nowMs;
    this.#tokens = Math.min(this.#capacity, this.#tokens + (elapsedMs / 1000) * this.#perSecond);
  }
}

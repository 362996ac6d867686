/** So much a second on average, and what `burstMs` would bring at once. */
export type Rate = { readonly perSecond: number; readonly burstMs: number };

/**
 * One rate that is paid afterwards: what was read is charged, and then nothing more may be read for a while. It is the
 * generic cell rate algorithm: one number says when all that was charged is paid. Times are those of one monotonic clock.
 */
export class RateMeter {
  readonly #rate: Rate;
  #paidAtMs = 0;

  constructor(rate: Rate) {
    this.#rate = rate;
  }

  charge(amount: number, nowMs: number): void {
    this.#paidAtMs = Math.max(this.#paidAtMs, nowMs) + (amount * 1000) / this.#rate.perSecond;
  }

  /** Milliseconds until what was charged is within the rate; 0: it is. */
  waitMs(nowMs: number): number {
    return Math.max(0, this.#paidAtMs - nowMs - this.#rate.burstMs);
  }

  /** All is paid: it is as good as a new one. */
  isIdle(nowMs: number): boolean {
    return this.#paidAtMs <= nowMs;
  }
}

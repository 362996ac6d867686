/** Totals that only grow, at one moment. */
type Reading = {
  readonly atMs: number;
  readonly handshakes: number;
  readonly toUpstream: number;
  readonly toClient: number;
};

export type RateTotals = Omit<Reading, 'atMs'>;

export type Rates = {
  /** How long the time is that these are of. */
  readonly seconds: number;
  readonly handshakesPerSecond: number;
  readonly bytesPerSecond: { readonly toUpstream: number; readonly toClient: number };
};

/** Nobody is shown what happened in less than this, but for the first moments of the program. */
const LEAST_MS = 5000;

/**
 * How fast totals grow, from one question to the next, so that nothing is done while nobody asks. Those who ask share
 * the readings: the time of an answer is 5 to 10 s when somebody asks all the time, and longer after a pause.
 */
export class RateMeter {
  #from: Reading;
  #next: Reading;

  constructor(startedAtMs: number) {
    this.#from = { atMs: startedAtMs, handshakes: 0, toUpstream: 0, toClient: 0 };
    this.#next = this.#from;
  }

  /** `nowMs`: of the clock of `startedAtMs`, which must not go back. */
  read(totals: RateTotals, nowMs: number): Rates {
    if (nowMs - this.#next.atMs >= LEAST_MS) {
      this.#from = this.#next;
      this.#next = { ...totals, atMs: nowMs };
    }
    const from = this.#from;
    const seconds = Math.max(0.001, (nowMs - from.atMs) / 1000);
    const rate = (total: number, before: number): number =>
      Math.round(((total - before) / seconds) * 10) / 10;
    return {
      seconds: Math.round(seconds * 1000) / 1000,
      handshakesPerSecond: rate(totals.handshakes, from.handshakes),
      bytesPerSecond: {
        toUpstream: rate(totals.toUpstream, from.toUpstream),
        toClient: rate(totals.toClient, from.toClient),
      },
    };
  }
}

/** Unless the rhythm is known, somebody who scraped within this may do so again at any time. */
const UNKNOWN_INTERVAL_MS = 60_000;

/** When /metrics was asked for, and so when it will be: for an end that would like to be seen. */
export class ScrapeRhythm {
  #beforeMs: number | undefined;
  #lastMs: number | undefined;

  scraped(nowMs: number): void {
    this.#beforeMs = this.#lastMs;
    this.#lastMs = nowMs;
  }

  /** How long until the next one can be expected; 0 when it can come at any time. undefined: nobody scrapes. */
  dueInMs(nowMs: number): number | undefined {
    const lastMs = this.#lastMs;
    if (lastMs === undefined) return undefined;
    const intervalMs = this.#beforeMs === undefined ? undefined : lastMs - this.#beforeMs;
    // One that stayed away is late at first, and gone then.
    if (nowMs - lastMs > 2 * (intervalMs ?? UNKNOWN_INTERVAL_MS)) return undefined;
    return intervalMs === undefined ? 0 : Math.max(0, lastMs + intervalMs - nowMs);
  }
}

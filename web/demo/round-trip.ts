import type { NatsConnection } from '@nats-io/nats-core';

const KEPT = 5;

/**
 * The time from this page through the gateway to nats-server and back: the best of the last few, since a busy page
 * makes any of them longer, and nothing makes one shorter.
 */
export class RoundTrip {
  #recent: number[] = [];
  #generation = 0;

  /** Milliseconds; undefined when the connection went away meanwhile. */
  async measure(nats: NatsConnection, times = 1): Promise<number | undefined> {
    const generation = this.#generation;
    for (let left = times; left > 0; left--) {
      const begun = performance.now();
      try {
        await nats.flush();
      } catch {
        return undefined; // the timeline shows its end
      }
      if (generation !== this.#generation) return undefined;
      this.#recent = [...this.#recent, performance.now() - begun].slice(-KEPT);
    }
    return Math.min(...this.#recent);
  }

  /** Another connection: what was measured on the old one says nothing about it. */
  reset(): void {
    this.#generation++;
    this.#recent = [];
  }
}

/** `0.4 ms`, `3.2 ms`, `14 ms`. */
export function roundTripText(milliseconds: number): string {
  if (milliseconds < 0.1) return '< 1 ms'; // some browsers' clocks have no finer steps
  return `${milliseconds < 10 ? milliseconds.toFixed(1) : Math.round(milliseconds)} ms`;
}

import type { InspectionTotals } from '../inspect/inspection-totals.ts';
import type { Inspector } from '../inspect/inspector.ts';
import type { Tap } from '../inspect/tap.ts';
import { type Clock, Observation } from './observation.ts';

/** Nobody has looked for this long: the observation ends, and what it knew is gone. */
export const OBSERVED_MS = 60_000;
const SHOWN = 100;

type Running = {
  readonly observation: Observation;
  readonly taps: Map<number, { readonly inspector: Inspector; readonly tap: Tap }>;
  readonly end: NodeJS.Timeout;
};

/** The subjects of all inspected sessions, while somebody looks at them, and not at all otherwise. */
export class Subjects {
  readonly #inspected: InspectionTotals;
  readonly #clock: Clock;
  #running: Running | undefined;

  constructor(
    inspected: InspectionTotals,
    clock: Clock = { nowMs: () => performance.now(), random: Math.random },
  ) {
    this.#inspected = inspected;
    this.#clock = clock;
  }

  /** What is known; the first call begins to observe, and each keeps it up for a minute. */
  look() {
    const { observation, end } = this.#running ?? this.#begin();
    end.refresh();
    const { operations, looked, startedAtMs } = observation;
    return { startedAtMs, operations, looked, subjects: observation.top(SHOWN) };
  }

  sessionBegan(id: number, inspector: Inspector): void {
    if (this.#running !== undefined) this.#observe(this.#running, id, inspector);
  }

  sessionEnded(id: number): void {
    this.#running?.taps.delete(id);
  }

  /** Ends the observation. */
  close(): void {
    const running = this.#running;
    this.#running = undefined;
    if (running === undefined) return;
    clearTimeout(running.end);
    for (const { inspector, tap } of running.taps.values()) inspector.unwatch(tap);
  }

  #begin(): Running {
    const end = setTimeout(() => this.close(), OBSERVED_MS).unref();
    const running: Running = { observation: new Observation(this.#clock), taps: new Map(), end };
    for (const [id, inspector] of this.#inspected.inspectors()) this.#observe(running, id, inspector);
    this.#running = running;
    return running;
  }

  #observe({ observation, taps }: Running, id: number, inspector: Inspector): void {
    const tap = observation.tap(id);
    taps.set(id, { inspector, tap });
    inspector.watch(tap);
  }
}

import type { Places } from '../places.ts';
import type { Endpoint } from './endpoint.ts';
import { HEALTH_OUTCOMES, type HealthAnswer, type HealthProbe } from './health.ts';

/** The health checks of one server: one probe for each endpoint, one check at a time; each takes one of `places`. */
export class HealthChecks {
  readonly #makeProbe: (address: string) => HealthProbe;
  readonly #places: Places;
  readonly #onAnswer: (endpoint: Endpoint, answer: HealthAnswer) => void;
  readonly #probes = new Map<Endpoint, HealthProbe>();
  /** Those to be asked, in this order. */
  readonly #due = new Set<Endpoint>();
  readonly #running = new Set<Endpoint>();
  readonly counts: Record<string, number> = Object.fromEntries(HEALTH_OUTCOMES.map((name) => [name, 0]));

  constructor(
    makeProbe: (address: string) => HealthProbe,
    places: Places,
    onAnswer: (endpoint: Endpoint, answer: HealthAnswer) => void,
  ) {
    this.#makeProbe = makeProbe;
    this.#places = places;
    this.#onAnswer = onAnswer;
  }

  /** Asks each endpoint, unless the last check is still running there. Those without a place wait for one. */
  run(endpoints: readonly Endpoint[]): void {
    for (const endpoint of endpoints) {
      if (!this.#running.has(endpoint)) this.#due.add(endpoint);
    }
    this.#askDue();
  }

  readonly #askDue = (): void => {
    for (const endpoint of this.#due) {
      if (!this.#places.take()) return this.#places.whenFree(this.#askDue);
      this.#due.delete(endpoint);
      const probe = this.#probes.get(endpoint) ?? this.#makeProbe(endpoint.target.address);
      this.#probes.set(endpoint, probe);
      this.#running.add(endpoint);
      void probe.ask().then((answer) => this.#answered(endpoint, answer));
    }
  };

  keepOnly(endpoints: readonly Endpoint[]): void {
    for (const endpoint of this.#due) if (!endpoints.includes(endpoint)) this.#due.delete(endpoint);
    for (const [endpoint, probe] of this.#probes) {
      if (endpoints.includes(endpoint)) continue;
      probe.close();
      this.#probes.delete(endpoint);
    }
  }

  close(): void {
    this.keepOnly([]);
  }

  #answered(endpoint: Endpoint, answer: HealthAnswer): void {
    this.#running.delete(endpoint);
    this.#places.give();
    // The address is gone, or the pool has closed: our own close may be the cause.
    if (!this.#probes.has(endpoint)) return;
    this.counts[answer.outcome] = (this.counts[answer.outcome] ?? 0) + 1;
    this.#onAnswer(endpoint, answer);
  }
}

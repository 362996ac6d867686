import type { Endpoint } from './endpoint.ts';
import { HEALTH_OUTCOMES, type HealthAnswer, type HealthProbe } from './health.ts';

/** The health checks of one server: one probe for each endpoint, one check at a time. */
export class HealthChecks {
  readonly #makeProbe: (address: string) => HealthProbe;
  readonly #onAnswer: (endpoint: Endpoint, answer: HealthAnswer) => void;
  readonly #probes = new Map<Endpoint, HealthProbe>();
  readonly #running = new Set<Endpoint>();
  readonly counts: Record<string, number> = Object.fromEntries(HEALTH_OUTCOMES.map((name) => [name, 0]));

  constructor(
    makeProbe: (address: string) => HealthProbe,
    onAnswer: (endpoint: Endpoint, answer: HealthAnswer) => void,
  ) {
    this.#makeProbe = makeProbe;
    this.#onAnswer = onAnswer;
  }

  /** Asks each endpoint, unless the last check is still running there. */
  run(endpoints: readonly Endpoint[]): void {
    for (const endpoint of endpoints) {
      if (this.#running.has(endpoint)) continue;
      const probe = this.#probes.get(endpoint) ?? this.#makeProbe(endpoint.target.address);
      this.#probes.set(endpoint, probe);
      this.#running.add(endpoint);
      void probe.ask().then((answer) => this.#answered(endpoint, answer));
    }
  }

  keepOnly(endpoints: readonly Endpoint[]): void {
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
    // The address is gone, or the pool has closed: our own close may be the cause.
    if (!this.#probes.has(endpoint)) return;
    this.counts[answer.outcome] = (this.counts[answer.outcome] ?? 0) + 1;
    this.#onAnswer(endpoint, answer);
  }
}

import type { Log } from '../log.ts';
import type { Places } from '../places.ts';
import { Readiness } from './readiness.ts';
import type { System } from './system.ts';

/** How often a gateway whose readiness follows the upstream dials by itself, when no client makes it. */
const PROBE_WHEN_UP_MS = 5000;
const PROBE_WHEN_DOWN_MS = 1000;

export type ReadinessParts = {
  readonly system: System;
  readonly log: Log;
  readonly places: Places;
  /** Dials and hangs up. What became of it is reported by `dialled`, as of every dial. */
  readonly dial: () => Promise<void>;
};

/**
 * Readiness of an upstream, for a gateway that follows it. It dials by itself where clients do not: else a gateway that
 * is not ready gets no clients, dials nothing and never learns that it could be.
 */
export class ReadinessProbe {
  readonly #parts: ReadinessParts;
  readonly #readiness: Readiness;
  #lastDialAtMs = Number.NEGATIVE_INFINITY;
  /** undefined: not running. */
  #cancel: (() => void) | undefined;
  #loggedReady: boolean | undefined;

  /** Takes over what `before` knows. */
  constructor(parts: ReadinessParts, before?: ReadinessProbe) {
    this.#parts = parts;
    this.#readiness = before === undefined ? new Readiness(parts.system.nowMs()) : before.#readiness;
  }

  /** From now on it logs, and dials. */
  start(): void {
    this.#cancel = () => {};
    this.#probe();
  }

  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }

  get ready(): boolean {
    return this.#readiness.ready(this.#parts.system.nowMs());
  }

  dialled(succeeded: boolean): void {
    const nowMs = this.#parts.system.nowMs();
    this.#lastDialAtMs = nowMs;
    this.#readiness.dialled(succeeded, nowMs);
    this.#logReady();
  }

  #probe(): void {
    const { system, places, dial } = this.#parts;
    const dueMs = this.#readiness.answers ? PROBE_WHEN_UP_MS : PROBE_WHEN_DOWN_MS;
    if (system.nowMs() - this.#lastDialAtMs < dueMs || !places.take()) this.#again();
    else {
      const over = (): void => {
        places.give();
        this.#again();
      };
      dial().then(over, over);
    }
  }

  #again(): void {
    if (this.#cancel === undefined) return;
    this.#logReady();
    this.#cancel = this.#parts.system.after(PROBE_WHEN_DOWN_MS, () => this.#probe());
  }

  #logReady(): void {
    const { ready } = this;
    if (this.#cancel === undefined || ready === this.#loggedReady) return;
    const isFirst = this.#loggedReady === undefined;
    this.#loggedReady = ready;
    if (!ready) this.#parts.log.warn({}, 'no upstream answers; not ready (upstream.readiness)');
    else if (!isFirst) this.#parts.log.info({}, 'an upstream answers; ready again');
  }
}

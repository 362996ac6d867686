import { isSameGateway } from './address.ts';
import type { LogLine } from './dev-server.ts';

/** Browsers may round their clock. A line from before the attempt is about another one. */
const CLOCK_STEP_MS = 100;
/** How long a refusal waits for its line. */
const PATIENCE_MS = 1_000;

/** A handshake that never came to its 101. `outcome` is empty where nobody told why. */
export type Refusal = { readonly address: string; readonly outcome: string; readonly status: number };

type Explanation = { readonly outcome: string; readonly status: number; readonly atMs: number };
type Waiting = {
  readonly address: string;
  readonly startedAtMs: number;
  readonly timer: ReturnType<typeof setTimeout>;
};

/**
 * Why handshakes of this page failed. A browser keeps the gateway's answer to itself, but the dev server tells the
 * gateway's log lines: each explains one attempt at that gateway, and none at another address.
 */
export class Refusals {
  readonly #onRefusal: (refusal: Refusal) => void;
  #gateway: string | undefined;
  /** Attempts that have no line yet, oldest first. */
  #waiting: Waiting[] = [];
  /** A line about an attempt that this page has not noticed yet. */
  #announced: Explanation | undefined;

  constructor(onRefusal: (refusal: Refusal) => void) {
    this.#onRefusal = onRefusal;
  }

  /** The gateway whose lines will come; undefined: none will any more. */
  follow(gateway: string | undefined): void {
    this.#gateway = gateway;
    this.#announced = undefined;
    for (const { address, timer } of this.#waiting.splice(0)) {
      clearTimeout(timer);
      this.#onRefusal({ address, outcome: '', status: 0 });
    }
  }

  failed({ address, startedAtMs }: { readonly address: string; readonly startedAtMs: number }): void {
    if (this.#gateway === undefined || !isSameGateway(address, this.#gateway)) {
      this.#onRefusal({ address, outcome: '', status: 0 });
      return;
    }
    const announced = this.#announced;
    this.#announced = undefined;
    if (announced !== undefined && isAbout(announced, startedAtMs)) {
      this.#onRefusal({ address, outcome: announced.outcome, status: announced.status });
      return;
    }
    const timer = setTimeout(() => {
      this.#waiting.shift();
      this.#onRefusal({ address, outcome: '', status: 0 });
    }, PATIENCE_MS);
    this.#waiting.push({ address, startedAtMs, timer });
  }

  /** One line of the gateway's log; those about handshakes of this page's origin count. */
  line({ time, fields }: LogLine): void {
    const { outcome, status, origin } = fields;
    if (typeof outcome !== 'string' || typeof status !== 'number' || origin !== location.origin) return;
    const explanation = { outcome, status, atMs: Date.parse(time) };
    const [waiting] = this.#waiting;
    if (waiting === undefined) this.#announced = explanation;
    else if (isAbout(explanation, waiting.startedAtMs)) {
      this.#waiting.shift();
      clearTimeout(waiting.timer);
      this.#onRefusal({ address: waiting.address, outcome, status });
    }
  }
}

const isAbout = ({ atMs }: Explanation, startedAtMs: number): boolean => atMs >= startedAtMs - CLOCK_STEP_MS;

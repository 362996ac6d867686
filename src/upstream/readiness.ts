/** The gateway is not ready when no dial has succeeded for this long. The restart of one server is shorter. */
const DOWN_MS = 5000;
/** Dials must succeed again for this long, so that readiness does not follow a server that comes and goes. */
const UP_MS = 2000;

/**
 * Whether an upstream answers, without flapping: what dials show must hold for a while before it counts. Until
 * the first dial has succeeded the answer is no; that first one counts at once.
 */
export class Readiness {
  #answers = false;
  #sinceMs: number;
  #ready = false;
  #wasReady = false;

  constructor(nowMs: number) {
    this.#sinceMs = nowMs;
  }

  /** What the last dial, all its attempts together, has shown. */
  get answers(): boolean {
    return this.#answers;
  }

  dialled(succeeded: boolean, nowMs: number): void {
    this.#turn(nowMs);
    if (succeeded === this.#answers) return;
    this.#answers = succeeded;
    this.#sinceMs = nowMs;
    this.#turn(nowMs);
  }

  ready(nowMs: number): boolean {
    this.#turn(nowMs);
    return this.#ready;
  }

  #turn(nowMs: number): void {
    if (this.#ready === this.#answers) return;
    const neededMs = this.#answers ? (this.#wasReady ? UP_MS : 0) : DOWN_MS;
    if (nowMs - this.#sinceMs < neededMs) return;
    this.#ready = this.#answers;
    this.#wasReady ||= this.#ready;
  }
}

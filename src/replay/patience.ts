const ANSWER_MS = 2000;
/** When so many answers have not come, those after them get less time. */
const PATIENT_WAITS = 5;
const SHORT_WAIT_MS = 100;
/** Of one kind: what has missed so often does not come. */
const MOST_OF_KIND = 5;
const MOST_IN_ALL = 1000;

/** How long a replay waits for answers, when some of them never come: two minutes in all. */
export class Patience {
  readonly #ofKind = new Map<string, number>();
  #all = 0;

  /** Milliseconds; 0: not at all. */
  msFor(kind: string): number {
    if (this.#all >= MOST_IN_ALL || (this.#ofKind.get(kind) ?? 0) >= MOST_OF_KIND) return 0;
    return this.#all < PATIENT_WAITS ? ANSWER_MS : SHORT_WAIT_MS;
  }

  /** An answer of this kind did not come in that time. */
  missed(kind: string): void {
    this.#all++;
    this.#ofKind.set(kind, (this.#ofKind.get(kind) ?? 0) + 1);
  }
}

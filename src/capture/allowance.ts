const WINDOW_MICROS = 100_000;
/** Of one recording, and of all that may run at once. */
const MOST_OPERATIONS = 2000;
const MOST_OF_ALL = 16_000;
/** For each operation of the allowance: a long line costs as much as many short ones. */
const BYTES_EACH = 64;

/**
 * How much a recording may write in each 100 ms. A client chooses how much it says, and all sessions share one thread, so
 * what a recording costs must not follow from what the client does.
 */
export class Allowance {
  readonly operations: number;
  readonly #shared: Allowance | undefined;
  #left = 0;
  #bytesLeft = 0;
  #endMicros = 0;

  /** `concurrent`: recordings that may run at once. `most`: of one of them. `shared`: what many have together, besides. */
  constructor(concurrent: number, most = MOST_OPERATIONS, shared?: Allowance) {
    this.#shared = shared;
    this.operations = Math.min(most, Math.floor(MOST_OF_ALL / concurrent));
  }

  /** Whether one more operation may be written. */
  isLeft(nowMicros: number): boolean {
    if (nowMicros >= this.#endMicros) {
      this.#endMicros = nowMicros + WINDOW_MICROS;
      this.#left = this.operations;
      this.#bytesLeft = this.operations * BYTES_EACH;
    }
    this.#shared?.isLeft(nowOfAll());
    return this.hasLeft;
  }

  /** As `isLeft` said last, without what was taken since. */
  get hasLeft(): boolean {
    return this.#left > 0 && this.#bytesLeft > 0 && this.#shared?.hasLeft !== false;
  }

  /** As `isLeft`, and takes it; the last may have more bytes than are left. */
  take(bytes: number, nowMicros: number): boolean {
    if (!this.isLeft(nowMicros)) return false;
    this.#left--;
    this.#bytesLeft -= bytes;
    this.#shared?.take(bytes, nowOfAll());
    return true;
  }
}

/** Each recording counts its time from its own start. */
const nowOfAll = (): number => Math.round(performance.now() * 1000);

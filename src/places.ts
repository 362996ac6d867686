/** A number of equal places that several users draw from. */
export class Places {
  #limit: number;
  #taken = 0;
  readonly #waiting = new Set<() => void>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Another number from now on; whoever has a place keeps it. */
  resize(limit: number): void {
    this.#limit = limit;
  }

  get taken(): number {
    return this.#taken;
  }

  /** False: none is left. Whoever takes one gives it back. */
  take(): boolean {
    if (this.#taken >= this.#limit) return false;
    this.#taken++;
    return true;
  }

  give(): void {
    this.#taken--;
    for (const call of this.#waiting) {
      if (this.#taken >= this.#limit) return;
      this.#waiting.delete(call);
      call();
    }
  }

  /** Calls once when a place may be free, one waiter after the other; a waiter that is there already keeps its turn. */
  whenFree(call: () => void): void {
    this.#waiting.add(call);
  }
}

/** A number of equal places that several users draw from. */
export class Places {
  #limit: number;
  #taken = 0;
  readonly #waiting = new Set<() => void>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Another number from now on; a place already taken stays taken. */
  resize(limit: number): void {
    this.#limit = limit;
  }

  get taken(): number {
    return this.#taken;
  }

  /** False: none is left. The caller gives back what it takes. */
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

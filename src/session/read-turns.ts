/** Sides that may read on in the next turn of the event loop, each once. */
export type Reader = { readOn(): void };

/**
 * The bytes of all sessions that one turn of the event loop carries before readers wait for the next turn: about 3 ms of
 * work. Node reads up to 32 times from one socket before it looks at the next one (libuv), 2 MiB; with thousands of busy
 * sockets a turn would last for seconds, and probes, handshakes and pings would wait for it.
 */
const TURN_BYTES = 2 * 1024 * 1024;
/** Less is what a socket brings that has nothing more for now. */
const LARGE_READ_BYTES = 32 * 1024;
/** Each may bring 64 KiB before it waits again. */
const READERS_OF_A_TURN = TURN_BYTES / (64 * 1024);

/**
 * Shares the turns of the event loop among all readers of a gateway.
 *
 * ```
 *  large read ──room in this turn──▶ goes on
 *       └──────no room────▶ paused, waits in order ──next turn──▶ reads on, as many as there is room for
 * ```
 */
export class ReadTurns {
  #bytes = 0;
  #isCounting = false;
  readonly #waiting = new Set<Reader>();

  /** True: the reader must pause; it is called when its turn has come. */
  mustWait(reader: Reader, bytes: number): boolean {
    if (bytes < LARGE_READ_BYTES) return false;
    this.#bytes += bytes;
    if (!this.#isCounting) {
      this.#isCounting = true;
      setImmediate(this.#next);
    }
    if (this.#bytes <= TURN_BYTES) return false;
    this.#waiting.add(reader);
    return true;
  }

  readonly #next = (): void => {
    this.#bytes = 0;
    this.#isCounting = this.#waiting.size > 0;
    if (!this.#isCounting) return;
    setImmediate(this.#next);
    let room = READERS_OF_A_TURN;
    for (const reader of this.#waiting) {
      if (room-- === 0) return;
      this.#waiting.delete(reader);
      reader.readOn();
    }
  };
}

const MAX_CONTROL_FRAMES = 100;
const WINDOW_MS = 10_000;

/**
 * How many control frames a client may send: 100 in each window of 10 s, and a pong for each ping of ours, which may
 * come a window later. Pings and pongs cost their sender almost nothing, and the receiver an answer or an event.
 */
export class ControlFrameLimit {
  #windowStartMs = -WINDOW_MS;
  #allowed = 0;
  #pingsInWindow = 0;

  /**
   * How many control frames may have come in all. To be called *before* a chunk is read, with those `seen` so far:
   * the frames of the chunk that opens a window count in it.
   */
  allowed(nowMs: number, seen: number): number {
    if (nowMs - this.#windowStartMs >= WINDOW_MS) {
      this.#windowStartMs = nowMs;
      this.#allowed = seen + MAX_CONTROL_FRAMES + this.#pingsInWindow;
      this.#pingsInWindow = 0;
    }
    return this.#allowed;
  }

  /** A ping was sent. */
  pinged(): void {
    this.#allowed++;
    this.#pingsInWindow++;
  }
}

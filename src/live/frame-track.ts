/** Of frames whose place is kept. More in 100 ms are more than a page shows, and the oldest are forgotten. */
const MOST_STARTS = 4096;

/**
 * Which WebSocket message has a byte of one direction. Places count from the beginning of the watch, numbers from 1; 0 is
 * the message that had begun before.
 */
export class FrameTrack {
  /** That were carried so far. */
  bytes = 0;
  /** Places of the first bytes, of the last messages. */
  #starts: number[] = [];
  #before = 0;

  begin(place: number): void {
    if (this.#starts.length >= MOST_STARTS) {
      this.#before += MOST_STARTS / 2;
      this.#starts = this.#starts.slice(MOST_STARTS / 2);
    }
    this.#starts.push(place);
  }

  /** The last message that begins at this place or before it. */
  at(place: number): number {
    let low = 0;
    let high = this.#starts.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#starts[middle] as number) <= place) low = middle + 1;
      else high = middle;
    }
    return this.#before + low;
  }
}

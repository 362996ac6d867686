import type { Operation } from '../nats/operation.ts';

/** A subscription without a maximum. */
const ENDLESS = Number.POSITIVE_INFINITY;

/**
 * Counts the subscriptions of one session as nats-server does, at most `most`. One with a maximum counts until that many
 * messages have come after its UNSUB; so while there is one, messages of the server must be seen.
 */
export class SubscriptionLimit {
  readonly #most: number;
  /** Messages that are still to come, by sid. */
  readonly #left = new Map<string, number>();
  #withMaximum = 0;

  constructor(most: number) {
    this.#most = most;
  }

  get isReached(): boolean {
    return this.#left.size >= this.#most;
  }

  /** For a SUB that passes. The server ignores one whose sid is in use. */
  subscribed(operation: Operation): void {
    const sid = operation.read(operation.sid);
    if (!this.isReached && !this.#left.has(sid)) this.#left.set(sid, ENDLESS);
  }

  unsubscribed(operation: Operation): void {
    const sid = operation.read(operation.sid);
    const known = this.#left.get(sid);
    if (known === undefined) return;
    const max = Number(operation.read(operation.max));
    if (known !== ENDLESS) this.#withMaximum--;
    // Anything but a positive number is no maximum, for the server too.
    if (!(max > 0)) {
      this.#left.delete(sid);
      return;
    }
    this.#withMaximum++;
    this.#left.set(sid, max);
  }

  get isNeeded(): boolean {
    return this.#withMaximum > 0;
  }

  /** For a message of the server. */
  seen(operation: Operation): void {
    const sid = operation.read(operation.sid);
    const left = this.#left.get(sid);
    if (left === undefined || left === ENDLESS) return;
    if (left > 1) {
      this.#left.set(sid, left - 1);
      return;
    }
    this.#left.delete(sid);
    this.#withMaximum--;
  }
}

import type { Socket } from 'node:net';
import { LOOKS_PER_STALL, type Queues, WatchedSide } from './stall-watch.ts';

export type Side = 'client' | 'upstream';

/** The session that is watched, and that hears of it. */
export type Waiting = {
  /** Since when bytes wait for the side; undefined: none do. */
  waitsSinceMs(side: Side): number | undefined;
  /** The side has taken bytes. */
  onProgress(side: Side): void;
  /** The side has taken none for `timeouts.stall`, or too few over a longer time. */
  onStalled(side: Side): void;
};

export type WaitsParts = {
  readonly queues: Queues;
  readonly limits: { readonly stallMs: number };
  readonly wheel: { readonly nowMs: number };
};

/** Watches both sides of one session. Made when bytes wait for the first time. */
export class Waits {
  /** When to call `look`. */
  lookAtMs = Number.POSITIVE_INFINITY;
  readonly #owner: Waiting;
  readonly #parts: WaitsParts;
  readonly #sides: readonly (readonly [Side, WatchedSide])[];
  readonly #client: WatchedSide;

  constructor(client: Socket, upstream: Socket, parts: WaitsParts, owner: Waiting) {
    this.#owner = owner;
    this.#parts = parts;
    this.#client = this.#watch('client', client);
    this.#sides = [
      ['client', this.#client],
      ['upstream', this.#watch('upstream', upstream)],
    ];
  }

  /** Bytes wait for a side. True: `lookAtMs` has changed. */
  begin(): boolean {
    if (this.lookAtMs < Number.POSITIVE_INFINITY) return false;
    const { wheel, limits } = this.#parts;
    this.lookAtMs = wheel.nowMs + limits.stallMs / LOOKS_PER_STALL;
    return true;
  }

  /** To be called at `lookAtMs`. */
  look(): void {
    this.lookAtMs = Number.POSITIVE_INFINITY;
    for (const [name, side] of this.#sides) {
      const sinceMs = this.#owner.waitsSinceMs(name);
      if (sinceMs === undefined) side.forget();
      else {
        this.begin();
        side.look(sinceMs);
      }
    }
  }

  /** The client has answered a ping that followed bytes. */
  answered(): void {
    this.#client.progressed();
  }

  #watch(name: Side, socket: Socket): WatchedSide {
    const { queues, limits, wheel } = this.#parts;
    return new WatchedSide(socket, queues, limits.stallMs, wheel, ({ hasStalled, madeProgress }) => {
      if (madeProgress) this.#owner.onProgress(name);
      if (hasStalled && this.#owner.waitsSinceMs(name) !== undefined) this.#owner.onStalled(name);
    });
  }
}

import type { Socket } from 'node:net';
import { takenBytes } from '../net/tcp-handle.ts';

/** A side for which bytes wait is looked at this many times within `timeouts.stall`. */
export const LOOKS_PER_STALL = 4;
/** The average rate of a slow side is taken over this many times `timeouts.stall`. */
export const RATE_STALLS = 4;
/** A side that takes less on average ends the session: the bytes that wait for it cost memory all the time. */
export const LEAST_BYTES_PER_SECOND = 1024;

/** What one side of a session has taken, in bytes since its connection began. */
export type Taken = {
  /** By our kernel. */
  readonly byKernel: number;
  /** Acknowledged by the side itself; undefined: not known. */
  readonly bySide: number | undefined;
};

type Known = { -readonly [Key in keyof Taken]: Taken[Key] };

/**
 * One side for which bytes wait. Progress is any byte that it takes: a side that makes none for `timeouts.stall` has
 * stalled. A slow one lives, as long as it takes LEAST_BYTES_PER_SECOND on average over four times that limit.
 */
export class StallWatch {
  readonly #stallMs: number;
  readonly #seen: Known;
  #progressAtMs: number;
  #windowFrom: Known;
  #windowAtMs: number;

  /** `sinceMs`: when bytes began to wait. */
  constructor(stallMs: number, sinceMs: number, taken: Taken) {
    this.#stallMs = stallMs;
    this.#seen = { ...taken };
    this.#progressAtMs = sinceMs;
    this.#windowFrom = { ...taken };
    this.#windowAtMs = sinceMs;
  }

  /** Looks at the side. True: it has stalled. */
  look(nowMs: number, taken: Taken): boolean {
    if (advance(this.#seen, taken) > 0) this.#progressAtMs = nowMs;
    this.#seen.byKernel = taken.byKernel;
    this.#seen.bySide = taken.bySide ?? this.#seen.bySide;
    this.#windowFrom.bySide ??= taken.bySide;
    if (nowMs - this.#progressAtMs >= this.#stallMs) return true;
    const windowMs = nowMs - this.#windowAtMs;
    if (windowMs < RATE_STALLS * this.#stallMs) return false;
    const tooSlow = advance(this.#windowFrom, taken) * 1000 < LEAST_BYTES_PER_SECOND * windowMs;
    this.#windowFrom = { ...this.#seen };
    this.#windowAtMs = nowMs;
    return tooSlow;
  }

  /** The side has shown in another way that it reads. */
  progressed(nowMs: number): void {
    this.#progressAtMs = nowMs;
  }

  /** Progress was made just now. */
  madeProgress(nowMs: number): boolean {
    return this.#progressAtMs === nowMs;
  }
}

/**
 * Either number may grow alone: bytes that our kernel took may still be in its buffer, and bytes that the side
 * acknowledges may have been taken long before.
 */
const advance = (from: Taken, to: Taken): number =>
  Math.max(
    to.byKernel - from.byKernel,
    from.bySide === undefined || to.bySide === undefined ? 0 : to.bySide - from.bySide,
  );

/** Says how many bytes of the kernel's buffer the peer has not acknowledged; see SendQueues of net/send-queues.ts. */
export type Queues = { unacknowledged(socket: Socket): Promise<number | undefined> };

export type Look = { readonly hasStalled: boolean; readonly madeProgress: boolean };

/** One side of a session, looked at while bytes wait for it. */
export class WatchedSide {
  readonly #socket: Socket;
  readonly #queues: Queues;
  readonly #stallMs: number;
  readonly #clock: { readonly nowMs: number };
  readonly #onLook: (look: Look) => void;
  #watch: StallWatch | undefined;
  #lookedAtMs = 0;
  #isAsking = false;

  constructor(
    socket: Socket,
    queues: Queues,
    stallMs: number,
    clock: { readonly nowMs: number },
    onLook: (look: Look) => void,
  ) {
    this.#socket = socket;
    this.#queues = queues;
    this.#stallMs = stallMs;
    this.#clock = clock;
    this.#onLook = onLook;
  }

  /** Nothing waits any more; the next wait begins anew. */
  forget(): void {
    this.#watch = undefined;
  }

  /** The client answered a ping that came after bytes, so it has read those bytes. */
  progressed(): void {
    this.#watch?.progressed(this.#clock.nowMs);
  }

  /** `sinceMs`: when this wait began. `onLook` is called now, or after the kernel was asked. */
  look(sinceMs: number): void {
    const byKernel = takenBytes(this.#socket);
    this.#watch ??= new StallWatch(this.#stallMs, sinceMs, { byKernel, bySide: undefined });
    const hasDrained = sinceMs > this.#lookedAtMs && this.#lookedAtMs > 0;
    this.#lookedAtMs = this.#clock.nowMs;
    if (hasDrained) this.#judge(byKernel, undefined);
    else if (!this.#isAsking) void this.#ask();
  }

  async #ask(): Promise<void> {
    const watch = this.#watch;
    this.#isAsking = true;
    const queued = await this.#queues.unacknowledged(this.#socket);
    this.#isAsking = false;
    if (watch !== this.#watch) return;
    const byKernel = takenBytes(this.#socket);
    this.#judge(byKernel, queued === undefined ? undefined : byKernel - queued);
  }

  #judge(byKernel: number, bySide: number | undefined): void {
    const { nowMs } = this.#clock;
    const hasStalled = this.#watch?.look(nowMs, { byKernel, bySide }) === true;
    this.#onLook({ hasStalled, madeProgress: this.#watch?.madeProgress(nowMs) === true });
  }
}

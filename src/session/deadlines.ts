import type { CloseReason } from '../close-reason.ts';
import { type TimerWheel, WheelEntry } from '../timer-wheel.ts';
import { Liveness, type LivenessLimits } from './liveness.ts';
import type { Pipe } from './pipe.ts';
import type { Throttle } from './throttle.ts';
import { type Waiting, Waits, type WaitsParts } from './waits.ts';

/** When the upstream is silent for this long, TCP keepalive checks whether it is still there. */
const UPSTREAM_KEEPALIVE_MS = 30_000;

type DeadlinesParts = WaitsParts & { readonly wheel: TimerWheel; readonly limits: LivenessLimits };

export type DeadlinesOwner = Waiting & {
  end(reason: CloseReason): void;
  /** The time of `endAfter` is over. */
  onEndOverdue(): void;
  onFault(error: unknown): void;
};

/**
 * Everything that becomes due in one session, in one entry of the wheel. While the session is open: pings, and the
 * limits of silence and age. Then the deadline of its end. At all times: looks at the sides for which bytes wait.
 */
export class Deadlines extends WheelEntry {
  readonly #pipe: Pipe;
  readonly #parts: DeadlinesParts;
  readonly #owner: DeadlinesOwner;
  readonly #liveness: Liveness;
  /** Made when bytes wait for a side for the first time. */
  #waits: Waits | undefined;
  /** undefined: the session has no rates. */
  throttle: Throttle | undefined;
  /** 0: the session is open. */
  endMs = 0;
  #isStopped = false;

  /** `loginEndsAtMs`: see SessionFacts. */
  constructor(pipe: Pipe, parts: DeadlinesParts, owner: DeadlinesOwner, loginEndsAtMs?: number) {
    super();
    this.#pipe = pipe;
    this.#parts = parts;
    this.#owner = owner;
    this.#liveness = new Liveness(parts.limits, parts.wheel.nowMs, loginEndsAtMs);
  }

  get #isOpen(): boolean {
    return this.endMs === 0;
  }

  get loginEndsAtMs(): number | undefined {
    return this.#liveness.loginEndsAtMs;
  }

  moveLoginEnd(endsAtMs: number): void {
    this.#liveness.loginEndsAtMs = endsAtMs;
    this.reschedule();
  }

  /** To be called at the start, and when something is due earlier than before. */
  reschedule(): void {
    if (this.#isStopped) return;
    const { wheel } = this.#parts;
    const { nowMs } = wheel;
    const dueMs = this.#isOpen
      ? this.#liveness.dueAtMs(nowMs, this.#pipe.client.assemblingSinceMs)
      : this.endMs;
    const nextMs = Math.min(
      dueMs,
      this.#waits?.lookAtMs ?? Number.POSITIVE_INFINITY,
      (this.#isOpen ? this.throttle?.dueAtMs : undefined) ?? Number.POSITIVE_INFINITY,
    );
    wheel.schedule(this, Math.max(0, nextMs - nowMs));
  }

  /** The session is ending from now on; the owner hears if that takes longer than this. */
  endAfter(ms: number): void {
    this.endMs = this.#parts.wheel.nowMs + ms;
    this.reschedule();
  }

  /** The session is closed. */
  stop(): void {
    this.#isStopped = true;
    this.#parts.wheel.cancel(this);
  }

  /** The client shows that it is there. */
  sawActivity(): void {
    this.#liveness.sawActivity(this.#parts.wheel.nowMs);
  }

  /** A ping was sent after bytes; its answer shows that they were read. */
  markSent(): void {
    this.#liveness.markSent();
  }

  /** Seconds of the round trip; undefined: this pong does not measure one. */
  answered(): number | undefined {
    this.#waits?.answered();
    return this.#liveness.answered();
  }

  /** Bytes wait for a side. */
  watchSides(): void {
    this.#waits ??= new Waits(this.#pipe.client.socket, this.#pipe.upstream.socket, this.#parts, this.#owner);
    if (this.#waits.begin()) this.reschedule();
  }

  override onDeadline(): void {
    try {
      const { nowMs } = this.#parts.wheel;
      const waits = this.#waits;
      if (waits !== undefined && nowMs >= waits.lookAtMs) waits.look();
      if (this.#isOpen) this.throttle?.look();
      if (this.#isOpen) this.#checkLiveness(nowMs);
      else if (nowMs >= this.endMs) return this.#owner.onEndOverdue();
    } catch (error) {
      this.#owner.onFault(error);
    }
    this.reschedule();
  }

  #checkLiveness(nowMs: number): void {
    const isReading = this.#pipe.isReadingClient;
    const { assemblingSinceMs } = this.#pipe.client;
    const expired = this.#liveness.expiredReason(nowMs, { isReading, assemblingSinceMs });
    if (expired !== undefined) this.#owner.end(expired);
    else if (this.#liveness.isPingDue(nowMs)) this.#ping(nowMs);
  }

  #ping(nowMs: number): void {
    this.#liveness.planNextPing(nowMs);
    // Not at the dial, because it costs four system calls, and short sessions do not need it. Node does nothing if it
    // is set already.
    this.#pipe.upstream.socket.setKeepAlive(true, UPSTREAM_KEEPALIVE_MS);
    // Bytes that wait for the client test the connection better than a ping that waits after them.
    if (!this.#pipe.clientTakes) return;
    this.#liveness.pingSent();
    this.#pipe.client.ping();
  }
}

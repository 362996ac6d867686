import type { CloseReason } from '../close-reason.ts';

export type LivenessLimits = {
  readonly pingMs: number;
  readonly silenceMs: number;
  /** 0: no limit. */
  readonly sessionAgeMs: number;
};

/** A message that was begun must be finished in this time where it is held back (buffered engine). */
const ASSEMBLY_MS = 30_000;

/** What of the session decides whether the client's silence means something. */
export type Listening = {
  /** We read what the client sends. */
  readonly isReading: boolean;
  readonly assemblingSinceMs: number | undefined;
};

/**
 * When one client is pinged, and when its session is over by time alone. All times are those of the wheel, but for the
 * round trips of pings.
 */
export class Liveness {
  readonly #limits: LivenessLimits;
  readonly #expiresAtMs: number;
  #lastActivityMs: number;
  #nextPingMs: number;
  /** 0: no answer is measured. */
  #pingSentAtMs = 0;
  /** Pings that follow bytes, whose answers say nothing about the network. */
  #marksOut = 0;

  constructor(limits: LivenessLimits, nowMs: number) {
    this.#limits = limits;
    this.#lastActivityMs = nowMs;
    this.#nextPingMs = nowMs + jittered(limits.pingMs);
    this.#expiresAtMs =
      limits.sessionAgeMs === 0 ? Number.POSITIVE_INFINITY : nowMs + jittered(limits.sessionAgeMs);
  }

  sawActivity(nowMs: number): void {
    this.#lastActivityMs = nowMs;
  }

  /** Why the session is over; undefined: it goes on. */
  expiredReason(nowMs: number, { isReading, assemblingSinceMs }: Listening): CloseReason | undefined {
    if (!isReading) this.#lastActivityMs = nowMs;
    else if (assemblingSinceMs !== undefined && nowMs - assemblingSinceMs >= ASSEMBLY_MS)
      return 'assembly_timeout';
    if (nowMs - this.#lastActivityMs >= this.#limits.silenceMs) return 'client_unresponsive';
    return nowMs >= this.#expiresAtMs ? 'session_expired' : undefined;
  }

  isPingDue(nowMs: number): boolean {
    return nowMs >= this.#nextPingMs;
  }

  /** One is due now, whether it is sent or not. */
  planNextPing(nowMs: number): void {
    this.#nextPingMs = nowMs + jittered(this.#limits.pingMs);
  }

  pingSent(): void {
    // Of several pings a client may answer the last one only.
    this.#pingSentAtMs = this.#marksOut === 0 ? performance.now() : 0;
    this.#marksOut = 0;
  }

  markSent(): void {
    this.#marksOut++;
  }

  /** Seconds of the round trip; undefined where the answer measures none. */
  answered(): number | undefined {
    if (this.#marksOut > 0) {
      this.#marksOut--;
      return undefined;
    }
    if (this.#pingSentAtMs === 0) return undefined;
    const seconds = (performance.now() - this.#pingSentAtMs) / 1000;
    this.#pingSentAtMs = 0;
    return seconds;
  }

  /** When something may be due. A message that has not begun yet cannot be late before its whole limit from now. */
  dueAtMs(nowMs: number, assemblingSinceMs: number | undefined): number {
    return Math.min(
      this.#nextPingMs,
      this.#expiresAtMs,
      this.#lastActivityMs + this.#limits.silenceMs,
      (assemblingSinceMs ?? nowMs) + ASSEMBLY_MS,
    );
  }
}

/** ± 10 %, so that sessions which began together do not stay in step. */
const jittered = (ms: number): number => Math.round(ms * (0.9 + 0.2 * Math.random()));

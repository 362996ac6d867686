import type { CloseReason } from '../close-reason.ts';

export type LivenessLimits = {
  readonly pingMs: number;
  readonly silenceMs: number;
  /** 0: no limit. */
  readonly sessionAgeMs: number;
};

/** The buffered engine holds a message until it is complete. It must be complete within this time. */
const ASSEMBLY_MS = 30_000;

/** What decides whether the client's silence counts. */
type Listening = {
  /** We read what the client sends. */
  readonly isReading: boolean;
  readonly assemblingSinceMs: number | undefined;
};

/**
 * When a client is pinged, and when its session ends by time alone. All times are those of the wheel, except the round
 * trips of pings.
 */
export class Liveness {
  readonly #limits: LivenessLimits;
  /** undefined: never. */
  readonly #expiresAtMs: number | undefined;
  /** By the clock on the wall; undefined: never. */
  loginEndsAtMs: number | undefined;
  #lastActivityMs: number;
  #nextPingMs: number;
  /** 0: no answer is measured. */
  #pingSentAtMs = 0;
  /** Unanswered pings that were sent after bytes. Their round trips say nothing about the network. */
  #marksOut = 0;

  /** `loginEndsAtMs`: by the clock on the wall, as the token says it; looked at with each ping at the latest. */
  constructor(limits: LivenessLimits, nowMs: number, loginEndsAtMs?: number) {
    this.#limits = limits;
    this.loginEndsAtMs = loginEndsAtMs;
    this.#lastActivityMs = nowMs;
    this.#nextPingMs = nowMs + jittered(limits.pingMs);
    this.#expiresAtMs = limits.sessionAgeMs === 0 ? undefined : nowMs + jittered(limits.sessionAgeMs);
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
    if (this.loginEndsAtMs !== undefined && Date.now() >= this.loginEndsAtMs) return 'auth_expired';
    return nowMs >= (this.#expiresAtMs ?? Number.POSITIVE_INFINITY) ? 'session_expired' : undefined;
  }

  isPingDue(nowMs: number): boolean {
    return nowMs >= this.#nextPingMs;
  }

  /** To be called when a ping is due, whether it is sent or not. */
  planNextPing(nowMs: number): void {
    this.#nextPingMs = nowMs + jittered(this.#limits.pingMs);
  }

  pingSent(): void {
    // A client may answer only the last of several pings (RFC 6455 §5.5.3).
    this.#pingSentAtMs = this.#marksOut === 0 ? performance.now() : 0;
    this.#marksOut = 0;
  }

  markSent(): void {
    this.#marksOut++;
  }

  /** Seconds of the round trip; undefined: this pong does not measure one. */
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

  /**
   * The earliest time at which something may be due. A message that has not begun yet has its whole limit before it.
   */
  dueAtMs(nowMs: number, assemblingSinceMs: number | undefined): number {
    return Math.min(
      this.#nextPingMs,
      this.#expiresAtMs ?? Number.POSITIVE_INFINITY,
      this.loginEndsAtMs === undefined ? Number.POSITIVE_INFINITY : nowMs + this.loginEndsAtMs - Date.now(),
      this.#lastActivityMs + this.#limits.silenceMs,
      (assemblingSinceMs ?? nowMs) + ASSEMBLY_MS,
    );
  }
}

/** ± 10 %, so that sessions which began together do not stay in step. */
const jittered = (ms: number): number => Math.round(ms * (0.9 + 0.2 * Math.random()));

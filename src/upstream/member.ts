import type { DialTarget } from './dial.ts';

/** What is known of a server, best first: label values of natsgate_upstream_server_state, words of the API. */
export const SERVER_STATES = ['up', 'untried', 'unhealthy', 'lame_duck', 'down'] as const;
export type ServerState = (typeof SERVER_STATES)[number];

/** A server that failed is passed over for so long, then for twice as long, up to the maximum. */
const FIRST_BACKOFF_MS = 500;
const MAX_BACKOFF_MS = 30_000;
/** For so long a lame duck is not even asked whether it still is one, while there is another server. */
const LAME_DUCK_MS = 30_000;
/** So many health checks in a row must go without an answer; an answer that says no counts at once. */
const UNANSWERED_CHECKS = 2;

/** What one health check said: `unhealthy` is an answer of the server, `unanswered` is none. */
export type HealthVerdict = 'ok' | 'unhealthy' | 'unanswered';

/** Classes of members, the first that has one is taken from. */
export const RANK = { good: 0, unhealthy: 1, failed: 2, lameDuck: 3 } as const;

/** Connections that carry a session. */
export type PlacedSessions = { sessions: number };

/**
 * One address of one server, and what its last attempts and checks showed. Pure: whoever calls brings the time.
 *
 * ```
 *            attempt fails               backoff over: one attempt may try
 *  good ────────────────────▶ failed ──────────────────────────────────────▶ good, or failed for twice as long
 * ```
 */
export class Member {
  readonly target: DialTarget;
  readonly #placed: PlacedSessions;
  /** Attempts under way. */
  pending = 0;
  #failures = 0;
  #retryAtMs = 0;
  #lameDuck = false;
  #askAgainAtMs = 0;
  #answered = false;
  #health: 'unknown' | 'ok' | 'failing' = 'unknown';
  #unansweredChecks = 0;

  /** `placed`: of this address, shared with the member that had it in the pool before. */
  constructor(target: DialTarget, placed: PlacedSessions = { sessions: 0 }) {
    this.target = target;
    this.#placed = placed;
  }

  get sessions(): number {
    return this.#placed.sessions;
  }

  set sessions(count: number) {
    this.#placed.sessions = count;
  }

  get state(): ServerState {
    if (this.#failures > 0) return 'down';
    if (this.#lameDuck) return 'lame_duck';
    if (this.#health === 'failing') return 'unhealthy';
    return this.#answered || this.#health === 'ok' ? 'up' : 'untried';
  }

  get retryAtMs(): number {
    return this.#retryAtMs;
  }

  /** Behind a backoff one attempt goes first; while it is under way the others still pass this member over. */
  rank(nowMs: number): number {
    const occupied = this.pending > 0;
    if (this.#lameDuck && (occupied || nowMs < this.#askAgainAtMs)) return RANK.lameDuck;
    if (this.#failures > 0 && (occupied || nowMs < this.#retryAtMs)) return RANK.failed;
    return this.#health === 'failing' ? RANK.unhealthy : RANK.good;
  }

  /** Its INFO has come. `lameDuck`: and says that the server is about to go. */
  succeeded(lameDuck: boolean, nowMs: number): void {
    this.#failures = 0;
    this.#retryAtMs = 0;
    this.#answered = true;
    this.#lameDuck = lameDuck;
    this.#askAgainAtMs = lameDuck ? nowMs + LAME_DUCK_MS : 0;
  }

  /** A session was told that the server is about to go. False: that was known. */
  leaves(nowMs: number): boolean {
    const isNews = !this.#lameDuck;
    this.#lameDuck = true;
    this.#askAgainAtMs = nowMs + LAME_DUCK_MS;
    return isNews;
  }

  /**
   * An attempt that began at `startedAtMs` has failed. One that began before the backoff was over tells nothing
   * new: a hundred clients that return at once must not make a hundred steps of one outage. `random`: 0 to 1,
   * takes up to half of the backoff away.
   */
  failed(startedAtMs: number, nowMs: number, random: number): void {
    if (startedAtMs < this.#retryAtMs) return;
    const backoffMs = Math.min(FIRST_BACKOFF_MS * 2 ** this.#failures, MAX_BACKOFF_MS);
    this.#failures++;
    this.#retryAtMs = nowMs + backoffMs * (1 - random / 2);
  }

  /** A check that is answered well again ends a backoff: the server has come back before it was tried. */
  checked(verdict: HealthVerdict): void {
    this.#unansweredChecks = verdict === 'unanswered' ? this.#unansweredChecks + 1 : 0;
    if (verdict === 'unhealthy' || this.#unansweredChecks >= UNANSWERED_CHECKS) this.#health = 'failing';
    if (verdict !== 'ok' || this.#health === 'ok') return;
    this.#health = 'ok';
    this.#failures = 0;
    this.#retryAtMs = 0;
    this.#lameDuck = false;
  }
}

import type { DialTarget, Upstream } from './connection.ts';
import type { DialError } from './dial-error.ts';

/** What is known of a server, best first: label values of natsgate_upstream_server_state, words of the API. */
export const SERVER_STATES = ['up', 'untried', 'unhealthy', 'lame_duck', 'down'] as const;
export type ServerState = (typeof SERVER_STATES)[number];

/** A server that failed is avoided for this time, then for twice as long, up to the maximum. */
const FIRST_BACKOFF_MS = 500;
const MAX_BACKOFF_MS = 30_000;
/** A lame duck is not tried again for this time, while there is another server. */
const LAME_DUCK_MS = 30_000;
/** Health checks in a row that must go without an answer; an answer of 5xx counts at once. */
const UNANSWERED_CHECKS = 2;

/** What one health check said: `unhealthy` is an answer of the server, `unanswered` is none. */
export type HealthVerdict = 'ok' | 'unhealthy' | 'unanswered';

/** Classes of endpoints, best first. */
export const RANK = { good: 0, unhealthy: 1, failed: 2, lameDuck: 3 } as const;

/** Connections that carry a session. */
export type SessionCount = { sessions: number };

/** The server that an endpoint belongs to: it counts, logs and marks what a dial reports of its endpoints. */
export type EndpointOwner = {
  succeeded(endpoint: Endpoint, lameDuck: boolean): void;
  failed(endpoint: Endpoint, startedAtMs: number, error: DialError): void;
  /** The connection of `upstream` carries a session from now on. */
  placed(endpoint: Endpoint, upstream: Upstream): void;
};

/**
 * One address of one server, and what its last attempts and checks showed. Pure: the caller brings the time.
 *
 * ```
 *            attempt fails               backoff over: one attempt may try
 *  good ────────────────────▶ failed ──────────────────────────────────────▶ good, or failed for twice as long
 * ```
 */
export class Endpoint {
  readonly target: DialTarget;
  readonly owner: EndpointOwner;
  readonly #count: SessionCount;
  /** Attempts under way. */
  pending = 0;
  #failures = 0;
  #retryAtMs = 0;
  #lameDuck = false;
  #askAgainAtMs = 0;
  #answered = false;
  #health: 'unknown' | 'ok' | 'failing' = 'unknown';
  #unansweredChecks = 0;

  /** `count`: of this address, shared with the endpoint that had it in the pool before. */
  constructor(target: DialTarget, owner: EndpointOwner, count: SessionCount = { sessions: 0 }) {
    this.target = target;
    this.owner = owner;
    this.#count = count;
  }

  get sessions(): number {
    return this.#count.sessions;
  }

  set sessions(count: number) {
    this.#count.sessions = count;
  }

  get state(): ServerState {
    if (this.#failures > 0) return 'down';
    if (this.#lameDuck) return 'lame_duck';
    if (this.#health === 'failing') return 'unhealthy';
    return this.#answered || this.#health === 'ok' ? 'up' : 'untried';
  }

  /** Its last INFO says ldm, though it may be down by now. */
  get isLameDuck(): boolean {
    return this.#lameDuck;
  }

  get retryAtMs(): number {
    return this.#retryAtMs;
  }

  /** After a backoff one attempt goes first; until it has ended, other dials still avoid this endpoint. */
  rank(nowMs: number): number {
    const occupied = this.pending > 0;
    if (this.#lameDuck && (occupied || nowMs < this.#askAgainAtMs)) return RANK.lameDuck;
    if (this.#failures > 0 && (occupied || nowMs < this.#retryAtMs)) return RANK.failed;
    return this.#health === 'failing' ? RANK.unhealthy : RANK.good;
  }

  /** Its INFO has come. `lameDuck`: it says that the server is about to shut down. */
  succeeded(lameDuck: boolean, nowMs: number): void {
    this.#failures = 0;
    this.#retryAtMs = 0;
    this.#answered = true;
    this.#lameDuck = lameDuck;
    this.#askAgainAtMs = lameDuck ? nowMs + LAME_DUCK_MS : 0;
  }

  /** A session got an INFO with `ldm`. False: that was known. */
  markLameDuck(nowMs: number): boolean {
    const isNews = !this.#lameDuck;
    this.#lameDuck = true;
    this.#askAgainAtMs = nowMs + LAME_DUCK_MS;
    return isNews;
  }

  /**
   * An attempt that began at `startedAtMs` has failed. One that began before the backoff was over changes nothing:
   * a hundred clients that return at once must not count one outage a hundred times. `random`: 0 to 1, shortens the
   * backoff by up to a half.
   */
  failed(startedAtMs: number, nowMs: number, random: number): void {
    if (startedAtMs < this.#retryAtMs) return;
    const backoffMs = Math.min(FIRST_BACKOFF_MS * 2 ** this.#failures, MAX_BACKOFF_MS);
    this.#failures++;
    this.#retryAtMs = nowMs + backoffMs * (1 - random / 2);
  }

  /** A check with a good answer ends a backoff: the server has come back before it was tried. */
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

import type { Authorizer, Recheck } from './auth/authorizer.ts';
import { NotGranted } from './auth/details.ts';
import type { Session } from './session/session.ts';
import { type TimerWheel, WheelEntry } from './timer-wheel.ts';

export type RechecksParts = {
  readonly wheel: TimerWheel;
  onFault(error: unknown): void;
};

/** The authorizer of a route as it is configured now; undefined: there is none. */
type AuthorizerOf = (route: string) => Authorizer | undefined;

/**
 * Asks the webhook again about open sessions: a no ends the session, an error does not. Each session has its own time in
 * the wheel, so that those which began together are not asked about together; how many are asked about at once is the
 * business of the webhook.
 */
export class Rechecks {
  readonly #parts: RechecksParts;
  readonly #entries = new Map<number, Entry>();

  constructor(parts: RechecksParts) {
    this.#parts = parts;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** `asked` is kept in memory until `remove`: it holds the credential of the client. */
  add(session: Session, asked: Recheck, everyMs: number, authorizerOf: AuthorizerOf): void {
    const entry = new Entry(this.#parts, session, asked, everyMs, authorizerOf);
    this.#entries.set(session.facts.id, entry);
    // Of a wave of clients some are due soon, and none later than was configured.
    entry.planIn(everyMs * (0.1 + 0.9 * Math.random()));
  }

  /** The session has ended. */
  remove(id: number): void {
    this.#entries.get(id)?.stop();
    this.#entries.delete(id);
  }
}

class Entry extends WheelEntry {
  readonly #parts: RechecksParts;
  readonly #session: Session;
  readonly #asked: Recheck;
  readonly #everyMs: number;
  readonly #authorizerOf: AuthorizerOf;
  readonly #stopped = new AbortController();

  constructor(
    parts: RechecksParts,
    session: Session,
    asked: Recheck,
    everyMs: number,
    authorizerOf: AuthorizerOf,
  ) {
    super();
    this.#parts = parts;
    this.#session = session;
    this.#asked = asked;
    this.#everyMs = everyMs;
    this.#authorizerOf = authorizerOf;
  }

  planIn(ms: number): void {
    this.#parts.wheel.schedule(this, ms);
  }

  stop(): void {
    this.#parts.wheel.cancel(this);
    this.#stopped.abort();
  }

  override onDeadline(): void {
    void this.#ask();
  }

  async #ask(): Promise<void> {
    const session = this.#session;
    const authorizer = this.#authorizerOf(session.facts.route);
    // A reload may have switched it off, or on again.
    const everyMs = authorizer?.recheckMs ?? 0;
    try {
      if (authorizer !== undefined && everyMs > 0) {
        const endsAtMs = await authorizer.recheck(this.#asked, this.#stopped.signal);
        if (endsAtMs !== undefined) session.moveLoginEnd(endsAtMs);
      }
    } catch (error) {
      if (this.#stopped.signal.aborted) return;
      if (!(error instanceof NotGranted)) this.#parts.onFault(error);
      else if (error.detail === 'webhook_denied') session.end('auth_revoked');
    }
    if (this.#stopped.signal.aborted || session.reason !== undefined) return;
    this.planIn((everyMs || this.#everyMs) * (0.9 + 0.1 * Math.random()));
  }
}

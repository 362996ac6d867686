import type { EndedSession } from '../session/session-contract.ts';

const KEPT = 1000;

/** The last sessions that ended, as the plain values of their log lines; nothing is made for one that ends. */
export class EndedSessions {
  readonly #sessions: EndedSession[] = [];
  readonly #endedAtMs = new Float64Array(KEPT);
  /** Where the next one goes: the oldest is there when all places are taken. */
  #next = 0;

  get size(): number {
    return this.#sessions.length;
  }

  /** `nowMs`: since the epoch. */
  add(session: EndedSession, nowMs: number): void {
    this.#sessions[this.#next] = session;
    this.#endedAtMs[this.#next] = nowMs;
    this.#next = (this.#next + 1) % KEPT;
  }

  /** The one that ended last comes first. */
  *[Symbol.iterator](): Generator<Ended> {
    for (let back = 1; back <= this.#sessions.length; back++) {
      const index = (this.#next - back + KEPT) % KEPT;
      const session = this.#sessions[index];
      if (session !== undefined) yield { session, endedAtMs: this.#endedAtMs[index] ?? 0 };
    }
  }

  /** undefined: it has not ended, or too many have since. */
  get(id: number): Ended | undefined {
    for (const ended of this) if (ended.session.facts.id === id) return ended;
    return undefined;
  }
}

export type Ended = { readonly session: EndedSession; readonly endedAtMs: number };

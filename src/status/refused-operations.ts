import { freeText } from '../capture/event.ts';
import type { RefusedOperation } from '../policy/refused-operation.ts';
import { isoTime } from './iso-time.ts';

/** Different ones that are remembered, and shown. */
const KEPT = 500;
const SHOWN = 50;
/** Of one row; more are not counted. */
const MAX_SESSIONS = 100;
/** Of them, so many are named: those that came last. */
const MAX_SESSION_IDS = 20;

type Row = RefusedOperation & { count: number; sessions: Set<number>; firstMs: number; lastMs: number };
export type RefusedRow = ReturnType<typeof shown>;

/** What policies have refused, or would have refused, with the most frequent first. Clients decide what is in it. */
export class RefusedOperations {
  readonly #rows = new Map<string, Row>();

  /** `session`: its id; `nowMs`: since the epoch. */
  add(refused: RefusedOperation, session: number, nowMs: number): void {
    const { role, rule, verdict, operation, subject, queue } = refused;
    const key = [role, rule, verdict, operation, subject, queue].join(' ');
    let row = this.#rows.get(key);
    if (row === undefined) {
      if (this.#rows.size === KEPT) this.#forgetOne();
      row = { ...refused, count: 0, sessions: new Set(), firstMs: nowMs, lastMs: nowMs };
      this.#rows.set(key, row);
    }
    row.count++;
    row.lastMs = nowMs;
    if (row.sessions.size < MAX_SESSIONS) row.sessions.add(session);
  }

  /** One that has come least often, so that a flood of new ones does not push out what matters. */
  #forgetOne(): void {
    let [rarest, least] = ['', Number.POSITIVE_INFINITY];
    for (const [key, { count }] of this.#rows) if (count < least) [rarest, least] = [key, count];
    this.#rows.delete(rarest);
  }

  rows(): readonly RefusedRow[] {
    const rows = [...this.#rows.values()].toSorted((one, other) => other.count - one.count);
    return rows.slice(0, SHOWN).map(shown);
  }
}

const shown = ({
  role,
  rule,
  verdict,
  operation,
  subject,
  queue,
  count,
  sessions,
  firstMs,
  lastMs,
}: Row) => ({
  role,
  rule,
  verdict,
  operation,
  subject: freeText(subject),
  ...(queue === '' ? {} : { queue: freeText(queue) }),
  count,
  sessions: sessions.size,
  sessionIds: [...sessions].slice(-MAX_SESSION_IDS),
  first: isoTime(firstMs),
  last: isoTime(lastMs),
});

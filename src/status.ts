import type { InspectionFacts } from './inspect/inspection-facts.ts';
import type { ShownSubjects } from './nats/shown-subjects.ts';
import { type Snapshot, type StatusNow, type StatusParts, snapshotOf } from './snapshot.ts';
import type { EndedSessions } from './status/ended-sessions.ts';
import { type InstanceStatus, instanceStatus } from './status/instance.ts';
import { isoTime } from './status/iso-time.ts';
import { type PolicyStatus, policyStatus } from './status/policy.ts';
import { RateMeter } from './status/rates.ts';
import type { HandshakeRow, RecentHandshakes } from './status/recent-handshakes.ts';
import type { RefusedOperations, RefusedRow } from './status/refused-operations.ts';
import { Seconds } from './status/seconds.ts';
import { pageOf, type SessionQuery } from './status/session-query.ts';
import { type EndedRow, endedRow, handshakeOf, type OpenRow, openRow } from './status/session-rows.ts';
import type { Subjects } from './subjects/subjects.ts';

/** `active`: open now; `kept`: ended and remembered; `matched`: rows on all pages. */
export type SessionList = Readonly<Record<'active' | 'kept' | 'matched', number>> & {
  readonly sessions: readonly (OpenRow | EndedRow)[];
};
type Inspected = { readonly inspection: InspectionFacts | { readonly level: 'off' } };
type Opening = { readonly handshake: ReturnType<typeof handshakeOf> };
export type SessionDetail = ((OpenRow & Inspected) | EndedRow) & Opening;
export type RefusedList = { readonly refused: readonly RefusedRow[] };
export type HandshakeList = { readonly handshakes: readonly HandshakeRow[] };

export type SubjectList = ReturnType<Status['subjects']>;

export type ShownParts = StatusParts & {
  readonly subjects: Subjects;
  readonly shownSubjects: ShownSubjects;
  readonly ended: EndedSessions;
  readonly handshakes: RecentHandshakes;
  readonly refused: RefusedOperations;
};

/** Of a subject. */
const MOST_SESSION_IDS = 20;

/** What is shown of a running gateway, read at the moment when somebody asks. */
export class Status {
  readonly #parts: ShownParts;
  readonly #now: () => StatusNow;
  readonly #rates = new RateMeter(performance.now());

  constructor(parts: ShownParts, now: () => StatusNow) {
    this.#parts = parts;
    this.#now = now;
  }

  /** For the metrics. Goes over all sessions once. */
  snapshot(): Snapshot {
    return snapshotOf(this.#parts, this.#now());
  }

  /** What is running, without a name of any client. */
  gateway(): InstanceStatus {
    return instanceStatus(this.snapshot(), this.#parts.readProcess?.(), this.#rates);
  }

  /** Reports of what happens from now on. */
  seconds(): Seconds {
    return new Seconds(() => this.snapshot());
  }

  /** Rows are made for one page alone. */
  sessions(query: SessionQuery): SessionList {
    const { ended, sessions } = this.#parts;
    const numbers = { active: sessions.size, kept: ended.size };
    if (query.state === 'open') {
      const { matched, page } = pageOf(sessions, query);
      return { ...numbers, matched, sessions: page.map(openRow) };
    }
    const { matched, page } = pageOf(ended, query);
    return { ...numbers, matched, sessions: page.map(endedRow) };
  }

  /** All that are open. */
  openSessions(): readonly OpenRow[] {
    return [...this.#parts.sessions].map(openRow);
  }

  /** An open one with what inspection has seen, or one that has ended; undefined when it is not known any more. */
  session(id: number): SessionDetail | undefined {
    const { ended, inspected, sessions, shownSubjects } = this.#parts;
    const session = sessions.get(id);
    if (session !== undefined) {
      const inspection = inspected.factsOf(id, shownSubjects) ?? { level: 'off' };
      return { ...openRow(session), handshake: handshakeOf(session.facts), inspection };
    }
    const one = ended.get(id);
    return one && { ...endedRow(one), handshake: handshakeOf(one.session.facts) };
  }

  /** Which subjects have the most messages, by a sample that begins when somebody asks. Rates are in a second. */
  subjects() {
    const { inspected, sessions, shownSubjects, subjects } = this.#parts;
    const { looked, operations, startedAtMs, subjects: top } = subjects.look();
    const read = inspected.size;
    return {
      since: isoTime(performance.timeOrigin + startedAtMs),
      operations,
      looked,
      sessions: { read, unread: sessions.size - read },
      subjects: top.map((row) => {
        const open = row.sessions.filter((id) => sessions.get(id) !== undefined);
        const subject = shownSubjects.subject(row.subject);
        return { ...row, subject, sessions: open.length, sessionIds: open.slice(0, MOST_SESSION_IDS) };
      }),
    };
  }

  /** The last opening handshakes, the last one first. */
  handshakes(): HandshakeList {
    return { handshakes: this.#parts.handshakes.rows() };
  }

  /** What the routes let clients say and how fast, and what came of it. */
  policy(): PolicyStatus {
    return policyStatus(this.snapshot());
  }

  /** What policies have refused most often, or would have. */
  refusedOperations(): RefusedList {
    return { refused: this.#parts.refused.rows() };
  }
}

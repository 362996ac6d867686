import type { InspectionFacts } from './inspect/inspection-facts.ts';
import type { Session } from './session/session.ts';
import { type Snapshot, type StatusNow, type StatusParts, snapshotOf } from './snapshot.ts';
import { type InstanceStatus, instanceStatus, isoTime } from './status/instance.ts';
import { RateMeter } from './status/rates.ts';

export type SessionRow = ReturnType<typeof sessionRow>;
export type SessionList = { readonly active: number; readonly sessions: readonly SessionRow[] };
export type SessionDetail = SessionRow & { readonly inspection: InspectionFacts | { readonly level: 'off' } };

/** What is shown of a running gateway, read at the moment when somebody asks. */
export class Status {
  readonly #parts: StatusParts;
  readonly #now: () => StatusNow;
  readonly #rates = new RateMeter(performance.now());

  constructor(parts: StatusParts, now: () => StatusNow) {
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

  /** The open sessions, oldest first, at most `limit` from the one after `after`. */
  sessions(after: number, limit: number): SessionList {
    const { sessions } = this.#parts;
    const rows: SessionRow[] = [];
    for (const session of sessions) {
      if (session.facts.id <= after) continue;
      rows.push(sessionRow(session));
      if (rows.length === limit) break;
    }
    return { active: sessions.size, sessions: rows };
  }

  /** One session with what inspection has seen; undefined when it is not open. */
  session(id: number): SessionDetail | undefined {
    const { inspected, sessions } = this.#parts;
    const session = sessions.get(id);
    if (session === undefined) return undefined;
    return { ...sessionRow(session), inspection: inspected.factsOf(id) ?? { level: 'off' } };
  }
}

function sessionRow(session: Session) {
  const { id, clientAddress, origin, user, tenant, role, route, upstream, natsClientId } = session.facts;
  const { bufferedBytes } = session;
  return {
    id,
    startedAt: isoTime(performance.timeOrigin + session.startedAtMs),
    client: clientAddress,
    origin,
    user,
    tenant,
    role,
    loginEndsAt: isoTime(session.loginEndsAtMs),
    route,
    upstream,
    natsClientId,
    seconds: Math.round((performance.now() - session.startedAtMs) / 1000),
    bytes: { toUpstream: session.bytesToUpstream, toClient: session.bytesToClient },
    buffered: { toUpstream: bufferedBytes.upstream, toClient: bufferedBytes.client },
    ending: session.reason,
  };
}

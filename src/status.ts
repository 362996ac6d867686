import type { InspectionFacts } from './inspect/inspection-facts.ts';
import { addressText } from './net/host.ts';
import type { Session } from './session/session.ts';
import { type Snapshot, type StatusNow, type StatusParts, snapshotOf } from './snapshot.ts';

export type GatewayStatus = ReturnType<typeof gatewayStatus>;
export type SessionRow = ReturnType<typeof sessionRow>;
export type SessionList = { readonly active: number; readonly sessions: readonly SessionRow[] };
export type SessionDetail = SessionRow & { readonly inspection: InspectionFacts | { readonly level: 'off' } };

/** What is shown of a running gateway, read at the moment when somebody asks. */
export class Status {
  readonly #parts: StatusParts;
  readonly #now: () => StatusNow;

  constructor(parts: StatusParts, now: () => StatusNow) {
    this.#parts = parts;
    this.#now = now;
  }

  /** For the metrics. Goes over all sessions once. */
  snapshot(): Snapshot {
    return snapshotOf(this.#parts, this.#now());
  }

  /** What is running, without a name of any client. */
  gateway(): GatewayStatus {
    return gatewayStatus(this.snapshot());
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

function gatewayStatus(snapshot: Snapshot) {
  const { build, configuration, counters, running, sessions, startedAtMs, traffic } = snapshot;
  const { hash, restartNeeded, lastReload } = configuration;
  const { active, limit, limitedBy, opened } = sessions;
  const byRoute = new Map(snapshot.routes.map((route) => [route.name, route.sessions]));
  return {
    state: snapshot.state,
    version: build.version,
    node: build.node,
    startedAt: new Date(startedAtMs).toISOString(),
    uptimeSeconds: Math.round((Date.now() - startedAtMs) / 1000),
    listen: addressText(snapshot.address),
    tls: running.config.listen.tls !== undefined,
    configuration: { hash, restartNeeded, lastReload },
    upstream: running.config.upstream.servers.map((server) => server.name),
    upstreamServers: snapshot.servers.map(({ upstream, name, state, sessions: placed, lastError }) => ({
      upstream,
      name,
      state,
      sessions: placed,
      lastError,
    })),
    routes: running.routeNames.map((name) => ({ name, sessions: byRoute.get(name) ?? 0 })),
    sessions: { active, limit, limitedBy, opened },
    handshakesInFlight: snapshot.admission.handshakesInFlight,
    bytes: { toUpstream: traffic.bytesToUpstream, toClient: traffic.bytesToClient },
    handshakes: positive(counters.handshakes),
    ended: positive(counters.ends),
  };
}

function sessionRow(session: Session) {
  const { id, clientAddress, origin, user, tenant, role, route, upstream, natsClientId } = session.facts;
  const { loginEndsAtMs } = session;
  return {
    id,
    client: clientAddress,
    origin,
    user,
    tenant,
    role,
    loginEndsAt: loginEndsAtMs === undefined ? undefined : new Date(loginEndsAtMs).toISOString(),
    route,
    upstream,
    natsClientId,
    seconds: Math.round((performance.now() - session.startedAtMs) / 1000),
    bytesToUpstream: session.bytesToUpstream,
    bytesToClient: session.bytesToClient,
    buffered: session.bufferedBytes,
    ending: session.reason,
  };
}

const positive = (counts: Readonly<Record<string, number>>): Record<string, number> =>
  Object.fromEntries(Object.entries(counts).filter(([, count]) => count > 0));

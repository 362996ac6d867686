import type { RemoteKeySets } from './auth/jwks.ts';
import type { Budget } from './budget.ts';
import { certificateEnds } from './config/certificate-ends.ts';
import type { Config, ListenAddress } from './config/config.ts';
import { fingerprint } from './config/fingerprint.ts';
import type { Reloader } from './config/reload.ts';
import { NO_RELOADS, type ReloadReport } from './config/reload-report.ts';
import type { Change } from './config/settings.ts';
import type { Counters, RouteCounts } from './counters.ts';
import type { EventLoop } from './event-loop.ts';
import type { InspectionFacts } from './inspect/inspection-facts.ts';
import type { InspectionNumbers, InspectionTotals } from './inspect/inspection-totals.ts';
import type { Admission } from './listener/admission.ts';
import { addressText } from './net/host.ts';
import type { Overload } from './session/overload.ts';
import type { Traffic } from './session/pipe.ts';
import type { Session } from './session/session.ts';
import type { Sessions } from './session/sessions.ts';
import type { UpstreamServerStatus } from './upstream/server.ts';
import type { FrameCounters } from './websocket/frame-counters.ts';

export type GatewayState = 'starting' | 'ready' | 'draining' | 'stopped';

/** What of the program a reload can replace. */
export type Running = {
  readonly config: Config;
  readonly budget: Budget;
  readonly isCutThrough: boolean;
  readonly routeNames: readonly string[];
  servers(): readonly ServerSnapshot[];
};

/** The parts of a gateway that have numbers to show. */
export type StatusParts = {
  readonly build: Build;
  readonly admission: Admission;
  readonly keySets: RemoteKeySets;
  readonly counters: Counters;
  readonly frames: FrameCounters;
  readonly inspected: InspectionTotals;
  readonly loop: EventLoop;
  readonly overload: Overload;
  readonly sessions: Sessions;
  readonly startedAtMs: number;
  readonly droppedLogLines: number;
};

export type Build = Readonly<Record<'version' | 'revision' | 'node', string | undefined>>;

/** The rest, as it is when somebody asks. */
export type StatusNow = {
  readonly state: GatewayState;
  readonly ready: boolean;
  readonly address: ListenAddress;
  readonly running: Running;
  readonly pendingConnections: number;
  readonly adminDrops: Readonly<Record<string, number>>;
  readonly reloader: Reloader | undefined;
};

/** A server with the upstream that it is in, which has the name of its route. */
export type ServerSnapshot = UpstreamServerStatus & { readonly upstream: string };

/** A route that runs, or did and is not forgotten. */
export type RouteSnapshot = RouteCounts & { readonly name: string; readonly sessions: number };

/** The gateway at one moment. */
export type Snapshot = Omit<StatusNow, 'reloader'> &
  Omit<StatusParts, 'inspected' | 'keySets' | 'sessions'> & {
    /** Of the oldest keys that verify tokens. */
    readonly keysAgeSeconds: number | undefined;
    readonly configuration: {
      readonly hash: string;
      /** Seconds since the epoch, by role. */
      readonly certificateEnds: Readonly<Record<string, number>>;
      readonly reloads: Readonly<Record<string, number>>;
      readonly lastReload: ReloadReport | undefined;
      /** The start counts, as for a gateway that has nothing to reload from. */
      readonly lastSuccessSeconds: number;
      readonly restartNeeded: readonly Change[];
    };
    readonly sessions: {
      readonly active: number;
      readonly limit: number;
      readonly limitedBy: Budget['limitedBy'];
      /** Since the start. */
      readonly opened: number;
      readonly oldestStartSeconds: number | undefined;
    };
    /** Bytes that wait to be written to each side. */
    readonly buffered: { readonly client: number; readonly upstream: number };
    readonly traffic: Traffic;
    readonly inspection: InspectionNumbers;
    readonly routes: readonly RouteSnapshot[];
    readonly servers: readonly ServerSnapshot[];
  };

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

function snapshotOf(parts: StatusParts, { reloader, ...now }: StatusNow): Snapshot {
  const { admission, build, counters, droppedLogLines, frames, keySets, loop, overload, sessions } = parts;
  const { startedAtMs } = parts;
  const { config, budget } = now.running;
  const [oldest] = sessions;
  const { buffered, byRoute } = overSessions(sessions);
  return {
    ...now,
    admission,
    build,
    counters,
    droppedLogLines,
    frames,
    loop,
    overload,
    startedAtMs,
    configuration: {
      hash: fingerprint(config),
      certificateEnds: certificateEnds(config),
      ...reloadsOf(reloader, startedAtMs),
    },
    sessions: {
      active: sessions.size,
      limit: budget.sessions,
      limitedBy: budget.limitedBy,
      opened: sessions.opened,
      oldestStartSeconds: oldest && (performance.timeOrigin + oldest.startedAtMs) / 1000,
    },
    buffered,
    traffic: counters.traffic,
    keysAgeSeconds: keySets.oldestSeconds,
    inspection: parts.inspected.numbers(),
    routes: [...counters.routes].map(([name, counts]) => ({
      ...counts,
      name,
      sessions: byRoute.get(name) ?? 0,
    })),
    servers: now.running.servers(),
  };
}

function overSessions(sessions: Iterable<Session>) {
  const buffered = { client: 0, upstream: 0 };
  const byRoute = new Map<string, number>();
  for (const { bufferedBytes, facts } of sessions) {
    buffered.client += bufferedBytes.client;
    buffered.upstream += bufferedBytes.upstream;
    byRoute.set(facts.route, (byRoute.get(facts.route) ?? 0) + 1);
  }
  return { buffered, byRoute };
}

const reloadsOf = (reloader: Reloader | undefined, startedAtMs: number) => ({
  reloads: reloader?.outcomes ?? NO_RELOADS,
  lastReload: reloader?.last,
  lastSuccessSeconds: reloader?.lastSuccessSeconds ?? startedAtMs / 1000,
  restartNeeded: reloader?.restartNeeded ?? [],
});

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

import type { RemoteKeySets } from './auth/jwks.ts';
import type { Budget, MemoryLimit } from './budget.ts';
import { certificateEnds } from './config/certificate-ends.ts';
import type { Config, ListenAddress } from './config/config.ts';
import { fingerprint } from './config/fingerprint.ts';
import type { Reloader } from './config/reload.ts';
import { NO_RELOADS, type ReloadReport } from './config/reload-report.ts';
import type { Change } from './config/settings.ts';
import type { Counters, RouteCounts } from './counters.ts';
import type { EventLoop } from './event-loop.ts';
import type { InspectionNumbers, InspectionTotals } from './inspect/inspection-totals.ts';
import type { Admission } from './listener/admission.ts';
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
  /** undefined: none is respected. */
  readonly memoryLimit: MemoryLimit | undefined;
  readonly isCutThrough: boolean;
  servers(): readonly ServerSnapshot[];
};

/** The parts of a gateway that have numbers to show. */
export type StatusParts = {
  readonly build: Build;
  /** undefined: not known here, as in a test. */
  readonly readProcess: (() => ProcessReading) | undefined;
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

/** What the process says of itself; read when somebody asks. */
export type ProcessReading = {
  readonly pid: number;
  /** Resident; of the heap of V8 what is used, and the most that it may have. */
  readonly memory: Readonly<Record<'rssBytes' | 'heapUsedBytes' | 'heapLimitBytes', number>>;
  /** Since its start. */
  readonly cpuSeconds: Readonly<Record<'user' | 'system', number>>;
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
  Omit<StatusParts, 'inspected' | 'keySets' | 'readProcess' | 'sessions'> & {
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
    /** Sessions that are not read from now because of `rates`. */
    readonly delayed: number;
    readonly traffic: Traffic;
    readonly inspection: InspectionNumbers;
    readonly routes: readonly RouteSnapshot[];
    readonly servers: readonly ServerSnapshot[];
  };

/** Goes over all sessions once. */
export function snapshotOf(parts: StatusParts, { reloader, ...now }: StatusNow): Snapshot {
  const { admission, build, counters, droppedLogLines, frames, keySets, loop, overload, sessions } = parts;
  const { startedAtMs } = parts;
  const { config, budget } = now.running;
  const [oldest] = sessions;
  const { buffered, byRoute, delayed } = overSessions(sessions);
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
    delayed,
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
  let delayed = 0;
  for (const { bufferedBytes, delay, facts } of sessions) {
    if (delay !== undefined) delayed++;
    buffered.client += bufferedBytes.client;
    buffered.upstream += bufferedBytes.upstream;
    byRoute.set(facts.route, (byRoute.get(facts.route) ?? 0) + 1);
  }
  return { buffered, byRoute, delayed };
}

const reloadsOf = (reloader: Reloader | undefined, startedAtMs: number) => ({
  reloads: reloader?.outcomes ?? NO_RELOADS,
  lastReload: reloader?.last,
  lastSuccessSeconds: reloader?.lastSuccessSeconds ?? startedAtMs / 1000,
  restartNeeded: reloader?.restartNeeded ?? [],
});

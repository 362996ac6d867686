import { hostname } from 'node:os';
import { routesOf } from '../config/routes.ts';
import type { Counters, RoleCounts } from '../counters.ts';
import { addressText } from '../net/host.ts';
import type { ProcessReading, Snapshot } from '../snapshot.ts';
import { isoTime } from './iso-time.ts';
import type { RateMeter } from './rates.ts';

export type InstanceStatus = ReturnType<typeof instanceStatus>;

/** What is running, without a name of any client. `reading`: undefined where the process says nothing of itself. */
export function instanceStatus(snapshot: Snapshot, reading: ProcessReading | undefined, meter: RateMeter) {
  const { buffered, build, counters, loop, overload, running, sessions, startedAtMs, traffic } = snapshot;
  const { active, limit, limitedBy, opened } = sessions;
  const { config, isCutThrough, memoryLimit } = running;
  const bytes = { toUpstream: traffic.bytesToUpstream, toClient: traffic.bytesToClient };
  const handshakes = Object.values(counters.handshakes).reduce((sum, count) => sum + count, 0);
  return {
    state: snapshot.state,
    host: hostname(),
    pid: reading?.pid,
    version: build.version,
    revision: build.revision,
    node: build.node,
    startedAt: isoTime(startedAtMs),
    uptimeSeconds: Math.round((Date.now() - startedAtMs) / 1000),
    memory: { ...reading?.memory, limitBytes: memoryLimit?.bytes, limitFrom: memoryLimit?.from },
    cpuSeconds: reading?.cpuSeconds,
    eventLoop: { utilization: loop.utilization, delayP99Seconds: loop.delayP99Seconds },
    listen: addressText(snapshot.address),
    tls: config.listen.tls !== undefined,
    subjects: config.admin.subjects,
    engine: isCutThrough ? 'cut-through' : 'buffered',
    engineFallback: config.engine === 'cut-through' && !isCutThrough,
    ...configurationOf(snapshot),
    upstreamServers: snapshot.servers.map(({ upstream, name, state, sessions: placed, ...error }) => ({
      upstream,
      name,
      state,
      sessions: placed,
      lastError: error.lastError,
      lastErrorAt: isoTime(error.lastErrorAtMs),
      downSince: isoTime(error.downSinceMs),
      lameDuckSince: isoTime(error.lameDuckSinceMs),
    })),
    routes: routeStatus(snapshot),
    sessions: { active, limit, limitedBy, opened },
    handshakesInFlight: snapshot.admission.handshakesInFlight,
    bytes,
    buffered: {
      toUpstream: buffered.upstream,
      toClient: buffered.client,
      heldBytes: overload.heldBytes,
      limitBytes: Number.isFinite(overload.limitBytes) ? overload.limitBytes : undefined,
    },
    rates: meter.read({ handshakes, ...bytes }, performance.now()),
    handshakes: positive(counters.handshakes),
    ended: positive(counters.ends),
    serverErrors: positive(counters.serverErrors),
    policyVerdicts: policyVerdicts(counters),
  };
}

function configurationOf({ configuration }: Snapshot) {
  const { certificateEnds, hash, lastReload, lastSuccessSeconds, restartNeeded } = configuration;
  return {
    configuration: { hash, restartNeeded, lastReload, lastSuccessAt: isoTime(lastSuccessSeconds * 1000) },
    certificates: Object.entries(certificateEnds).map(([role, seconds]) => ({
      role,
      expiresAt: isoTime(seconds * 1000),
    })),
  };
}

function routeStatus({ routes, running }: Snapshot) {
  const sessions = new Map(routes.map((route) => [route.name, route.sessions]));
  return routesOf(running.config).map(({ name, host, path, inspect, policy }) => ({
    name,
    host,
    path,
    inspect,
    policy: policy?.mode,
    sessions: sessions.get(name) ?? 0,
  }));
}

/** Operations that policies refused, or would have with `mode: enforce`; of all roles. */
function policyVerdicts({ roles }: Counters) {
  const counts = [...roles.values()];
  const sum = (verdict: keyof RoleCounts): number =>
    counts.flatMap((one) => Object.values(one[verdict])).reduce((all, count) => all + count, 0);
  return { denied: sum('denied'), would_deny: sum('would_deny') };
}

const positive = (counts: Readonly<Record<string, number>>): Record<string, number> =>
  Object.fromEntries(Object.entries(counts).filter(([, count]) => count > 0));

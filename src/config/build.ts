/** From checked values to the configuration as the gateway reads it: names with units, one frozen object. */
import type { Config, InfoConfig, InspectLevel } from './config.ts';
import type { References, UpstreamReferences } from './references.ts';
import type { RouteValues, Values } from './schema.ts';

/** The configuration, frozen in depth. */
export function buildConfig(values: Values, references: References): Config {
  const { listen, admin, engine, compression, limits, timeouts, drain, log } = values;
  const top = served(values, references.upstream, compression.concurrency);
  return frozen<Config>({
    listen: {
      address: listen.address,
      tls: references.tls,
      trustedProxies: listen.trustedProxies,
      proxyProtocol: listen.proxyProtocol,
      hosts: listen.hosts,
    },
    admin: { address: admin.address, hosts: admin.hosts, token: references.token },
    engine,
    ...top,
    limits: {
      sessions: limits.sessions,
      sessionsPerAddress: limits.sessionsPerAddress,
      handshakesInFlight: limits.handshakesInFlight,
      handshakesPerSecond: limits.handshakesPerSecond,
      handshakesPerSecondPerAddress: limits.handshakesPerSecondPerAddress,
      ...sessionLimits(limits),
      readiness: limits.readiness,
    },
    timeouts: {
      handshakeMs: timeouts.handshake,
      pingMs: timeouts.ping,
      silenceMs: timeouts.silence,
      stallMs: timeouts.stall,
      closeMs: timeouts.close,
    },
    drain: { delayMs: drain.delay, timeoutMs: drain.timeout, budgetMs: drain.budget },
    log: { level: log.level, format: log.format },
    routes: values.routes.map((route, index) => {
      const own = references.routes[index];
      const made = served(route, own ?? references.upstream, compression.concurrency);
      return {
        name: routeName(route),
        host: route.host,
        path: route.path,
        subprotocols: route.subprotocols,
        ...made,
        upstream: own === undefined ? top.upstream : made.upstream,
        limits: { sessions: route.limits.sessions, ...sessionLimits(route.limits) },
      };
    }),
  });
}

/** Host and path as written. A path begins with a slash, so no two routes have the same name. */
export const routeName = ({ host = '', path }: Pick<RouteValues, 'host' | 'path'>): string =>
  `${host}${path}`;

type Served = Pick<RouteValues, 'origins' | 'upstream' | 'compression' | 'inspect' | 'info'>;

function served(values: Served, { tls, proxySigner }: UpstreamReferences, concurrency: number) {
  const { origins, upstream, compression, info } = values;
  const isOpaque = upstream.servers[0]?.opaque === true;
  return {
    origins: { allow: origins.allow, missing: origins.missing, opaque: origins.opaque },
    upstream: {
      servers: upstream.servers,
      order: upstream.order,
      connectTimeoutMs: upstream.connectTimeout,
      dialTimeoutMs: upstream.dialTimeout,
      tls,
      proxyProtocol: upstream.proxyProtocol,
      health: { urls: upstream.health.url, intervalMs: upstream.health.interval },
      readiness: upstream.readiness,
      proxySigner,
    },
    compression: {
      enabled: compression.enabled === 'on',
      thresholdBytes: compression.threshold,
      sessions: compression.sessions,
      concurrency,
    },
    inspect: isOpaque ? 'off' : values.inspect === 'auto' ? neededLevel(values) : values.inspect,
    info: { connectUrls: connectUrls(info.connectUrls), hide: info.hide },
  } satisfies Partial<Config>;
}

const sessionLimits = (limits: Omit<RouteValues['limits'], 'sessions'>) => ({
  maxFrameBytes: limits.frameBytes,
  maxSentFrameBytes: limits.sentFrameBytes,
  maxControlLineBytes: limits.controlLineBytes,
  sessionAgeMs: limits.sessionAge,
});

/** The lowest level at which all that is asked for can be done. */
export function neededLevel(values: Pick<RouteValues, 'info' | 'upstream'>): InspectLevel {
  const signs = values.upstream.proxySeedFile !== undefined;
  return signs || rewritesInfo(values).length > 0 ? 'enforce' : 'off';
}

/** Which keys ask for another INFO. That of a server behind TLS tells of that TLS. */
export function rewritesInfo({ info, upstream }: Pick<RouteValues, 'info' | 'upstream'>): readonly string[] {
  return [
    ...(connectUrls(info.connectUrls) !== 'keep' || info.hide.length > 0 ? ['info'] : []),
    ...(upstream.tls.mode === 'off' ? [] : ['upstream.tls.mode']),
  ];
}

/** A word alone means itself. An empty list names no address, as `drop` does. */
function connectUrls(written: readonly string[]): InfoConfig['connectUrls'] {
  const [first] = written;
  if (first === undefined || first === 'drop') return 'drop';
  return first === 'keep' ? 'keep' : written;
}

function frozen<T>(value: T): T {
  if (typeof value === 'object' && value !== null) {
    for (const inner of Object.values(value)) frozen(inner);
    Object.freeze(value);
  }
  return value;
}

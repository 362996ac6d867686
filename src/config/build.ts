/** From checked values to the configuration as the gateway reads it: names with units, one frozen object. */
import type { Config, InfoConfig, InspectLevel } from './config.ts';
import type { References } from './references.ts';
import type { Values } from './schema.ts';

/** The configuration, frozen in depth. */
export function buildConfig(values: Values, { tls, upstreamTls, token, proxySigner }: References): Config {
  const { listen, admin, origins, upstream, engine, compression, info, limits, timeouts, drain, log } =
    values;
  return frozen<Config>({
    listen: {
      address: listen.address,
      tls,
      trustedProxies: listen.trustedProxies,
      proxyProtocol: listen.proxyProtocol,
      hosts: listen.hosts,
    },
    admin: { address: admin.address, hosts: admin.hosts, token },
    origins: { allow: origins.allow, missing: origins.missing, opaque: origins.opaque },
    upstream: {
      servers: upstream.servers,
      order: upstream.order,
      connectTimeoutMs: upstream.connectTimeout,
      dialTimeoutMs: upstream.dialTimeout,
      tls: upstreamTls,
      proxyProtocol: upstream.proxyProtocol,
      health: { urls: upstream.health.url, intervalMs: upstream.health.interval },
      readiness: upstream.readiness,
      proxySigner,
    },
    engine,
    compression: {
      enabled: compression.enabled === 'on',
      thresholdBytes: compression.threshold,
      sessions: compression.sessions,
      concurrency: compression.concurrency,
    },
    inspect: values.inspect === 'auto' ? neededLevel(values) : values.inspect,
    info: { connectUrls: connectUrls(info.connectUrls), hide: info.hide },
    limits: {
      sessions: limits.sessions,
      sessionsPerAddress: limits.sessionsPerAddress,
      handshakesInFlight: limits.handshakesInFlight,
      handshakesPerSecond: limits.handshakesPerSecond,
      handshakesPerSecondPerAddress: limits.handshakesPerSecondPerAddress,
      maxFrameBytes: limits.frameBytes,
      maxSentFrameBytes: limits.sentFrameBytes,
      maxControlLineBytes: limits.controlLineBytes,
      sessionAgeMs: limits.sessionAge,
    },
    timeouts: {
      handshakeMs: timeouts.handshake,
      pingMs: timeouts.ping,
      silenceMs: timeouts.silence,
      stallMs: timeouts.stall,
      closeMs: timeouts.close,
    },
    drain: { delayMs: drain.delay, timeoutMs: drain.timeout },
    log: { level: log.level, format: log.format },
  });
}

/** The lowest level at which all that is asked for can be done. */
export function neededLevel(values: Pick<Values, 'info' | 'upstream'>): InspectLevel {
  const signs = values.upstream.proxySeedFile !== undefined;
  return signs || rewritesInfo(values).length > 0 ? 'enforce' : 'off';
}

/** Which keys ask for another INFO. That of a server behind TLS tells of that TLS. */
export function rewritesInfo({ info, upstream }: Pick<Values, 'info' | 'upstream'>): readonly string[] {
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

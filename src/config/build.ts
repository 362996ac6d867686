/** From checked values to the configuration as the gateway reads it: names with units, one frozen object. */
import type { Config } from './config.ts';
import type { References } from './references.ts';
import type { Values } from './schema.ts';

/** The configuration, frozen in depth. */
export function buildConfig(values: Values, { tls, token }: References): Config {
  const { listen, admin, origins, upstream, engine, limits, timeouts, drain, log } = values;
  return frozen<Config>({
    listen: { address: listen.address, tls, trustedProxies: listen.trustedProxies, hosts: listen.hosts },
    admin: { address: admin.address, hosts: admin.hosts, token },
    origins: { allow: origins.allow, missing: origins.missing, opaque: origins.opaque },
    upstream: {
      servers: upstream.servers,
      order: upstream.order,
      connectTimeoutMs: upstream.connectTimeout,
      dialTimeoutMs: upstream.dialTimeout,
      health: { urls: upstream.health.url, intervalMs: upstream.health.interval },
      readiness: upstream.readiness,
    },
    engine,
    limits: {
      sessions: limits.sessions,
      sessionsPerAddress: limits.sessionsPerAddress,
      handshakesInFlight: limits.handshakesInFlight,
      handshakesPerSecond: limits.handshakesPerSecond,
      handshakesPerSecondPerAddress: limits.handshakesPerSecondPerAddress,
      maxFrameBytes: limits.frameBytes,
      maxSentFrameBytes: limits.sentFrameBytes,
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

function frozen<T>(value: T): T {
  if (typeof value === 'object' && value !== null) {
    for (const inner of Object.values(value)) frozen(inner);
    Object.freeze(value);
  }
  return value;
}

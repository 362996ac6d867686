import type { Config, EngineName } from '../../src/config/config.ts';

type Parts = Omit<Config, 'auth' | 'policy' | 'rates'>;
export type ConfigOverrides = Pick<Config, 'auth' | 'policy' | 'rates'> & {
  readonly [Part in keyof Parts]?: Parts[Part] extends string | readonly unknown[]
    ? Parts[Part]
    : Partial<Parts[Part]>;
};

/** The engine of all tests that do not choose one: cut-through, or what ENGINE names. */
export const testEngine = (): EngineName =>
  process.env['ENGINE'] === 'buffered' ? 'buffered' : 'cut-through';

/** Compression of all tests that do not choose: off, or what COMPRESSION says. */
export const testCompression = (): boolean => process.env['COMPRESSION'] === 'on';

/**
 * A complete configuration on free loopback ports, allowing https://app.example.com and programs. Its deadlines in real
 * time are so long that only a hang meets them; a test of a deadline sets its own.
 */
export function testConfig(upstreamPort: number, overrides: ConfigOverrides = {}): Config {
  return {
    listen: {
      address: { host: '127.0.0.1', port: 0 },
      tls: undefined,
      trustedProxies: [],
      proxyProtocol: [],
      hosts: [],
      health: undefined,
      ...overrides.listen,
    },
    admin: {
      address: { host: '127.0.0.1', port: 0 },
      hosts: [],
      token: undefined,
      tls: undefined,
      page: true,
      payloads: false,
      subjects: 'full',
      ...overrides.admin,
    },
    origins: { allow: ['https://app.example.com'], missing: 'allow', opaque: 'deny', ...overrides.origins },
    upstream: {
      servers: [{ host: '127.0.0.1', port: upstreamPort, name: `127.0.0.1:${upstreamPort}` }],
      connectTimeoutMs: 20_000,
      dialTimeoutMs: 30_000,
      tls: undefined,
      proxyProtocol: 'off',
      order: 'random',
      health: { urls: [], intervalMs: 5000 },
      readiness: 'process',
      proxySigner: undefined,
      ...overrides.upstream,
    },
    connect: {
      login: undefined,
      clientCredentials: 'keep',
      name: undefined,
      stamp: undefined,
      ...overrides.connect,
    },
    engine: overrides.engine ?? testEngine(),
    compression: {
      enabled: testCompression(),
      thresholdBytes: 1024,
      sessions: 500,
      concurrency: 4,
      ...overrides.compression,
    },
    // As `inspectLevel` does: the INFO of a server with TLS must be rewritten.
    inspect: overrides.inspect ?? levelFor(overrides),
    ...(overrides.auth === undefined ? {} : { auth: overrides.auth }),
    ...(overrides.policy === undefined ? {} : { policy: overrides.policy }),
    info: { connectUrls: 'keep', hide: [], ...overrides.info },
    limits: {
      sessions: 1000,
      memory: 'auto',
      sessionsPerAddress: 0,
      handshakesInFlight: 512,
      handshakesPerSecond: 100_000,
      handshakesPerSecondPerAddress: 0,
      sessionsPerIdentity: 0,
      handshakesPerSecondPerIdentity: 0,
      headBytes: 8192,
      headLines: 64,
      maxFrameBytes: 8 * 1024 * 1024,
      maxSentFrameBytes: 65_535,
      maxControlLineBytes: 4096,
      sessionAgeMs: 0,
      readiness: 'process',
      ...overrides.limits,
    },
    timeouts: {
      handshakeMs: 60_000,
      pingMs: 25_000,
      silenceMs: 300_000,
      stallMs: 30_000,
      closeMs: 2000,
      ...overrides.timeouts,
    },
    drain: { delayMs: 0, timeoutMs: 2000, budgetMs: 0, ...overrides.drain },
    captures: {
      directory: undefined,
      concurrent: 8,
      maxBytes: 4 * 1024 * 1024,
      maxMs: 600_000,
      totalBytes: 64 * 1024 * 1024,
      ringBytes: 0,
      keep: [],
      ...overrides.captures,
    },
    log: { level: 'debug', format: 'json', ...overrides.log },
    ...(overrides.rates === undefined ? {} : { rates: overrides.rates }),
    routes: overrides.routes ?? [],
  };
}

function levelFor({ auth, policy, upstream }: ConfigOverrides): Config['inspect'] {
  if (upstream?.tls !== undefined || policy?.mode === 'enforce') return 'enforce';
  return auth?.graceMs === undefined && policy === undefined ? 'off' : 'observe';
}

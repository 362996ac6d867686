import type { AuthConfig, IssuerConfig, KeysUrlConfig } from '../../src/config/config.ts';
import { ASYMMETRIC } from '../../src/config/sections/auth.ts';

export const keysAt = (url: string, changes: Partial<KeysUrlConfig> = {}): KeysUrlConfig => ({
  kind: 'url',
  url,
  refreshMs: 600_000,
  staleForMs: 3_600_000,
  cooldownMs: 30_000,
  timeoutMs: 20_000,
  ...changes,
});

export const testIssuer = (
  keys: IssuerConfig['keys'],
  changes: Partial<IssuerConfig> = {},
): IssuerConfig => ({
  issuer: 'https://id.example',
  audience: ['nats-web'],
  algorithms: ASYMMETRIC,
  keys,
  typ: undefined,
  claims: [],
  toleranceMs: 30_000,
  maxAgeMs: 0,
  ...changes,
});

/** All sources, one issuer. */
export const testAuth = (issuer: IssuerConfig, changes: Partial<AuthConfig> = {}): AuthConfig => ({
  required: true,
  from: [
    { kind: 'cookie', name: '__Host-session' },
    { kind: 'header' },
    { kind: 'subprotocol' },
    { kind: 'query', name: 'access_token' },
  ],
  issuers: [issuer],
  identity: { user: ['sub'], tenant: undefined, groups: undefined },
  graceMs: 30_000,
  explain: false,
  ...changes,
});

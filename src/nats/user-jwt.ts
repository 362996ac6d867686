import { randomBytes } from 'node:crypto';
import type { NkeySigner } from './nkey.ts';

/** Characters; a user JWT with many permissions has some 3,000. */
const MAX_JWT_CHARACTERS = 16 * 1024;

/** All that nats-server knows; it skips other names. */
const CONNECTION_TYPES = [
  'STANDARD',
  'WEBSOCKET',
  'LEAFNODE',
  'LEAFNODE_WS',
  'MQTT',
  'MQTT_WS',
  'IN_PROCESS',
] as const;

export type JwtContent = {
  /** A public key. */
  readonly subject: string;
  readonly name: string;
  /** Seconds since the epoch; undefined: it does not expire. */
  readonly expiresAt?: number | undefined;
  readonly audience?: string;
  /** The claims of NATS, without their version. */
  readonly nats: Readonly<Record<string, unknown>>;
};

/** A JWT of NATS, signed by `issuer`. `nowMs`: since the epoch. */
export function signJwt(issuer: NkeySigner, content: JwtContent, nowMs: number): string {
  const { subject, name, expiresAt, audience, nats } = content;
  const claims = {
    jti: randomBytes(16).toString('base64url'),
    iat: Math.floor(nowMs / 1000),
    iss: issuer.publicKey,
    name,
    sub: subject,
    aud: audience,
    exp: expiresAt,
    nats: { ...nats, version: 2 },
  };
  const signed = `${encoded({ typ: 'JWT', alg: 'ed25519-nkey' })}.${encoded(claims)}`;
  return `${signed}.${issuer.sign(signed)}`;
}

const encoded = (part: object): string => Buffer.from(JSON.stringify(part)).toString('base64url');

/** What a JWT says. Its signature is not checked. undefined: it cannot be read. */
export function claimsOfJwt(jwt: string): Readonly<Record<string, unknown>> | undefined {
  if (jwt.length > MAX_JWT_CHARACTERS) return undefined;
  const claims = jwt.split('.')[1];
  if (claims === undefined) return undefined;
  try {
    const value: unknown = JSON.parse(Buffer.from(claims, 'base64url').toString('utf8'));
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    // Not a JWT; the server will say so.
    return undefined;
  }
}

/** Whether the user needs no signature of a nonce. */
export const isBearer = (claims: Readonly<Record<string, unknown>>): boolean =>
  ownField(ownField(claims, 'nats'), 'bearer_token') === true;

/**
 * The connection types to which a user JWT of NATS is limited, by claims whose signature nobody has checked: good for
 * a hint in a log, for nothing else. Undefined: it names none (all are allowed), or it cannot be read.
 */
export function connectionTypesOfJwt(jwt: string): readonly string[] | undefined {
  const types = ownField(ownField(claimsOfJwt(jwt), 'nats'), 'allowed_connection_types');
  if (!Array.isArray(types) || types.length === 0) return undefined;
  const names = new Set(types.map((type) => (typeof type === 'string' ? type.toUpperCase() : '')));
  return CONNECTION_TYPES.filter((type) => names.has(type));
}

/**
 * What to change when a server has refused the login with this JWT: it sees the gateway's connections as STANDARD ones,
 * also those that are WebSockets on the other side. Undefined: the JWT allows that, or cannot be read.
 */
export function connectionTypeHint(jwt: string): string | undefined {
  const types = connectionTypesOfJwt(jwt);
  if (types === undefined || types.includes('STANDARD')) return undefined;
  const allowed = types.length === 0 ? 'no type that nats-server knows' : `${types.join(', ')} only`;
  return `allow connection type STANDARD for this user: its JWT allows ${allowed}, and behind the gateway nats-server sees a STANDARD connection`;
}

function ownField(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined;
  return (value as Record<string, unknown>)[name];
}

import { isUtf8 } from 'node:buffer';
import type { GivenFields } from '../nats/login.ts';
import { type Identity, isClientText, MAX_GROUPS } from './grant.ts';
import { parseSafely } from './safe-json.ts';

/** What a webhook says of a client. */
export type WebhookAnswer = {
  /** undefined: it does not say. */
  readonly identity: Identity | undefined;
  /** Milliseconds since the epoch; undefined: it does not say. */
  readonly expiresAtMs: number | undefined;
  /** Credential fields of CONNECT: secrets. */
  readonly connect: GivenFields | undefined;
  readonly role: string | undefined;
  readonly name: string | undefined;
};

/** The problem is in our own words and quotes nothing of the answer. */
export type AnswerReading =
  | { readonly ok: true; readonly answer: WebhookAnswer }
  | { readonly ok: false; readonly problem: string };

type Members = Readonly<Record<string, unknown>>;

const LOGINS = [['user', 'pass'], ['auth_token'], ['jwt']] as const;
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)$/;

class Wrong extends Error {}

/** Strict: a typo in an answer about security must not pass as silence. A member with null is one that is not there. */
export function readAnswer(bytes: Buffer): AnswerReading {
  const json = isUtf8(bytes) ? parseSafely(bytes.toString('utf8')) : undefined;
  if (json === undefined) return { ok: false, problem: 'the answer is not a JSON object' };
  try {
    const { identity, expiresAt, connect, role, name } = known(
      json,
      ['identity', 'expiresAt', 'connect', 'role', 'name'],
      'the answer',
    );
    return {
      ok: true,
      answer: {
        identity: identity === undefined ? undefined : identityIn(identity),
        expiresAtMs: expiresAt === undefined ? undefined : timeIn(expiresAt),
        connect: connect === undefined ? undefined : connectIn(connect),
        role: role === undefined ? undefined : textIn(role, 'role'),
        name: name === undefined ? undefined : textIn(name, 'name'),
      },
    };
  } catch (error) {
    if (error instanceof Wrong) return { ok: false, problem: error.message };
    throw error;
  }
}

/** The members, without those that are null. */
function known(value: unknown, names: readonly string[], what: string): Members {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new Wrong(`${what} is not an object`);
  const members = Object.entries(value);
  if (members.some(([name]) => !names.includes(name)))
    throw new Wrong(`${what} has a member other than ${names.join(', ')}`);
  return Object.fromEntries(members.filter(([, one]) => one !== null));
}

function identityIn(value: unknown): Identity {
  const { user, tenant, groups = [] } = known(value, ['user', 'tenant', 'groups'], 'identity');
  if (!Array.isArray(groups) || groups.length > MAX_GROUPS || !groups.every(isClientText))
    throw new Wrong(`identity.groups is not a list of at most ${MAX_GROUPS} texts`);
  return {
    user: textIn(user, 'identity.user'),
    tenant: tenant === undefined ? undefined : textIn(tenant, 'identity.tenant'),
    groups,
  };
}

function timeIn(value: unknown): number {
  const ms = typeof value === 'string' && TIME.test(value) ? Date.parse(value) : Number.NaN;
  if (Number.isNaN(ms)) throw new Wrong('expiresAt is not a time such as 2026-11-30T12:00:00Z');
  return ms;
}

function connectIn(value: unknown): GivenFields {
  const members = known(value, LOGINS.flat(), 'connect');
  const names = Object.keys(members).sort();
  if (!LOGINS.some((login) => [...login].sort().join() === names.join()))
    throw new Wrong('connect is not one of user with pass, auth_token and jwt');
  if (!Object.values(members).every((one) => typeof one === 'string' && one !== ''))
    throw new Wrong('a member of connect is not a text');
  return members as GivenFields;
}

function textIn(value: unknown, what: string): string {
  if (isClientText(value)) return value;
  throw new Wrong(`${what} is not a text of 1 to 256 bytes`);
}

import type { AuthConfig } from '../config/config.ts';
import type { GivenFields } from '../nats/login.ts';
import { NotGranted } from './details.ts';

export type Claims = Readonly<Record<string, unknown>>;
type Path = readonly string[];

/** Who a client is, by claims that were verified. Foreign text all the same: escape and cut it where it is shown. */
export type Identity = {
  readonly user: string;
  readonly tenant: string | undefined;
  readonly groups: readonly string[];
};

/** What a verified token gives its client. */
export type Grant = {
  readonly identity: Identity;
  /** Of the identity: see `identityKey`. */
  readonly key: string;
  /** Milliseconds since the epoch: the session ends then; undefined: it goes on. */
  readonly endsAtMs: number | undefined;
  /** When the login expires, where that is known; likewise in milliseconds. */
  readonly expiresAtMs?: number | undefined;
  /** What a webhook wants the client to log in with: secrets. */
  readonly given?: GivenFields | undefined;
  readonly role?: string | undefined;
  /** What nats-server shows, in place of the name that the client gives itself. */
  readonly name?: string | undefined;
};

/** Who counts as one: the same user of the same tenant. No two identities have one key. */
export const identityKey = ({ user, tenant }: Pick<Identity, 'user' | 'tenant'>): string =>
  JSON.stringify([user, tenant]);

const MAX_TEXT_BYTES = 256;
export const MAX_GROUPS = 64;

export const isClientText = (value: unknown): value is string =>
  typeof value === 'string' && value !== '' && Buffer.byteLength(value) <= MAX_TEXT_BYTES;

/** @throws NotGranted */
export function identityOf(claims: Claims, { user, tenant, groups }: AuthConfig['identity']): Identity {
  return {
    user: text(claimAt(claims, user)),
    tenant: tenant && text(claimAt(claims, tenant)),
    groups: groups === undefined ? [] : texts(claimAt(claims, groups)),
  };
}

/** The claim at the end of the path; undefined where there is none. */
export function claimAt(claims: Claims, path: Path): unknown {
  let here: unknown = claims;
  for (const step of path) {
    if (typeof here !== 'object' || here === null || !Object.hasOwn(here, step)) return undefined;
    here = (here as Claims)[step];
  }
  return here;
}

function text(claim: unknown): string {
  if (isClientText(claim)) return claim;
  throw new NotGranted('claim_unusable');
}

function texts(claim: unknown): readonly string[] {
  if (claim === undefined) return [];
  const list: readonly unknown[] = Array.isArray(claim) ? claim : [claim];
  if (list.length > MAX_GROUPS) throw new NotGranted('claim_unusable');
  return list.map(text);
}

import type { Granted } from './auth/authorizer.ts';
import { type AuthDetail, type GrantedDetail, NotGranted } from './auth/details.ts';
import type { Grant } from './auth/grant.ts';
import { loginFor } from './auth/login.ts';
import type { AuthRequest } from './auth/sources.ts';
import type { HandshakeContext, Refused } from './handshake-context.ts';
import type { RefusalFacts, WaitingHandshake } from './listener/pending-handshake.ts';
import { headerLines } from './net/raw-headers.ts';
import type { Parts } from './parts.ts';
import type { Role } from './policy/role.ts';
import type { Route } from './runtime.ts';

/** The step that finds out who the client is and how it logs in, before anything is dialled for it. */
export function authorize(
  handshake: HandshakeContext,
  parts: Parts,
): Promise<Refused | undefined> | Refused | undefined {
  const { pending, route, trial } = handshake;
  const { authorizer, config, roles } = route;
  if (authorizer === undefined && config.connect.login === undefined) {
    handshake.role = roles?.of(undefined);
    pending.authorizedUs = pending.admittedUs;
    return undefined;
  }
  const request = authRequestOf(pending, config.name);
  const beganAtMs = performance.now();
  try {
    const granted = authorizer?.authorize(request, pending.signal, trial?.asksWebhook);
    if (granted instanceof Promise) return awaitGrant(handshake, parts, request, granted, beganAtMs);
    grant(handshake, parts, request, granted);
    return undefined;
  } catch (error) {
    return notGranted(handshake, parts, error);
  }
}

async function awaitGrant(
  handshake: HandshakeContext,
  parts: Parts,
  request: AuthRequest,
  promise: Promise<Granted>,
  beganAtMs: number,
): Promise<Refused | undefined> {
  try {
    const granted = await promise;
    if (granted.detail === 'verified' && handshake.trial === undefined)
      parts.recorder.verified((performance.now() - beganAtMs) / 1000);
    grant(handshake, parts, request, granted);
    return undefined;
  } catch (error) {
    return notGranted(handshake, parts, error);
  }
}

/** @throws NotGranted */
function grant(
  handshake: HandshakeContext,
  parts: Parts,
  request: AuthRequest,
  granted: Granted | undefined,
): void {
  const { pending, route, trial } = handshake;
  handshake.grant = granted?.grant;
  if (isKicked(handshake.grant, parts)) throw new NotGranted('kicked');
  handshake.recheck = granted?.recheck;
  countIdentity(handshake, parts);
  // Without an answer of the webhook the login may be another one.
  if (trial?.asksWebhook !== false) handshake.login = loginFor(route.config.connect.login, request, granted);
  handshake.role = roleOf(route, granted?.grant);
  if (granted !== undefined) countVerdict(handshake, parts, granted.detail);
  pending.authorizedUs = pending.microseconds;
}

function notGranted(handshake: HandshakeContext, parts: Parts, error: unknown): Refused | undefined {
  if (error instanceof NotGranted) {
    const { outcome, detail, reason: cause, retryAfterSeconds } = error;
    countVerdict(handshake, parts, detail);
    const who = whoOf(handshake);
    return { outcome, detail, retryAfterSeconds, ...who, ...(cause === undefined ? {} : { cause }) };
  }
  // After an abort the client has its answer already.
  if (!handshake.pending.signal.aborted) throw error;
  return undefined;
}

export const isKicked = (grant: Grant | undefined, { kicked }: Parts): boolean =>
  grant !== undefined && kicked.has(grant.identity, Date.now());

export const whoOf = ({ grant }: Pick<HandshakeContext, 'grant'>): RefusalFacts => ({
  user: grant?.identity.user,
  tenant: grant?.identity.tenant,
});

/** From now on the handshake, and then its session, count to who the client is. @throws NotGranted: too many do. */
function countIdentity({ grant, slot }: HandshakeContext, { admission }: Parts): void {
  if (grant === undefined) return;
  const refusal = admission.identify(slot, grant.key);
  if (refusal !== undefined) throw new NotGranted('identity', undefined, refusal);
}

/** Of handshakes alone: alerts look at these, and who only asks may do it as often as they like. */
function countVerdict(
  { pending, trial }: HandshakeContext,
  { recorder }: Parts,
  detail: AuthDetail | GrantedDetail,
): void {
  if (pending.facts.asks === undefined && trial === undefined) recorder.authorized(detail);
}

/** @throws NotGranted where who the client is cannot be a part of the subjects of its role. */
function roleOf({ config, roles }: Route, grant: Grant | undefined): Role | undefined {
  const role = roles?.of(grant);
  if (role?.isUnusable === true && config.policy?.mode === 'enforce')
    throw new NotGranted(
      'claim_unusable',
      `role ${role.rules.name} is made for who the client is, and that is not one literal token of a subject`,
    );
  return role;
}

function authRequestOf({ facts, request }: WaitingHandshake, route: string): AuthRequest {
  const { clientAddress: address, origin, secure: tls = false } = facts;
  const { rawHeaders, url: target = '' } = request;
  return {
    target,
    header: (name) => headerLines(rawHeaders, name),
    client: { route, address, origin, tls },
  };
}

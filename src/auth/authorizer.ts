import type { AuthConfig } from '../config/config.ts';
import { type AuthDetail, type GrantedDetail, NotGranted } from './details.ts';
import type { Gate } from './gate.ts';
import { type Grant, identityOf } from './grant.ts';
import type { RemoteKeySets } from './jwks.ts';
import { JwtVerifier, type VerifiedToken } from './jwt.ts';
import { type AuthRequest, findToken } from './sources.ts';
import { digestOf, TokenCache } from './token-cache.ts';

const MOST_VERIFIED = 10_000;
const MOST_REFUSED = 1000;
const VERIFIED_MS = 60_000;
const REFUSED_MS = 5000;
/** These may be right at the next look: keys come, and clocks go on. */
const PASSING: ReadonlySet<AuthDetail> = new Set([
  'token_key_unknown',
  'token_not_yet_valid',
  'authorizer_busy',
  'keys_unavailable',
  'keys_stale',
]);
/** The last moment that a Date can be. */
const MAX_DATE_MS = 8.64e15;

/** What all authorizers share. */
export type AuthParts = { readonly gate: Gate; readonly keySets: RemoteKeySets };

export type Granted = {
  readonly detail: GrantedDetail;
  /** undefined, as is the token: a client without a token, where none is required. */
  readonly grant: Grant | undefined;
  /** For the login of this client alone: never remembered, never shown. */
  readonly token: string | undefined;
};

/** Says who the client of an opening handshake is. Unavailable never means allowed. */
export class Authorizer {
  readonly #config: AuthConfig;
  readonly #verifier: JwtVerifier;
  readonly #granted = new TokenCache<Grant>(MOST_VERIFIED);
  readonly #refused = new TokenCache<AuthDetail>(MOST_REFUSED);
  /** Of the keys by which the remembered tokens were verified. */
  #generation = 0;

  constructor(config: AuthConfig, { gate, keySets }: AuthParts) {
    this.#config = config;
    this.#verifier = new JwtVerifier(config.issuers, keySets, gate);
  }

  start(): void {
    this.#verifier.start();
  }

  /** @throws NotGranted, or the signal's reason when it aborts first. */
  async authorize(request: AuthRequest, signal: AbortSignal): Promise<Granted> {
    const token = findToken(this.#config.from, request);
    if (token === undefined) {
      if (this.#config.required) throw new NotGranted('token_missing');
      return { detail: 'anonymous', grant: undefined, token };
    }
    this.#forgetOldKeys();
    const digest = digestOf(token);
    const nowMs = Date.now();
    const known = this.#granted.get(digest, nowMs);
    if (known !== undefined) return { detail: 'cached', grant: known, token };
    const refused = this.#refused.get(digest, nowMs);
    if (refused !== undefined) throw new NotGranted(refused);
    try {
      const grant = await this.#verify(token, digest, nowMs, signal);
      return { detail: 'verified', grant, token };
    } catch (error) {
      if (error instanceof NotGranted && !PASSING.has(error.detail))
        this.#refused.set(digest, error.detail, nowMs + REFUSED_MS);
      throw error;
    }
  }

  async #verify(token: string, digest: string, nowMs: number, signal: AbortSignal): Promise<Grant> {
    const verified = await this.#verifier.verify(token, nowMs, signal);
    const grant = this.#grantOf(verified, nowMs);
    // Other keys have come meanwhile: not worth remembering.
    if (this.#verifier.generation !== this.#generation) return grant;
    const { endsAtMs = Number.POSITIVE_INFINITY } = grant;
    this.#granted.set(digest, grant, Math.min(nowMs + VERIFIED_MS, verified.takenUntilMs, endsAtMs));
    return grant;
  }

  #grantOf({ claims, expiresAtMs }: VerifiedToken, nowMs: number): Grant {
    const { identity, graceMs } = this.#config;
    const endsAtMs = graceMs === undefined ? undefined : Math.min(expiresAtMs + graceMs, MAX_DATE_MS);
    // If the clock tolerance is larger than the grace, the session would end in the moment in which it begins.
    if (endsAtMs !== undefined && endsAtMs <= nowMs) throw new NotGranted('token_expired');
    return { identity: identityOf(claims, identity), endsAtMs };
  }

  #forgetOldKeys(): void {
    const { generation } = this.#verifier;
    if (generation === this.#generation) return;
    this.#generation = generation;
    this.#granted.clear();
    this.#refused.clear();
  }
}

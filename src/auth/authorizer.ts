import type { AuthConfig } from '../config/config.ts';
import { type AuthDetail, type GrantedDetail, NotGranted } from './details.ts';
import type { Gate } from './gate.ts';
import { type Grant, type Identity, identityKey, identityOf } from './grant.ts';
import type { RemoteKeySets } from './jwks.ts';
import { JwtVerifier, type VerifiedToken } from './jwt.ts';
import { type AuthRequest, type Credential, findCredential } from './sources.ts';
import { digestOf, TokenCache } from './token-cache.ts';
import { MAX_TOKEN_BYTES } from './token-form.ts';
import { Webhook, type WebhookObserver } from './webhook.ts';
import type { WebhookAnswer } from './webhook-answer.ts';
import { type Question, questionOf } from './webhook-question.ts';

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
export type AuthParts = {
  readonly gate: Gate;
  readonly keySets: RemoteKeySets;
  readonly onWebhookAnswer: WebhookObserver;
};

export type Granted = {
  readonly detail: GrantedDetail;
  /** undefined, as is the token: a client without a token, where none is required. */
  readonly grant: Grant | undefined;
  /** For the login of this client alone: never remembered, never shown. */
  readonly token: string | undefined;
  /** To ask again while the session is open; undefined: nobody will. Its text is a secret. */
  readonly recheck?: Recheck | undefined;
};

/** What was asked for a client, and what its token said without the webhook. */
export type Recheck = {
  readonly question: Question;
  readonly byToken: Grant | undefined;
  /** Who it was then. */
  readonly identity: Identity | undefined;
};

type ByToken = { readonly detail: 'cached' | 'verified'; readonly grant: Grant };

/** Says who the client of an opening handshake is. Unavailable never means allowed. */
export class Authorizer {
  readonly #config: AuthConfig;
  readonly #verifier: JwtVerifier;
  readonly #granted = new TokenCache<Grant>(MOST_VERIFIED);
  readonly #refused = new TokenCache<AuthDetail>(MOST_REFUSED);
  readonly #webhook: Webhook | undefined;
  /** Of the keys by which the remembered tokens were verified. */
  #generation = 0;

  constructor(config: AuthConfig, { gate, keySets, onWebhookAnswer }: AuthParts) {
    this.#config = config;
    this.#webhook =
      config.webhook && new Webhook(config.webhook, config.issuers.length === 0, onWebhookAnswer);
    this.#verifier = new JwtVerifier(config.issuers, keySets, gate);
  }

  start(): void {
    this.#webhook?.start();
  }

  close(): void {
    this.#webhook?.close();
  }

  /**
   * `asksWebhook`: false for what its own token says of the client alone. What is known is given at once, without a turn of
   * the microtask queue.
   *
   * @throws NotGranted, or the signal's reason when it aborts first; a promise rejects with the same.
   */
  authorize(request: AuthRequest, signal: AbortSignal, asksWebhook = true): Promise<Granted> | Granted {
    const credential = findCredential(this.#config.from, request);
    if (credential === undefined) {
      if (this.#config.required) throw new NotGranted('token_missing');
      return { detail: 'anonymous', grant: undefined, token: undefined };
    }
    const { value: token } = credential;
    if (token === '' || token.length > MAX_TOKEN_BYTES) throw new NotGranted('token_malformed');
    const found = this.#config.issuers.length === 0 ? undefined : this.#byToken(token, signal);
    const webhook = asksWebhook ? this.#webhook : undefined;
    if (webhook !== undefined) return this.#askWebhook(webhook, found, request, credential, signal);
    return found instanceof Promise
      ? found.then((byToken) => granted(byToken, token))
      : granted(found, token);
  }

  async #askWebhook(
    webhook: Webhook,
    found: ByToken | Promise<ByToken> | undefined,
    request: AuthRequest,
    credential: Credential,
    signal: AbortSignal,
  ): Promise<Granted> {
    const byToken = await found;
    const { headers, recheckMs } = webhook.config;
    const question = questionOf(request, credential, headers);
    const { answer, isCached } = await webhook.ask(question, signal);
    if ((answer?.expiresAtMs ?? Number.POSITIVE_INFINITY) <= Date.now())
      throw new NotGranted('token_expired');
    const grant = this.#joined(byToken?.grant, answer);
    const isKnown = isCached && byToken?.detail !== 'verified';
    return {
      detail: grant === undefined ? 'anonymous' : isKnown ? 'cached' : 'verified',
      grant,
      token: credential.value,
      ...(recheckMs === 0
        ? {}
        : { recheck: { question, byToken: byToken?.grant, identity: grant?.identity } }),
    };
  }

  /** How often open sessions are asked about; 0: never. */
  get recheckMs(): number {
    return this.#webhook?.config.recheckMs ?? 0;
  }

  /**
   * Asks again about an open session. Resolves with the new end of its login, undefined where nothing new was said.
   *
   * @throws NotGranted: with `webhook_denied` the webhook said no, with any other detail it did not answer. Or the
   * signal's reason.
   */
  async recheck(asked: Recheck, signal: AbortSignal): Promise<number | undefined> {
    const answer = await this.#webhook?.recheck(asked.question, signal);
    const grant = this.#joined(asked.byToken, answer);
    // The session is logged in as somebody, and cannot become another one.
    const isSame =
      grant?.identity.user === asked.identity?.user && grant?.identity.tenant === asked.identity?.tenant;
    if (!isSame) throw new NotGranted('webhook_denied');
    return answer?.expiresAtMs === undefined ? undefined : grant?.endsAtMs;
  }

  /** What the webhook says counts, and the token for the rest; the earlier end counts. */
  #joined(byToken: Grant | undefined, answer: WebhookAnswer | undefined): Grant | undefined {
    if (answer === undefined) return byToken;
    const identity = answer.identity ?? byToken?.identity;
    if (identity === undefined) return undefined;
    const { connect: given, expiresAtMs, name, role } = answer;
    const ends = [byToken?.endsAtMs, expiresAtMs === undefined ? undefined : this.#endOf(expiresAtMs)];
    return {
      identity,
      key: identityKey(identity),
      endsAtMs: earliest(ends),
      expiresAtMs: earliest([byToken?.expiresAtMs, expiresAtMs]),
      given,
      name,
      role,
    };
  }

  #byToken(token: string, signal: AbortSignal): ByToken | Promise<ByToken> {
    this.#forgetOldKeys();
    const digest = digestOf(token);
    const nowMs = Date.now();
    const known = this.#granted.get(digest, nowMs);
    if (known !== undefined) return { detail: 'cached', grant: known };
    const refused = this.#refused.get(digest, nowMs);
    if (refused !== undefined) throw new NotGranted(refused);
    return this.#verify(token, digest, nowMs, signal);
  }

  async #verify(token: string, digest: string, nowMs: number, signal: AbortSignal): Promise<ByToken> {
    const generation = this.#generation;
    // Where other keys have come meanwhile, it is not worth remembering.
    const isOfThese = (): boolean => this.#verifier.generation === generation;
    try {
      const verified = await this.#verifier.verify(token, nowMs, signal);
      const grant = this.#grantOf(verified, nowMs);
      if (isOfThese()) {
        const { endsAtMs = Number.POSITIVE_INFINITY } = grant;
        const untilMs = Math.min(nowMs + VERIFIED_MS, verified.takenUntilMs, endsAtMs);
        this.#granted.set(digest, grant, untilMs, nowMs);
      }
      return { detail: 'verified', grant };
    } catch (error) {
      if (error instanceof NotGranted && !PASSING.has(error.detail) && isOfThese())
        this.#refused.set(digest, error.detail, nowMs + REFUSED_MS, nowMs);
      throw error;
    }
  }

  #grantOf({ claims, expiresAtMs }: VerifiedToken, nowMs: number): Grant {
    const endsAtMs = this.#endOf(expiresAtMs);
    // If the clock tolerance is larger than the grace, the session would end in the moment in which it begins.
    if (endsAtMs !== undefined && endsAtMs <= nowMs) throw new NotGranted('token_expired');
    const identity = identityOf(claims, this.#config.identity);
    return {
      identity,
      key: identityKey(identity),
      endsAtMs,
      expiresAtMs: Math.min(expiresAtMs, MAX_DATE_MS),
    };
  }

  /** Of a session whose login expires then; undefined: it goes on. */
  #endOf(expiresAtMs: number): number | undefined {
    const { graceMs } = this.#config;
    return graceMs === undefined ? undefined : Math.min(expiresAtMs + graceMs, MAX_DATE_MS);
  }

  #forgetOldKeys(): void {
    const { generation } = this.#verifier;
    if (generation === this.#generation) return;
    this.#generation = generation;
    this.#granted.clear();
    this.#refused.clear();
  }
}

const granted = (byToken: ByToken | undefined, token: string): Granted => ({
  detail: byToken?.detail ?? 'anonymous',
  grant: byToken?.grant,
  token,
});

/** undefined, where there is none. */
function earliest(times: readonly (number | undefined)[]): number | undefined {
  const first = Math.min(...times.map((time) => time ?? Number.POSITIVE_INFINITY));
  return first === Number.POSITIVE_INFINITY ? undefined : first;
}

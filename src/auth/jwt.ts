import { createSecretKey, type KeyObject } from 'node:crypto';
import type { IssuerConfig } from '../config/config.ts';
import type { PublicKey } from '../config/key-set.ts';
import { type AuthDetail, NotGranted } from './details.ts';
import type { Gate } from './gate.ts';
import { type Claims, claimAt } from './grant.ts';
import type { RemoteKeySets, RemoteKeys } from './jwks.ts';
import { isSignedBy, keysIn } from './signature.ts';
import { readForm, type TokenForm } from './token-form.ts';

/** Of keys without kid that fit a token: an issuer has two while it changes them. */
const MOST_KEYS_TRIED = 10;

export type VerifiedToken = {
  readonly claims: Claims;
  readonly expiresAtMs: number;
  /** It is not taken any more from then on: by its expiry or its age, and the tolerance. */
  readonly takenUntilMs: number;
};

type Issuer = {
  readonly config: IssuerConfig;
  readonly remote: RemoteKeys | undefined;
  /** undefined: it has a key set. */
  readonly secret: KeyObject | undefined;
};

/** Verifies tokens of the issuers: signature, times, issuer, audience, and what else is required. */
export class JwtVerifier {
  readonly #issuers: readonly Issuer[];
  readonly #gate: Gate;

  constructor(issuers: readonly IssuerConfig[], keySets: RemoteKeySets, gate: Gate) {
    this.#issuers = issuers.map((config) => ({
      config,
      remote: config.keys.kind === 'url' ? keySets.of(config.keys) : undefined,
      secret: config.keys.kind === 'secret' ? createSecretKey(config.keys.secret()) : undefined,
    }));
    this.#gate = gate;
  }

  /** Another number: keys have changed. */
  get generation(): number {
    return this.#issuers.reduce((sum, { remote }) => sum + (remote?.generation ?? 0), 0);
  }

  /** @throws NotGranted, or the signal's reason when it aborts first. */
  async verify(token: string, nowMs: number, signal: AbortSignal): Promise<VerifiedToken> {
    const form = readForm(token);
    const issuer = this.#issuerOf(form);
    if (!issuer.config.algorithms.includes(form.algorithm)) throw new NotGranted('token_algorithm');
    if (form.signature === '') throw new NotGranted('token_malformed');
    let generation: number | undefined;
    let isSigned: boolean;
    do {
      const keys = await keysFor(issuer, form, signal);
      generation = issuer.remote?.generation;
      isSigned = await this.#gate.run(() => isSignedByOne(keys, form), signal);
      // Keys that the issuer exchanges while a token waits decide nothing about it.
    } while (generation !== issuer.remote?.generation);
    if (!isSigned) throw new NotGranted('token_signature');
    return accepted(form, issuer.config, nowMs);
  }

  /** Of several the one that the token names: by that no more than its keys are chosen. */
  #issuerOf(form: TokenForm): Issuer {
    const [only, ...more] = this.#issuers;
    if (only !== undefined && more.length === 0) return only;
    const claims = form.claims();
    if (claims === undefined) throw new NotGranted('token_malformed');
    const found = this.#issuers.find(({ config }) => config.issuer === claims['iss']);
    if (found === undefined) throw new NotGranted('token_issuer');
    return found;
  }
}

async function keysFor(
  { config, remote, secret }: Issuer,
  form: TokenForm,
  signal: AbortSignal,
): Promise<readonly KeyObject[]> {
  if (secret !== undefined) return [secret];
  const known = remote === undefined ? staticKeys(config) : await remote.current(signal);
  const found = keysIn(known, form);
  if (found.length > 0) return found;
  const newer = await remote?.newer(known, signal);
  const foundNow = newer === undefined ? [] : keysIn(newer, form);
  if (foundNow.length > 0) return foundNow;
  throw new NotGranted('token_key_unknown', `issuer ${config.issuer}`);
}

const staticKeys = ({ keys }: IssuerConfig): readonly PublicKey[] => (keys.kind === 'set' ? keys.keys() : []);

async function isSignedByOne(keys: readonly KeyObject[], form: TokenForm): Promise<boolean> {
  // However many keys there are, a token takes one check from the event loop.
  for (const [index, key] of keys.slice(0, MOST_KEYS_TRIED).entries())
    if (await isSignedBy(key, form, index > 0)) return true;
  return false;
}

/** What a token says that is signed by its issuer. @throws NotGranted where that does not count here. */
function accepted(form: TokenForm, config: IssuerConfig, nowMs: number): VerifiedToken {
  const claims = form.claims();
  if (claims === undefined) throw new NotGranted('token_malformed');
  const refusal = refusalOf(form, claims, config, nowMs);
  if (refusal !== undefined) throw new NotGranted(refusal);
  const { exp, iat } = claims as { readonly exp: number; readonly iat?: number };
  const expiresAtMs = exp * 1000;
  const agedAtMs = iat === undefined || config.maxAgeMs === 0 ? expiresAtMs : iat * 1000 + config.maxAgeMs;
  return { claims, expiresAtMs, takenUntilMs: Math.min(expiresAtMs, agedAtMs) + config.toleranceMs };
}

/** RFC 7519 §4.1, and what else the configuration asks for. */
function refusalOf(
  { typ }: TokenForm,
  claims: Claims,
  config: IssuerConfig,
  nowMs: number,
): AuthDetail | undefined {
  const { iss, aud, exp, nbf, iat } = claims;
  const { audience, maxAgeMs, toleranceMs } = config;
  if (config.typ !== undefined && mediaType(typ) !== mediaType(config.typ)) return 'token_type';
  if (iss !== config.issuer) return 'token_issuer';
  if (audience !== undefined && !audiences(aud).some((one) => audience.includes(one)))
    return 'token_audience';
  if (typeof exp !== 'number') return 'token_without_expiry';
  if (exp * 1000 + toleranceMs <= nowMs) return 'token_expired';
  const hasCome = (time: unknown): time is number =>
    typeof time === 'number' && time * 1000 <= nowMs + toleranceMs;
  if (nbf !== undefined && !hasCome(nbf)) return 'token_not_yet_valid';
  const isDated = iat !== undefined || maxAgeMs > 0;
  if (isDated && !hasCome(iat)) return 'token_not_yet_valid';
  if (maxAgeMs > 0 && (iat as number) * 1000 + maxAgeMs + toleranceMs < nowMs) return 'token_expired';
  for (const { path, value } of config.claims) {
    const claim = claimAt(claims, path);
    if (typeof claim === 'object' || String(claim) !== value) return 'token_claim';
  }
  return undefined;
}

const audiences = (aud: unknown): readonly string[] =>
  (Array.isArray(aud) ? aud : [aud]) as readonly string[];

/** RFC 7515 §4.1.9: application/ may be left out. */
function mediaType(typ: unknown): string | undefined {
  if (typeof typ !== 'string') return undefined;
  return (typ.includes('/') ? typ : `application/${typ}`).toLowerCase();
}

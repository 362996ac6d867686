import { createSecretKey, type KeyObject } from 'node:crypto';
import type { CryptoKey, JWTVerifyOptions } from 'jose';
import type { IssuerConfig } from '../config/config.ts';
import type { PublicKey } from '../config/key-set.ts';
import { type AuthDetail, NotGranted } from './details.ts';
import type { Gate } from './gate.ts';
import { type Claims, claimAt } from './grant.ts';
import type { RemoteKeySets, RemoteKeys } from './jwks.ts';
import { readForm, type TokenForm } from './token-form.ts';

/** Loaded when a configuration asks for it: it takes 13 MB. */
let loading: Promise<typeof import('jose')> | undefined;
const jose = (): Promise<typeof import('jose')> => {
  loading ??= import('jose');
  return loading;
};

/** Of keys without kid that fit a token: an issuer has two while it changes them. */
const MOST_KEYS_TRIED = 10;

export type VerifiedToken = {
  readonly claims: Claims;
  readonly expiresAtMs: number;
  /** It is not taken any more from then on: by its expiry or its age, and the tolerance. */
  readonly takenUntilMs: number;
};

type Key = CryptoKey | KeyObject;
type Issuer = { readonly config: IssuerConfig; readonly remote: RemoteKeys | undefined };

/** Verifies tokens of the issuers: signature, times, issuer, audience, and what else is required. */
export class JwtVerifier {
  readonly #issuers: readonly Issuer[];
  readonly #gate: Gate;

  constructor(issuers: readonly IssuerConfig[], keySets: RemoteKeySets, gate: Gate) {
    this.#issuers = issuers.map((config) => ({
      config,
      remote: config.keys.kind === 'url' ? keySets.of(config.keys) : undefined,
    }));
    this.#gate = gate;
  }

  /** Loads what the first token would have to wait for. */
  start(): void {
    void jose();
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
    if (!form.isSigned) throw new NotGranted('token_malformed');
    const keys = await keysFor(issuer, form, signal);
    return this.#gate.run(() => verified(token, form, keys, issuer.config, nowMs), signal);
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
  { config, remote }: Issuer,
  form: TokenForm,
  signal: AbortSignal,
): Promise<readonly Key[]> {
  if (config.keys.kind === 'secret') return [createSecretKey(config.keys.secret())];
  const known = remote === undefined ? staticKeys(config) : await remote.current(signal);
  const found = await fitting(known, form);
  if (found.length > 0) return found;
  const newer = await remote?.newer(known, signal);
  const foundNow = newer === undefined ? [] : await fitting(newer, form);
  if (foundNow.length > 0) return foundNow;
  throw new NotGranted('token_key_unknown', `issuer ${config.issuer}`);
}

const staticKeys = ({ keys }: IssuerConfig): readonly PublicKey[] => (keys.kind === 'set' ? keys.keys() : []);

type LocalSet = ReturnType<typeof import('jose')['createLocalJWKSet']>;
/** It keeps keys in the form in which they verify. */
const localSets = new WeakMap<readonly PublicKey[], LocalSet>();

/** The keys that the token may be signed with. */
async function fitting(keys: readonly PublicKey[], form: TokenForm): Promise<readonly Key[]> {
  const { createLocalJWKSet, errors } = await jose();
  const set = localSets.get(keys) ?? createLocalJWKSet({ keys: [...keys] });
  localSets.set(keys, set);
  const header = { alg: form.algorithm, ...(form.kid === undefined ? {} : { kid: form.kid }) };
  try {
    return [await set(header)];
  } catch (error) {
    if (!(error instanceof errors.JWKSMultipleMatchingKeys)) return [];
    const several: Key[] = [];
    for await (const key of error) if (several.push(key) === MOST_KEYS_TRIED) break;
    return several;
  }
}

async function verified(
  token: string,
  form: TokenForm,
  keys: readonly Key[],
  config: IssuerConfig,
  nowMs: number,
): Promise<VerifiedToken> {
  await signedByOne(token, keys, optionsOf(form, config, nowMs));
  // By our own reader: jose takes the last of two members with one name.
  const claims = form.claims();
  if (claims === undefined) throw new NotGranted('token_malformed');
  const { exp, iat } = claims as { readonly exp: number; readonly iat?: number };
  if (iat !== undefined && iat * 1000 > nowMs + config.toleranceMs)
    throw new NotGranted('token_not_yet_valid');
  for (const { path, value } of config.claims) {
    const claim = claimAt(claims, path);
    if (typeof claim === 'object' || String(claim) !== value) throw new NotGranted('token_claim');
  }
  const expiresAtMs = exp * 1000;
  const agedAtMs = iat === undefined || config.maxAgeMs === 0 ? expiresAtMs : iat * 1000 + config.maxAgeMs;
  return { claims, expiresAtMs, takenUntilMs: Math.min(expiresAtMs, agedAtMs) + config.toleranceMs };
}

function optionsOf(form: TokenForm, config: IssuerConfig, nowMs: number): JWTVerifyOptions {
  return {
    algorithms: [form.algorithm],
    issuer: config.issuer,
    ...(config.audience === undefined ? {} : { audience: [...config.audience] }),
    ...(config.typ === undefined ? {} : { typ: config.typ }),
    ...(config.maxAgeMs === 0 ? {} : { maxTokenAge: config.maxAgeMs / 1000 }),
    requiredClaims: ['exp'],
    clockTolerance: config.toleranceMs / 1000,
    currentDate: new Date(nowMs),
  };
}

async function signedByOne(token: string, keys: readonly Key[], options: JWTVerifyOptions): Promise<void> {
  const { jwtVerify } = await jose();
  let failure = new NotGranted('token_signature');
  for (const key of keys) {
    try {
      await jwtVerify(token, key, options);
      return;
    } catch (error) {
      failure = refusalOf(error);
      if (failure.detail !== 'token_signature') break;
    }
  }
  throw failure;
}

/** The refusal that an error of jose means. @throws the error itself, if it says nothing about the token. */
function refusalOf(error: unknown): NotGranted {
  const { code, claim } = error as { readonly code?: string; readonly claim?: string };
  if (code === 'ERR_JWT_CLAIM_VALIDATION_FAILED')
    return new NotGranted(BY_CLAIM[claim ?? ''] ?? 'token_claim');
  const detail = BY_CODE[code ?? ''];
  if (detail === undefined) throw error;
  return new NotGranted(detail);
}

const BY_CODE: Readonly<Record<string, AuthDetail>> = {
  ERR_JWS_SIGNATURE_VERIFICATION_FAILED: 'token_signature',
  ERR_JWT_EXPIRED: 'token_expired',
  ERR_JOSE_ALG_NOT_ALLOWED: 'token_algorithm',
  ERR_JOSE_NOT_SUPPORTED: 'token_unsupported',
  ERR_JWS_INVALID: 'token_malformed',
  ERR_JWT_INVALID: 'token_malformed',
};
const BY_CLAIM: Readonly<Record<string, AuthDetail>> = {
  iss: 'token_issuer',
  aud: 'token_audience',
  typ: 'token_type',
  exp: 'token_without_expiry',
  nbf: 'token_not_yet_valid',
  iat: 'token_not_yet_valid',
};

import { constants, createHmac, createPublicKey, type KeyObject, timingSafeEqual, verify } from 'node:crypto';
import { promisify } from 'node:util';
import type { PublicKey } from '../config/key-set.ts';
import type { ASYMMETRIC, SYMMETRIC } from '../config/sections/auth.ts';
import type { TokenForm } from './token-form.ts';

const verifyAside = promisify(verify);

type Algorithm = (typeof ASYMMETRIC | typeof SYMMETRIC)[number];

/** One algorithm of RFC 7518 §3.1 or RFC 8037 §3.1. */
type Scheme = {
  readonly hash: 'sha256' | 'sha384' | 'sha512' | null;
  readonly kty: 'oct' | 'RSA' | 'EC' | 'OKP';
  readonly crv?: string;
  readonly padding?: number;
  readonly saltLength?: number;
  /** A check takes about a millisecond, which must not be one of the event loop's. */
  readonly isSlow?: true;
};

const rsa = (hash: Scheme['hash']): Scheme => ({ hash, kty: 'RSA', padding: constants.RSA_PKCS1_PADDING });
const pss = (hash: Scheme['hash'], saltLength: number): Scheme => ({
  hash,
  kty: 'RSA',
  padding: constants.RSA_PKCS1_PSS_PADDING,
  saltLength,
});
const ED25519: Scheme = { hash: null, kty: 'OKP', crv: 'Ed25519' };
const SCHEMES: ReadonlyMap<string, Scheme> = new Map(
  Object.entries({
    HS256: { hash: 'sha256', kty: 'oct' },
    HS384: { hash: 'sha384', kty: 'oct' },
    HS512: { hash: 'sha512', kty: 'oct' },
    RS256: rsa('sha256'),
    RS384: rsa('sha384'),
    RS512: rsa('sha512'),
    PS256: pss('sha256', 32),
    PS384: pss('sha384', 48),
    PS512: pss('sha512', 64),
    ES256: { hash: 'sha256', kty: 'EC', crv: 'P-256' },
    ES384: { hash: 'sha384', kty: 'EC', crv: 'P-384', isSlow: true },
    ES512: { hash: 'sha512', kty: 'EC', crv: 'P-521', isSlow: true },
    EdDSA: ED25519,
    Ed25519: ED25519,
  } satisfies Record<Algorithm, Scheme>),
);

/** undefined: it cannot be read. */
const imported = new WeakMap<PublicKey, KeyObject | undefined>();

/** The keys of a set that may have signed a token with this header (RFC 7517 §4). */
export function keysIn(set: readonly PublicKey[], { algorithm, kid }: TokenForm): readonly KeyObject[] {
  const { kty, crv } = SCHEMES.get(algorithm) ?? {};
  return set
    .filter(
      (key) =>
        key.kty === kty &&
        (crv === undefined || key.crv === crv) &&
        (key.alg === undefined || key.alg === algorithm) &&
        (kid === undefined || key.kid === kid),
    )
    .flatMap((key) => keyOf(key) ?? []);
}

function keyOf(jwk: PublicKey): KeyObject | undefined {
  if (!imported.has(jwk)) imported.set(jwk, read(jwk));
  return imported.get(jwk);
}

function read(jwk: PublicKey): KeyObject | undefined {
  try {
    return createPublicKey({ key: { ...jwk }, format: 'jwk' });
  } catch {
    return undefined;
  }
}

/** Whether the token is signed by this key. A promise where another thread finds out: `isAside`, or it takes long. */
export function isSignedBy(key: KeyObject, form: TokenForm, isAside = false): boolean | Promise<boolean> {
  const scheme = SCHEMES.get(form.algorithm);
  const isSecret = key.type === 'secret';
  // A public key is known to everybody: it must never be taken for a secret.
  if (scheme === undefined || isSecret !== (scheme.kty === 'oct')) return false;
  const { hash, padding, saltLength, isSlow } = scheme;
  const signed = Buffer.from(form.signed, 'latin1');
  const signature = Buffer.from(form.signature, 'base64url');
  if (isSecret && hash !== null) {
    const expected = createHmac(hash, key).update(signed).digest();
    return signature.length === expected.length && timingSafeEqual(signature, expected);
  }
  const options = { key, padding, saltLength, dsaEncoding: 'ieee-p1363' } as const;
  return isAside || isSlow
    ? verifyAside(hash, signed, options, signature)
    : verify(hash, signed, options, signature);
}

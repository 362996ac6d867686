/**
 * A JSON Web Key Set (RFC 7517) as far as it is used: public keys that verify signatures, bounded in number and size. A
 * file is judged by the same rules as what an issuer answers.
 */
export const MAX_KEY_SET_BYTES = 256 * 1024;
const MAX_KEYS = 100;
const RSA_BITS = { least: 2048, most: 4096 } as const;
/** With 1 anybody could sign, and with one as long as the modulus a check takes 10 ms. */
const RSA_EXPONENT_BITS = { least: 2, most: 64 } as const;
const CURVES: Readonly<Record<string, readonly string[]>> = {
  EC: ['P-256', 'P-384', 'P-521'],
  OKP: ['Ed25519'],
};
/** All that is kept of a key: no private part, and no address that anybody could follow. */
const MEMBERS = ['kty', 'use', 'alg', 'kid', 'n', 'e', 'crv', 'x', 'y'] as const;

export type PublicKey = Readonly<Partial<Record<(typeof MEMBERS)[number], string>>> & {
  readonly kty: string;
};

export type KeySetReading =
  | { readonly ok: true; readonly keys: readonly PublicKey[] }
  | { readonly ok: false; readonly problem: string };

const bad = (problem: string): KeySetReading => ({ ok: false, problem });

/** The usable keys of the set. Others are left out, as RFC 7517 §5 asks; a set without any is refused. */
export function readKeySet(text: string): KeySetReading {
  let set: unknown;
  try {
    set = JSON.parse(text);
  } catch {
    return bad('it is not JSON');
  }
  const keys: unknown = isObject(set) ? set['keys'] : undefined;
  if (!Array.isArray(keys)) return bad('it has no list of keys');
  if (keys.length > MAX_KEYS) return bad(`it has more than ${MAX_KEYS} keys`);
  const usable = keys.flatMap((key) => (isObject(key) && isUsable(key) ? [publicPart(key)] : []));
  return usable.length === 0
    ? bad('it has no public RSA (2048 to 4096 bits), EC or Ed25519 key')
    : { ok: true, keys: usable };
}

type Members = Readonly<Record<string, unknown>>;

const isObject = (value: unknown): value is Members =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function isUsable({ kty, use, key_ops: operations, alg, crv, n, e, x, y, d }: Members): boolean {
  // A private key in public is nobody's proof any more.
  if (d !== undefined || (use !== undefined && use !== 'sig')) return false;
  // What is not kept of it could not limit it: without these it would verify more than its issuer says.
  if (operations !== undefined && !(Array.isArray(operations) && operations.includes('verify'))) return false;
  if (alg !== undefined && !isText(alg)) return false;
  if (kty === 'RSA')
    return isText(n) && isText(e) && isWithin(bitsOf(n), RSA_BITS) && isWithin(bitsOf(e), RSA_EXPONENT_BITS);
  if (typeof kty !== 'string' || !Object.hasOwn(CURVES, kty)) return false;
  return isText(crv) && CURVES[kty]?.includes(crv) === true && isText(x) && (kty !== 'EC' || isText(y));
}

const isText = (value: unknown): value is string => typeof value === 'string' && value !== '';

const isWithin = (
  bits: number,
  { least, most }: { readonly least: number; readonly most: number },
): boolean => bits >= least && bits <= most;

/** Of a number in base64url; leading zeros do not count. */
function bitsOf(number: string): number {
  const bytes = Buffer.from(number, 'base64url');
  const first = bytes.findIndex((byte) => byte !== 0);
  return first === -1 ? 0 : (bytes.length - first) * 8 - Math.clz32(bytes[first] ?? 0) + 24;
}

function publicPart(key: Members): PublicKey {
  const entries = MEMBERS.flatMap((name) => (isText(key[name]) ? [[name, key[name]] as const] : []));
  return Object.fromEntries(entries) as PublicKey;
}

import { isUtf8 } from 'node:buffer';
import { NotGranted } from './details.ts';
import type { Claims } from './grant.ts';
import { parseSafely } from './safe-json.ts';

/** More does not fit into a request head of the default size. */
export const MAX_TOKEN_BYTES = 8192;
const MAX_KID_BYTES = 256;

/** A token by its form (RFC 7519 §7.2, compact); nothing of it is verified. */
export type TokenForm = {
  readonly algorithm: string;
  /** Compared with those of keys, and nothing else. */
  readonly kid: string | undefined;
  readonly typ: unknown;
  /** undefined: two readers could understand them in two ways. */
  readonly claims: () => Claims | undefined;
  /** The part of the token that the signature is of: ASCII. */
  readonly signed: string;
  /** In base64url; may be empty. */
  readonly signature: string;
};

/** What else a header says, such as addresses of keys, is never looked at. @throws NotGranted */
export function readForm(token: string): TokenForm {
  if (token.length > MAX_TOKEN_BYTES) throw new NotGranted('token_malformed');
  const parts = token.split('.');
  if (parts.length === 5) throw new NotGranted('token_unsupported', 'an encrypted token');
  const [header = '', payload = '', signature = ''] = parts;
  const fits = parts.length === 3 && isBase64url(header) && isBase64url(payload);
  if (!fits || !(signature === '' || isBase64url(signature))) throw new NotGranted('token_malformed');
  const { alg, kid, typ, crit } = jsonIn(header) ?? {};
  if (typeof alg !== 'string' || !isKid(kid)) throw new NotGranted('token_malformed');
  if (crit !== undefined) throw new NotGranted('token_unsupported', 'a critical header parameter');
  return {
    algorithm: alg,
    kid,
    typ,
    claims: () => jsonIn(payload),
    signed: token.slice(0, -signature.length - 1),
    signature,
  };
}

const isBase64url = (text: string): boolean => /^[A-Za-z0-9_-]+$/.test(text) && text.length % 4 !== 1;

/** undefined also where it is not UTF-8. */
function jsonIn(part: string): Claims | undefined {
  const bytes = Buffer.from(part, 'base64url');
  return isUtf8(bytes) ? parseSafely(bytes.toString('utf8')) : undefined;
}

const isKid = (kid: unknown): kid is string | undefined =>
  kid === undefined || (typeof kid === 'string' && Buffer.byteLength(kid) <= MAX_KID_BYTES);

import { type ConnectChanges, CREDENTIAL_FIELDS } from './connect.ts';
import { type NkeySigner, readSeed } from './nkey.ts';
import { claimsOfJwt, connectionTypeHint } from './user-jwt.ts';

export type LoginKind = 'user' | 'token' | 'jwt' | 'creds' | 'nkey' | 'webhook' | 'mint' | 'sentinel';

/** Credential fields of CONNECT that somebody else has chosen. */
export type GivenFields = {
  readonly [F in 'user' | 'pass' | 'auth_token' | 'jwt']?: string | undefined;
};

/** What is known of the client that a login is for. */
export type LoginClient = {
  /** undefined: the client was not asked who it is, or is let in without a token. */
  readonly identity: { readonly user: string; readonly tenant: string | undefined } | undefined;
  /** Milliseconds since the epoch: its session ends then. */
  readonly endsAtMs: number | undefined;
  /** That proved the identity. */
  readonly token: string | undefined;
  /** By the webhook that was asked for the client. */
  readonly given: GivenFields | undefined;
  /** As it was sent. @throws where it was sent twice. */
  readonly cookie: (name: string) => string | undefined;
};

/** How the clients of a route log in. */
export type LoginSource = {
  readonly kind: LoginKind;
  /** Whose logins these are, for people. */
  readonly who: string | undefined;
  /** Made before the server is dialled. `unusable`: who the client is cannot be written where it must be. */
  readonly of: (client: LoginClient) => Login | 'unusable';
};

/** The login of one client. Its secrets are in the closure of `fields` alone. */
export type Login = {
  readonly kind: LoginKind;
  /** Whose it is, where that is no secret: the name of the user, or a public key. */
  readonly who: string | undefined;
  /** It is made of what the client has sent, so a refusal by the server says nothing about the configuration. */
  readonly isOfClient: boolean;
  /**
   * The credential fields of CONNECT for a server that sent this nonce: all of them, null for those that this kind does
   * not have, so that nothing of the client's own is mixed with it.
   */
  readonly fields: (nonce: string | undefined) => ConnectChanges;
  /** Why a server may refuse it, where that can be known from here. */
  readonly hint: string | undefined;
};

/** All clients have the same login. */
export const sameForAll = (login: Login): LoginSource => ({
  kind: login.kind,
  who: login.who,
  of: () => login,
});

/** The problem says what to write and quotes nothing of the content. */
export type LoginReading<L extends Login | LoginSource = Login> =
  | { readonly ok: true; readonly login: L; readonly warning?: string }
  | { readonly ok: false; readonly problem: string };

/** Takes every credential out of CONNECT. */
export const WITHOUT_LOGIN: ConnectChanges = Object.fromEntries(
  CREDENTIAL_FIELDS.map((field) => [field, null]),
);
/** A user JWT and a seed, each between two lines of dashes, as nsc writes them. */
const BLOCKS = /-{3,}[^\n]*-{3,}\r?\n([\w.=-]+)\r?\n-{3,}[^\n]*-{3,}/g;
const HOW_CREDS = 'write the file that nsc generate creds prints, with its JWT and its seed';

export function userLogin(user: string, password: Buffer): LoginReading {
  const pass = oneLine(password);
  if (pass === undefined) return refused('the file holds no password; write it on one line');
  return accepted('user', user, () => ({ ...WITHOUT_LOGIN, user, pass }));
}

export function tokenLogin(content: Buffer): LoginReading {
  const token = oneLine(content);
  if (token === undefined) return refused('the file holds no token; write it on one line');
  return accepted('token', undefined, () => ({ ...WITHOUT_LOGIN, auth_token: token }));
}

export function nkeyLogin(content: Buffer): LoginReading {
  const reading = readSeed(content);
  if (!reading.ok) return reading;
  const { signer } = reading;
  const nkey = signer.publicKey;
  return accepted('nkey', nkey, (nonce) => ({ ...WITHOUT_LOGIN, nkey, ...signed(signer, nonce) }));
}

/** `nowMs`: since the epoch. */
export function credsLogin(content: Buffer, nowMs: number): LoginReading {
  const [jwt, seed] = [...content.toString('latin1').matchAll(BLOCKS)].map(([, text]) => text);
  if (jwt === undefined || seed === undefined) return refused(`the file holds no credentials; ${HOW_CREDS}`);
  const claims = claimsOfJwt(jwt);
  if (claims === undefined) return refused(`the JWT in the file cannot be read; ${HOW_CREDS}`);
  const reading = readSeed(Buffer.from(seed));
  if (!reading.ok) return refused(`the seed in the file cannot be used; ${HOW_CREDS}`);
  const { signer } = reading;
  if (claims['sub'] !== signer.publicKey)
    return refused(`the seed in the file is not that of the user in its JWT; ${HOW_CREDS}`);
  const fields = (nonce: string | undefined): ConnectChanges => ({
    ...WITHOUT_LOGIN,
    jwt,
    ...signed(signer, nonce),
  });
  return {
    ...accepted('creds', signer.publicKey, fields, connectionTypeHint(jwt)),
    ...expiryWarning(claims, nowMs),
  };
}

export const expiryWarning = (
  { exp }: Readonly<Record<string, unknown>>,
  nowMs: number,
): { readonly warning?: string } =>
  typeof exp === 'number' && exp * 1000 <= nowMs
    ? { warning: 'the JWT in the file has expired; write a new file' }
    : {};

/** A server without a nonce asks for no signature. */
export const signed = (signer: NkeySigner, nonce: string | undefined): ConnectChanges =>
  nonce === undefined ? {} : { sig: signer.sign(nonce) };

const accepted = (
  kind: LoginKind,
  who: string | undefined,
  fields: Login['fields'],
  hint?: string,
): LoginReading => ({ ok: true, login: { kind, who, isOfClient: false, fields, hint } });

const refused = (problem: string): LoginReading => ({ ok: false, problem });

/** UTF-8 without a line break inside; the line break at the end of a file is none of it. */
function oneLine(content: Buffer): string | undefined {
  const text = content.toString('utf8').replace(/\r?\n$/, '');
  return text === '' || /[\r\n\0\ufffd]/.test(text) ? undefined : text;
}

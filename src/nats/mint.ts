import { isLiteralToken } from './literal-token.ts';
import {
  type Login,
  type LoginClient,
  type LoginReading,
  type LoginSource,
  signed,
  WITHOUT_LOGIN,
} from './login.ts';
import type { IdentityTemplate } from './name-template.ts';
import { type NkeySigner, newUserKey, readSeed } from './nkey.ts';
import { signJwt } from './user-jwt.ts';

/** Tags of users, by name. */
export type Tags = Readonly<Record<string, IdentityTemplate>>;

type Mint = { readonly signer: NkeySigner; readonly account: string; readonly tags: Tags };
type Identity = NonNullable<LoginClient['identity']>;

/**
 * A user of NATS for each session: a key made for it, and a JWT signed by a signing key of the account. What the user
 * may do is in the role of that key; its name and its tags say who it is. `account`: public key. Both cost a part of a
 * millisecond, so they are made when CONNECT is written, and not for handshakes that end before.
 */
export function mintLogin(seed: Buffer, account: string, tags: Tags): LoginReading<LoginSource> {
  const reading = readSeed(seed);
  if (!reading.ok) return reading;
  const { signer } = reading;
  if (!signer.publicKey.startsWith('A')) return refused('the seed in the file is not that of an account');
  if (signer.publicKey === account)
    return refused('the seed in the file is that of the account itself, whose users may do everything');
  const mint = { signer, account, tags };
  const who = `for each session, account ${account}, signed by ${signer.publicKey}`;
  return { ok: true, login: { kind: 'mint', who, of: (client) => loginOf(mint, client) } };
}

const refused = (what: string): LoginReading<LoginSource> => ({
  ok: false,
  problem: `${what}; write the seed of a signing key that has a role, which begins with SA`,
});

function loginOf(mint: Mint, { identity, endsAtMs }: LoginClient): Login | 'unusable' {
  if (identity === undefined) return NOBODY;
  const values = Object.values(mint.tags).map((template) => filled(template, identity));
  if (![identity.user, ...values].every(isLiteralToken)) return 'unusable';
  const { account, signer } = mint;
  const name = identity.user;
  let made: Made | undefined;
  return {
    kind: 'mint',
    who: undefined,
    isOfClient: false,
    fields(nonce) {
      made ??= userOf(mint, name, values, endsAtMs);
      return { ...WITHOUT_LOGIN, jwt: made.jwt, ...signed(made.user, nonce) };
    },
    hint: `nats-server refused a user of account ${account} that ${signer.publicKey} has signed; compare both with the account, which must have that signing key, with a role. The log of nats-server says more`,
  };
}

type Made = { readonly user: NkeySigner; readonly jwt: string };

/** The server refuses a user of a role that has permissions or limits of its own. */
function userOf(
  { signer, account, tags }: Mint,
  name: string,
  values: readonly string[],
  endsAtMs: number | undefined,
): Made {
  const user = newUserKey();
  const expiresAt = endsAtMs === undefined ? undefined : Math.ceil(endsAtMs / 1000);
  const nats = {
    type: 'user',
    issuer_account: account,
    tags: Object.keys(tags).map((tag, index) => `${tag}:${values[index]}`),
  };
  const jwt = signJwt(signer, { subject: user.publicKey, name, expiresAt, nats }, Date.now());
  return { user, jwt };
}

/** A client that is let in without a token: the server decides what it may do. */
const NOBODY: Login = {
  kind: 'mint',
  who: undefined,
  isOfClient: true,
  fields: () => WITHOUT_LOGIN,
  hint: 'the client has no token (auth.required: off), so its login was empty',
};

/** Empty, which is no token, where the identity lacks a part. */
const filled = (template: IdentityTemplate, identity: Identity): string => {
  const parts = template.map((part) => (typeof part === 'string' ? part : identity[part.value]));
  return parts.includes(undefined) ? '' : parts.join('');
};

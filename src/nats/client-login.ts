import type { ConnectChanges } from './connect.ts';
import {
  expiryWarning,
  type GivenFields,
  type LoginClient,
  type LoginKind,
  type LoginReading,
  type LoginSource,
  WITHOUT_LOGIN,
} from './login.ts';
import { claimsOfJwt, connectionTypeHint, isBearer } from './user-jwt.ts';

/**
 * Logins of what the client itself has sent: nats-server, or its auth callout, is the judge. What the client did not
 * send is empty in CONNECT, as where nats-server reads cookies itself.
 */

type Read = (client: LoginClient) => GivenFields;

export const cookieUser = (userCookie: string, passwordCookie: string): LoginSource =>
  loginOf('user', `the cookies ${userCookie} and ${passwordCookie}`, ({ cookie }) => ({
    user: cookie(userCookie),
    pass: cookie(passwordCookie),
  }));

export const cookieJwt = (name: string): LoginSource =>
  loginOf('jwt', `the cookie ${name}`, ({ cookie }) => ({ jwt: cookie(name) }));

/** `cookieName`: where the token is; undefined: the one by which the gateway knows the client. */
export function clientToken(cookieName?: string): LoginSource {
  const { what, read } = tokenOf(cookieName);
  return loginOf('token', what, read);
}

/** What a service of the operator has answered for the client; empty for one that it lets in as nobody. */
export const webhookLogin: LoginSource = {
  kind: 'webhook',
  who: 'as auth.webhook answers',
  of({ given }) {
    const { user = null, pass = null, auth_token = null, jwt = null } = given ?? {};
    const fields: ConnectChanges = { ...WITHOUT_LOGIN, user, pass, auth_token, jwt };
    const hint = connectionTypeHint(jwt ?? '');
    return { kind: 'webhook', who: undefined, isOfClient: false, fields: () => fields, hint };
  },
};

const HOW_SENTINEL = 'write the JWT of a user that was made with nsc add user --bearer';

/**
 * For an auth callout in operator mode, where the server asks for a JWT and the callout for the token of the client.
 * `content`: the bearer JWT that all clients have, alone or as a credentials file. `cookieName`: as above.
 */
export function sentinelLogin(content: Buffer, cookieName: string | undefined): LoginReading<LoginSource> {
  const [jwt = ''] = /^[\w-]+\.[\w-]+\.[\w-]+/m.exec(content.toString('latin1')) ?? [];
  const claims = claimsOfJwt(jwt);
  if (claims === undefined) return { ok: false, problem: `the file holds no JWT; ${HOW_SENTINEL}` };
  if (!isBearer(claims))
    return { ok: false, problem: `the JWT in the file is not a bearer token; ${HOW_SENTINEL}` };
  const { what, read } = tokenOf(cookieName);
  return { ok: true, login: loginOf('sentinel', what, read, { jwt }), ...expiryWarning(claims, Date.now()) };
}

const tokenOf = (name: string | undefined): { readonly what: string; readonly read: Read } =>
  name === undefined
    ? { what: 'the token that auth verified', read: ({ token }) => ({ auth_token: token }) }
    : { what: `the cookie ${name}`, read: ({ cookie }) => ({ auth_token: cookie(name) }) };

/** `what`: the credentials, for people. `beside`: what all clients have. */
function loginOf(kind: LoginKind, what: string, read: Read, beside: GivenFields = {}): LoginSource {
  return {
    kind,
    who: `of ${what}`,
    of(client) {
      const own = read(client);
      const { user = null, pass = null, auth_token = null, jwt = null } = { ...own, ...beside };
      const fields: ConnectChanges = { ...WITHOUT_LOGIN, user, pass, auth_token, jwt };
      const isEmpty = Object.values(own).every((value) => value === undefined);
      const hint = isEmpty
        ? `the client did not send ${what}, so its login was empty`
        : (connectionTypeHint(jwt ?? '') ??
          `nats-server refused ${what}; its log, or its auth callout, says more`);
      return { kind, who: undefined, isOfClient: true, fields: () => fields, hint };
    },
  };
}

import type { ConnectChanges } from './connect.ts';
import {
  type GivenFields,
  type LoginClient,
  type LoginKind,
  type LoginSource,
  WITHOUT_LOGIN,
} from './login.ts';
import { connectionTypeHint } from './user-jwt.ts';

/**
 * Logins of what the client itself has sent: nats-server, or its auth callout, is the judge. What the client did not
 * send is empty in CONNECT, as where nats-server reads cookies itself.
 */

export const cookieUser = (userCookie: string, passwordCookie: string): LoginSource =>
  loginOf('user', `the cookies ${userCookie} and ${passwordCookie}`, ({ cookie }) => ({
    user: cookie(userCookie),
    pass: cookie(passwordCookie),
  }));

export const cookieToken = (name: string): LoginSource =>
  loginOf('token', `the cookie ${name}`, ({ cookie }) => ({ auth_token: cookie(name) }));

export const cookieJwt = (name: string): LoginSource =>
  loginOf('jwt', `the cookie ${name}`, ({ cookie }) => ({ jwt: cookie(name) }));

/** The token by which the gateway knows the client. */
export const verifiedToken: LoginSource = loginOf('token', 'the token that auth verified', ({ token }) => ({
  auth_token: token,
}));

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

/** `what`: the credentials, for people. */
function loginOf(kind: LoginKind, what: string, read: (client: LoginClient) => GivenFields): LoginSource {
  return {
    kind,
    who: `of ${what}`,
    of(client) {
      const { user = null, pass = null, auth_token = null, jwt = null } = read(client);
      const fields: ConnectChanges = { ...WITHOUT_LOGIN, user, pass, auth_token, jwt };
      const isEmpty = [user, pass, auth_token, jwt].every((value) => value === null);
      const hint = isEmpty
        ? `the client did not send ${what}, so its login was empty`
        : (connectionTypeHint(jwt ?? '') ?? `nats-server refused ${what}; its log says more`);
      return { kind, who: undefined, isOfClient: true, fields: () => fields, hint };
    },
  };
}

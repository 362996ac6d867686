import { randomUUID } from 'node:crypto';
import { type Context, Hono } from 'hono';
import { deleteCookie, getCookie, setCookie } from 'hono/cookie';
import { decodeJwt } from 'jose';
import * as oidc from 'openid-client';

export type AppOptions = {
  /** The login service, and this application as its client. */
  readonly provider: oidc.Configuration;
  /** Files of the page, by path. */
  readonly files: Readonly<Record<string, { readonly type: string; readonly body: string }>>;
  /** The admin port of natsgate, to end the sessions of a user who logs out. `token`: that of `admin.tokenFile`. */
  readonly admin: { readonly url: string; readonly token?: string };
  /** `clockTolerance` of natsgate: it takes tokens for that much longer. */
  readonly toleranceSeconds: number;
  /** For the operator. */
  readonly say: (line: string) => void;
};

type Login = {
  readonly user: string;
  /** Of the newest access token, in seconds since 1970. */
  expiresAt: number;
  refreshToken: string | undefined;
  renewing?: Promise<string> | undefined;
};

/** As browsers see it. Where a proxy ends TLS, put https in here: a request has http there. */
const addressOf = ({ req }: Context): URL => new URL(req.url);

const COOKIE = { httpOnly: true, secure: true, sameSite: 'Lax', path: '/', prefix: 'host' } as const;

/**
 * The server of the page. It logs visitors in at any OpenID provider, and keeps their tokens from the page. Yours keeps
 * its sessions in a database.
 *
 * Two cookies, so that a page stays logged in for hours and a stolen token is worth a minute: `__Host-login` is between
 * the page and this server alone; `__Host-session` is the access token, for natsgate.
 */
export class App {
  readonly #options: AppOptions;
  /** By the value of `__Host-login`. */
  readonly #logins = new Map<string, Login>();
  readonly #app = new Hono();
  readonly fetch = this.#app.fetch;

  constructor(options: AppOptions) {
    this.#options = options;
    this.#app
      .get('/login', (asked) => this.#login(asked))
      .get('/callback', (asked) => this.#callback(asked))
      // Other pages must not log visitors out: a browser says which page asks.
      .use('*', (asked, next) =>
        asked.req.method === 'POST' && asked.req.header('Sec-Fetch-Site') !== 'same-origin'
          ? Promise.resolve(asked.text('only for the page itself', 403))
          : next(),
      )
      .post('/renew', (asked) => this.#renew(asked))
      .post('/logout', (asked) => this.#logout(asked))
      .get('*', (asked) => {
        const file = this.#options.files[asked.req.path];
        return file === undefined
          ? asked.notFound()
          : asked.body(file.body, 200, {
              'Content-Type': file.type,
              // In the frame of another page a visitor could be made to click here.
              'Content-Security-Policy': "frame-ancestors 'none'",
            });
      });
  }

  /** To the login service. What the way back must fit to stays in a cookie of this browser. */
  async #login(asked: Context): Promise<Response> {
    const verifier = oidc.randomPKCECodeVerifier();
    const state = oidc.randomState();
    setCookie(asked, 'under-way', `${state} ${verifier}`, { ...COOKIE, maxAge: 600 });
    const to = oidc.buildAuthorizationUrl(this.#options.provider, {
      scope: 'openid',
      state,
      redirect_uri: new URL('/callback', addressOf(asked)).href,
      code_challenge: await oidc.calculatePKCECodeChallenge(verifier),
      code_challenge_method: 'S256',
    });
    return asked.redirect(to.href);
  }

  /** Back from the login service, with a code for tokens. */
  async #callback(asked: Context): Promise<Response> {
    const [expectedState = '', pkceCodeVerifier = ''] = (getCookie(asked, 'under-way', 'host') ?? '').split(
      ' ',
    );
    deleteCookie(asked, 'under-way', COOKIE);
    try {
      const tokens = await oidc.authorizationCodeGrant(this.#options.provider, addressOf(asked), {
        ...{ expectedState, pkceCodeVerifier, idTokenExpected: true },
      });
      const id = randomUUID();
      // The user as natsgate knows it: some providers have another `sub` in each of the two tokens.
      const { sub: user = '', exp: expiresAt = 0 } = decodeJwt(tokens.access_token);
      this.#logins.set(id, { user, expiresAt, refreshToken: tokens.refresh_token });
      setCookie(asked, 'login', id, COOKIE);
      setCookie(asked, 'session', tokens.access_token, COOKIE);
      return asked.redirect('/');
    } catch (error) {
      return asked.text(`The login failed: ${(error as Error).message}`, 400);
    }
  }

  /** A new token for a user who is still logged in, here and at the login service. */
  async #renew(asked: Context): Promise<Response> {
    const id = getCookie(asked, 'login', 'host') ?? '';
    const login = this.#logins.get(id);
    if (login?.refreshToken === undefined) return asked.json({ error: 'log in' }, 401);
    try {
      const token = await this.#renewed(login);
      // The user may have logged out meanwhile.
      if (this.#logins.get(id) !== login) return asked.json({ error: 'log in' }, 401);
      setCookie(asked, 'session', token, COOKIE);
      asked.header('Cache-Control', 'no-store');
      return asked.json({ user: login.user, expiresAt: login.expiresAt });
    } catch (error) {
      // Anything else, such as too many requests, passes: the user is still logged in.
      if (error instanceof oidc.ResponseBodyError && error.error === 'invalid_grant')
        return asked.json({ error: 'log in' }, 401);
      throw error;
    }
  }

  /** Tabs share one renewal: a login service may take the second use of a refresh token for theft. */
  #renewed(login: Login): Promise<string> {
    login.renewing ??= this.#refresh(login).finally(() => {
      login.renewing = undefined;
    });
    return login.renewing;
  }

  async #refresh(login: Login): Promise<string> {
    const tokens = await oidc.refreshTokenGrant(this.#options.provider, login.refreshToken ?? '');
    login.refreshToken = tokens.refresh_token ?? login.refreshToken;
    login.expiresAt = decodeJwt(tokens.access_token).exp ?? 0;
    return tokens.access_token;
  }

  /**
   * All tabs and devices of the user are out at once, and tokens are worth nothing for as long as they live. Neither
   * the gateway nor the login service can prevent what the other one does: each is asked, and then the answer tells.
   */
  async #logout(asked: Context): Promise<Response> {
    deleteCookie(asked, 'login', COOKIE);
    deleteCookie(asked, 'session', COOKIE);
    const user = this.#logins.get(getCookie(asked, 'login', 'host') ?? '')?.user;
    if (user === undefined) return asked.json({});
    const logins = [...this.#logins].filter(([, login]) => login.user === user);
    for (const [id] of logins) this.#logins.delete(id);
    const [kicked] = await Promise.allSettled([
      this.#kick(user, Math.max(...logins.map(([, login]) => login.expiresAt))),
      ...logins.map(([, login]) => this.#revoke(login)),
    ]);
    if (kicked.status === 'fulfilled') return asked.json({});
    this.#options.say(`logout of ${JSON.stringify(user)}: ${(kicked.reason as Error).message}`);
    return asked.text('other tabs and devices stay until their tokens expire', 502);
  }

  /** Ends all sessions of the user, who is refused until then. */
  async #kick(user: string, untilSeconds: number): Promise<void> {
    const { url, token } = this.#options.admin;
    const left = Math.ceil(untilSeconds + this.#options.toleranceSeconds - Date.now() / 1000);
    const seconds = Math.min(Math.max(left, 1), 86_400);
    const answer = await fetch(new URL('/api/sessions/kick', url), {
      method: 'POST',
      headers: {
        'Content-Type': 'application/json',
        ...(token === undefined ? {} : { Authorization: `Bearer ${token}` }),
      },
      body: JSON.stringify({ user, for: `${seconds}s` }),
      signal: AbortSignal.timeout(5000),
    });
    if (!answer.ok) throw new Error(`natsgate answered ${answer.status}: ${await answer.text()}`);
  }

  /** Not every login service can. Its refresh token is forgotten here in any case. */
  async #revoke(login: Login): Promise<void> {
    // It exchanges the token.
    await login.renewing?.catch(() => {});
    const { refreshToken } = login;
    const { revocation_endpoint: endpoint } = this.#options.provider.serverMetadata();
    if (endpoint !== undefined && refreshToken !== undefined)
      await oidc.tokenRevocation(this.#options.provider, refreshToken);
  }
}

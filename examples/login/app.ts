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
  /** The admin port of natsgate, to end the sessions of a user who logs out. */
  readonly adminUrl: string;
};

type Login = { readonly user: string; readonly refreshToken: string };

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
          : asked.body(file.body, 200, { 'Content-Type': file.type });
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
      redirect_uri: new URL('/callback', asked.req.url).href,
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
      const tokens = await oidc.authorizationCodeGrant(this.#options.provider, new URL(asked.req.url), {
        ...{ expectedState, pkceCodeVerifier, idTokenExpected: true },
      });
      const id = randomUUID();
      const user = tokens.claims()?.sub ?? '';
      this.#logins.set(id, { user, refreshToken: tokens.refresh_token ?? '' });
      setCookie(asked, 'login', id, COOKIE);
      setCookie(asked, 'session', tokens.access_token, COOKIE);
      return asked.redirect('/');
    } catch (error) {
      return asked.text(`The login failed: ${(error as Error).message}`, 400);
    }
  }

  /** A new token for a user who is still logged in, here and at the login service. */
  async #renew(asked: Context): Promise<Response> {
    const login = this.#logins.get(getCookie(asked, 'login', 'host') ?? '');
    if (login === undefined) return asked.json({ error: 'log in' }, 401);
    try {
      const { access_token: token } = await oidc.refreshTokenGrant(
        this.#options.provider,
        login.refreshToken,
      );
      setCookie(asked, 'session', token, COOKIE);
      asked.header('Cache-Control', 'no-store');
      return asked.json({ user: login.user, expiresAt: decodeJwt(token).exp });
    } catch (error) {
      if (error instanceof oidc.ResponseBodyError) return asked.json({ error: error.error }, 401);
      throw error;
    }
  }

  /** All tabs and devices of the user are out at once, and tokens that live on are worth nothing for a minute. */
  async #logout(asked: Context): Promise<Response> {
    const user = this.#logins.get(getCookie(asked, 'login', 'host') ?? '')?.user;
    for (const [id, other] of this.#logins) {
      if (other.user !== user) continue;
      this.#logins.delete(id);
      await oidc.tokenRevocation(this.#options.provider, other.refreshToken);
    }
    if (user !== undefined)
      await fetch(new URL('/api/sessions/kick', this.#options.adminUrl), {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify({ user, for: '1m' }),
      });
    deleteCookie(asked, 'login', COOKIE);
    return asked.json({});
  }
}

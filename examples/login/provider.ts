import { createHash, randomUUID } from 'node:crypto';
import { type Context, Hono } from 'hono';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';

export type ProviderOptions = {
  /** Its own address, which is `iss` of its tokens. */
  readonly issuer: string;
  readonly client: { readonly id: string; readonly secret: string; readonly redirectUris: readonly string[] };
  /** `aud` of access tokens: what they are for. */
  readonly audience: string;
  /** How long a token is good. */
  readonly tokenSeconds: number;
};

type Key = Awaited<ReturnType<typeof newKey>>;
type Code = { readonly user: string; readonly redirectUri: string; readonly challenge: string };

const ALGORITHM = 'ES256';
const FORM = `<!doctype html>
<html lang="en">
  <meta charset="utf-8" />
  <meta name="viewport" content="width=device-width" />
  <meta name="color-scheme" content="light dark" />
  <title>Login service</title>
  <style>
    body { font: 1rem/1.5 system-ui, sans-serif; max-width: 24rem; margin: 2rem auto; padding: 0 1rem; }
    input, button { font: inherit; padding: 0.4rem 0.7rem; }
  </style>
  <h1>Login service</h1>
  <form method="post">
    <input name="user" aria-label="Your name" placeholder="Your name" required maxlength="40" autocomplete="username" />
    <button type="submit">Log in</button>
  </form>
</html>`;

/**
 * An OpenID provider as small as it can be: discovery, authorization code with PKCE (RFC 7636), refresh tokens and their
 * revocation (RFC 7009), key set. It asks for a name and believes it, and forgets everything at its end. Yours is
 * Keycloak, Auth0, Entra ID or the like.
 */
export class Provider {
  readonly #options: ProviderOptions;
  /** The newest signs; the one before is published as long as its tokens live. */
  #keys: readonly Key[];
  readonly #codes = new Map<string, Code>();
  /** Users by refresh token. */
  readonly #refreshable = new Map<string, string>();
  readonly #app = new Hono();
  readonly fetch = this.#app.fetch;
  tokenSeconds: number;

  private constructor(options: ProviderOptions, key: Key) {
    this.#options = options;
    this.#keys = [key];
    this.tokenSeconds = options.tokenSeconds;
    this.#app
      .get('/.well-known/openid-configuration', (asked) => asked.json(this.#metadata()))
      .get('/jwks.json', (asked) => asked.json({ keys: this.#keys.map(({ jwk }) => jwk) }))
      .get('/authorize', (asked) => (this.#isGood(asked) ? asked.html(FORM) : asked.text('bad request', 400)))
      .post('/authorize', (asked) => this.#authorize(asked))
      .post('/token', (asked) => this.#token(asked))
      .post('/revoke', (asked) => this.#revoke(asked));
  }

  static async start(options: ProviderOptions): Promise<Provider> {
    return new Provider(options, await newKey());
  }

  async rotateKeys(): Promise<void> {
    this.#keys = [await newKey(), ...this.#keys.slice(0, 1)];
  }

  #metadata(): object {
    const { issuer } = this.#options;
    return {
      issuer,
      authorization_endpoint: `${issuer}/authorize`,
      token_endpoint: `${issuer}/token`,
      revocation_endpoint: `${issuer}/revoke`,
      jwks_uri: `${issuer}/jwks.json`,
      response_types_supported: ['code'],
      subject_types_supported: ['public'],
      id_token_signing_alg_values_supported: [ALGORITHM],
      token_endpoint_auth_methods_supported: ['client_secret_post'],
      code_challenge_methods_supported: ['S256'],
    };
  }

  /** Nobody is sent to an address that is not the client's. */
  #isGood({ req }: Context): boolean {
    const { client } = this.#options;
    const query = req.query();
    return (
      query['client_id'] === client.id &&
      client.redirectUris.includes(query['redirect_uri'] ?? '') &&
      query['response_type'] === 'code' &&
      query['code_challenge_method'] === 'S256' &&
      query['code_challenge'] !== undefined
    );
  }

  async #authorize(asked: Context): Promise<Response> {
    const { user } = await asked.req.parseBody();
    if (!this.#isGood(asked) || typeof user !== 'string' || user === '')
      return asked.text('bad request', 400);
    const { redirect_uri: redirectUri = '', code_challenge: challenge = '', state } = asked.req.query();
    const code = randomUUID();
    this.#codes.set(code, { user, redirectUri, challenge });
    const back = new URL(redirectUri);
    back.searchParams.set('code', code);
    if (state !== undefined) back.searchParams.set('state', state);
    return asked.redirect(back.href, 303);
  }

  async #token(asked: Context): Promise<Response> {
    const form = await this.#formOfClient(asked);
    if (form === undefined) return asked.json({ error: 'invalid_client' }, 401);
    const user = this.#userOf(form);
    if (user === undefined) return asked.json({ error: 'invalid_grant' }, 400);
    const refreshToken = randomUUID();
    this.#refreshable.set(refreshToken, user);
    asked.header('Cache-Control', 'no-store');
    return asked.json({
      token_type: 'Bearer',
      expires_in: this.tokenSeconds,
      access_token: await this.#signed(user, this.#options.audience),
      id_token: await this.#signed(user, this.#options.client.id),
      refresh_token: refreshToken,
    });
  }

  /** By a code of the one who has asked for it, or by a refresh token. Either is good once. */
  #userOf(form: Readonly<Record<string, string>>): string | undefined {
    const { code = '', code_verifier: verifier = '', redirect_uri: redirectUri } = form;
    if (form['grant_type'] === 'refresh_token') {
      const { refresh_token: token = '' } = form;
      const user = this.#refreshable.get(token);
      this.#refreshable.delete(token);
      return user;
    }
    const known = this.#codes.get(code);
    this.#codes.delete(code);
    const challenge = createHash('sha256').update(verifier).digest('base64url');
    return known?.challenge === challenge && known.redirectUri === redirectUri ? known.user : undefined;
  }

  async #revoke(asked: Context): Promise<Response> {
    const form = await this.#formOfClient(asked);
    if (form === undefined) return asked.json({ error: 'invalid_client' }, 401);
    this.#refreshable.delete(form['token'] ?? '');
    return asked.body(null);
  }

  async #formOfClient({ req }: Context): Promise<Record<string, string> | undefined> {
    const form = (await req.parseBody()) as Record<string, string>;
    const { id, secret } = this.#options.client;
    return form['client_id'] === id && form['client_secret'] === secret ? form : undefined;
  }

  #signed(user: string, audience: string): Promise<string> {
    const [key] = this.#keys;
    if (key === undefined) throw new Error('no key');
    return new SignJWT()
      .setProtectedHeader({ alg: ALGORITHM, kid: key.jwk.kid })
      .setIssuer(this.#options.issuer)
      .setSubject(user)
      .setAudience(audience)
      .setIssuedAt()
      .setExpirationTime(`${this.tokenSeconds}s`)
      .sign(key.privateKey);
  }
}

async function newKey() {
  const { privateKey, publicKey } = await generateKeyPair(ALGORITHM);
  return {
    privateKey,
    jwk: { ...(await exportJWK(publicKey)), kid: randomUUID(), alg: ALGORITHM, use: 'sig' },
  };
}

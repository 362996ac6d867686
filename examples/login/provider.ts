import { generateKeyPairSync, randomUUID, sign } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { json } from 'node:stream/consumers';

/**
 * A login service as small as it can be. Yours asks for a password, keeps its sessions in a database, and may be any
 * OpenID provider: natsgate needs its key set and the claims `iss`, `aud`, `sub` and `exp`.
 *
 * Two cookies, so that a page stays logged in for hours and a stolen token is worth a minute:
 * `__Host-login` is between the page and this service alone; `__Host-session` is the token for natsgate.
 */
export type ProviderOptions = {
  /** `iss` of the tokens. */
  readonly issuer: () => string;
  readonly tokenSeconds: number;
  /** Files of the page, by path. */
  readonly files: Readonly<Record<string, { readonly type: string; readonly body: string }>>;
  /** The admin port of natsgate, to end the sessions of a user who logs out. */
  readonly adminUrl: () => string;
};

type Key = ReturnType<typeof newKey>;

const ATTRIBUTES = 'HttpOnly; Secure; SameSite=Lax; Path=/';

export class Provider {
  readonly #options: ProviderOptions;
  readonly server: Server;
  /** How long a token is good. */
  tokenSeconds: number;
  /** The newest signs; the one before stays published as long as its tokens live. */
  #keys: readonly Key[] = [newKey()];
  /** User by the value of `__Host-login`. */
  readonly #logins = new Map<string, string>();

  constructor(options: ProviderOptions) {
    this.#options = options;
    this.tokenSeconds = options.tokenSeconds;
    this.server = createServer((request, response) => {
      this.#answer(request, response).catch(() => response.writeHead(500).end());
    });
  }

  rotateKeys(): void {
    this.#keys = [newKey(), ...this.#keys.slice(0, 1)];
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method, url = '/' } = request;
    const file = this.#options.files[url];
    if (method === 'GET' && file !== undefined)
      response.writeHead(200, { 'Content-Type': file.type }).end(file.body);
    else if (method === 'GET' && url === '/jwks.json')
      send(response, 200, { keys: this.#keys.map(({ jwk }) => jwk) });
    // Other pages must not log visitors in or out: a browser says which page asks.
    else if (method !== 'POST' || request.headers['sec-fetch-site'] !== 'same-origin')
      response.writeHead(404).end();
    else if (url === '/login') this.#login(response, ((await json(request)) as { user: string }).user);
    else if (url === '/renew') this.#renew(response, this.#logins.get(loginOf(request)));
    else if (url === '/logout') await this.#logout(request, response);
    else response.writeHead(404).end();
  }

  #login(response: ServerResponse, user: string): void {
    const id = randomUUID();
    this.#logins.set(id, user);
    response.appendHeader('Set-Cookie', `__Host-login=${id}; ${ATTRIBUTES}`);
    this.#renew(response, user);
  }

  /** A new token for a user who is still logged in. */
  #renew(response: ServerResponse, user: string | undefined): void {
    if (user === undefined) return send(response, 401, { error: 'log in again' });
    const expiresAt = Math.floor(Date.now() / 1000) + this.tokenSeconds;
    const token = this.#token({ sub: user, exp: expiresAt });
    response.appendHeader('Set-Cookie', `__Host-session=${token}; ${ATTRIBUTES}`);
    send(response, 200, { user, expiresAt });
  }

  /** All tabs and devices of the user are out at once, and tokens that live on are worth nothing for a minute. */
  async #logout(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const user = this.#logins.get(loginOf(request));
    for (const [id, other] of this.#logins) if (other === user) this.#logins.delete(id);
    if (user !== undefined)
      await fetch(new URL('/api/sessions/kick', this.#options.adminUrl()), {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify({ user, for: `${this.tokenSeconds}s` }),
      });
    response.appendHeader('Set-Cookie', `__Host-login=; Max-Age=0; ${ATTRIBUTES}`);
    send(response, 200, {});
  }

  #token(claims: object): string {
    const [{ kid, privateKey } = newKey()] = this.#keys;
    const input = [
      { alg: 'ES256', kid },
      { iss: this.#options.issuer(), aud: 'nats-web', ...claims },
    ]
      .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
      .join('.');
    const signature = sign('sha256', Buffer.from(input), { key: privateKey, dsaEncoding: 'ieee-p1363' });
    return `${input}.${signature.toString('base64url')}`;
  }
}

function newKey() {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const kid = randomUUID();
  return { kid, privateKey, jwk: { ...publicKey.export({ format: 'jwk' }), kid, alg: 'ES256', use: 'sig' } };
}

const loginOf = ({ headers: { cookie = '' } }: IncomingMessage): string =>
  /(?:^|; )__Host-login=([^;]+)/.exec(cookie)?.[1] ?? '';

const send = (response: ServerResponse, status: number, body: object): void => {
  response.writeHead(status, { 'Content-Type': 'application/json', 'Cache-Control': 'no-store' });
  response.end(JSON.stringify(body));
};

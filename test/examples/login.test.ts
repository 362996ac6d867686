import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { customFetch, Configuration as OidcClient } from 'openid-client';
import { App } from '../../examples/login/app.ts';
import { Provider } from '../../examples/login/provider.ts';

const PAGE = 'https://chat.example.com';
const ISSUER = 'https://id.example.com';
const SECRET = 'a secret of the client';
const SECONDS = 600;
const TOLERANCE = 30;

type Answers = {
  /** Of the login service, in place of its own. */
  readonly revoke?: () => Response;
  readonly renew?: () => Response;
  /** Of natsgate. */
  readonly kick?: number;
  readonly hasRevocation?: boolean;
  readonly hasRefresh?: boolean;
};

/** A browser with the cookies that the app sets. */
class Browser {
  readonly #app: App;
  readonly cookies = new Map<string, string>();

  constructor(app: App) {
    this.#app = app;
  }

  async ask(path: string, method = 'GET'): Promise<Response> {
    const cookie = [...this.cookies].map(([name, value]) => `${name}=${value}`).join('; ');
    const headers = { Cookie: cookie, 'Sec-Fetch-Site': 'same-origin' };
    const answer = await this.#app.fetch(new Request(new URL(path, PAGE), { method, headers }));
    for (const line of answer.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
      if (value === '') this.cookies.delete(name);
      else this.cookies.set(name, decodeURIComponent(value));
    }
    return answer;
  }

  post(path: string): Promise<Response> {
    return this.ask(path, 'POST');
  }
}

/** The app with a login service in memory, and a natsgate that says what it was asked. The caller disposes of it. */
async function start(answers: Answers = {}) {
  const provider = await Provider.start({
    ...{ issuer: ISSUER, audience: 'nats-web', tokenSeconds: SECONDS },
    client: { id: 'chat', secret: SECRET, redirectUris: [`${PAGE}/callback`] },
  });
  const { hasRevocation = true, hasRefresh = true, revoke, renew } = answers;
  const asked: { path: string; form: URLSearchParams }[] = [];
  const metadata = (await (
    await provider.fetch(new Request(`${ISSUER}/.well-known/openid-configuration`))
  ).json()) as ConstructorParameters<typeof OidcClient>[0];
  if (!hasRevocation) delete (metadata as { revocation_endpoint?: string }).revocation_endpoint;
  const client = new OidcClient(metadata, 'chat', SECRET);
  client[customFetch] = async (url, { method, headers, body }) => {
    const { pathname } = new URL(url);
    const form = new URLSearchParams(String(body ?? ''));
    asked.push({ path: pathname, form });
    if (pathname === '/revoke' && revoke !== undefined) return revoke();
    if (form.has('refresh_token') && renew !== undefined) return renew();
    const answer = await provider.fetch(new Request(url, { method, headers, body: form }));
    if (hasRefresh || pathname !== '/token') return answer;
    const { refresh_token: _, ...rest } = (await answer.json()) as Record<string, unknown>;
    return Response.json(rest, answer);
  };

  const kicks: { headers: object; body: { user?: string; for?: string } }[] = [];
  const gateway = createServer(async (request, response: ServerResponse) => {
    const body = Buffer.concat(await Array.fromAsync(request)).toString();
    kicks.push({ headers: request.headers, body: JSON.parse(body) });
    response.writeHead(answers.kick ?? 200).end('{}');
  }).listen(0, '127.0.0.1');
  await once(gateway, 'listening');
  const url = `http://127.0.0.1:${(gateway.address() as AddressInfo).port}`;
  const said: string[] = [];
  const say = (line: string) => void said.push(line);
  const app = new App({
    ...{ provider: client, files: {}, say, toleranceSeconds: TOLERANCE },
    admin: { url, token: 'admin-token-of-the-test' },
  });

  async function logIn(user: string): Promise<Browser> {
    const browser = new Browser(app);
    const to = (await browser.ask('/login')).headers.get('Location') ?? '';
    const form = new URLSearchParams({ user });
    const sent = await provider.fetch(new Request(to, { method: 'POST', body: form }));
    const back = await browser.ask(sent.headers.get('Location') ?? '');
    assert.deepEqual([back.status, back.headers.get('Location')], [302, '/'], await back.text());
    return browser;
  }
  return {
    ...{ app, asked, kicks, logIn, said },
    async [Symbol.asyncDispose]() {
      gateway.closeAllConnections();
      gateway.close();
      await once(gateway, 'close');
    },
  };
}

const UNABLE: Readonly<Record<string, Answers>> = {
  'that can': {},
  'that has no address for it': { hasRevocation: false },
  'that is down': { revoke: () => new Response('down', { status: 503 }) },
  'that gives no refresh token': { hasRefresh: false },
};

for (const [name, answers] of Object.entries(UNABLE))
  test(`examples/login: a logout ends all sessions with a login service ${name}`, async () => {
    await using parts = await start(answers);
    const [one, other] = [await parts.logIn('alice'), await parts.logIn('alice')];
    const bob = await parts.logIn('bob');
    assert.deepEqual([...one.cookies.keys()], ['__Host-login', '__Host-session']);
    const logout = await one.post('/logout');
    assert.deepEqual([logout.status, await logout.json()], [200, {}]);
    assert.deepEqual([...one.cookies.keys()], [], 'the browser has no token left');
    const [{ body, headers } = { body: {}, headers: {} }] = parts.kicks;
    assert.equal(parts.kicks.length, 1);
    assert.equal(body.user, 'alice');
    const seconds = Number(/^(\d+)s$/.exec(body.for ?? '')?.[1]);
    const late = SECONDS + TOLERANCE - seconds;
    assert.ok(late >= 0 && late < 60, `as long as natsgate takes the tokens: ${body.for}`);
    assert.ok('authorization' in headers && headers.authorization === 'Bearer admin-token-of-the-test');
    assert.equal((await other.post('/renew')).status, 401, 'the other device is out too');
    const revoked = parts.asked.filter(({ path }) => path === '/revoke').length;
    assert.equal(revoked, answers.hasRevocation === false || answers.hasRefresh === false ? 0 : 2);
    if (answers.hasRefresh !== false) assert.equal((await bob.post('/renew')).status, 200);
  });

test('examples/login: a logout whose sessions the gateway does not end says so, and leaves no token in the browser', async () => {
  await using parts = await start({ kick: 401 });
  const alice = await parts.logIn('alice');
  const logout = await alice.post('/logout');
  assert.equal(logout.status, 502);
  assert.match(await logout.text(), /stay until their tokens expire/);
  assert.deepEqual([...alice.cookies.keys()], []);
  assert.ok(parts.asked.some(({ path }) => path === '/revoke'));
  assert.deepEqual(parts.said, ['logout of "alice": natsgate answered 401: {}']);
});

test('examples/login: a refresh token is used once, also when two tabs renew at the same time', async () => {
  await using parts = await start();
  const alice = await parts.logIn('alice');
  const both = await Promise.all([alice.post('/renew'), alice.post('/renew')]);
  assert.deepEqual(
    both.map(({ status }) => status),
    [200, 200],
  );
  assert.equal((await alice.post('/renew')).status, 200, 'with the token that came with the last one');
  const used = parts.asked.flatMap(({ path, form }) =>
    path === '/token' ? (form.get('refresh_token') ?? []) : [],
  );
  assert.equal(used.length, 2);
  assert.equal(new Set(used).size, 2);
});

test('examples/login: who logs out while a renewal is under way gets no token by it', async () => {
  await using parts = await start();
  const alice = await parts.logIn('alice');
  const [renewed] = await Promise.all([alice.post('/renew'), alice.post('/logout')]);
  assert.equal(renewed.status, 401);
  assert.deepEqual([...alice.cookies.keys()], []);
  const [used, revoked] = ['refresh_token', 'token'].map((name) =>
    parts.asked.flatMap(({ form }) => form.get(name) ?? []),
  );
  assert.deepEqual([used?.length, revoked?.length], [1, 1]);
  assert.notEqual(revoked?.[0], used?.[0], 'what the renewal brought is revoked');
});

test('examples/login: only a refused refresh token means that the user must log in again', async () => {
  for (const [error, status] of Object.entries({ invalid_grant: 401, too_many_requests: 500 })) {
    await using parts = await start({ renew: () => Response.json({ error }, { status: 400 }) });
    const alice = await parts.logIn('alice');
    assert.equal((await alice.post('/renew')).status, status, error);
  }
});

test('examples/login: another page logs nobody out', async () => {
  await using parts = await start();
  const alice = await parts.logIn('alice');
  const headers = {
    'Sec-Fetch-Site': 'cross-site',
    Cookie: `__Host-login=${alice.cookies.get('__Host-login')}`,
  };
  const answer = await parts.app.fetch(new Request(`${PAGE}/logout`, { method: 'POST', headers }));
  assert.equal(answer.status, 403);
  assert.equal((await alice.post('/renew')).status, 200);
});

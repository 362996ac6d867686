import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { makeCertificates, serverTls, type TestCertificates } from '../support/certificates.ts';
import { FakeUpstream } from '../support/fake-upstream.ts';
import { startTestGateway } from '../support/gateway.ts';
import { RawClient } from '../support/raw-client.ts';
import { ReloadableGateway } from '../support/reloadable.ts';

const TOKEN = 'canary-token-of-the-admin-port';
const NEXT_TOKEN = 'canary-token-after-the-reload';

let certificates: TestCertificates;
let upstream: FakeUpstream;
const resources = new AsyncDisposableStack();
before(async () => {
  certificates = resources.use(await makeCertificates());
  upstream = resources.use(await FakeUpstream.start());
});
after(() => resources.disposeAsync());

type Request = {
  readonly method?: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly tls?: boolean;
};

async function ask(port: number, { method = 'GET', path, headers = {}, body = '', tls = false }: Request) {
  await using client = await RawClient.connect(port, tls ? { rejectUnauthorized: false } : undefined);
  const all = { Host: `localhost:${port}`, 'Content-Length': body.length, ...headers };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  client.send(`${method} ${path} HTTP/1.1\r\n${lines.join('')}\r\n${body}`);
  const answer = await client.answer();
  const code = /"code": "(\w+)"/.exec(answer.body)?.[1];
  return { ...answer, code, cookie: answer.headers.get('set-cookie') ?? '' };
}

const post = (port: number, path: string, more: Omit<Request, 'path'> = {}) =>
  ask(port, { method: 'POST', path, ...more });
const logIn = (port: number, token = TOKEN, more: Omit<Request, 'path'> = {}) =>
  post(port, '/api/login', { body: JSON.stringify({ token }), ...more });
/** What the browser sends back. */
const sent = ({ cookie }: { readonly cookie: string }): string => cookie.split(';')[0] ?? '';
const originOf = (port: number): string => `http://localhost:${port}`;

const withToken = () => startTestGateway(upstream.port, { admin: { token: TOKEN } });

describe('login by cookie', () => {
  test('the token once, then the cookie; changes need the Origin of this server; a logout ends it', async () => {
    await using gateway = await withToken();
    const port = gateway.adminPort;
    assert.equal((await ask(port, { path: '/api/status' })).status, 401);
    const login = await logIn(port);
    assert.equal(login.status, 200);
    assert.match(
      login.cookie,
      new RegExp(`^natsgate-admin-${port}=[\\w-]{43}; Max-Age=28800; Path=/; HttpOnly; SameSite=Strict$`),
    );
    assert.ok(!login.body.includes(TOKEN) && !login.cookie.includes(TOKEN));
    const Cookie = `other=1; ${sent(login)}; natsgate-admin=2`;
    const Origin = originOf(port);
    const put = { method: 'PUT', path: '/api/log', body: '{"level":"info"}' };
    assert.equal((await ask(port, { path: '/api/status', headers: { Cookie } })).status, 200);
    assert.equal((await ask(port, { ...put, headers: { Cookie, Origin } })).status, 200);
    assert.equal((await ask(port, { ...put, headers: { Cookie } })).code, 'origin_required');
    const foreign = { Cookie, Origin: 'https://evil.example' };
    assert.equal((await ask(port, { ...put, headers: foreign })).status, 403);
    assert.equal((await ask(port, { ...put, headers: { Cookie, Origin: 'null' } })).status, 403);
    // A name that an attacker points here: the browser would send no cookie, but something else might.
    assert.equal(
      (await ask(port, { path: '/api/status', headers: { Cookie, Host: 'evil.example' } })).status,
      421,
    );

    assert.equal((await post(port, '/api/logout', { headers: { Cookie } })).code, 'origin_required');
    const logout = await post(port, '/api/logout', { headers: { Cookie, Origin } });
    assert.equal(logout.status, 204);
    assert.match(logout.cookie, /^natsgate-admin-\d+=; Max-Age=0; Path=\//);
    assert.equal((await ask(port, { path: '/api/status', headers: { Cookie } })).status, 401);
    assert.equal((await post(port, '/api/logout', { headers: { Cookie, Origin } })).code, 'no_login');
  });

  test('a form leads to the page', async () => {
    await using gateway = await withToken();
    const headers = { 'Content-Type': 'application/x-www-form-urlencoded' };
    const login = await post(gateway.adminPort, '/api/login', { headers, body: `token=${TOKEN}` });
    assert.deepEqual([login.status, login.headers.get('location')], [303, '/']);
    assert.match(login.cookie, /HttpOnly/);
  });

  test('a token with + and a line end logs in as curl sends it, by --data-urlencode or -d as JSON', async () => {
    const token = 'canary+token/of+base64+for+the+admin+port==';
    await using gateway = await startTestGateway(upstream.port, { admin: { token } });
    const headers = { 'Content-Type': 'application/x-www-form-urlencoded' };
    const send = async (body: string) => post(gateway.adminPort, '/api/login', { headers, body });
    for (const end of ['', '\n', '\r\n'])
      assert.equal((await send(`token=${encodeURIComponent(token + end)}`)).status, 303);
    assert.equal((await send(JSON.stringify({ token: `${token}\n` }))).status, 200);
    assert.equal((await send(`token=${encodeURIComponent(`${token}\n\n`)}`)).code, 'wrong_token');
  });

  test('a cookie of another process, a made-up one and one of another port open nothing', async () => {
    await using gateway = await withToken();
    await using other = await withToken();
    const value = sent(await logIn(other.adminPort)).split('=')[1];
    const port = gateway.adminPort;
    for (const Cookie of [
      `natsgate-admin-${port}=${value}`,
      `natsgate-admin-${port}=`,
      `natsgate-admin-${port}=${'a'.repeat(43)}`,
      `natsgate-admin-${other.adminPort}=${sent(await logIn(port)).split('=')[1]}`,
    ])
      assert.equal((await ask(port, { path: '/api/status', headers: { Cookie } })).status, 401, Cookie);
  });

  test('another cookie of the same name, from a page of another port, logs nobody out', async () => {
    await using gateway = await withToken();
    const port = gateway.adminPort;
    const login = sent(await logIn(port));
    const junk = `natsgate-admin-${port}`;
    for (const Cookie of [`${junk}=junk; ${login}`, `${junk}=%zz;\t${login}; ${junk}=`, `${junk};${login}`])
      assert.equal((await ask(port, { path: '/api/status', headers: { Cookie } })).status, 200, Cookie);
    const headers = { Cookie: `${junk}=junk; ${login}`, Origin: originOf(port) };
    assert.equal((await post(port, '/api/logout', { headers })).status, 204);
    assert.equal((await ask(port, { path: '/api/status', headers })).status, 401);
  });

  test('five wrong tokens a minute, then 429 for every login; a right Bearer is never locked out', async () => {
    await using gateway = await withToken();
    const port = gateway.adminPort;
    const first = await logIn(port);
    const wrong = await Promise.all(Array.from({ length: 8 }, () => logIn(port, `${TOKEN}x`)));
    const codes = wrong.map(({ code }) => code);
    assert.equal(codes.filter((code) => code === 'wrong_token').length, 5);
    const refused = wrong.find(({ status }) => status === 429);
    const seconds = Number(refused?.headers.get('retry-after'));
    assert.ok(seconds > 50 && seconds <= 60, String(seconds));
    assert.equal((await logIn(port)).code, 'too_many_logins');
    const Authorization = `Bearer ${TOKEN}`;
    assert.equal((await ask(port, { path: '/api/status', headers: { Authorization } })).status, 200);
    assert.equal((await ask(port, { path: '/api/status', headers: { Cookie: sent(first) } })).status, 200);
    const lines = gateway.log.lines.filter(({ message }) => message.startsWith('login to the admin port'));
    assert.equal(lines.length, 6);
    assert.doesNotMatch(JSON.stringify(gateway.log.lines), /canary/);
  });

  test('guesses by Bearer are one warning with the address, on the API and on the page', async () => {
    await using gateway = await withToken();
    const port = gateway.adminPort;
    const Authorization = `Bearer ${TOKEN}x`;
    for (const path of ['/', '/api/status', '/api/status'])
      await ask(port, { path, headers: { Authorization } });
    const headers = { Authorization: `Bearer ${TOKEN}` };
    assert.equal((await ask(port, { path: '/api/status', headers })).status, 200);
    const [line, ...others] = gateway.log.lines.filter(({ message }) => message.startsWith('wrong Bearer'));
    assert.deepEqual([line?.['level'], line?.['client'], line?.['guesses']], ['warn', '127.0.0.1', 1]);
    assert.equal(others.length, 0);
    assert.doesNotMatch(JSON.stringify(gateway.log.lines), /canary/);
  });

  test('another token ends all logins, any other reload none', async () => {
    const settings = { admin: { address: '127.0.0.1:0', tokenFile: 'admin-token' } };
    await using gateway = await ReloadableGateway.start(upstream.port, settings, { 'admin-token': TOKEN });
    const port = gateway.adminPort;
    const Cookie = sent(await logIn(port));
    await gateway.write({ ...settings, log: { level: 'warn' } }, { 'admin-token': TOKEN });
    await gateway.gateway.reload('signal');
    assert.equal((await ask(port, { path: '/api/status', headers: { Cookie } })).status, 200);
    await gateway.write(settings, { 'admin-token': NEXT_TOKEN });
    await gateway.gateway.reload('signal');
    assert.equal((await ask(port, { path: '/api/status', headers: { Cookie } })).status, 401);
    assert.equal((await logIn(port)).status, 401);
    assert.equal((await logIn(port, NEXT_TOKEN)).status, 200);
  });

  test('what is no login: no token anywhere, another body', async () => {
    await using gateway = await withToken();
    for (const body of ['', 'token', '{}', '{"token":1}', '["token"]'])
      assert.equal((await post(gateway.adminPort, '/api/login', { body })).code, 'body', body);
    await using open = await startTestGateway(upstream.port);
    assert.equal((await logIn(open.adminPort)).code, 'no_token');
  });
});

describe('outside of loopback', () => {
  const address = { host: '0.0.0.0', port: 0 };

  test('a login needs TLS, and says so; the Bearer works without', async () => {
    await using gateway = await startTestGateway(upstream.port, { admin: { address, token: TOKEN } });
    const refusal = await logIn(gateway.adminPort);
    assert.deepEqual([refusal.status, refusal.code, refusal.cookie], [403, 'tls_required', '']);
    assert.match(refusal.body, /admin\.tls/);
    const Authorization = `Bearer ${TOKEN}`;
    assert.equal(
      (await ask(gateway.adminPort, { path: '/api/status', headers: { Authorization } })).status,
      200,
    );
    await using open = await startTestGateway(upstream.port, { admin: { address } });
    assert.equal((await logIn(open.adminPort)).code, 'token_required');
  });

  test('with it the cookie is for TLS and this host alone', async () => {
    const admin = { address, token: TOKEN, tls: serverTls(certificates) };
    await using gateway = await startTestGateway(upstream.port, { admin });
    const port = gateway.adminPort;
    const login = await logIn(port, TOKEN, { tls: true });
    assert.match(login.cookie, /^__Host-natsgate-admin-\d+=.*; Path=\/; HttpOnly; Secure; SameSite=Strict$/);
    const Cookie = sent(login);
    const Origin = `https://localhost:${port}`;
    const put = { method: 'PUT', path: '/api/log', body: '{"level":"info"}', tls: true };
    assert.equal((await ask(port, { ...put, headers: { Cookie, Origin } })).status, 200);
    assert.equal((await ask(port, { ...put, headers: { Cookie, Origin: originOf(port) } })).status, 403);
    const unprefixed = Cookie.replace('__Host-', '');
    assert.equal(
      (await ask(port, { path: '/api/status', headers: { Cookie: unprefixed }, tls: true })).status,
      401,
    );
  });
});

test('a page of another port of this machine cannot make the browser ask here', async () => {
  await using gateway = await startTestGateway(upstream.port);
  const from = (site: string, mode: string) =>
    ask(gateway.adminPort, {
      path: '/api/status',
      headers: { 'Sec-Fetch-Site': site, 'Sec-Fetch-Mode': mode },
    });
  for (const site of ['same-site', 'cross-site']) {
    assert.equal((await from(site, 'no-cors')).code, 'foreign_origin');
    assert.equal((await from(site, 'navigate')).status, 200);
  }
  for (const site of ['same-origin', 'none']) assert.equal((await from(site, 'cors')).status, 200);
});

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { keysAt, testAuth, testIssuer } from '../support/auth-config.ts';
import { FakeUpstream } from '../support/fake-upstream.ts';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';
import { Issuer, seconds, signingKey, token } from '../support/issuer.ts';
import { handshakeRequest, RawClient } from '../support/raw-client.ts';

const PAGE = 'https://app.example.com';
const COOKIE = '__Host-session';
const PASSED = { request: 'passed', admit: 'passed', authorize: 'passed', dial: 'not_tried' };

// biome-ignore lint/suspicious/noExplicitAny: what is asserted is the JSON itself.
type Json = Record<string, any>;

async function tried(port: number, body: unknown, status = 200): Promise<Json> {
  const answer = await fetch(`http://127.0.0.1:${port}/api/handshakes/try`, {
    method: 'POST',
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
  assert.equal(answer.status, status);
  return (await answer.json()) as Json;
}

describe('a handshake that nobody sends', () => {
  const resources = new AsyncDisposableStack();
  let issuer: Issuer;
  let upstream: FakeUpstream;
  let gateway: TestGateway;
  before(async () => {
    issuer = resources.use(await Issuer.start(signingKey('one')));
    upstream = resources.use(await FakeUpstream.start());
    gateway = resources.use(
      await startTestGateway(upstream.port, {
        auth: testAuth(testIssuer(keysAt(issuer.url)), {
          identity: { user: ['sub'], tenant: ['org'], groups: undefined },
        }),
        listen: { trustedProxies: ['10.0.0.0/8'] },
        limits: { sessionsPerAddress: 1 },
      }),
    );
  });
  after(() => resources.disposeAsync());

  const asked = (body: unknown, status?: number): Promise<Json> => tried(gateway.adminPort, body, status);
  const cookie = (text: string): Json => ({ Cookie: `${COOKIE}=${text}` });

  test('is answered as a real one, step by step, and nothing of it is left', async () => {
    const good = issuer.token({ sub: 'alice', org: 'acme', exp: seconds(600) });
    const rows: readonly (readonly [body: Json, status: number, outcome: string, detail?: string])[] = [
      [{ origin: 'https://evil.example' }, 403, 'origin_not_listed'],
      [{ origin: PAGE, headers: { Origin: PAGE } }, 400, 'origin_multiple'],
      [{ origin: PAGE, path: '/elsewhere' }, 404, 'no_route'],
      [{ origin: PAGE, headers: { 'Sec-WebSocket-Version': '8' } }, 426, 'version'],
      [{ origin: PAGE }, 401, 'unauthenticated', 'token_missing'],
      [{ origin: PAGE, headers: cookie('x'.repeat(9000)) }, 431, 'header_too_large'],
      [{ origin: PAGE, path: `/${'x'.repeat(8100)}` }, 414, 'target_too_long'],
      [
        {
          origin: PAGE,
          headers: Object.fromEntries(Array.from({ length: 125 }, (_, index) => [`x-${index}`, 'x'])),
        },
        431,
        'header_too_large',
      ],
      [{ origin: PAGE, headers: cookie('x') }, 401, 'unauthenticated', 'token_malformed'],
      [
        { origin: PAGE, headers: cookie(token(signingKey('one'), issuer.claims())) },
        401,
        'unauthenticated',
        'token_signature',
      ],
      [
        { origin: PAGE, headers: { Cookie: [`${COOKIE}=a`, `${COOKIE}=b`] } },
        400,
        'cookie',
        'token_ambiguous',
      ],
      [{ origin: PAGE, headers: cookie(good) }, 101, 'accepted'],
    ];
    for (const [body, status, outcome, detail] of rows) {
      const report = await asked(body);
      assert.deepEqual([report['status'], report['outcome'], report['detail']], [status, outcome, detail]);
      assert.equal(typeof report['hint'], outcome === 'accepted' ? 'undefined' : 'string');
      const { path = '/', origin, headers: { Cookie, ...headers } = {} as Json } = body;
      const lines = { Cookie, Origin: headers['Origin'] === undefined ? origin : [PAGE, PAGE] };
      await using client = await RawClient.connect(gateway.port);
      client.send(
        handshakeRequest({ requestLine: `GET ${path} HTTP/1.1`, headers: { ...headers, ...lines } }),
      );
      assert.equal((await client.answer()).status, status, outcome);
    }
    await gateway.log.ended();
    const report = await asked({ origin: PAGE, headers: cookie(good), address: '203.0.113.9' });
    const { loginEndsAt, servers, ...rest } = report;
    assert.deepEqual(rest, {
      outcome: 'accepted',
      status: 101,
      route: 'default',
      client: '203.0.113.9',
      user: 'alice',
      tenant: 'acme',
      steps: PASSED,
    });
    assert.ok(Math.abs(Date.parse(loginEndsAt) - Date.now() - 600_000) < 120_000);
    assert.equal(servers.length, 1);
    assert.ok(!JSON.stringify(report).includes(good.slice(0, 20)));
    assert.equal(upstream.connections.length, 1);
    const { handshakes } = (await (
      await fetch(`http://127.0.0.1:${gateway.adminPort}/api/handshakes`)
    ).json()) as Json;
    assert.equal(handshakes.length, rows.length);
    const { body: metrics } = await gateway.gateway.metrics(false);
    assert.doesNotMatch(metrics, /natsgate_auth_verification_duration_seconds_count [1-9]/);
    assert.match(metrics, /natsgate_auth_verdicts_total\{[^}]*detail="verified"[^}]*\} [01]\n/);
  });

  test('says at which step it ends', async () => {
    const refused = async (body: Json): Promise<Json> => (await asked(body))['steps'];
    const rest = { admit: 'not_reached', authorize: 'not_reached', dial: 'not_reached' };
    assert.deepEqual(await refused({ path: '/elsewhere' }), { request: 'refused', ...rest });
    const headers = cookie('x');
    const ended = { request: 'passed', admit: 'passed', authorize: 'refused', dial: 'not_reached' };
    assert.deepEqual(await refused({ origin: PAGE, headers }), ended);
  });

  test('keeps no place, and finds out whether there is one', async () => {
    const headers = cookie(issuer.token({ sub: 'bob', org: 'acme' }));
    const body = { origin: PAGE, headers, address: '127.0.0.1' };
    for (const _ of [0, 1]) assert.equal((await asked(body))['outcome'], 'accepted');
    await using client = await RawClient.open(gateway.port, { headers: { Origin: PAGE, ...headers } });
    const report = await asked(body);
    assert.deepEqual([report['status'], report['outcome']], [429, 'too_many_sessions']);
    assert.deepEqual(report['steps'], {
      request: 'passed',
      admit: 'refused',
      authorize: 'not_reached',
      dial: 'not_reached',
    });
    assert.equal(client.closed, false);
    assert.equal((await asked({ ...body, address: '127.0.0.2' }))['outcome'], 'accepted');
    const proxied = {
      ...body,
      address: '10.0.0.1',
      headers: { ...headers, 'X-Forwarded-For': '2001:db8::7' },
    };
    assert.equal((await asked(proxied))['client'], '2001:db8::7');
  });

  test('who was kicked is named, with a hint of its own, here and among the last handshakes', async () => {
    const api = `http://127.0.0.1:${gateway.adminPort}/api`;
    const headers = cookie(issuer.token({ sub: 'carol', org: 'acme' }));
    await fetch(`${api}/sessions/kick`, { method: 'POST', body: '{"user":"carol","for":"10m"}' });
    const report = await asked({ origin: PAGE, headers });
    assert.deepEqual([report['outcome'], report['detail'], report['user']], ['forbidden', 'kicked', 'carol']);
    assert.match(report['hint'], /kick/);
    await using client = await RawClient.connect(gateway.port);
    client.send(handshakeRequest({ headers: { Origin: PAGE, ...headers } }));
    assert.equal((await client.answer()).status, 403);
    const [last] = ((await (await fetch(`${api}/handshakes`)).json()) as Json)['handshakes'];
    assert.deepEqual(
      [last.detail, last.user, last.tenant, last.hint],
      ['kicked', 'carol', 'acme', report['hint']],
    );
    const line = await gateway.log.find(({ detail }) => detail === 'kicked');
    assert.deepEqual([line['user'], line['hint']], ['carol', report['hint']]);
  });

  test('a body that no handshake could be made of', async () => {
    for (const body of [
      '',
      '[]',
      { orgin: PAGE },
      { path: '/a b' },
      { path: 7 },
      { origin: 'a\r\nX: y' },
      { host: 'a\nb' },
      { address: 'localhost' },
      { headers: { 'a b': 'c' } },
      { headers: { a: 'b\r\nc: d' } },
      { headers: { a: 'b'.repeat(40_000) } },
      { headers: { a: Array(200).fill('b') } },
      { secure: 'yes' },
      { webhook: 1 },
    ])
      assert.equal((await asked(body, 400))['code'], 'body', JSON.stringify(body).slice(0, 40));
  });

  test('the page of a route that only TLS serves', async () => {
    await using own = await startTestGateway(upstream.port, {
      origins: { allow: ['self'] },
      listen: { hosts: ['gw.example.com'] },
    });
    const outcomes = await Promise.all(
      [undefined, true].map(async (secure) =>
        tried(own.adminPort, { origin: 'https://gw.example.com', ...(secure && { secure }) }),
      ),
    );
    assert.deepEqual(
      outcomes.map(({ outcome }) => outcome),
      ['origin_not_listed', 'accepted'],
    );
  });
});

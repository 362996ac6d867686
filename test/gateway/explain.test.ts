import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { keysAt, testAuth, testIssuer } from '../support/auth-config.ts';
import type { ConfigOverrides } from '../support/config.ts';
import { FakeUpstream } from '../support/fake-upstream.ts';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';
import { Issuer, seconds, signingKey, token } from '../support/issuer.ts';
import { type HttpAnswer, handshakeRequest, RawClient, type RequestOptions } from '../support/raw-client.ts';

const KEY = signingKey('one');
const STRANGER = signingKey('one');
const PAGE = 'https://app.example.com';
const COOKIE = '__Host-session';

type Headers = NonNullable<RequestOptions['headers']>;

/** A plain GET, as `fetch` of the page sends it. */
const ask = (headers: Headers = {}, requestLine = 'GET / HTTP/1.1'): string =>
  handshakeRequest({
    requestLine,
    headers: {
      Upgrade: undefined,
      Connection: 'keep-alive',
      'Sec-WebSocket-Key': undefined,
      'Sec-WebSocket-Version': undefined,
      ...headers,
    },
  });
const preflight = (headers: Headers = {}): string =>
  ask(
    {
      'Access-Control-Request-Method': 'GET',
      'Access-Control-Request-Headers': 'authorization',
      ...headers,
    },
    'OPTIONS / HTTP/1.1',
  );

async function answerTo(port: number, request: string): Promise<HttpAnswer> {
  await using client = await RawClient.connect(port);
  client.send(request);
  const answer = await client.answer();
  await client.until(() => client.ended || client.closed);
  return answer;
}

const bodyOf = ({ body }: HttpAnswer): Readonly<Record<string, unknown>> => JSON.parse(body);

const cors = ({ headers }: HttpAnswer): readonly string[] =>
  [...headers.keys()].filter((name) => name.startsWith('access-control-'));

async function samples({ gateway }: TestGateway, name: string): Promise<readonly string[]> {
  const { body } = await gateway.metrics(false);
  return body.split('\n').filter((line) => line.startsWith(name) && !line.endsWith(' 0'));
}

describe('auth.explain', () => {
  let issuer: Issuer;
  let upstream: FakeUpstream;
  before(async () => {
    issuer = await Issuer.start(KEY);
    upstream = await FakeUpstream.start();
  });
  after(async () => {
    await upstream[Symbol.asyncDispose]();
    await issuer[Symbol.asyncDispose]();
  });

  const start = (overrides: ConfigOverrides = {}, auth = {}): Promise<TestGateway> =>
    startTestGateway(upstream.port, {
      auth: testAuth(testIssuer(keysAt(issuer.url)), { explain: true, ...auth }),
      ...overrides,
    });
  const cookie = (text: string): Headers => ({ Cookie: `${COOKIE}=${text}` });

  test('what an upgrade would be answered, with the same status, and nothing is dialled', async () => {
    await using gateway = await start();
    const good = issuer.token({ exp: seconds(600) });
    const rows: readonly (readonly [Headers, number, string, string])[] = [
      [{}, 401, 'unauthenticated', 'token_missing'],
      [cookie('x'), 401, 'unauthenticated', 'token_malformed'],
      [cookie(issuer.token({ exp: seconds(-60) })), 401, 'unauthenticated', 'token_expired'],
      [cookie(token(STRANGER, issuer.claims())), 401, 'unauthenticated', 'token_signature'],
      [cookie(issuer.token({ sub: 7 })), 403, 'forbidden', 'claim_unusable'],
      [{ Cookie: `${COOKIE}=a; ${COOKIE}=b` }, 400, 'cookie', 'token_ambiguous'],
      [{ Authorization: 'Bearer x' }, 401, 'unauthenticated', 'token_malformed'],
    ];
    for (const [headers, status, outcome, detail] of rows) {
      const answer = await answerTo(gateway.port, ask(headers));
      assert.equal(answer.status, status, detail);
      assert.deepEqual(bodyOf(answer), {
        outcome,
        detail,
        doc: 'docs/close-reasons.md#details-of-a-refused-login',
      });
      assert.equal((await answerTo(gateway.port, handshakeRequest({ headers }))).status, status, detail);
      assert.equal(answer.headers.get('www-authenticate'), status === 401 ? 'Bearer' : undefined);
    }
    const answer = await answerTo(gateway.port, ask(cookie(good)));
    assert.equal(answer.status, 200);
    const { expiresAt, ...body } = bodyOf(answer);
    assert.deepEqual(body, {
      outcome: 'accepted',
      detail: 'verified',
      doc: 'docs/close-reasons.md#details-of-a-refused-login',
    });
    assert.ok(Math.abs(Date.parse(String(expiresAt)) - Date.now() - 600_000) < 60_000);
    // The second one is remembered, which is nothing to a page.
    assert.equal((await answerTo(gateway.port, ask(cookie(good)))).body, answer.body);
    assert.equal(upstream.connections.length, 0);
    // Handshakes are those that were upgrades.
    assert.equal((await samples(gateway, 'natsgate_handshakes_total')).length, 3);
    assert.deepEqual(await samples(gateway, 'natsgate_auth_explanations_total'), [
      'natsgate_auth_explanations_total{outcome_class="accepted"} 2',
      `natsgate_auth_explanations_total{outcome_class="client_fault"} ${rows.length}`,
    ]);
    assert.deepEqual(
      (await samples(gateway, 'natsgate_auth_verdicts_total')).filter((line) => line.includes('granted')),
      [],
    );
    assert.ok(
      (await samples(gateway, 'natsgate_http_requests_total')).some((line) => /code="200"\} 2$/.test(line)),
    );
  });

  test('for this origin alone, with its cookies, and kept by no cache', async () => {
    await using gateway = await start();
    for (const headers of [{}, cookie(issuer.token())]) {
      const answer = await answerTo(gateway.port, ask(headers));
      const of = (name: string): string | undefined => answer.headers.get(name);
      assert.equal(of('access-control-allow-origin'), PAGE);
      assert.equal(of('access-control-allow-credentials'), 'true');
      assert.equal(of('vary'), 'Origin');
      assert.equal(of('cache-control'), 'no-store');
      assert.equal(of('content-type'), 'application/json');
      assert.equal(of('x-content-type-options'), 'nosniff');
      assert.equal(of('connection'), 'close');
    }
  });

  test('a preflight is answered for a bearer token, and for nothing else', async () => {
    await using gateway = await start();
    const answer = await answerTo(gateway.port, preflight());
    assert.equal(answer.status, 204);
    assert.equal(answer.body, '');
    assert.equal(answer.headers.get('access-control-allow-origin'), PAGE);
    assert.equal(answer.headers.get('access-control-allow-credentials'), 'true');
    assert.equal(answer.headers.get('access-control-allow-methods'), 'GET');
    assert.equal(answer.headers.get('access-control-allow-headers'), 'authorization');
    assert.equal(answer.headers.get('vary'), 'Origin');
    for (const headers of [
      { 'Access-Control-Request-Method': 'POST' },
      { 'Access-Control-Request-Method': undefined },
      { 'Access-Control-Request-Headers': undefined },
      { 'Access-Control-Request-Headers': 'authorization, x-other' },
      { 'Access-Control-Request-Headers': 'content-type' },
      { Origin: 'https://evil.example' },
      { Origin: undefined },
    ]) {
      const refused = await answerTo(gateway.port, preflight(headers));
      assert.equal(refused.status, 405, JSON.stringify(headers));
      assert.deepEqual(cors(refused), []);
    }
  });

  /** What nobody may learn from, with a cookie that is good: it is as if nothing could be explained. */
  const STRANGERS: readonly (readonly [name: string, request: (good: Headers) => string])[] = [
    ['another origin', (good) => ask({ ...good, Origin: 'https://evil.example' })],
    ['an origin that begins like ours', (good) => ask({ ...good, Origin: `${PAGE}.evil.example` })],
    ['Origin null', (good) => ask({ ...good, Origin: 'null' })],
    ['two Origins', (good) => ask({ ...good, Origin: [PAGE, PAGE] })],
    ['no Origin, as an image has it', (good) => ask({ ...good, Origin: undefined })],
    [
      'no Origin, of another site',
      (good) => ask({ ...good, Origin: undefined, 'Sec-Fetch-Site': 'cross-site' }),
    ],
    [
      'the same origin, that of a name which is not ours',
      (good) => ask({ ...good, Origin: undefined, Host: 'evil.example', 'Sec-Fetch-Site': 'same-origin' }),
    ],
    ['another path', (good) => ask(good, 'GET /other HTTP/1.1')],
    ['HTTP/1.0', (good) => ask(good, 'GET / HTTP/1.0')],
    ['POST', (good) => ask({ ...good, 'Content-Length': '0' }, 'POST / HTTP/1.1')],
    ['an upgrade to something else', (good) => ask({ ...good, Upgrade: 'h2c' })],
    ['a body', (good) => ask({ ...good, 'Content-Length': '1' })],
  ];
  for (const [name, request] of STRANGERS)
    test(`${name}: the answer of a gateway that explains nothing`, async () => {
      await using gateway = await start();
      await using silent = await start({}, { explain: false });
      const text = request(cookie(issuer.token()));
      const [answer, other] = [await answerTo(gateway.port, text), await answerTo(silent.port, text)];
      assert.deepEqual([answer.status, answer.body], [other.status, other.body]);
      assert.deepEqual([...answer.headers], [...other.headers]);
      assert.deepEqual(cors(answer), []);
      assert.deepEqual(await samples(gateway, 'natsgate_auth_explanations_total'), []);
    });

  test('a page of the same origin, whose GET has no Origin', async () => {
    const origins = { allow: ['self'] };
    await using gateway = await start({ origins, listen: { hosts: ['gw.example.com'] } });
    const same = { Origin: undefined, 'Sec-Fetch-Site': 'same-origin' };
    const answer = await answerTo(gateway.port, ask(same));
    assert.deepEqual([answer.status, bodyOf(answer)['detail']], [401, 'token_missing']);
    assert.deepEqual(cors(answer), []);
    const listed = await start({ origins: { allow: ['http://gw.example.com'] } });
    assert.equal((await answerTo(listed.port, ask(same))).status, 401);
    await listed[Symbol.asyncDispose]();
  });

  test('a client without a token, where none is required, is nobody', async () => {
    await using gateway = await start({}, { required: false });
    const answer = await answerTo(gateway.port, ask());
    assert.deepEqual([answer.status, bodyOf(answer)['detail']], [200, 'anonymous']);
    assert.equal(bodyOf(answer)['expiresAt'], undefined);
  });

  test('it takes from the same buckets as handshakes do', async () => {
    await using gateway = await start({ limits: { handshakesPerSecondPerAddress: 0.001 } });
    assert.equal((await answerTo(gateway.port, ask())).status, 401);
    const answer = await answerTo(gateway.port, ask());
    assert.equal(answer.status, 429);
    assert.deepEqual(bodyOf(answer), {
      outcome: 'too_many_handshakes',
      doc: 'docs/close-reasons.md#handshakes',
    });
    assert.ok(Number(answer.headers.get('retry-after')) >= 1);
    assert.equal(answer.headers.get('access-control-expose-headers'), 'Retry-After');
    assert.equal((await answerTo(gateway.port, handshakeRequest())).status, 429);
  });

  test('quotas of the identity are asked, and no place is kept', async () => {
    await using gateway = await start({ limits: { sessionsPerIdentity: 1 } });
    const request = { headers: cookie(issuer.token()) };
    for (const _ of [0, 1, 2]) assert.equal((await answerTo(gateway.port, ask(request.headers))).status, 200);
    await using client = await RawClient.open(gateway.port, request);
    const answer = await answerTo(gateway.port, ask(request.headers));
    assert.deepEqual(
      [answer.status, bodyOf(answer)['outcome'], bodyOf(answer)['detail']],
      [429, 'too_many_sessions', 'identity'],
    );
    assert.equal(client.closed, false);
    assert.deepEqual(await samples(gateway, 'natsgate_handshakes_in_progress'), []);
  });

  test('one that waits ends at the deadline of handshakes, or when the page leaves', async () => {
    await using slow = await Issuer.start(KEY);
    slow.answer = () => {};
    const auth = testAuth(testIssuer(keysAt(slow.url, { timeoutMs: 30_000 })), { explain: true });
    await using gateway = await startTestGateway(upstream.port, { auth, timeouts: { handshakeMs: 300 } });
    await using leaving = await RawClient.connect(gateway.port);
    leaving.send(ask(cookie(issuer.token())));
    await slow.asked(1);
    leaving.socket.destroy();
    const answer = await answerTo(gateway.port, ask(cookie(issuer.token())));
    assert.deepEqual([answer.status, bodyOf(answer)['outcome']], [408, 'timeout']);
    assert.equal(answer.headers.get('access-control-allow-origin'), PAGE);
    assert.deepEqual(await samples(gateway, 'natsgate_handshakes_in_progress'), []);
  });

  test('one answer for each connection: a second request is bytes after the first', async () => {
    await using gateway = await start();
    await using client = await RawClient.connect(gateway.port);
    client.send(ask(cookie(issuer.token())) + ask());
    assert.equal((await client.answer()).status, 426);
    await client.until(() => client.ended);
    await using later = await RawClient.connect(gateway.port);
    later.send(ask(cookie(issuer.token())));
    assert.equal((await later.answer()).status, 200);
    later.send(ask(cookie(issuer.token())));
    await later.until(() => later.ended || later.closed);
    assert.equal(later.rest.length, 0);
  });

  test('a gateway that is leaving says so', async () => {
    await using slow = await Issuer.start(KEY);
    slow.answer = () => {};
    const auth = testAuth(testIssuer(keysAt(slow.url, { timeoutMs: 30_000 })), { explain: true });
    await using gateway = await startTestGateway(upstream.port, { auth });
    await using client = await RawClient.connect(gateway.port);
    client.send(ask(cookie(issuer.token())));
    await slow.asked(1);
    const drained = gateway.gateway.drain();
    const answer = await client.answer();
    assert.deepEqual([answer.status, bodyOf(answer)['outcome']], [503, 'draining']);
    await drained;
  });
});

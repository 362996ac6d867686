import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { AuthDetail } from '../../src/auth/details.ts';
import type { AuthConfig } from '../../src/config/config.ts';
import { keysAt, testAuth, testIssuer } from '../support/auth-config.ts';
import { FakeUpstream } from '../support/fake-upstream.ts';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';
import { encoded, Issuer, seconds, secretToken, signingKey, token } from '../support/issuer.ts';
import { type HttpAnswer, handshakeRequest, RawClient, type RequestOptions } from '../support/raw-client.ts';
import { ReloadableGateway } from '../support/reloadable.ts';
import { rounds } from '../support/rounds.ts';

const KEY = signingKey('one');
const RSA = signingKey('two', 'RS256');
const STRANGER = signingKey('one');
/** Tried at one gateway. */
const ROWS = 10;
const COOKIE = '__Host-session';

const bearer = (text: string): RequestOptions => ({ headers: { Authorization: `Bearer ${text}` } });
const cookie = (text: string): RequestOptions => ({ headers: { Cookie: `a=b; ${COOKIE}=${text}; c=d` } });

type Refused = readonly [name: string, detail: AuthDetail, status: number, request: () => RequestOptions];

async function answerTo(port: number, request: RequestOptions): Promise<HttpAnswer> {
  await using client = await RawClient.connect(port);
  client.send(handshakeRequest(request));
  return await client.answer();
}

async function samples(gateway: TestGateway, name: string): Promise<string[]> {
  const response = await fetch(`http://127.0.0.1:${gateway.adminPort}/metrics`);
  return (await response.text()).split('\n').filter((line) => line.startsWith(name) && !line.endsWith(' 0'));
}

const api = async (gateway: TestGateway, path: string): Promise<string> =>
  (await fetch(`http://127.0.0.1:${gateway.adminPort}${path}`)).text();

describe('who is let in, and why not', () => {
  let issuer: Issuer;
  let upstream: FakeUpstream;
  /** Several: of each detail one logs ten lines a second. */
  let gateways: readonly TestGateway[];

  before(async () => {
    issuer = await Issuer.start(KEY, RSA);
    upstream = await FakeUpstream.start();
    const one = testIssuer(keysAt(issuer.url), {
      typ: 'at+jwt',
      claims: [{ path: ['azp'], value: 'web' }],
      maxAgeMs: 3_600_000,
    });
    const identity = { user: ['sub'], tenant: ['org', 'id'], groups: ['roles'] };
    const limits = { headBytes: 32_768 };
    const start = () => startTestGateway(upstream.port, { auth: testAuth(one, { identity }), limits });
    gateways = await Promise.all(Array.from({ length: Math.ceil(REFUSED.length / ROWS) }, start));
  });
  after(async () => {
    for (const gateway of gateways) await gateway[Symbol.asyncDispose]();
    await upstream[Symbol.asyncDispose]();
    await issuer[Symbol.asyncDispose]();
  });

  const claims = (changes: object = {}): Readonly<Record<string, unknown>> =>
    issuer.claims({ azp: 'web', iat: seconds(-10), org: { id: 'acme' }, roles: ['a'], ...changes });
  const TYPED = { typ: 'at+jwt' };
  const good = (changes: object = {}, header: object = {}): string =>
    token(KEY, claims(changes), { ...TYPED, ...header });
  const by = (text: () => string) => (): RequestOptions => bearer(text());
  const without = (name: string): string => JSON.stringify({ ...claims(), [name]: undefined });
  const json = (text: string): string => token(KEY, text, TYPED);
  /** The public key as text, as a shared secret (T83). */
  const spki = (): string => String(RSA.jwk['n']);

  const REFUSED: readonly Refused[] = [
    ['no source', 'token_missing', 401, () => ({})],
    ['another scheme', 'token_missing', 401, () => ({ headers: { Authorization: 'Basic YTpi' } })],
    ['the cookie twice', 'token_ambiguous', 400, () => ({ headers: { Cookie: `${COOKIE}=a; ${COOKIE}=b` } })],
    [
      'the cookie twice, in two lines',
      'token_ambiguous',
      400,
      () => ({ headers: { Cookie: [`${COOKIE}=${good()}`, `${COOKIE}=${good()}`] } }),
    ],
    [
      'two Authorization lines',
      'token_ambiguous',
      400,
      () => ({ headers: { Authorization: [`Bearer ${good()}`, 'Basic a'] } }),
    ],
    [
      'a bad cookie and a good bearer',
      'token_malformed',
      401,
      () => ({ headers: { Cookie: `${COOKIE}=x`, Authorization: `Bearer ${good()}` } }),
    ],
    ['an empty cookie', 'token_malformed', 401, () => cookie('')],
    ['Bearer and nothing', 'token_malformed', 401, () => bearer('')],
    ['not base64url', 'token_malformed', 401, by(() => good().replace('.', '.=+'))],
    ['over 8 KiB', 'token_malformed', 401, by(() => 'a'.repeat(8193))],
    ['no JSON in the header', 'token_malformed', 401, by(() => `${encoded('{')}.${encoded('{}')}.aa`)],
    [
      'alg twice in the header',
      'token_malformed',
      401,
      by(() => good().replace(/^[^.]+/, encoded('{"alg":"ES256","kid":"one","alg":"none"}'))),
    ],
    ['a huge kid (T85)', 'token_malformed', 401, by(() => good({}, { kid: 'k'.repeat(257) }))],
    ['kid is a number', 'token_malformed', 401, by(() => good({}, { kid: 1 }))],
    [
      'a member twice (T100)',
      'token_malformed',
      401,
      by(() => json(`${JSON.stringify(claims()).slice(0, -1)},"sub":"root"}`)),
    ],
    [
      'a member twice by an escape (T100)',
      'token_malformed',
      401,
      by(() => json(`${JSON.stringify(claims()).slice(0, -1)},"\\u0073ub":"root"}`)),
    ],
    [
      '17 levels (T100)',
      'token_malformed',
      401,
      by(() => json(`${JSON.stringify(claims()).slice(0, -1)},"x":${'['.repeat(16)}${']'.repeat(16)}}`)),
    ],
    ...['none', 'None', 'NONE', 'nOnE', 'HS256', 'RS1'].map(
      (alg): Refused => [
        `alg ${alg} (T84)`,
        'token_algorithm',
        401,
        by(() => `${encoded({ alg })}.${encoded(claims())}.`),
      ],
    ),
    [
      'the public key as a secret (T83)',
      'token_algorithm',
      401,
      by(() => secretToken(spki(), claims(), TYPED)),
    ],
    ['an empty signature (T84)', 'token_malformed', 401, by(() => good().replace(/[^.]*$/, ''))],
    ['a path as kid (T85)', 'token_key_unknown', 401, by(() => good({}, { kid: '../../etc/passwd' }))],
    ['SQL as kid (T85)', 'token_key_unknown', 401, by(() => good({}, { kid: "' OR 1=1 --" }))],
    ['a stranger', 'token_signature', 401, by(() => token(STRANGER, claims(), TYPED))],
    [
      'an altered claim',
      'token_signature',
      401,
      by(() => good().replace(/\.[^.]+\./, `.${encoded(claims({ sub: 'root' }))}.`)),
    ],
    [
      'a key of another kind',
      'token_key_unknown',
      401,
      by(() => token({ ...KEY, algorithm: 'ES256', kid: 'two' }, claims(), TYPED)),
    ],
    ['crit', 'token_unsupported', 401, by(() => good({}, { crit: ['x'], x: 1 }))],
    ['encrypted', 'token_unsupported', 401, by(() => 'a.b.c.d.e')],
    ['expired', 'token_expired', 401, by(() => good({ exp: seconds(-40) }))],
    [
      'expired by the grace, within the tolerance',
      'token_expired',
      401,
      by(() => good({ exp: seconds(-31) })),
    ],
    ['issued too long ago', 'token_expired', 401, by(() => good({ iat: seconds(-3700) }))],
    ['nbf in the future', 'token_not_yet_valid', 401, by(() => good({ nbf: seconds(60) }))],
    ['iat in the future', 'token_not_yet_valid', 401, by(() => good({ iat: seconds(60) }))],
    ['no exp', 'token_without_expiry', 401, by(() => json(without('exp')))],
    ['exp is a text', 'token_without_expiry', 401, by(() => good({ exp: '9999999999' }))],
    ['another issuer', 'token_issuer', 401, by(() => good({ iss: 'https://id.example/' }))],
    ['another service (T92)', 'token_audience', 401, by(() => good({ aud: ['api', 'billing'] }))],
    ['no audience (T92)', 'token_audience', 401, by(() => json(without('aud')))],
    ['another type', 'token_type', 401, by(() => good({}, { typ: 'JWT' }))],
    ['another azp', 'token_claim', 401, by(() => good({ azp: 'cli' }))],
    ['azp in a list', 'token_claim', 401, by(() => good({ azp: ['web'] }))],
    ['no user', 'claim_unusable', 403, by(() => json(without('sub')))],
    ['the user is a number', 'claim_unusable', 403, by(() => good({ sub: 7 }))],
    ['an empty user', 'claim_unusable', 403, by(() => good({ sub: '' }))],
    ['a user of 257 bytes', 'claim_unusable', 403, by(() => good({ sub: `${'ü'.repeat(128)}x` }))],
    ['no tenant', 'claim_unusable', 403, by(() => json(without('org')))],
    ['a claim of a prototype', 'claim_unusable', 403, by(() => good({ org: 'constructor' }))],
    ['65 groups', 'claim_unusable', 403, by(() => good({ roles: Array.from({ length: 65 }, String) }))],
    ['a group that is none', 'claim_unusable', 403, by(() => good({ roles: [{}] }))],
  ];

  for (const [index, [name, detail, status, request]] of REFUSED.entries())
    test(`${name}: ${status}, ${detail}`, async () => {
      const outcome =
        OUTCOMES[status] ??
        (detail === 'token_ambiguous' && name.includes('cookie') ? 'cookie' : 'bad_request');
      const gateway = gateways[Math.floor(index / ROWS)]!;
      const from = gateway.log.lines.length;
      const answer = await answerTo(gateway.port, request());
      assert.equal(answer.status, status);
      assert.equal(answer.body.slice(0, answer.body.indexOf(':')), outcome);
      assert.equal(answer.headers.get('www-authenticate'), status === 401 ? 'Bearer' : undefined);
      const line = await gateway.log.find(
        (one) => gateway.log.lines.indexOf(one) >= from && one['outcome'] === outcome,
      );
      assert.equal(line['detail'], detail);
      // Nothing was dialled for it.
      assert.equal(upstream.connections.length, 0);
    });

  test('whatever was refused: one fetch of the keys, and nothing of an address in a token (T86)', async () => {
    const evil = { jku: `${issuer.url}/jku`, x5u: `${issuer.url}/x5u`, jwk: STRANGER.jwk, x5c: ['AA=='] };
    const forged = token(STRANGER, claims({ iss: `${issuer.url}/iss` }), { ...TYPED, ...evil });
    assert.equal((await answerTo(gateways[0]!.port, bearer(forged))).status, 401);
    assert.deepEqual(
      issuer.requests,
      gateways.map(() => '/jwks'),
    );
  });

  const ACCEPTED: readonly [name: string, request: () => RequestOptions][] = [
    ['a cookie', () => cookie(good())],
    ['a cookie in quotes', () => cookie(`"${good()}"`)],
    ['a bearer', () => bearer(good())],
    ['a bearer in small letters', () => ({ headers: { Authorization: `bearer ${good()}` } })],
    [
      'a subprotocol',
      () => ({ headers: { 'Sec-WebSocket-Protocol': `nats, natsgate.bearer.${encoded(good())}` } }),
    ],
    ['a parameter', () => ({ requestLine: `GET /?x=1&access_token=${good()} HTTP/1.1` })],
    ['RS256', () => bearer(token(RSA, claims(), TYPED))],
    ['no kid', () => bearer(good({}, { kid: undefined }))],
    ['one of several audiences', () => bearer(good({ aud: ['api', 'nats-web'] }))],
    ['one group as a text', () => bearer(good({ roles: 'a' }))],
    ['no group', () => bearer(json(without('roles')))],
    [
      '16 levels',
      () => bearer(json(`${JSON.stringify(claims()).slice(0, -1)},"x":${'['.repeat(15)}${']'.repeat(15)}}`)),
    ],
    ['an expiry that no date can be', () => bearer(good({ exp: 1e300 }))],
  ];
  for (const [name, request] of ACCEPTED)
    test(`${name}: 101`, async () => {
      const gateway = gateways[0]!;
      await using client = await RawClient.connect(gateway.port);
      client.send(handshakeRequest(request()));
      const answer = await client.answer();
      assert.equal(answer.status, 101);
      // The token is never confirmed as a subprotocol (T102).
      assert.equal(answer.headers.get('sec-websocket-protocol'), undefined);
      await client.until(() => client.frames.length > 0);
      const { sessions } = JSON.parse(await api(gateway, '/api/sessions')) as {
        sessions: { user?: string; tenant?: string; loginEndsAt?: string }[];
      };
      assert.deepEqual([sessions.at(-1)?.user, sessions.at(-1)?.tenant], ['alice', 'acme']);
      assert.ok(Date.parse(sessions.at(-1)?.loginEndsAt ?? '') > Date.now());
    });

  test('a token is in no output: log, metrics, API, answers', async () => {
    const shown: string[] = [];
    for (const gateway of gateways) {
      shown.push(gateway.log.text.join(''));
      for (const path of ['/metrics', '/api/status', '/api/sessions']) shown.push(await api(gateway, path));
    }
    // The first characters of every token here, and of its cookie, query and subprotocol.
    const beginning = encoded({ alg: 'ES256' }).slice(0, 10);
    for (const text of shown) {
      assert.ok(!text.includes(beginning), text.slice(0, 200));
      assert.ok(!text.includes(encoded(beginning).slice(0, 10)));
    }
  });

  test('each verdict is counted once', async () => {
    const lines = (
      await Promise.all(gateways.map((gateway) => samples(gateway, 'natsgate_auth_verdicts_total')))
    ).flat();
    const sum = (verdict: string): number =>
      lines
        .filter((line) => line.includes(`verdict="${verdict}"`))
        .reduce((total, line) => total + Number(line.slice(line.lastIndexOf(' '))), 0);
    assert.equal(sum('refused'), REFUSED.length + 1);
    assert.equal(sum('granted'), ACCEPTED.length);
    assert.deepEqual(await samples(gateways[0]!, 'natsgate_auth_key_fetches_total'), [
      'natsgate_auth_key_fetches_total{outcome="ok"} 1',
    ]);
  });
});

const OUTCOMES: Readonly<Record<number, string>> = {
  401: 'unauthenticated',
  403: 'forbidden',
  503: 'authorizer_unavailable',
};

async function gatewayFor(upstream: FakeUpstream, auth: AuthConfig): Promise<TestGateway> {
  return startTestGateway(upstream.port, { auth });
}

describe('keys', () => {
  const MADE_UP = rounds(200, 1000);
  test(`${MADE_UP} tokens with made-up keys cause one fetch (T85)`, { timeout: 300_000 }, async () => {
    await using issuer = await Issuer.start(KEY);
    await using upstream = await FakeUpstream.start();
    await using gateway = await gatewayFor(upstream, testAuth(testIssuer(keysAt(issuer.url))));
    let begun = 0;
    const knock = async (): Promise<void> => {
      while (begun < MADE_UP) {
        const { status } = await answerTo(
          gateway.port,
          bearer(issuer.token({}, { kid: `made-up-${begun++}` })),
        );
        assert.equal(status, 401);
      }
    };
    await Promise.all(Array.from({ length: 20 }, knock));
    assert.equal(issuer.requests.length, 1);
    assert.equal((await answerTo(gateway.port, bearer(issuer.token()))).status, 101);
  });

  test('a new key counts at once, and what was verified by old ones is looked at again', async () => {
    await using issuer = await Issuer.start(KEY);
    await using upstream = await FakeUpstream.start();
    const keys = keysAt(issuer.url, { cooldownMs: 1 });
    await using gateway = await gatewayFor(upstream, testAuth(testIssuer(keys)));
    const old = issuer.token();
    // Nothing is remembered of the one for which the first keys were waited.
    for (const _ of [0, 1, 2]) assert.equal((await answerTo(gateway.port, bearer(old))).status, 101);
    const next = signingKey('next');
    issuer.keys = [next];
    assert.equal((await answerTo(gateway.port, bearer(issuer.token()))).status, 101);
    assert.equal(issuer.requests.length, 2);
    assert.equal((await answerTo(gateway.port, bearer(old))).status, 401);
    const [verified, cached, refused, ...more] = await samples(gateway, 'natsgate_auth_verdicts_total');
    assert.match(verified ?? '', /detail="verified"\} [23]$/);
    assert.match(cached ?? '', /detail="cached"\} [12]$/);
    assert.match(refused ?? '', /detail="token_key_unknown"\} 1$/);
    assert.deepEqual(more, []);
  });

  const BROKEN: readonly [outcome: string, answer: NonNullable<Issuer['answer']>][] = [
    ['status', (_, response) => response.writeHead(500).end()],
    ['status', (_, response) => response.writeHead(302, { location: '/jwks' }).end()],
    ['too_large', (_, response) => response.end(' '.repeat(300_000))],
    ['bad_keys', (_, response) => response.end('<html>')],
    ['bad_keys', (_, response) => response.end('{"keys":[]}')],
    [
      'bad_keys',
      (_, response) => response.end(JSON.stringify({ keys: Array.from({ length: 101 }, () => KEY.jwk) })),
    ],
    [
      'bad_keys',
      (_, response) => response.end(JSON.stringify({ keys: [{ kty: 'oct', k: 'c2VjcmV0', kid: 'one' }] })),
    ],
    ['unreachable', (request) => request.socket.destroy()],
    ['timeout', () => {}],
  ];
  for (const [index, [outcome, answer]] of BROKEN.entries())
    test(`an endpoint that fails (${index}: ${outcome}): 503, one fetch in the cooldown (T87)`, async () => {
      await using issuer = await Issuer.start(KEY);
      issuer.answer = answer;
      await using upstream = await FakeUpstream.start();
      const keys = keysAt(issuer.url, { timeoutMs: outcome === 'timeout' ? 100 : 4000 });
      await using gateway = await gatewayFor(upstream, testAuth(testIssuer(keys)));
      const answers = Array.from({ length: 30 }, () => answerTo(gateway.port, bearer(issuer.token())));
      for (const one of await Promise.all(answers)) {
        assert.equal(one.status, 503);
        assert.ok(Number(one.headers.get('retry-after')) >= 1);
        assert.match(one.body, /^authorizer_unavailable: /);
      }
      assert.equal(issuer.requests.length, 1);
      assert.equal(upstream.connections.length, 0);
      const line = await gateway.log.find((one) => one.message === 'keys could not be fetched');
      assert.equal(line['outcome'], outcome);
      assert.equal((await gateway.log.find((one) => one['detail'] === 'keys_unavailable'))['level'], 'error');
      assert.deepEqual(await samples(gateway, 'natsgate_auth_key_fetches_total'), [
        `natsgate_auth_key_fetches_total{outcome="${outcome}"} 1`,
      ]);
    });

  test('a handshake does not wait beyond its deadline', async () => {
    await using issuer = await Issuer.start(KEY);
    issuer.answer = () => {};
    await using upstream = await FakeUpstream.start();
    const auth = testAuth(testIssuer(keysAt(issuer.url, { timeoutMs: 30_000 })));
    await using gateway = await startTestGateway(upstream.port, { auth, timeouts: { handshakeMs: 200 } });
    assert.equal((await answerTo(gateway.port, bearer(issuer.token()))).status, 408);
  });

  test('keys are used while they cannot be fetched, for a time', async () => {
    await using issuer = await Issuer.start(KEY);
    await using upstream = await FakeUpstream.start();
    const keys = keysAt(issuer.url, { refreshMs: 20, staleForMs: 2000, cooldownMs: 20 });
    await using gateway = await gatewayFor(upstream, testAuth(testIssuer(keys)));
    await issuer.asked(1);
    issuer.answer = (_, response) => response.writeHead(500).end();
    const came = issuer.requests.length;
    await issuer.asked(came + 1);
    assert.equal((await answerTo(gateway.port, bearer(issuer.token()))).status, 101);
    let answer: HttpAnswer;
    // Each with another token, since verified ones are remembered.
    let round = 0;
    do answer = await answerTo(gateway.port, bearer(issuer.token({ jti: round++ })));
    while (answer.status === 101);
    assert.equal(answer.status, 503);
    assert.equal((await gateway.log.find((one) => one['detail'] === 'keys_stale'))['level'], 'error');
    issuer.answer = undefined;
    await issuer.asked(issuer.requests.length + 1);
    do answer = await answerTo(gateway.port, bearer(issuer.token()));
    while (answer.status === 503);
    assert.equal(answer.status, 101);
  });
});

describe('a shared secret', () => {
  const SECRET = Buffer.alloc(32, 7);
  test('verifies, and nothing else does', async () => {
    await using upstream = await FakeUpstream.start();
    const issuer = testIssuer({ kind: 'secret', secret: () => SECRET }, { algorithms: ['HS256'] });
    await using gateway = await gatewayFor(upstream, testAuth(issuer));
    const claims = { iss: 'https://id.example', aud: 'nats-web', sub: 'alice', exp: seconds(60) };
    assert.equal((await answerTo(gateway.port, bearer(secretToken(SECRET, claims)))).status, 101);
    assert.equal((await answerTo(gateway.port, bearer(secretToken('other', claims)))).status, 401);
    assert.equal((await answerTo(gateway.port, bearer(token(KEY, claims)))).status, 401);
  });
});

describe('several issuers', () => {
  test('each token is verified by the keys of its own', async () => {
    await using one = await Issuer.start(KEY);
    await using other = await Issuer.start(STRANGER);
    await using upstream = await FakeUpstream.start();
    const issuers = [
      testIssuer(keysAt(one.url)),
      testIssuer(keysAt(other.url), { issuer: 'https://other.example' }),
    ];
    await using gateway = await gatewayFor(upstream, testAuth(issuers[0]!, { issuers }));
    const iss = 'https://other.example';
    assert.equal((await answerTo(gateway.port, bearer(one.token()))).status, 101);
    assert.equal((await answerTo(gateway.port, bearer(other.token({ iss })))).status, 101);
    assert.equal((await answerTo(gateway.port, bearer(other.token()))).status, 401);
    assert.equal((await answerTo(gateway.port, bearer(one.token({ iss })))).status, 401);
    await answerTo(gateway.port, bearer(one.token({ iss: 'https://third.example' })));
    await gateway.log.find((line) => line['detail'] === 'token_issuer');
  });
});

test('without a token where none is required: nobody in particular; a bad token is refused all the same', async () => {
  await using issuer = await Issuer.start(KEY);
  await using upstream = await FakeUpstream.start();
  const auth = testAuth(testIssuer(keysAt(issuer.url)), { required: false });
  await using gateway = await gatewayFor(upstream, auth);
  assert.equal((await answerTo(gateway.port, {})).status, 101);
  assert.equal((await gateway.log.ended())['user'], undefined);
  assert.equal((await answerTo(gateway.port, bearer('x'))).status, 401);
});

describe('expiry', () => {
  test('the session ends at exp and grace, with an error of NATS and a close code', async (t) => {
    await using issuer = await Issuer.start(KEY);
    await using upstream = await FakeUpstream.start();
    await using gateway = await gatewayFor(
      upstream,
      testAuth(testIssuer(keysAt(issuer.url)), { graceMs: 60_000 }),
    );
    const exp = seconds(0);
    await using client = await RawClient.open(gateway.port, bearer(issuer.token({ exp })));
    // The wheel says when to look, and the clock on the wall whether it is time.
    t.mock.timers.enable({ apis: ['Date'], now: (exp + 60) * 1000 - 1 });
    gateway.advance(61_000);
    assert.equal(gateway.gateway.sessionCount, 1);
    t.mock.timers.setTime((exp + 60) * 1000);
    gateway.advance(30_000);
    assert.deepEqual(await client.closeReceived(), { code: 1008, reason: 'auth_expired' });
    assert.ok(client.data.toString().endsWith("-ERR 'User Authentication Expired'\r\n"));
    const line = await gateway.log.ended();
    assert.deepEqual([line['reason'], line['user'], line['level']], ['auth_expired', 'alice', 'info']);
  });

  for (const jump of [3_600_000, -3_600_000])
    test(`the clock on the wall jumps by ${jump / 3_600_000} h (T88)`, async (t) => {
      await using issuer = await Issuer.start(KEY);
      await using upstream = await FakeUpstream.start();
      await using gateway = await gatewayFor(upstream, testAuth(testIssuer(keysAt(issuer.url))));
      await using client = await RawClient.open(gateway.port, bearer(issuer.token({ exp: seconds(600) })));
      t.mock.timers.enable({ apis: ['Date'], now: Date.now() + jump });
      // Forward: seen with the next ping. Back: it is not time yet, though as much has passed as was left.
      gateway.advance(jump > 0 ? 30_000 : 200_000);
      if (jump > 0) assert.equal((await client.closeReceived())?.reason, 'auth_expired');
      else assert.equal(gateway.gateway.sessionCount, 1);
    });

  test('off: the token is looked at in the handshake alone', async (t) => {
    await using issuer = await Issuer.start(KEY);
    await using upstream = await FakeUpstream.start();
    const auth = testAuth(testIssuer(keysAt(issuer.url)), { graceMs: undefined });
    await using gateway = await gatewayFor(upstream, auth);
    await using client = await RawClient.open(gateway.port, bearer(issuer.token()));
    t.mock.timers.enable({ apis: ['Date'], now: Date.now() + 3_600_000 });
    gateway.advance(60_000);
    assert.equal(gateway.gateway.sessionCount, 1);
    assert.equal(client.closed, false);
  });
});

test('a user that is meant for the reader of the log is one escaped, cut word (T93, T94)', async () => {
  await using issuer = await Issuer.start(KEY);
  await using upstream = await FakeUpstream.start();
  await using gateway = await gatewayFor(upstream, testAuth(testIssuer(keysAt(issuer.url))));
  const users = ['a\nb', '\x1b[2J', '\u202etxt', 'a\0b', '>', '*', 'a.b', 'ü'.repeat(128), '"}', ' '];
  for (const [index, sub] of users.entries()) {
    await RawClient.open(gateway.port, bearer(issuer.token({ sub }))).then((client) =>
      client.socket.destroy(),
    );
    const line = await gateway.log.find(
      (one) => one['session'] === index + 1 && one.message === 'session ended',
    );
    assert.match(String(line['user']), /^[\x20-\x7e…]+$/);
  }
  for (const text of gateway.log.text) assert.match(text, /^[\x20-\x7e…]*\n$/);
});

test('a reload: what it says counts for tokens that were verified before, and keys stay', async () => {
  await using issuer = await Issuer.start(KEY);
  await using upstream = await FakeUpstream.start();
  const auth = (audience: string): object => ({
    from: [{ header: 'authorization' }],
    jwt: [{ issuer: 'https://id.example', audience, keys: { url: issuer.url } }],
  });
  const origins = { allow: 'https://app.example.com' };
  await using gateway = await ReloadableGateway.start(upstream.port, { origins, auth: auth('nats-web') });
  const request = bearer(issuer.token());
  await issuer.asked(1);
  for (const _ of [0, 1, 2]) assert.equal((await answerTo(gateway.port, request)).status, 101);
  await gateway.write({ origins, auth: auth('other') });
  assert.deepEqual((await gateway.gateway.reload('api'))?.changes, [
    { key: 'auth.jwt', from: '1 entry', to: '1 entry (new content)' },
  ]);
  assert.equal((await answerTo(gateway.port, request)).status, 401);
  await gateway.write({ origins, auth: 'off' });
  await gateway.gateway.reload('api');
  assert.equal((await answerTo(gateway.port, {})).status, 101);
  assert.equal(issuer.requests.length, 1);
});

test('other times for the same URL keep its keys, though it does not answer any more', async () => {
  await using issuer = await Issuer.start(KEY);
  await using upstream = await FakeUpstream.start();
  const auth = (staleFor: string) => ({
    from: [{ header: 'authorization' }],
    jwt: [{ issuer: 'https://id.example', audience: 'nats-web', keys: { url: issuer.url, staleFor } }],
  });
  await using gateway = await ReloadableGateway.start(upstream.port, { auth: auth('1m') });
  assert.equal((await answerTo(gateway.port, bearer(issuer.token()))).status, 101);
  issuer.answer = (_, response) => response.writeHead(500).end();
  await gateway.write({ auth: auth('24h') });
  assert.equal((await gateway.gateway.reload('api'))?.outcome, 'applied');
  await gateway.log.find((line) => line.message === 'keys could not be fetched');
  assert.equal((await answerTo(gateway.port, bearer(issuer.token({ jti: 'new' })))).status, 101);
});

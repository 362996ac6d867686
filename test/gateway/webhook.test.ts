import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { AuthConfig, WebhookConfig } from '../../src/config/config.ts';
import { webhookLogin } from '../../src/nats/client-login.ts';
import { keysAt, testAuth, testIssuer } from '../support/auth-config.ts';
import { FakeUpstream } from '../support/fake-upstream.ts';
import { freePort } from '../support/free-port.ts';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';
import { Issuer, signingKey } from '../support/issuer.ts';
import {
  frame,
  type HttpAnswer,
  handshakeRequest,
  Opcode,
  RawClient,
  type RequestOptions,
} from '../support/raw-client.ts';
import { ALICE, answering, TestWebhook } from '../support/webhook.ts';

/** Of a session as a login service knows it: no JWT. */
const COOKIE: RequestOptions = { headers: { Cookie: 'a=b; __Host-session=opaque-17; c=d' } };

const SOURCES = testAuth(testIssuer(keysAt('http://127.0.0.1:9')));
/** No issuer: the webhook decides alone. */
const asking = (webhook: WebhookConfig, changes: Partial<AuthConfig> = {}): AuthConfig => ({
  ...SOURCES,
  issuers: [],
  webhook,
  ...changes,
});

async function knock(port: number, request: RequestOptions = COOKIE): Promise<HttpAnswer> {
  await using client = await RawClient.connect(port);
  client.send(handshakeRequest(request));
  return await client.answer();
}

type Row = Readonly<Record<string, unknown>>;
async function sessionsOf(gateway: TestGateway): Promise<readonly Row[]> {
  const response = await fetch(`http://127.0.0.1:${gateway.adminPort}/api/sessions`);
  return ((await response.json()) as { sessions: Row[] }).sessions;
}

async function countsOf(gateway: TestGateway): Promise<Readonly<Record<string, number>>> {
  const text = await (await fetch(`http://127.0.0.1:${gateway.adminPort}/metrics`)).text();
  const samples = text.matchAll(/^natsgate_auth_webhook_requests_total\{outcome="(\w+)"\} (\d+)$/gm);
  return Object.fromEntries(
    [...samples].flatMap(([, name, count]) => (count === '0' ? [] : [[name, Number(count)]])),
  );
}

let upstream: FakeUpstream;
let webhook: TestWebhook;
before(async () => {
  upstream = await FakeUpstream.start();
  webhook = await TestWebhook.start();
});
after(async () => {
  await webhook[Symbol.asyncDispose]();
  await upstream[Symbol.asyncDispose]();
});

describe('what becomes of each answer', () => {
  let gateway: TestGateway;
  before(async () => {
    gateway = await startTestGateway(upstream.port, { auth: asking(webhook.config()) });
  });
  after(() => gateway[Symbol.asyncDispose]());

  const bad = (name: string, body: unknown): RefusedRow => [
    name,
    answering(200, body),
    'webhook_bad_answer',
    503,
    'bad_answer',
  ];
  type RefusedRow = readonly [
    name: string,
    answer: TestWebhook['answer'],
    detail: string,
    status: number,
    outcome: string,
  ];
  const identity = (changes: object): object => ({ identity: { user: 'alice', ...changes } });
  const REFUSED: readonly RefusedRow[] = [
    ['401', answering(401), 'webhook_denied', 401, 'denied'],
    ['403 with a long page', answering(403, 'x'.repeat(100_000)), 'webhook_denied', 403, 'denied'],
    ['429', answering(429), 'webhook_busy', 429, 'busy'],
    ['500', answering(500), 'webhook_error', 503, 'error'],
    ['503', answering(503, ALICE), 'webhook_error', 503, 'error'],
    ['a reset', (response) => response.socket?.resetAndDestroy(), 'webhook_error', 503, 'error'],
    ['silence', () => {}, 'webhook_timeout', 503, 'timeout'],
    [
      'a body that does not end',
      (response) => response.writeHead(200).write('{'),
      'webhook_timeout',
      503,
      'timeout',
    ],
    ['a redirect', answering(302, '', { location: '/other' }), 'webhook_bad_answer', 503, 'bad_answer'],
    ['201', answering(201, ALICE), 'webhook_bad_answer', 503, 'bad_answer'],
    ['404', answering(404), 'webhook_bad_answer', 503, 'bad_answer'],
    bad('over 16 KiB', { ...ALICE, role: 'x'.repeat(17_000) }),
    bad('no JSON', 'ok'),
    bad('nothing', ''),
    bad('a list', '[]'),
    bad('not UTF-8', Buffer.from('{"identity":{"user":"\xe9"}}', 'latin1')),
    bad('a member twice', '{"identity":{"user":"alice"},"identity":{"user":"root"}}'),
    bad('no identity', {}),
    bad('an unknown member', { ...ALICE, expires: 1 }),
    bad('an unknown member of identity', identity({ roles: [] })),
    bad('no user', { identity: { tenant: 'acme' } }),
    bad('an empty user', identity({ user: '' })),
    bad('a user of 257 bytes', identity({ user: 'x'.repeat(257) })),
    bad('a tenant that is a number', identity({ tenant: 7 })),
    bad('groups that are a text', identity({ groups: 'a' })),
    bad('65 groups', identity({ groups: Array.from({ length: 65 }, String) })),
    bad('an expiry in seconds', { ...ALICE, expiresAt: 1_800_000_000 }),
    bad('an expiry without a zone', { ...ALICE, expiresAt: '2036-01-01T00:00:00' }),
    bad('an expiry that no date is', { ...ALICE, expiresAt: '2036-13-01T00:00:00Z' }),
    bad('an empty role', { ...ALICE, role: '' }),
    bad('an empty connect', { ...ALICE, connect: {} }),
    bad('a user without a password', { ...ALICE, connect: { user: 'a' } }),
    bad('two logins', { ...ALICE, connect: { auth_token: 'a', jwt: 'b' } }),
    bad('a login that is no text', { ...ALICE, connect: { jwt: 7 } }),
    [
      'a login that nobody asked for',
      answering(200, { ...ALICE, connect: { auth_token: 'a' } }),
      'webhook_bad_answer',
      503,
      'granted',
    ],
    [
      'an expiry that is over',
      answering(200, { ...ALICE, expiresAt: '2020-01-01T00:00:00Z' }),
      'token_expired',
      401,
      'granted',
    ],
  ];

  const OUTCOMES: Readonly<Record<number, string>> = {
    401: 'unauthenticated',
    403: 'forbidden',
    429: 'too_many_handshakes',
    503: 'authorizer_unavailable',
  };

  for (const [name, answer, detail, status, counted] of REFUSED)
    test(`${name}: ${status}, ${detail}`, async () => {
      await using own = await startTestGateway(upstream.port, {
        // The others must be answered in time on a busy machine, too.
        auth: asking(webhook.config({ timeoutMs: detail === 'webhook_timeout' ? 300 : 4000 })),
      });
      webhook.answer = answer;
      const refusal = await knock(own.port);
      assert.deepEqual([refusal.status, refusal.body.split(':')[0]], [status, OUTCOMES[status]]);
      assert.equal(refusal.headers.get('www-authenticate'), status === 401 ? 'Bearer' : undefined);
      assert.equal(refusal.headers.has('retry-after'), status === 429 || status === 503);
      const line = await own.log.find((one) => one['detail'] === detail);
      assert.equal(line['outcome'], OUTCOMES[status]);
      assert.equal(line['level'], status === 401 || status === 403 ? 'info' : 'warn');
      assert.equal(upstream.connections.length, 0, 'nothing was dialled for it');
      assert.deepEqual(await countsOf(own), { [counted]: 1 });
    });

  for (const [given, expected] of [
    ['0', '1'],
    ['7', '7'],
    ['3600', '60'],
  ] as const)
    test(`429 with Retry-After ${given}: ${expected}`, async () => {
      webhook.answer = answering(429, '', { 'retry-after': given });
      assert.equal((await knock(gateway.port)).headers.get('retry-after'), expected);
    });

  test('nobody is there: 503', async () => {
    const url = `http://127.0.0.1:${await freePort()}/`;
    await using own = await startTestGateway(upstream.port, { auth: asking(webhook.config({ url })) });
    assert.equal((await knock(own.port)).status, 503);
    assert.equal((await own.log.find((one) => one['detail'] === 'webhook_error'))['cause'], 'ECONNREFUSED');
  });

  test('a connection that is closed at the moment of its use is opened anew', async () => {
    webhook.answer = answering(200, ALICE, { connection: 'keep-alive' });
    assert.equal((await knock(gateway.port)).status, 101);
    let resets = 0;
    webhook.answer = (response, asked) => {
      if (resets++ === 0) response.socket?.resetAndDestroy();
      else answering(200, ALICE)(response, asked);
    };
    assert.equal((await knock(gateway.port)).status, 101);
    assert.equal(resets, 2);
  });

  test('200: who it is, its role and its end are those of the answer', async () => {
    const expiresAt = new Date(Date.now() + 60_000).toISOString();
    webhook.answer = answering(200, {
      identity: { user: 'alice', tenant: 'acme', groups: ['a'] },
      expiresAt,
      role: 'editor',
      name: null,
    });
    await using client = await RawClient.open(gateway.port, COOKIE);
    const row = (await sessionsOf(gateway)).at(-1);
    assert.deepEqual([row?.['user'], row?.['tenant'], row?.['role']], ['alice', 'acme', 'editor']);
    assert.equal(Date.parse(String(row?.['loginEndsAt'])), Date.parse(expiresAt) + 30_000);
    client.socket.destroy();
    const line = await gateway.log.find((one) => one['role'] === 'editor' && one.message === 'session ended');
    assert.equal(line['user'], 'alice');
  });

  test('204: nobody, and let in', async () => {
    webhook.answer = answering(204);
    await using _ = await RawClient.open(gateway.port, COOKIE);
    assert.equal((await sessionsOf(gateway)).at(-1)?.['user'], undefined);
  });

  test('without a credential it is not asked: 401', async () => {
    const before = webhook.asked.length;
    assert.equal((await knock(gateway.port, {})).status, 401);
    assert.equal((await knock(gateway.port, { headers: { Cookie: '__Host-session=' } })).status, 401);
    assert.equal(webhook.asked.length, before);
  });
});

describe('the question', () => {
  const SECRET = Buffer.from('correct horse battery staple 123');

  test('says what the handshake is, and nothing more than was configured', async () => {
    webhook.answer = answering(200, ALICE);
    await using gateway = await startTestGateway(upstream.port, {
      auth: asking(webhook.config({ headers: ['user-agent', 'cookie', 'x-none'], secret: () => SECRET })),
    });
    await knock(gateway.port, {
      requestLine: 'GET /?access_token=in-the-url&secret=1 HTTP/1.1',
      headers: {
        'User-Agent': 'test',
        Cookie: 'a=b',
        Authorization: 'Basic private',
        'Sec-WebSocket-Protocol': 'nats',
        'X-Other': 'private',
      },
    });
    const { body, headers, json } = webhook.asked.at(-1)!;
    assert.deepEqual(json, {
      version: 1,
      recheck: false,
      route: 'default',
      host: 'gw.example.com',
      path: '/',
      origin: 'https://app.example.com',
      address: '127.0.0.1',
      tls: false,
      subprotocols: ['nats'],
      headers: { 'user-agent': 'test', cookie: 'a=b' },
      credential: { source: 'query', value: 'in-the-url' },
    });
    assert.deepEqual(
      [headers['content-type'], headers['user-agent'], headers['authorization']],
      ['application/json', 'natsgate', undefined],
    );
    const [, time = '', signature] =
      /^t=(\d+),v1=([0-9a-f]{64})$/.exec(String(headers['natsgate-signature'])) ?? [];
    assert.ok(Math.abs(Number(time) - Date.now() / 1000) < 60);
    assert.equal(signature, createHmac('sha256', SECRET).update(`${time}.${body}`).digest('hex'));
  });

  test('has the token of a subprotocol decoded, and once', async () => {
    await using gateway = await startTestGateway(upstream.port, { auth: asking(webhook.config()) });
    const offered = `nats, natsgate.bearer.${Buffer.from('opaque').toString('base64url')}`;
    await knock(gateway.port, { headers: { 'Sec-WebSocket-Protocol': offered } });
    const { json, headers } = webhook.asked.at(-1)!;
    assert.deepEqual(json['credential'], { source: 'subprotocol', value: 'opaque' });
    assert.deepEqual(json['subprotocols'], ['nats']);
    assert.equal(headers['natsgate-signature'], undefined, 'no secret, no signature');
  });
});

describe('an answer is remembered', () => {
  async function asked(gateway: TestGateway, requests: readonly RequestOptions[]): Promise<number> {
    const before = webhook.asked.length;
    for (const request of requests) await knock(gateway.port, request);
    return webhook.asked.length - before;
  }

  test('for the same question alone, and only when it lets the client in', async () => {
    await using gateway = await startTestGateway(upstream.port, {
      auth: asking(webhook.config({ cacheMs: 600_000 })),
    });
    webhook.answer = answering(200, ALICE);
    assert.equal(await asked(gateway, [COOKIE, COOKIE, COOKIE]), 1);
    const other = { headers: { Cookie: '__Host-session=other' } };
    const bearer = { headers: { Authorization: 'Bearer opaque-17' } };
    assert.equal(await asked(gateway, [other, bearer]), 2);
    const origin = { headers: { ...COOKIE.headers, Origin: undefined } };
    assert.equal(await asked(gateway, [origin, origin]), 1);
    webhook.answer = answering(204);
    assert.equal(await asked(gateway, [{ headers: { Cookie: '__Host-session=nobody' } }]), 1);
    for (const status of [401, 403, 429, 500]) {
      webhook.answer = answering(status);
      const request = { headers: { Cookie: `__Host-session=${status}` } };
      assert.equal(await asked(gateway, [request, request]), 2, String(status));
    }
  });

  test('for its time, and never for longer than its expiry', async (t) => {
    const nowMs = Date.now();
    t.mock.timers.enable({ apis: ['Date'], now: nowMs });
    await using gateway = await startTestGateway(upstream.port, {
      auth: asking(webhook.config({ cacheMs: 10_000 })),
    });
    webhook.answer = answering(200, ALICE);
    const long = { headers: { Cookie: '__Host-session=long' } };
    const short = { headers: { Cookie: '__Host-session=short' } };
    assert.equal(await asked(gateway, [long]), 1);
    webhook.answer = answering(200, { ...ALICE, expiresAt: new Date(nowMs + 5000).toISOString() });
    assert.equal(await asked(gateway, [short]), 1);
    t.mock.timers.setTime(nowMs + 6000);
    webhook.answer = answering(401);
    assert.equal(await asked(gateway, [long, short]), 1);
    t.mock.timers.setTime(nowMs + 11_000);
    assert.equal(await asked(gateway, [long]), 1);
  });
});

describe('beside jwt', () => {
  test('the token must be good first; then the webhook sees it, and the earlier end counts', async () => {
    await using issuer = await Issuer.start(signingKey('one'));
    await using gateway = await startTestGateway(upstream.port, {
      auth: asking(webhook.config(), { issuers: [testIssuer(keysAt(issuer.url))] }),
    });
    const before = webhook.asked.length;
    assert.equal((await knock(gateway.port, COOKIE)).status, 401);
    assert.equal(webhook.asked.length, before);
    const token = issuer.token({ sub: 'bob' });
    const bearer = { headers: { Authorization: `Bearer ${token}` } };

    const expiresAt = new Date(Date.now() + 60_000).toISOString();
    webhook.answer = answering(200, { expiresAt, role: 'reader' });
    await using _ = await RawClient.open(gateway.port, bearer);
    assert.deepEqual(webhook.asked.at(-1)?.json['credential'], { source: 'header', value: token });
    const first = (await sessionsOf(gateway)).at(-1);
    assert.deepEqual([first?.['user'], first?.['role']], ['bob', 'reader']);
    assert.equal(Date.parse(String(first?.['loginEndsAt'])), Date.parse(expiresAt) + 30_000);

    webhook.answer = answering(200, { ...ALICE, expiresAt: '2136-01-01T00:00:00Z' });
    await using __ = await RawClient.open(gateway.port, bearer);
    const second = (await sessionsOf(gateway)).at(-1);
    assert.equal(second?.['user'], 'alice');
    assert.ok(Date.parse(String(second?.['loginEndsAt'])) < Date.now() + 700_000);

    webhook.answer = answering(204);
    await using ___ = await RawClient.open(gateway.port, bearer);
    assert.equal((await sessionsOf(gateway)).at(-1)?.['user'], 'bob');
    webhook.answer = answering(403);
    assert.equal((await knock(gateway.port, bearer)).status, 403);
    webhook.answer = answering(500);
    assert.equal((await knock(gateway.port, bearer)).status, 503);
  });
});

describe('a webhook that is slow', () => {
  test('300 handshakes at a silent one: all answered at its deadline, and every place is free again (T96)', {
    timeout: 300_000,
  }, async () => {
    await using silent = await TestWebhook.start();
    silent.answer = () => {};
    await using gateway = await startTestGateway(upstream.port, {
      auth: asking(silent.config({ timeoutMs: 1000, inFlight: 16 })),
      limits: { handshakesInFlight: 512 },
      timeouts: { handshakeMs: 30_000 },
    });
    const startMs = performance.now();
    const answers = await Promise.all(Array.from({ length: 300 }, () => knock(gateway.port)));
    const seconds = (performance.now() - startMs) / 1000;
    assert.deepEqual([...new Set(answers.map(({ status }) => status))], [503]);
    assert.ok(seconds < 15, `${seconds} s`);
    assert.equal(
      (
        (await (await fetch(`http://127.0.0.1:${gateway.adminPort}/api/status`)).json()) as {
          handshakesInFlight: number;
        }
      ).handshakesInFlight,
      0,
    );
    silent.answer = answering(200, ALICE);
    assert.equal((await knock(gateway.port)).status, 101);
    assert.deepEqual(await countsOf(gateway), { granted: 1, timeout: 300 });
  });

  test('one that accepts and never answers by a byte, likewise', async () => {
    const server = createServer((socket) => socket.on('error', () => {}).resume()).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as { port: number };
    await using gateway = await startTestGateway(upstream.port, {
      auth: asking(webhook.config({ url: `http://127.0.0.1:${port}/`, timeoutMs: 100 })),
    });
    assert.equal((await knock(gateway.port)).status, 503);
    server.close();
    await once(server, 'close');
  });

  test('as many are under way as were allowed; those that wait are asked in turn', async () => {
    await using slow = await TestWebhook.start();
    const held: (() => void)[] = [];
    slow.answer = (response, asked) => void held.push(() => answering(200, ALICE)(response, asked));
    await using gateway = await startTestGateway(upstream.port, {
      auth: asking(slow.config({ timeoutMs: 10_000, inFlight: 2 })),
      timeouts: { handshakeMs: 20_000 },
    });
    const answers = Promise.all(Array.from({ length: 6 }, () => knock(gateway.port)));
    for (let round = 1; round <= 3; round++) {
      await slow.times(2 * round);
      await nextTurn();
      assert.equal(slow.asked.length, 2 * round);
      assert.ok((await slow.connections()) <= 2);
      for (const release of held.splice(0)) release();
    }
    for (const { status } of await answers) assert.equal(status, 101);
  });

  test('a client that leaves ends its question', async () => {
    await using slow = await TestWebhook.start();
    slow.answer = () => {};
    await using gateway = await startTestGateway(upstream.port, {
      auth: asking(slow.config({ timeoutMs: 20_000 })),
      timeouts: { handshakeMs: 30_000 },
    });
    const client = await RawClient.connect(gateway.port);
    client.send(handshakeRequest(COOKIE));
    await slow.times(1);
    client.socket.destroy();
    await gateway.log.find((line) => line['outcome'] === 'client_abort');
    assert.deepEqual(await countsOf(gateway), { abandoned: 1 });
  });
});

test('the labels of the metrics are closed: every outcome is there from the start, whatever comes later', async () => {
  await using gateway = await startTestGateway(upstream.port, { auth: asking(webhook.config()) });
  const series = async (): Promise<string[]> => {
    const text = await (await fetch(`http://127.0.0.1:${gateway.adminPort}/metrics`)).text();
    return [...text.matchAll(/^(natsgate_auth_(?:webhook|verdicts)\w*(?:\{[^}]*\})?) /gm)].map(
      ([, name]) => name ?? '',
    );
  };
  const atStart = await series();
  assert.equal(atStart.filter((name) => name.startsWith('natsgate_auth_webhook_requests_total')).length, 8);
  for (const [index, status] of [200, 204, 401, 403, 418, 429, 500].entries()) {
    webhook.answer = answering(status, { identity: { user: `user-${index}` }, role: `role-${index}` });
    await knock(gateway.port, { headers: { Cookie: `__Host-session=${index}`, Origin: undefined } });
  }
  assert.deepEqual(await series(), atStart);
});

describe('connect.kind: webhook', () => {
  const connect = { login: webhookLogin, clientCredentials: 'drop', name: undefined } as const;
  const start = (): Promise<TestGateway> =>
    startTestGateway(upstream.port, { auth: asking(webhook.config()), connect, inspect: 'enforce' });

  for (const [name, login, fields] of [
    ['user and password', { user: 'web', pass: 'secret' }, { user: 'web', pass: 'secret' }],
    ['a token', { auth_token: 'secret' }, { auth_token: 'secret' }],
    ['a user JWT', { jwt: 'secret' }, { jwt: 'secret' }],
  ] as const)
    test(`${name} of the answer are the login, and what the client brings is dropped`, async () => {
      await using gateway = await start();
      webhook.answer = answering(200, { ...ALICE, connect: login, name: 'shop of alice' });
      const index = upstream.connections.length;
      await using client = await RawClient.open(gateway.port, COOKIE);
      client.send(
        frame(Opcode.binary, 'CONNECT {"user":"root","nkey":"U","name":"own","verbose":false}\r\n'),
      );
      const connection = await upstream.connection(index);
      await connection.until(({ received }) => received.includes('\r\n'));
      const [, json = ''] = /^CONNECT (.*)\r\n/.exec(connection.received.toString()) ?? [];
      const { name: shown, verbose, ...rest } = JSON.parse(json) as Row;
      assert.deepEqual([shown, verbose], ['shop of alice', false]);
      const credentials = Object.entries(rest).filter(([key]) =>
        /^(user|pass|auth_token|jwt|nkey|sig)$/.test(key),
      );
      assert.deepEqual(Object.fromEntries(credentials.filter(([, value]) => value !== null)), fields);
    });

  test('an answer without a login is a bad one: 503; and nobody logs in as nobody', async () => {
    await using gateway = await start();
    webhook.answer = answering(200, ALICE);
    assert.equal((await knock(gateway.port)).status, 503);
    webhook.answer = answering(204);
    assert.equal((await knock(gateway.port)).status, 101);
  });
});

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, test } from 'node:test';
import {
  clientToken,
  cookieJwt,
  cookieUser,
  sentinelLogin,
  webhookLogin,
} from '../../src/nats/client-login.ts';
import type { LoginSource } from '../../src/nats/login.ts';
import { mintLogin } from '../../src/nats/mint.ts';
import { keysAt, testAuth, testIssuer } from '../support/auth-config.ts';
import { FakeUpstream } from '../support/fake-upstream.ts';
import { type LogLine, startTestGateway, type TestGateway } from '../support/gateway.ts';
import { Issuer, signingKey } from '../support/issuer.ts';
import { KIND, natsJwt, newKey, seedOf } from '../support/nkeys.ts';
import { closeFrame, frame, handshakeRequest, Opcode, RawClient } from '../support/raw-client.ts';
import { rounds } from '../support/rounds.ts';
import { ALICE, answering, TestWebhook } from '../support/webhook.ts';

const HANDSHAKES = rounds(2000, 10_000);
const IN_PARALLEL = 50;
const LINES_PER_SECOND = 10;

describe(`${HANDSHAKES} handshakes, each with another bad Origin`, () => {
  test('no new series, few log lines, none forgotten', async () => {
    await using upstream = await FakeUpstream.start();
    await using gateway = await startTestGateway(upstream.port);
    const before = series(await scrape(gateway));
    const startMs = performance.now();
    let begun = 0;
    const knock = async (): Promise<void> => {
      while (begun < HANDSHAKES) {
        const refusal = await refused(gateway.port, handshakeWith({ Origin: badOrigin(begun++) }));
        assert.match(refusal, /^HTTP\/1\.1 403 .*\r\n\r\norigin_not_listed: [^\n]*\n$/s);
      }
    };
    await Promise.all(Array.from({ length: IN_PARALLEL }, knock));
    const seconds = (performance.now() - startMs) / 1000;

    // The last of a second are counted on the first line of the next: knock on until such a line comes.
    const lines = (): readonly LogLine[] =>
      gateway.log.lines.filter((line) => line.message === 'handshake refused');
    let handshakes = HANDSHAKES;
    const counted = (): number => lines().reduce((sum, line) => sum + 1 + Number(line['suppressed'] ?? 0), 0);
    const deadlineMs = performance.now() + 30_000;
    while (counted() < handshakes) {
      assert.ok(performance.now() < deadlineMs, `${counted()} of ${handshakes} counted`);
      await refused(gateway.port, handshakeWith({ Origin: badOrigin(handshakes++) }));
    }
    assert.equal(counted(), handshakes);
    assert.ok(
      lines().length <= LINES_PER_SECOND * (Math.ceil(seconds) + 2),
      `${lines().length} in ${seconds} s`,
    );
    assert.ok(lines().length > 0);

    const exposition = await scrape(gateway);
    assert.deepEqual(series(exposition), before);
    assert.match(exposition, new RegExp(`outcome="origin_not_listed"\\} ${handshakes}\\n`));
    assert.doesNotMatch(exposition, /evil/);
    assert.doesNotMatch(await status(gateway), /evil/);
    assert.equal(upstream.connections.length, 0);
  });

  test('each reason has its own lines', async () => {
    await using upstream = await FakeUpstream.start();
    await using gateway = await startTestGateway(upstream.port);
    const requests = {
      origin_opaque: handshakeWith({ Origin: 'null' }),
      no_route: handshakeRequest({ requestLine: 'GET /x HTTP/1.1' }),
      bad_request: 'nonsense\r\n\r\n',
    };
    const startMs = performance.now();
    for (let round = 0; round < 3 * LINES_PER_SECOND; round++) {
      for (const bytes of Object.values(requests)) await refused(gateway.port, bytes);
    }
    const windows = Math.ceil((performance.now() - startMs) / 1000) + 1;
    for (const outcome of Object.keys(requests)) {
      const count = gateway.log.lines.filter((line) => line['outcome'] === outcome).length;
      assert.ok(count >= LINES_PER_SECOND && count <= LINES_PER_SECOND * windows, `${outcome}: ${count}`);
    }
  });
});

describe('secrets', () => {
  /** Where a stranger may put what nobody else shall read; each has a secret of its own. */
  const PLACES = ['cookieName', 'cookieValue', 'query', 'path', 'authorization', 'userAgent', 'subprotocol'];
  const MORE_PLACES = ['forwardedFor', 'referer', 'extension', 'host', 'key', 'connect', 'payload', 'close'];
  const secrets = Object.fromEntries(
    [...PLACES, ...MORE_PLACES, 'origin', 'adminToken', 'wrongToken'].map((place) => [
      place,
      `Canary${place}${randomBytes(6).toString('hex')}`,
    ]),
  ) as Readonly<Record<string, string>>;
  const HEADERS = {
    Cookie: `${secrets['cookieName']}=${secrets['cookieValue']}`,
    Authorization: `Bearer ${secrets['authorization']}`,
    'User-Agent': secrets['userAgent'],
    'Sec-WebSocket-Protocol': secrets['subprotocol'],
    'Sec-WebSocket-Extensions': secrets['extension'],
    'X-Forwarded-For': secrets['forwardedFor'],
    'X-Forwarded-Host': secrets['host'],
    Referer: `https://app.example.com/${secrets['referer']}`,
  };
  const QUERY = `GET /?${secrets['query']} HTTP/1.1`;
  const CONNECT = `CONNECT {"user":"${secrets['connect']}","pass":"${secrets['connect']}","jwt":"${secrets['connect']}"}\r\n`;
  const full = (headers: Readonly<Record<string, string | readonly string[] | undefined>>): string =>
    handshakeRequest({ requestLine: QUERY, headers: { ...HEADERS, ...headers } });
  /** A page whose address holds a secret behind the part that is logged. */
  const SECRET_ORIGIN = `https://evil.example/${'a'.repeat(110)}/${secrets['origin']}`;

  const REFUSALS: readonly [token: string, bytes: string][] = [
    ['bad_request', `NONSENSE ${secrets['path']}\r\n\r\n`],
    ['header_too_large', full({ 'X-Fill': 'x'.repeat(9000) })],
    ['http_version', full({}).replace('HTTP/1.1', 'HTTP/2.0')],
    ['method', full({}).replace('GET', 'POST')],
    ['body', full({ 'Content-Length': '5' })],
    ['target', full({}).replace('GET /', 'GET http://other.example/')],
    ['host', full({ Host: `${secrets['host']}:99999` })],
    ['not_upgrade', full({ Upgrade: undefined })],
    ['upgrade', full({ Upgrade: secrets['path'] })],
    ['key', full({ 'Sec-WebSocket-Key': secrets['key'] })],
    ['version', full({ 'Sec-WebSocket-Version': '8' })],
    ['bad_version', full({ 'Sec-WebSocket-Version': secrets['path'] })],
    ['early_data', full({}) + frame(Opcode.binary, CONNECT).toString('latin1')],
    [
      'no_route',
      handshakeRequest({
        requestLine: `GET /${secrets['path']}?${secrets['query']} HTTP/1.1`,
        headers: HEADERS,
      }),
    ],
    ['origin_multiple', full({ Origin: ['https://app.example.com', 'https://app.example.com'] })],
    ['origin_missing', full({ Origin: undefined })],
    ['origin_opaque', full({ Origin: 'null' })],
    ['origin_malformed', full({ Origin: SECRET_ORIGIN })],
    ['origin_too_long', full({ Origin: SECRET_ORIGIN.padEnd(301, 'a') })],
    ['origin_scheme', full({ Origin: 'wss://evil.example' })],
    ['origin_not_listed', full({ Origin: 'https://evil.example' })],
    ['subprotocol', full({ 'Sec-WebSocket-Protocol': `${secrets['subprotocol']}, (` })],
  ];

  test('none appears in a log line, a metric, an admin answer or a refusal', async () => {
    await using upstream = await FakeUpstream.start();
    await using gateway = await startTestGateway(upstream.port, {
      listen: { trustedProxies: ['127.0.0.0/8'] },
      origins: { missing: 'deny' },
      admin: { token: secrets['adminToken'] },
      log: { level: 'debug' },
    });
    const seen: string[] = [];
    for (const [token, bytes] of REFUSALS) {
      const refusal = await refused(gateway.port, bytes);
      assert.equal(/\r\n\r\n(\w+): /.exec(refusal)?.[1], token);
      await gateway.log.find((line) => line['outcome'] === token);
      seen.push(refusal);
    }

    const ends: readonly [reason: string, bytes: Buffer, byUpstream?: string][] = [
      ['client_closed', closeFrame(3000, secrets['close'])],
      ['not_binary', frame(Opcode.text, secrets['payload'])],
      ['frame_violation', frame(Opcode.binary, secrets['payload'], { rsv: 4 })],
      ['frame_violation', closeFrame(2000, secrets['close'])],
      ['client_gone', Buffer.alloc(0)],
      ['upstream_closed', frame(Opcode.binary, secrets['payload']), `-ERR '${secrets['payload']}'\r\n`],
    ];
    for (const [index, [reason, bytes, byUpstream]] of ends.entries()) {
      await using client = await RawClient.connect(gateway.port);
      client.send(full({}));
      assert.equal((await client.answer()).status, 101);
      client.send(frame(Opcode.binary, CONNECT));
      const connection = await upstream.connection(index);
      await connection.until((one) => one.received.includes(CONNECT));
      connection.socket.write(`MSG ${secrets['payload']} 1 0\r\n\r\n`);
      await client.until(() => client.data.includes(secrets['payload']!));
      if (reason !== 'client_gone') {
        client.send(bytes);
        if (byUpstream !== undefined) connection.socket.end(byUpstream);
        await client.closeReceived();
      }
      client.socket.resetAndDestroy();
      const line = await gateway.log.find(
        (one) => one['session'] === index + 1 && one.message === 'session ended',
      );
      assert.equal(line['reason'], reason);
    }

    for (const authorization of [undefined, `Bearer ${secrets['wrongToken']}`]) {
      seen.push(await status(gateway, authorization));
    }
    seen.push(
      await scrape(gateway),
      await scrape(gateway, 'application/openmetrics-text'),
      await status(gateway, `Bearer ${secrets['adminToken']}`),
      ...(await Promise.all(
        ['/api/sessions?state=ended', '/api/sessions/1', '/api/handshakes'].map((path) =>
          admin(gateway, path, { Authorization: `Bearer ${secrets['adminToken']}` }),
        ),
      )),
      await admin(gateway, `/${secrets['path']}?${secrets['query']}`),
      ...gateway.log.text,
    );
    assert.ok(seen.length > 30);
    assert.ok(seen.some((text) => text.includes('"outcome": "origin_malformed"')));
    for (const [place, secret] of Object.entries(secrets)) {
      const found = seen.filter((text) => text.toLowerCase().includes(secret.toLowerCase()));
      assert.deepEqual([place, found], [place, []]);
    }
  });

  test('nor when the upstream refuses, or the client leaves before the answer', async () => {
    for (const greeting of ['HTTP/1.1 400 Bad Request\r\n\r\n', '']) {
      await using upstream = await FakeUpstream.start({ greeting });
      await using gateway = await startTestGateway(upstream.port, { log: { level: 'debug' } });
      if (greeting === '') {
        await using client = await RawClient.connect(gateway.port);
        client.send(full({}));
        await upstream.connection();
        client.socket.resetAndDestroy();
        await gateway.log.find((line) => line['outcome'] === 'client_abort');
      } else {
        assert.match(await refused(gateway.port, full({})), /upstream_not_nats/);
        await gateway.log.find((line) => line['outcome'] === 'upstream_not_nats');
      }
      const seen = gateway.log.text.join('') + (await scrape(gateway)) + (await status(gateway));
      assert.doesNotMatch(seen, /canary/i);
    }
  });
});

describe('a login that the gateway writes', () => {
  const CANARIES = { user: 'CanaryUser', pass: 'CanaryPass', token: 'CanaryToken', jwt: 'CanaryJwt' };
  const { user, pass, token, jwt } = CANARIES;
  const LOGINS: readonly [cookies: string, login: LoginSource, connect: string][] = [
    [`u=${user}; p=${pass}`, cookieUser('u', 'p'), `"user":"${user}","pass":"${pass}"`],
    [`t=${token}`, clientToken('t'), `"auth_token":"${token}"`],
    [`j=a.${jwt}.c`, cookieJwt('j'), `"jwt":"a.${jwt}.c"`],
  ];
  for (const [cookies, login, connect] of LOGINS)
    test(`is nowhere but in CONNECT: ${login.who}`, async () => {
      await using upstream = await FakeUpstream.start();
      await using gateway = await startTestGateway(upstream.port, {
        inspect: 'enforce',
        connect: { login, clientCredentials: 'drop' },
      });
      await using client = await RawClient.open(gateway.port, { headers: { Cookie: cookies } });
      client.send(frame(Opcode.binary, 'CONNECT {}\r\n'));
      const connection = await upstream.connection();
      await connection.until((one) => one.received.includes('\r\n'));
      assert.equal(connection.received.toString(), `CONNECT {${connect}}\r\n`);
      const seen = [await scrape(gateway), await status(gateway)];
      for (const path of ['/api/sessions', '/api/sessions/1']) seen.push(await admin(gateway, path));
      assert.match(seen.join(), /"route"/);
      connection.socket.end("-ERR 'Authorization Violation'\r\n");
      await client.closeReceived();
      client.socket.destroy();
      assert.match(String((await gateway.log.ended())['hint']), /cookie/);
      assert.doesNotMatch([...seen, ...gateway.log.text].join(), /Canary/);
      // Nor in a refusal.
      assert.match(
        await refused(gateway.port, handshakeWith({ Cookie: `${cookies}; ${cookies}` })),
        /cookie: /,
      );
      await gateway.log.find((line) => line['outcome'] === 'cookie');
      assert.doesNotMatch(gateway.log.text.join(), /Canary/);
    });

  test('is nowhere but in CONNECT: seed, minted JWT, signature, sentinel and verified token', async () => {
    const seed = seedOf(KIND.account);
    const account = newKey(KIND.account);
    const sentinel = natsJwt(account, newKey(KIND.user).publicKey, { type: 'user', bearer_token: true });
    const logins = [
      { ok: true, login: clientToken() } as const,
      mintLogin(Buffer.from(seed), account.publicKey, { tenant: ['acme'] }),
      sentinelLogin(Buffer.from(sentinel), undefined),
    ];
    await using issuer = await Issuer.start(signingKey('one'));
    const token = issuer.token({ sub: 'alice' });
    for (const reading of logins) {
      const login = reading.ok ? reading.login : assert.fail(reading.problem);
      const greeting = 'INFO {"server_id":"S","nonce":"abcdefghijk"}\r\n';
      await using upstream = await FakeUpstream.start({ greeting });
      const auth = testAuth(testIssuer(keysAt(issuer.url)));
      const connect = { login, clientCredentials: 'drop' } as const;
      await using gateway = await startTestGateway(upstream.port, { auth, connect, inspect: 'enforce' });
      const headers = { Authorization: `Bearer ${token}` };
      await using client = await RawClient.open(gateway.port, { headers });
      client.send(frame(Opcode.binary, 'CONNECT {}\r\n'));
      const connection = await upstream.connection();
      await connection.until((one) => one.received.includes('}\r\n'));
      const written = JSON.parse(connection.received.toString().slice('CONNECT '.length)) as object;
      const secrets = [seed, sentinel, token, ...Object.values(written)].map(String);
      assert.ok(secrets.length > 3);
      const seen = [await scrape(gateway), await status(gateway)];
      for (const path of ['/api/sessions', '/api/sessions/1']) seen.push(await admin(gateway, path));
      connection.socket.end("-ERR 'Authorization Violation'\r\n");
      await client.closeReceived();
      client.socket.destroy();
      await gateway.log.ended();
      const text = [...seen, ...gateway.log.text].join();
      assert.match(text, /alice/);
      for (const secret of secrets) assert.ok(!text.includes(secret), login.kind);
    }
  });
});

describe('a webhook', () => {
  const canary = (place: string): string => `Canary${place}${randomBytes(6).toString('hex')}`;
  const [cookie, header, secret, pass, page, url] = ['cookie', 'header', 'secret', 'pass', 'page', 'url'].map(
    canary,
  ) as [string, string, string, string, string, string];

  test('gets the secrets of the client alone, and what it answers is nowhere but in CONNECT', async () => {
    await using upstream = await FakeUpstream.start();
    await using webhook = await TestWebhook.start();
    const config = webhook.config({
      url: `${webhook.url}?${url}`,
      headers: ['x-private'],
      secret: () => Buffer.from(secret),
    });
    const auth = { ...testAuth(testIssuer(keysAt(webhook.url))), issuers: [], webhook: config };
    const connect = { login: webhookLogin, clientCredentials: 'drop', name: undefined } as const;
    await using gateway = await startTestGateway(upstream.port, { auth, connect, inspect: 'enforce' });
    const request = handshakeRequest({
      headers: { Cookie: `__Host-session=${cookie}`, 'X-Private': header },
    });
    const seen: string[] = [];
    for (const answer of [
      answering(200, { ...ALICE, [page]: page }),
      answering(200, `{"${page}`),
      answering(302, page, { location: `/${page}` }),
      answering(401, page),
      answering(429, page, { 'retry-after': page }),
      answering(500, page),
    ]) {
      webhook.answer = answer;
      seen.push(await refused(gateway.port, request));
    }
    webhook.answer = answering(200, { ...ALICE, connect: { user: 'web', pass } });
    await using client = await RawClient.connect(gateway.port);
    client.send(request);
    assert.equal((await client.answer()).status, 101);
    client.send(frame(Opcode.binary, 'CONNECT {"verbose":false}\r\n'));
    const connection = await upstream.connection();
    await connection.until(({ received }) => received.includes(pass));
    const [asked] = webhook.asked;
    assert.ok(asked?.body.includes(cookie) && asked.body.includes(header));
    seen.push(
      await scrape(gateway),
      await status(gateway),
      await admin(gateway, '/api/sessions'),
      await admin(gateway, '/api/sessions/1'),
    );
    client.send(closeFrame(1000));
    await gateway.log.ended();
    seen.push(...gateway.log.text);
    assert.ok(seen.some((text) => text.includes('webhook_bad_answer')));
    for (const text of seen) assert.doesNotMatch(text, /canary/i);
  });
});

describe('an Origin that is meant for the reader of the log', () => {
  const VALUES: readonly [name: string, value: string][] = [
    ['newline, as header bytes', 'https://evil.example\n{"level":"info","message":"forged"}'],
    ['CR', 'https://evil.example\r{"message":"forged"}'],
    ['CR LF and a folded line', 'https://evil.example\r\n {"message":"forged"}'],
    ['ANSI escape', 'https://evil.example/\x1b[2J\x1b[31mforged'],
    ['C1 control', 'https://evil.example/\x9b31mforged'],
    ['DEL and backspace', 'https://evil.example/\x7f\x08'],
    ['NUL', 'https://evil.example/\0'],
    ['U+2028 and U+2029', 'https://evil.example/\u2028{"message":"forged"}\u2029'],
    ['right-to-left override', 'https://evil.example/\u202egnp.exe'],
    ['byte-order mark', '\ufeffhttps://evil.example'],
    ['quotes and backslashes', 'https://evil.example/","message":"forged","x":"\\'],
    ['an escape that looks like ours', 'https://evil.example/\\u{a}\\n'],
    ['HTML', '<script>alert(1)</script>'],
    ['a bad surrogate', 'https://evil.example/\xed\xa0\x80'],
    ['300 bytes', `https://${'a'.repeat(280)}.example`],
    ['300 bytes, to be escaped', `https://${'\xff'.repeat(280)}`],
    ['TAB inside', 'https://evil.example\tforged'],
  ];

  for (const encoding of ['utf8', 'latin1'] as const) {
    test(`one line each, of printable ASCII, cut (${encoding})`, async () => {
      await using upstream = await FakeUpstream.start();
      await using gateway = await startTestGateway(upstream.port, { origins: { missing: 'deny' } });
      let origins = 0;
      for (const [index, [name, value]] of VALUES.entries()) {
        await refused(gateway.port, Buffer.from(handshakeWith({ Origin: value }), encoding));
        await gateway.log.find(
          () => gateway.log.lines.filter((line) => line.message === 'handshake refused').length > index,
        );
        const text = gateway.log.text.at(-1) ?? '';
        assert.match(text, /^[\x20-\x7e…]*\n$/, name);
        const line = JSON.parse(text) as LogLine;
        assert.equal(line.message, 'handshake refused', name);
        const origin = line['origin'];
        // The parser refused the header itself: line ends and most control bytes.
        if (origin === undefined) continue;
        origins++;
        assert.match(String(origin), /^[\x20-\x7e…]*$/, name);
        const characters = String(origin).replaceAll(/\\u\{[0-9a-f]+\}/g, '.').length;
        assert.ok(characters <= 129, `${name}: ${characters} characters`);
      }
      assert.ok(origins >= VALUES.length / 2, `${origins} values came as far as the log`);
      assert.equal(
        gateway.log.lines.some((line) => line.message === 'forged'),
        false,
      );
    });
  }

  test('on the line of a session too', async () => {
    await using upstream = await FakeUpstream.start();
    const application = `app://${'x'.repeat(200)}`;
    await using gateway = await startTestGateway(upstream.port, { origins: { allow: [application] } });
    await using client = await RawClient.open(gateway.port, { headers: { Origin: application } });
    client.send(closeFrame(1000));
    assert.equal((await gateway.log.ended())['origin'], `${application.slice(0, 128)}…`);
  });
});

const badOrigin = (index: number): string => `https://evil-${index}.example`;
const handshakeWith = (headers: Readonly<Record<string, string | undefined>>): string =>
  handshakeRequest({ headers });

/** Everything that the gateway answers before it ends the connection. */
async function refused(port: number, bytes: string | Buffer): Promise<string> {
  await using client = await RawClient.connect(port);
  client.send(bytes);
  const answer = await client.answer();
  await client.until(() => client.ended || client.closed);
  const headers = [...answer.headers].map(([name, value]) => `${name}: ${value}\r\n`).join('');
  return `HTTP/1.1 ${answer.status} \r\n${headers}\r\n${answer.body}${client.rest}`;
}

async function admin(
  gateway: TestGateway,
  path: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<string> {
  const answer = await fetch(`http://127.0.0.1:${gateway.adminPort}${path}`, {
    headers: { Connection: 'close', ...headers },
    signal: AbortSignal.timeout(30_000),
  });
  const names = [...answer.headers].map(([name, value]) => `${name}: ${value}\n`).join('');
  return names + (await answer.text());
}

const scrape = (gateway: TestGateway, accept = 'text/plain'): Promise<string> =>
  admin(gateway, '/metrics', { Accept: accept });
const status = (gateway: TestGateway, authorization?: string): Promise<string> =>
  admin(gateway, '/api/status', authorization === undefined ? {} : { Authorization: authorization });

/**
 * Names and labels of all samples. Left out are those of Node's own runtime that come and go with what it does
 * just now: kinds of handles and of garbage collections, closed sets both.
 */
function series(exposition: string): readonly string[] {
  const samples = exposition.split('\n').filter((line) => /^[a-z_]+(\{.*\})? [^ ]+$/.test(line));
  const names = samples.map((line) => line.slice(0, line.lastIndexOf(' ')));
  assert.ok(names.length > 100, `${names.length} series`);
  return names.filter((name) => !/^nodejs_(active|gc)_/.test(name)).sort();
}

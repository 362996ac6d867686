import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { subscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from 'node:tls';
import { HANDSHAKE_OUTCOMES } from '../../src/handshake-outcome.ts';
import { makeCertificates, serverTls, type TestCertificates } from '../support/certificates.ts';
import { testConfig } from '../support/config.ts';
import { FakeUpstream, INFO_LINE } from '../support/fake-upstream.ts';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';
import {
  closeFrame,
  frame,
  type HttpAnswer,
  handshakeRequest,
  Opcode,
  RawClient,
  type RequestOptions,
} from '../support/raw-client.ts';
import { rounds } from '../support/rounds.ts';

/** Of timeouts.handshake, where a test sets no other. */
const DEFAULT_MS = testConfig(0).timeouts.handshakeMs;

/**
 * The handshake vectors (H1 to H21) over real sockets. Each changes one thing in a good request. `answers` are
 * all that are right: `101`, `close` (the connection ends without an answer), or status and token of a refusal.
 */
type Vector = {
  readonly name: string;
  readonly send: string | Buffer;
  readonly answers: readonly string[];
};

const A = 'https://app.example.com';
const KEY = 'Sec-WebSocket-Key';
const VERSION = 'Sec-WebSocket-Version';
const PROTOCOL = 'Sec-WebSocket-Protocol';
const EXTENSIONS = 'Sec-WebSocket-Extensions';
const good = handshakeRequest();
const plainGet = 'GET / HTTP/1.1\r\nHost: gw.example.com\r\n\r\n';
const cutThrough = (text: string): string => text.slice(0, -'\r\n'.length);

const line = (requestLine: string): string => handshakeRequest({ requestLine });
const set = (name: string, value: string | readonly string[] | undefined): string =>
  handshakeRequest({ headers: { [name]: value } });
/** The good request with raw bytes as its last header line. */
const raw = (bytes: string): Buffer => Buffer.from(`${cutThrough(good)}${bytes}\r\n`, 'latin1');
const lines = (count: number): string =>
  Array.from({ length: count }, (_, index) => `X-${index}: x\r\n`).join('');
/** The good request, its header fields filled up to exactly so many bytes. */
const ofLength = (bytes: number): string =>
  set('X-Fill', 'x'.repeat(bytes - (good.length - 'GET / HTTP/1.1\r\n'.length) - 'X-Fill: \r\n'.length));

const vector = (name: string, send: string | Buffer, ...answers: string[]): Vector => ({
  name,
  send,
  answers,
});

const VECTORS: readonly Vector[] = [
  vector('H1 nothing changed', good, '101'),
  vector('H1 Upgrade in another case', set('Upgrade', 'WebSocket'), '101'),
  vector('H1 Connection: keep-alive, Upgrade', set('Connection', 'keep-alive, Upgrade'), '101'),
  vector('H1 subprotocol nats', set(PROTOCOL, 'nats'), '101'),
  vector('H1 Content-Length: 0', set('Content-Length', '0'), '101'),
  vector('H1 Expect: 100-continue, no interim answer', set('Expect', '100-continue'), '101'),
  vector(
    'H1 permessage-deflate offered',
    set(EXTENSIONS, 'permessage-deflate; client_max_window_bits'),
    '101',
  ),
  vector('H1 garbage in Sec-WebSocket-Extensions', set(EXTENSIONS, ';;;===,"'), '101'),

  vector('H2 POST', line('POST / HTTP/1.1'), '405 method'),
  vector(
    'H2 POST without upgrade',
    'POST / HTTP/1.1\r\nHost: gw\r\nContent-Length: 3\r\n\r\nabc',
    '405 method',
  ),
  vector('H2 CONNECT', 'CONNECT gw:80 HTTP/1.1\r\nHost: gw:80\r\n\r\n', '405 method'),
  vector('H2 HTTP/2 preface', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', '400 bad_request', 'close'),

  vector('H3 HTTP/1.0', line('GET / HTTP/1.0'), '426 http_1_0'),
  vector('H3 HTTP/1.0 as health checks speak it', 'GET /healthz HTTP/1.0\r\n\r\n', '426 http_1_0'),
  vector('H3 HTTP/2.0 as text', line('GET / HTTP/2.0'), '505 http_version', '400 bad_request'),
  vector('H3 HTTP/1.11', line('GET / HTTP/1.11'), '400 bad_request'),

  vector('H4 blank inside the target', line('GET /a b HTTP/1.1'), '400 bad_request', '400 target'),
  vector('H4 two blanks after GET', line('GET  / HTTP/1.1'), '400 bad_request'),
  vector('H4 two blanks before the version', line('GET /  HTTP/1.1'), '400 bad_request'),
  vector('H4 LF before GET', `\n${good}`, '400 bad_request'),
  vector('H4 CR before GET', `\r${good}`, '400 bad_request'),

  vector('H5 absolute form, authority of Host', line('GET http://gw.example.com/ HTTP/1.1'), '101'),
  vector('H5 other authority', line('GET http://other.example.com/ HTTP/1.1'), '400 target'),
  vector('H5 asterisk', line('GET * HTTP/1.1'), '400 target'),
  vector(
    'H5 raw byte over 0x7F',
    Buffer.from(line('GET /\xfc HTTP/1.1'), 'latin1'),
    '400 target',
    '400 bad_request',
  ),
  vector('H5 8,000 bytes', line(`GET /?${'x'.repeat(7998)} HTTP/1.1`), '101'),
  vector('H5 8,001 bytes', line(`GET /?${'x'.repeat(7999)} HTTP/1.1`), '414 target_too_long'),
  vector('H5 100,000 bytes', line(`GET /?${'x'.repeat(99_998)} HTTP/1.1`), '414 target_too_long'),
  vector('H5 a target that never ends', `GET /${'x'.repeat(9000)}`, '414 target_too_long'),

  vector('H6 two slashes', line('GET // HTTP/1.1'), '404 no_route'),
  vector('H6 dot segments', line('GET /a/../ HTTP/1.1'), '404 no_route'),

  vector('H7 no Host', set('Host', undefined), '400 host'),
  vector('H7 two Host lines', set('Host', ['gw.example.com', 'gw.example.com']), '400 host'),
  vector('H7 port 99999', set('Host', 'gw.example.com:99999'), '400 host'),

  vector('H8 no Upgrade', set('Upgrade', undefined), '426 not_upgrade'),
  vector('H8 empty elements beside it', set('Upgrade', ', websocket ,,'), '101'),
  vector('H8 h2c', set('Upgrade', 'h2c'), '400 upgrade'),
  vector('H8 websocket, h2c', set('Upgrade', 'websocket, h2c'), '400 upgrade'),

  vector('H9 no Connection', set('Connection', undefined), '426 not_upgrade'),
  vector('H9 Upgraded', set('Connection', 'Upgraded'), '426 not_upgrade'),

  vector('H10 no key', set(KEY, undefined), '400 key'),
  vector('H10 key of 15 bytes', set(KEY, 'dGhlIHNhbXBsZSBub25j'), '400 key'),
  vector('H10 base64url alphabet', set(KEY, 'dGhlIHNhbXBsZSBub25-_w=='), '400 key'),
  vector('H10 the same key twice', set(KEY, Array(2).fill('dGhlIHNhbXBsZSBub25jZQ==')), '400 key'),
  vector('H10 last digit not canonical', set(KEY, 'dGhlIHNhbXBsZSBub25jZR=='), '101', '400 key'),

  vector('H11 version 12', set(VERSION, '12'), '426 version'),
  vector('H11 version 8', set(VERSION, '8'), '426 version'),
  vector(
    'H11 version 8 with Sec-WebSocket-Origin',
    handshakeRequest({ headers: { [VERSION]: '8', 'Sec-WebSocket-Origin': 'https://evil.example' } }),
    '426 version',
  ),

  vector('H12 no version', set(VERSION, undefined), '400 bad_version'),
  vector('H12 013', set(VERSION, '013'), '400 bad_version'),
  vector('H12 0xd', set(VERSION, '0xd'), '400 bad_version'),
  vector('H12 13, 8', set(VERSION, '13, 8'), '400 bad_version'),
  vector('H12 13 twice', set(VERSION, ['13', '13']), '400 bad_version'),

  vector('H13 two Origin lines', set('Origin', [A, A]), '400 origin_multiple'),
  vector('H13 blanks before the value', set('Origin', ` \t ${A}`), '101'),
  vector(
    'H13 Sec-WebSocket-Origin of another site',
    set('Sec-WebSocket-Origin', 'https://evil.example'),
    '101',
  ),

  vector('H14 blank in a subprotocol', set(PROTOCOL, 'na ts'), '400 subprotocol'),
  vector('H14 no subprotocol at all', set(PROTOCOL, ' , ,'), '400 subprotocol'),
  vector('H14 empty elements', set(PROTOCOL, ', nats,'), '101'),
  vector('H9 empty elements', set('Connection', ', keep-alive,, Upgrade ,'), '101'),

  vector('H15 Content-Length: 5 and 5 bytes', `${set('Content-Length', '5')}abcde`, '400 body'),
  vector('H15 chunked', `${set('Transfer-Encoding', 'chunked')}0\r\n\r\n`, '400 body'),
  vector('H15 two Content-Lengths', set('Content-Length', ['0', '5']), '400 body', '400 bad_request'),

  vector('H16 folded line', raw('X-Fold: a\r\n b\r\n'), '400 bad_request'),
  vector('H16 bare LF', good.replaceAll('\r\n', '\n'), '400 bad_request'),
  vector('H16 NUL in a value', raw('X-Nul: a\0b\r\n'), '400 bad_request'),
  vector('H16 blank before the colon', raw('X-Blank : a\r\n'), '400 bad_request'),
  vector('H16 no colon', raw('X-None\r\n'), '400 bad_request'),

  vector('H17 names of object members', raw('__proto__: x\r\nconstructor: x\r\n'), '101'),
  vector('H17 cookie with an escaped CRLF', set('Cookie', 'a=%0d%0aX: y'), '101'),
  vector('H17 two empty lines first', `\r\n\r\n${good}`, '101'),
  vector('H17 five empty lines first', `${'\r\n'.repeat(5)}${good}`, '400 bad_request'),

  vector('H18 one header of 20,000 bytes', set('X-Big', 'x'.repeat(20_000)), '431 header_too_large'),
  vector('H18 150 lines', raw(lines(150)), '431 header_too_large'),
  vector(
    'H18 2,100 tiny lines first',
    good.replace('\r\n', `\r\n${'a:\r\n'.repeat(2100)}`),
    '431 header_too_large',
  ),
  vector('H18 one byte over 8 KiB', ofLength(8193), '431 header_too_large'),
  vector('H18 exactly 8 KiB', ofLength(8192), '101'),
  vector('H18 65 lines', raw(lines(59)), '431 header_too_large'),
  vector('H18 64 lines', raw(lines(58)), '101'),

  vector('H19 50,000 empty lines, then a request', '\r\n'.repeat(50_000) + good, '400 bad_request'),
  vector('H19 TLS ClientHello on the plain port', clientHello(), '400 bad_request', 'close'),
  vector('H19 PROXY v1', `PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n${good}`, '400 bad_request', 'close'),
  vector(
    'H19 PROXY v2',
    Buffer.concat([Buffer.from('0d0a0d0a000d0a515549540a20000000', 'hex'), Buffer.from(good)]),
    '400 bad_request',
    'close',
  ),
  vector('H19 plain GET', plainGet, '426 not_upgrade'),
  vector(
    'H19 plain GET that waits for an interim answer',
    `${cutThrough(plainGet)}Expect: 100-continue\r\n\r\n`,
    '426 not_upgrade',
  ),
  vector(
    'H19 plain GET that expects something else',
    `${cutThrough(plainGet)}Expect: magic\r\n\r\n`,
    '426 not_upgrade',
  ),

  vector('H20 plain GET, then an upgrade', plainGet + good, '426 not_upgrade'),
  vector('H20 two upgrades', good + good, '400 early_data'),
  vector(
    'H20 a frame behind the request',
    Buffer.concat([Buffer.from(good), frame(Opcode.binary, 'PING\r\n')]),
    '400 early_data',
  ),
];

/** Header lines of a refusal beside those that all of them have. */
const SPECIAL_HEADERS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  '405 method': { allow: 'GET' },
  '426 http_1_0': { connection: 'Upgrade, close', upgrade: 'websocket' },
  '426 not_upgrade': { connection: 'Upgrade, close', upgrade: 'websocket' },
  '426 version': { connection: 'Upgrade, close', upgrade: 'websocket', 'sec-websocket-version': '13' },
  '400 bad_version': { 'sec-websocket-version': '13' },
};

describe('H1–H20', () => {
  const resources = new AsyncDisposableStack();
  let upstream: FakeUpstream;
  let gateway: TestGateway;
  before(async () => {
    upstream = resources.use(await FakeUpstream.start());
    gateway = resources.use(await startTestGateway(upstream.port));
  });
  after(() => resources.disposeAsync());

  for (const { name, send, answers } of VECTORS) {
    test(`${name} → ${answers.join(' or ')}`, async () => {
      const dialled = upstream.connections.length;
      const answeredBefore = outcomes(gateway);
      await using client = await connect(gateway.port);
      client.send(send);
      const answer = await answerOf(client);
      assert.ok(answers.includes(answer), `${answer} is not ${answers.join(' or ')}`);
      if (answer === '101') {
        await assertAccepted(client);
        await upstream.connection(dialled);
      } else {
        if (answer !== 'close') assertRefusal(await client.answer(), answer);
        await assertGone(client, gateway);
      }
      // One more honest session: accepts are in order, so whatever was dialled by mistake is counted by now.
      await (await RawClient.open(gateway.port))[Symbol.asyncDispose]();
      await upstream.connection(dialled + (answer === '101' ? 1 : 0));
      assert.equal(upstream.connections.length, dialled + (answer === '101' ? 2 : 1));
      const outcome = answer === '101' ? 'accepted' : (answer.split(' ')[1] ?? 'bad_request');
      const expected: Record<string, number> = {
        ...answeredBefore,
        accepted: (answeredBefore['accepted'] ?? 0) + 1,
      };
      if (answer !== 'close') expected[outcome] = (expected[outcome] ?? 0) + 1;
      assert.deepEqual(outcomes(gateway), expected);
    });
  }

  test('H2 HEAD → 405 with the head of the answer and no body', async () => {
    await using client = await connect(gateway.port);
    client.send(line('HEAD / HTTP/1.1'));
    await client.until(() => client.ended);
    const text = client.rest.toString();
    assert.match(text, /^HTTP\/1\.1 405 /);
    assert.match(text, /\r\nAllow: GET\r\n/);
    assert.match(text, /\r\nConnection: close\r\n/);
    assert.equal(text.indexOf('\r\n\r\n'), text.length - 4);
  });

  test('H18 higher limits of the head, to the byte and the line', async () => {
    await using own = await startTestGateway(upstream.port, {
      limits: { headBytes: 65_536, headLines: 256 },
    });
    for (const [bytes, expected] of [
      [ofLength(65_536), '101'],
      [ofLength(65_537), '431 header_too_large'],
      [raw(lines(250)), '101'],
      [raw(lines(251)), '431 header_too_large'],
    ] as const) {
      await using client = await connect(own.port);
      client.send(bytes);
      assert.equal(await answerOf(client), expected);
    }
  });

  test('H14 no subprotocol is ever echoed', async () => {
    for (let round = 0; round < 20; round++) {
      await using client = await connect(gateway.port);
      client.send(set(PROTOCOL, `nats, ${randomBytes(8).toString('hex')}`));
      assert.equal(await answerOf(client), '101');
      await assertAccepted(client);
    }
  });

  test('a client that does not close gets its answer, and is dropped after a second', async () => {
    await using client = await connect(gateway.port);
    client.endsToo = false;
    const sentMs = performance.now();
    client.send(line('GET /nothing HTTP/1.1'));
    assertRefusal(await client.answer(), '404 no_route');
    await client.until(() => client.ended);
    await closed(serverSide(client, gateway));
    const afterMs = performance.now() - sentMs;
    assert.ok(afterMs > 900, `after ${afterMs} ms`);
  });
});

describe('H20 early data while the upstream is dialled', () => {
  const late: readonly [name: string, bytes: string | Buffer][] = [
    ['one byte', 'x'],
    ['a frame', frame(Opcode.binary, 'PING\r\n')],
    ['a second request', good],
  ];
  for (const [name, bytes] of late) {
    test(`${name} → 400, the dial is cancelled`, async () => {
      await using upstream = await FakeUpstream.start({ greeting: '' });
      await using gateway = await startTestGateway(upstream.port);
      await using client = await connect(gateway.port);
      client.send(good);
      const connection = await upstream.connection();
      client.send(bytes);
      assert.equal(await answerOf(client), '400 early_data');
      assertRefusal(await client.answer(), '400 early_data');
      await assertGone(client, gateway);
      await connection.until((one) => one.closed || one.ended);
      assert.equal(connection.byteCount, 0);
      assert.equal(inFlight(gateway), 0);
    });
  }

  test('the upstream speaks just then: one answer, and not a byte upstream if it is a refusal', async () => {
    for (let round = 0; round < 20; round++) {
      await using upstream = await FakeUpstream.start({ greeting: '' });
      await using gateway = await startTestGateway(upstream.port);
      await using client = await connect(gateway.port);
      client.send(good);
      const connection = await upstream.connection();
      connection.socket.write(INFO_LINE);
      client.send(frame(Opcode.binary, 'x'));
      const answer = await answerOf(client);
      assert.ok(answer === '101' || answer === '400 early_data', answer);
      if (answer === '101') await connection.until((one) => one.byteCount === 1);
      else {
        await connection.until((one) => one.closed || one.ended);
        assert.equal(connection.byteCount, 0);
      }
    }
  });
});

describe('refusals behind the dial', () => {
  const upstreams: readonly [name: string, greeting: string | 'closes', answer: string][] = [
    ['closes at once', 'closes', '502 upstream_refused'],
    ['speaks HTTP', 'HTTP/1.1 400 Bad Request\r\n\r\n', '502 upstream_not_nats'],
    ['says -ERR', "-ERR 'maximum connections exceeded'\r\n", '502 upstream_error'],
    ['demands TLS', 'INFO {"server_id":"X","tls_required":true}\r\n', '502 upstream_tls_required'],
    ['is silent', '', '504 upstream_timeout'],
  ];
  for (const [name, greeting, expected] of upstreams) {
    test(`an upstream that ${name} → ${expected}`, async () => {
      await using upstream = await FakeUpstream.start(
        greeting === 'closes' ? { greeting: '', onConnection: ({ socket }) => socket.end() } : { greeting },
      );
      // Only the silent one may meet it.
      const dial = greeting === '' ? { upstream: { dialTimeoutMs: 300 } } : {};
      await using gateway = await startTestGateway(upstream.port, dial);
      await using client = await connect(gateway.port);
      client.send(good);
      assert.equal(await answerOf(client), expected);
      assertRefusal(await client.answer(), expected);
      await assertGone(client, gateway);
      await (await upstream.connection()).until((one) => one.closed || one.ended);
      assert.equal(inFlight(gateway), 0);
    });
  }
});

describe('H21 time', { concurrency: 3 }, () => {
  const DEADLINE = { timeouts: { handshakeMs: 400 } };

  test('head in 1-byte segments → 101', async () => {
    await using upstream = await FakeUpstream.start();
    await using gateway = await startTestGateway(upstream.port);
    await using client = await connect(gateway.port);
    for (const byte of Buffer.from(good)) {
      await new Promise((resolve) => client.socket.write(Buffer.from([byte]), resolve));
    }
    assert.equal(await answerOf(client), '101');
    await assertAccepted(client);
  });

  const slow: readonly [name: string, bytes: string][] = [
    ['nothing at all', ''],
    ['half a request line', 'GET / HT'],
    ['a head without its end', cutThrough(good)],
    ['50,000 empty lines', '\r\n'.repeat(50_000)],
  ];
  for (const [name, bytes] of slow) {
    test(`${name}, over the deadline → 408 or close`, async () => {
      await using upstream = await FakeUpstream.start();
      await using gateway = await startTestGateway(upstream.port, DEADLINE);
      await using client = await connect(gateway.port);
      const startMs = performance.now();
      if (bytes !== '') client.send(bytes);
      const answer = await answerOf(client);
      assert.ok(['408 timeout', '400 bad_request', 'close'].includes(answer), answer);
      assert.ok(performance.now() - startMs < DEFAULT_MS, 'by its own deadline, not by the default');
      if (answer === '408 timeout') assertRefusal(await client.answer(), answer);
      await assertGone(client, gateway);
      assert.equal(upstream.connections.length, 0);
    });
  }

  test('a drip of header lines does not move the deadline', async () => {
    await using upstream = await FakeUpstream.start();
    await using gateway = await startTestGateway(upstream.port, DEADLINE);
    await using client = await connect(gateway.port);
    const startMs = performance.now();
    client.send('GET / HTTP/1.1\r\n');
    const drip = setInterval(() => client.send('X-Drip: 1\r\n'), 50);
    const answer = await answerOf(client);
    clearInterval(drip);
    assert.ok(['408 timeout', 'close'].includes(answer), answer);
    assert.ok(performance.now() - startMs < DEFAULT_MS, 'by its own deadline, not by the default');
  });

  test('an upstream that is silent beyond the deadline → 408, the dial is cancelled', async () => {
    await using upstream = await FakeUpstream.start({ greeting: '' });
    await using gateway = await startTestGateway(upstream.port, DEADLINE);
    await using client = await connect(gateway.port);
    client.send(good);
    assert.equal(await answerOf(client), '408 timeout');
    await (await upstream.connection()).until((one) => one.closed || one.ended);
    await assertGone(client, gateway);
  });
});

describe('H21 clients that leave', () => {
  test('half-close behind the request → no 101, socket gone', async () => {
    await using upstream = await FakeUpstream.start();
    await using gateway = await startTestGateway(upstream.port);
    await using client = await connect(gateway.port);
    client.socket.end(good);
    assert.equal(await answerOf(client), 'close');
    await closed(serverSide(client, gateway));
    await until(gateway, () => inFlight(gateway) === 0);
    assert.deepEqual(outcomes(gateway), { client_abort: 1 });
  });

  test('half-close while the upstream is dialled → no 101, socket gone, the dial is cancelled', async () => {
    await using upstream = await FakeUpstream.start({ greeting: '' });
    await using gateway = await startTestGateway(upstream.port);
    await using client = await connect(gateway.port);
    client.send(good);
    const connection = await upstream.connection();
    client.socket.end();
    assert.equal(await answerOf(client), 'close');
    await closed(serverSide(client, gateway));
    await connection.until((one) => one.closed || one.ended);
    assert.deepEqual(outcomes(gateway), { client_abort: 1 });
  });

  const RESETS = rounds(300, 1000);
  test(`RST behind the request, ${RESETS} times → no leak`, async () => {
    await using upstream = await FakeUpstream.start();
    await using gateway = await startTestGateway(upstream.port);
    await inParallel(RESETS, 20, async (index) => {
      const client = await connect(gateway.port);
      client.send(good);
      // Some leave before the dial, some while it goes on, some behind the answer.
      if (index % 3 === 1) await upstream.connection(upstream.connections.length);
      if (index % 3 === 2) await client.answer();
      client.socket.resetAndDestroy();
      await client.until(() => client.closed);
    });
    await (await RawClient.open(gateway.port))[Symbol.asyncDispose]();
    for (const [key, socket] of SERVER_SIDE) {
      if (key.startsWith(`${gateway.port}:`)) await closed(socket);
    }
    for (const connection of upstream.connections) {
      await connection.until((one) => one.closed || one.ended);
    }
    await until(gateway, () => gateway.gateway.sessionCount === 0);
    assert.equal(inFlight(gateway), 0);
    assert.equal(outcomes(gateway)['internal_error'], undefined);
  });

  test('upgrade on the admin listener → 404, never 101', async () => {
    await using upstream = await FakeUpstream.start();
    await using gateway = await startTestGateway(upstream.port);
    for (const path of ['/', '/metrics', '/livez', '/api/status']) {
      await using client = await connect(gateway.adminPort);
      client.send(
        handshakeRequest({
          requestLine: `GET ${path} HTTP/1.1`,
          headers: { Host: 'localhost', Origin: undefined },
        }),
      );
      assert.equal((await client.answer()).status, 404);
    }
    assert.equal(upstream.connections.length, 0);
  });
});

describe('H21 TLS', () => {
  const resources = new AsyncDisposableStack();
  let certificates: TestCertificates;
  let upstream: FakeUpstream;
  let gateway: TestGateway;
  before(async () => {
    certificates = resources.use(await makeCertificates());
    upstream = resources.use(await FakeUpstream.start());
    gateway = resources.use(
      await startTestGateway(upstream.port, { listen: { tls: serverTls(certificates) } }),
    );
  });
  after(() => resources.disposeAsync());
  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    test(`${version} → 101`, async () => {
      await using client = await connect(gateway.port, { minVersion: version, maxVersion: version });
      assert.equal((client.socket as TLSSocket).getProtocol(), version);
      client.send(good);
      assert.equal(await answerOf(client), '101');
      await assertAccepted(client);
    });
  }

  test('TLS 1.1 → alert', async () => {
    const old = { minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1', ciphers: 'ALL:@SECLEVEL=0' } as const;
    await assert.rejects(connect(gateway.port, old), {
      code: 'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION',
    });
    await metric(gateway, /natsgate_tls_handshakes_total\{[^}]*outcome="protocol"\} 1\n/);
  });

  test('ALPN: h2 alone → alert, h2 beside http/1.1 → http/1.1', async () => {
    await assert.rejects(connect(gateway.port, { ALPNProtocols: ['h2'] }), {
      code: 'ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL',
    });
    await using client = await connect(gateway.port, { ALPNProtocols: ['h2', 'http/1.1'] });
    assert.equal((client.socket as TLSSocket).alpnProtocol, 'http/1.1');
    client.send(good);
    assert.equal(await answerOf(client), '101');
  });

  test('unknown SNI name → the default certificate', async () => {
    await using client = await connect(gateway.port, { servername: 'unknown.example' });
    assert.equal((client.socket as TLSSocket).getPeerCertificate().subject.CN, 'gw.example.com');
    client.send(good);
    assert.equal(await answerOf(client), '101');
  });

  const NAMES = rounds(200, 1000);
  test(`${NAMES} random SNI names`, async () => {
    await inParallel(NAMES, 20, async () => {
      const servername = randomBytes(1 + Math.floor(Math.random() * 100)).toString('latin1');
      const socket = connectTls({
        host: '127.0.0.1',
        port: gateway.port,
        servername,
        rejectUnauthorized: false,
      });
      socket.on('error', () => {});
      await Promise.race([once(socket, 'secureConnect'), once(socket, 'close')]);
      socket.destroy();
    });
    await (await RawClient.open(gateway.port, {}, {}))[Symbol.asyncDispose]();
  });

  test('renegotiation → refused', async () => {
    await using client = await connect(gateway.port, { maxVersion: 'TLSv1.2' });
    const renegotiated = new Promise<Error | null>((resolve) => {
      client.socket.once('error', resolve);
      (client.socket as TLSSocket).renegotiate({}, resolve);
    });
    assert.match(String((await renegotiated)?.message), /no.renegotiation|handshake failure/i);
  });

  test('every refusal ends the connection over TLS too', async () => {
    for (const [bytes, expected] of [
      [plainGet, '426 not_upgrade'],
      [set('Origin', 'https://evil.example'), '403 origin_not_listed'],
      [line('GET // HTTP/1.1'), '404 no_route'],
      [`\r\n${'\r\n'.repeat(50_000)}${good}`, '400 bad_request'],
      [ofLength(8193), '431 header_too_large'],
      [good + good, '400 early_data'],
      ['HELO there\r\n\r\n', '400 bad_request'],
    ] as const) {
      await using client = await connect(gateway.port, {});
      client.send(bytes);
      assert.equal(await answerOf(client), expected);
      assertRefusal(await client.answer(), expected);
      await client.until(() => client.ended);
      await closed(serverSide(client, gateway));
    }
  });

  test('plain HTTP on the TLS port → the connection ends', async () => {
    await using client = await connect(gateway.port);
    client.send(good);
    assert.equal(await answerOf(client), 'close');
    await closed(serverSide(client, gateway));
  });

  test('a ClientHello that stays unfinished → the connection ends within the deadline', async () => {
    await using own = await startTestGateway(upstream.port, {
      listen: { tls: serverTls(certificates) },
      timeouts: { handshakeMs: 400 },
    });
    await using client = await connect(own.port);
    const startMs = performance.now();
    client.send(clientHello().subarray(0, 100));
    assert.equal(await answerOf(client), 'close');
    assert.ok(performance.now() - startMs < DEFAULT_MS, 'by its own deadline, not by the default');
    await metric(own, /natsgate_tls_handshakes_total\{[^}]*outcome="timeout"\} 1\n/);
  });

  test('a head that stays unfinished over TLS → 408 or close', async () => {
    await using own = await startTestGateway(upstream.port, {
      listen: { tls: serverTls(certificates) },
      timeouts: { handshakeMs: 400 },
    });
    await using client = await connect(own.port, {});
    client.send(cutThrough(good));
    const answer = await answerOf(client);
    assert.ok(['408 timeout', 'close'].includes(answer), answer);
    await closed(serverSide(client, own));
  });

  test('with a client CA: its certificate → 101; none or a foreign one → no answer, and counted', async () => {
    await using own = await startTestGateway(upstream.port, {
      listen: { tls: serverTls(certificates, { clientCaFile: certificates.clientCaFile }) },
    });
    await using client = await RawClient.open(own.port, {}, { ...certificates.client });
    assert.equal(client.data.toString(), INFO_LINE);
    const dialled = upstream.connections.length;
    // In TLS 1.3 the client is done before the server has judged its certificate; in 1.2 it is not.
    for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
      for (const identity of [{}, certificates.stranger]) {
        const answer = await connect(own.port, { ...identity, maxVersion }).then(
          async (stranger) => {
            stranger.send(good);
            return answerOf(stranger);
          },
          () => 'close',
        );
        assert.equal(answer, 'close');
      }
    }
    await metric(own, /natsgate_tls_handshakes_total\{[^}]*outcome="no_cert"\} 2\n/);
    await metric(own, /natsgate_tls_handshakes_total\{[^}]*outcome="bad_cert"\} 2\n/);
    await metric(own, /natsgate_tls_handshakes_total\{[^}]*outcome="ok"\} 1\n/);
    assert.equal(upstream.connections.length, dialled);
  });
});

describe('caps and rates', () => {
  test('limits.sessions → 503, and the place is free again when the session has ended', async () => {
    await using upstream = await FakeUpstream.start();
    await using gateway = await startTestGateway(upstream.port, { limits: { sessions: 1 } });
    for (let round = 1; round <= 3; round++) {
      await using client = await RawClient.open(gateway.port);
      await assertRefused(gateway, '503 over_capacity');
      client.send(closeFrame(1000));
      await client.until(() => client.closed);
      await gateway.log.find(({ message, session }) => message === 'session ended' && session === round);
    }
    assert.equal(upstream.connections.length, 3);
  });

  test('a handshake in flight holds a place, and gives it back when its client leaves', async () => {
    await using upstream = await FakeUpstream.start({ greeting: '' });
    await using gateway = await startTestGateway(upstream.port, { limits: { sessions: 1 } });
    await using waiting = await connect(gateway.port);
    waiting.send(good);
    const connection = await upstream.connection();
    await assertRefused(gateway, '503 over_capacity');
    waiting.socket.resetAndDestroy();
    await connection.until((one) => one.closed || one.ended);
    await using next = await connect(gateway.port);
    next.send(good);
    (await upstream.connection(1)).socket.write(INFO_LINE);
    assert.equal(await answerOf(next), '101');
  });

  test('a failed dial gives its place back', async () => {
    await using upstream = await FakeUpstream.start({ greeting: 'HTTP/1.1 400 Bad Request\r\n\r\n' });
    await using gateway = await startTestGateway(upstream.port, {
      limits: { sessions: 1, handshakesInFlight: 1, sessionsPerAddress: 1 },
    });
    for (let round = 0; round < 3; round++) await assertRefused(gateway, '502 upstream_not_nats');
  });

  test('limits.sessionsPerAddress → 429, and the place is free again when the session has ended', async () => {
    await using upstream = await FakeUpstream.start();
    await using gateway = await startTestGateway(upstream.port, { limits: { sessionsPerAddress: 2 } });
    await using first = await RawClient.open(gateway.port);
    await using second = await RawClient.open(gateway.port);
    await assertRefused(gateway, '429 too_many_sessions');
    first.send(closeFrame(1000));
    await gateway.log.ended();
    await using third = await RawClient.open(gateway.port);
    await assertRefused(gateway, '429 too_many_sessions');
    assert.deepEqual([second.data.toString(), third.data.toString()], [INFO_LINE, INFO_LINE]);
  });

  for (const key of ['handshakesPerSecond', 'handshakesPerSecondPerAddress'] as const) {
    test(`limits.${key} → 429`, async () => {
      await using upstream = await FakeUpstream.start();
      // A bucket of one that fills up again in a quarter of an hour.
      await using gateway = await startTestGateway(upstream.port, { limits: { [key]: 0.001 } });
      await using client = await RawClient.open(gateway.port);
      await assertRefused(gateway, '429 too_many_handshakes');
      await assertRefused(gateway, '429 too_many_handshakes');
      assert.equal(client.data.toString(), INFO_LINE);
    });
  }

  test('refused by the rules costs no token of the rate', async () => {
    await using upstream = await FakeUpstream.start();
    await using gateway = await startTestGateway(upstream.port, { limits: { handshakesPerSecond: 0.001 } });
    for (let round = 0; round < 5; round++) {
      await assertRefused(gateway, '403 origin_not_listed', { headers: { Origin: 'https://evil.example' } });
    }
    await using client = await RawClient.open(gateway.port);
    assert.equal(client.data.toString(), INFO_LINE);
  });

  test('limits.handshakesInFlight → 503', async () => {
    await using upstream = await FakeUpstream.start({ greeting: '' });
    await using gateway = await startTestGateway(upstream.port, { limits: { handshakesInFlight: 1 } });
    await using waiting = await connect(gateway.port);
    waiting.send(good);
    const connection = await upstream.connection();
    await assertRefused(gateway, '503 over_capacity');
    connection.socket.write(INFO_LINE);
    assert.equal(await answerOf(waiting), '101');
    await using next = await connect(gateway.port);
    next.send(good);
    (await upstream.connection(1)).socket.write(INFO_LINE);
    assert.equal(await answerOf(next), '101');
  });

  test('draining → 503 with Retry-After for those that wait, and a closed port behind it', async () => {
    await using upstream = await FakeUpstream.start({ greeting: '' });
    await using gateway = await startTestGateway(upstream.port);
    await using waiting = await connect(gateway.port);
    waiting.send(good);
    await upstream.connection();
    const drained = gateway.gateway.drain();
    assert.equal(await answerOf(waiting), '503 draining');
    assertRefusal(await waiting.answer(), '503 draining');
    await drained;
    await assert.rejects(connect(gateway.port), { code: 'ECONNREFUSED' });
  });
});

describe('X-Forwarded-For', () => {
  const TRUSTED = ['127.0.0.0/8', '10.0.0.0/8'];
  const CHAINS: readonly [chain: string | readonly string[] | undefined, client: string][] = [
    [undefined, '127.0.0.1'],
    ['', '127.0.0.1'],
    ['203.0.113.9', '203.0.113.9'],
    ['6.6.6.6, 203.0.113.9', '203.0.113.9'],
    ['6.6.6.6, 203.0.113.9, 10.0.0.7', '203.0.113.9'],
    ['6.6.6.6,203.0.113.9 ,\t10.0.0.7', '203.0.113.9'],
    ['10.0.0.8, 10.0.0.7', '10.0.0.8'],
    [['6.6.6.6', '203.0.113.9'], '203.0.113.9'],
    [['203.0.113.9', '10.0.0.7'], '203.0.113.9'],
    ['203.0.113.9:5123', '203.0.113.9'],
    ['[2001:db8::1]:5123', '2001:db8::1'],
    ['2001:DB8:0:0::1', '2001:db8::1'],
    ['::ffff:203.0.113.9', '203.0.113.9'],
    ['unknown', '127.0.0.1'],
    ['203.0.113.9, unknown', '127.0.0.1'],
    ['unknown, 10.0.0.7', '10.0.0.7'],
    ['203.0.113.9,', '203.0.113.9'],
    ['203.0.113.9, evil.example', '127.0.0.1'],
    ['0x7f.1', '127.0.0.1'],
    [`203.0.113.9${', 10.0.0.7'.repeat(40)}`, '10.0.0.7'],
  ];

  for (const [trust, trustedProxies] of [
    ['a trusted peer', TRUSTED],
    ['an untrusted peer', ['192.0.2.0/24']],
  ] as const) {
    test(`${CHAINS.length} chains from ${trust}`, async () => {
      await using upstream = await FakeUpstream.start();
      await using gateway = await startTestGateway(upstream.port, { listen: { trustedProxies } });
      for (const [index, [chain, client]] of CHAINS.entries()) {
        await using session = await RawClient.open(gateway.port, { headers: { 'X-Forwarded-For': chain } });
        session.send(closeFrame(1000));
        const end = await gateway.log.find(
          (one) => one['session'] === index + 1 && one.message === 'session ended',
        );
        assert.equal(end['client'], trustedProxies === TRUSTED ? client : '127.0.0.1', String(chain));
      }
    });
  }

  test('of a trusted peer: the caps and the line of a refusal go by it', async () => {
    await using upstream = await FakeUpstream.start();
    await using gateway = await startTestGateway(upstream.port, {
      listen: { trustedProxies: TRUSTED },
      limits: { sessionsPerAddress: 1 },
    });
    const by = (address: string): RequestOptions => ({ headers: { 'X-Forwarded-For': address } });
    await using _one = await RawClient.open(gateway.port, by('203.0.113.1'));
    await assertRefused(gateway, '429 too_many_sessions', by('203.0.113.1'));
    await using _two = await RawClient.open(gateway.port, by('203.0.113.2'));
    // One subscriber has a whole /64.
    await using _three = await RawClient.open(gateway.port, by('2001:db8::1'));
    await assertRefused(gateway, '429 too_many_sessions', by('2001:db8::2'));
    await using _four = await RawClient.open(gateway.port, by('2001:db8:0:1::1'));
    const refused = gateway.log.lines.filter((one) => one.message === 'handshake refused');
    assert.deepEqual(
      refused.map((one) => one['client']),
      ['203.0.113.1', '2001:db8::2'],
    );
  });

  test('of an untrusted peer: ignored by the caps and in the line of a refusal', async () => {
    await using upstream = await FakeUpstream.start();
    await using gateway = await startTestGateway(upstream.port, { limits: { sessionsPerAddress: 1 } });
    await using _one = await RawClient.open(gateway.port, { headers: { 'X-Forwarded-For': '203.0.113.1' } });
    await assertRefused(gateway, '429 too_many_sessions', { headers: { 'X-Forwarded-For': '203.0.113.2' } });
    const refused = await gateway.log.find((one) => one.message === 'handshake refused');
    assert.equal(refused['client'], '127.0.0.1');
  });
});

// What is checked of every answer

/** `101`, `close`, or status and token. */
async function answerOf(client: RawClient): Promise<string> {
  const status = await client.status();
  if (status === 101 || status === 'close') return String(status);
  return `${status} ${(await client.answer()).body.split(':', 1)[0]}`;
}

/** The 101 holds what it must and nothing else; then the INFO line, and a close handshake. */
async function assertAccepted(client: RawClient): Promise<void> {
  const { headers } = await client.answer();
  const { 'sec-websocket-accept': accept, ...others } = Object.fromEntries(headers);
  assert.match(String(accept), /^[A-Za-z0-9+/]{27}=$/);
  assert.deepEqual(others, { upgrade: 'websocket', connection: 'Upgrade' });
  await client.until(() => client.frames.length > 0);
  assert.equal(client.data.toString(), INFO_LINE);
  client.send(closeFrame(1000));
  assert.deepEqual(await client.closeReceived(), { code: 1000, reason: '' });
  await client.until(() => client.closed);
}

/** Constants alone, so nothing of the request can be in it. */
function assertRefusal(answer: HttpAnswer, expected: string): void {
  const [status, token] = expected.split(' ') as [string, keyof typeof HANDSHAKE_OUTCOMES];
  assert.equal(answer.status, Number(status));
  const body = `${token}: ${HANDSHAKE_OUTCOMES[token].sentence}\n`;
  assert.equal(answer.body, body);
  const { 'retry-after': retryAfter, ...headers } = Object.fromEntries(answer.headers);
  assert.deepEqual(headers, {
    connection: 'close',
    'content-type': 'text/plain; charset=utf-8',
    'content-length': String(Buffer.byteLength(body)),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    ...SPECIAL_HEADERS[expected],
  });
  if (status === '429' || status === '503') assert.match(String(retryAfter), /^([1-9]|10)$/);
  else assert.equal(retryAfter, undefined);
}

/** The FIN came, a further request is answered by nothing, and the gateway's side of the connection is gone. */
async function assertGone(client: RawClient, gateway: TestGateway): Promise<void> {
  const answered = outcomes(gateway);
  await client.until(() => client.ended || client.closed);
  if (!client.socket.destroyed) client.socket.end(good);
  await closed(serverSide(client, gateway));
  await client.until(() => client.closed);
  assert.equal(client.rest.length, 0);
  assert.deepEqual(client.frames, []);
  assert.deepEqual(outcomes(gateway), answered);
}

async function assertRefused(
  gateway: TestGateway,
  expected: string,
  request: RequestOptions = {},
): Promise<void> {
  await using client = await connect(gateway.port);
  client.send(handshakeRequest(request));
  assert.equal(await answerOf(client), expected);
  assertRefusal(await client.answer(), expected);
  await assertGone(client, gateway);
}

/** Ports of our own ends; a socket forgets its port when it closes. */
const LOCAL_PORTS = new WeakMap<RawClient, number | undefined>();

async function connect(port: number, tls?: ConnectionOptions): Promise<RawClient> {
  const client = await RawClient.connect(port, tls);
  LOCAL_PORTS.set(client, client.socket.localPort);
  return client;
}

/** The other ends of our connections, by listening and connecting port. */
const SERVER_SIDE = new Map<string, Socket>();
subscribe('net.server.socket', (message) => {
  const { socket } = message as { readonly socket: Socket };
  SERVER_SIDE.set(`${socket.localPort}:${socket.remotePort}`, socket);
});

function serverSide(client: RawClient, gateway: TestGateway): Socket {
  const socket = SERVER_SIDE.get(`${gateway.port}:${LOCAL_PORTS.get(client)}`);
  assert.ok(socket !== undefined, 'the gateway accepted this connection');
  return socket;
}

async function closed(socket: Socket): Promise<void> {
  if (!socket.closed) await once(socket, 'close', { signal: AbortSignal.timeout(30_000) });
}

type Status = { readonly handshakes: Record<string, number>; readonly handshakesInFlight: number };

const outcomes = (gateway: TestGateway): Record<string, number> =>
  (gateway.gateway.status.gateway() as Status).handshakes;
const inFlight = (gateway: TestGateway): number =>
  (gateway.gateway.status.gateway() as Status).handshakesInFlight;

/** Waits until `holds`, checked at each log line. */
async function until(gateway: TestGateway, holds: () => boolean): Promise<void> {
  while (!holds()) await once(gateway.log, 'line', { signal: AbortSignal.timeout(30_000) });
}

async function metric(gateway: TestGateway, pattern: RegExp): Promise<void> {
  assert.match((await gateway.gateway.metrics(false)).body, pattern);
}

async function inParallel(
  count: number,
  width: number,
  work: (index: number) => Promise<void>,
): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < count) await work(next++);
  };
  await Promise.all(Array.from({ length: width }, worker));
}

/** The start of a TLS 1.2 ClientHello record of 512 bytes. */
function clientHello(): Buffer {
  return Buffer.concat([Buffer.from('1603010200010001fc0303', 'hex'), randomBytes(32), Buffer.alloc(474)]);
}

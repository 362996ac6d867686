import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { CaptureRecord } from '../../src/capture/format.ts';
import { readCapture } from '../../src/capture/ndjson.ts';
import { pieces } from '../capture/support.ts';
import { keysAt, testAuth, testIssuer } from '../support/auth-config.ts';
import type { ConfigOverrides } from '../support/config.ts';
import { FakeUpstream } from '../support/fake-upstream.ts';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';
import { Issuer, signingKey } from '../support/issuer.ts';
import { closeFrame, frame, Opcode, RawClient } from '../support/raw-client.ts';
import { ReloadableGateway } from '../support/reloadable.ts';

const CANARY = 'CANARY-0123456789abcdef';
const CONNECT = `CONNECT {"verbose":false,"protocol":1,"user":"u-${CANARY}","pass":"${CANARY}","x":"${CANARY}"}\r\n`;
const LEVELS = ['observe', 'enforce'] as const;
const ORIGIN = 'https://app.example.com';

type Answer = { readonly status: number; readonly body: Readonly<Record<string, unknown>> };

async function ask(
  gateway: Pick<TestGateway, 'adminPort'>,
  method: string,
  path: string,
  body?: unknown,
  headers: Readonly<Record<string, string>> = {},
): Promise<Answer> {
  const response = await fetch(`http://127.0.0.1:${gateway.adminPort}/api/captures${path}`, {
    method,
    headers,
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  return { status: response.status, body: (await response.json()) as Answer['body'] };
}

async function download(
  gateway: Pick<TestGateway, 'adminPort'>,
  id: number,
  headers = {},
): Promise<CaptureRecord[]> {
  const response = await fetch(`http://127.0.0.1:${gateway.adminPort}/api/captures/${id}/file`, { headers });
  assert.equal(response.status, 200);
  assert.match(
    response.headers.get('content-disposition') ?? '',
    /^attachment; filename="natsgate-\w+-\d+\.ndjson"$/,
  );
  return Array.fromAsync(readCapture(pieces(Buffer.from(await response.arrayBuffer()))));
}

const say = (client: RawClient, bytes: Buffer | string): void => client.send(frame(Opcode.binary, bytes));

/** Without times. */
const operations = (records: readonly CaptureRecord[]): unknown[] =>
  records.flatMap((record) => {
    if (!('d' in record)) return [];
    const { t, ...rest } = record;
    return [rest];
  });

async function leave(client: RawClient, gateway: TestGateway): Promise<void> {
  client.send(closeFrame(1000));
  await gateway.log.ended();
}

describe('a capture', () => {
  for (const inspect of LEVELS)
    test(`${inspect}: all that a session says, from its INFO to its end, and no payload or secret`, async () => {
      await using upstream = await FakeUpstream.start();
      await using gateway = await startTestGateway(upstream.port, { inspect });
      const started = await ask(gateway, 'POST', '', { origin: ORIGIN });
      assert.equal(started.status, 201);
      assert.equal(started.body['state'], 'waiting');
      await using client = await RawClient.open(gateway.port);
      const connection = await upstream.connection();
      say(client, `${CONNECT}PING\r\n`);
      await connection.until((one) => one.received.includes('PING\r\n'));
      connection.socket.write('PONG\r\n');
      say(
        client,
        'SUB orders.* workers 1\r\nUNSUB 1 3\r\nPUB orders.new _INBOX.abcdefghijkl.0123456789 5\r\nhello\r\n',
      );
      say(client, `HPUB a b 27 31\r\nNATS/1.0\r\nX-Key: secret\r\n\r\n${CANARY.slice(0, 4)}\r\n`);
      await connection.until((one) => one.received.includes('\r\n\r\nCANA\r\n'));
      const error = '-ERR \'Permissions Violation for Publish to "a"\'\r\n';
      connection.socket.write(
        `MSG orders.new 1 5\r\nhello\r\nHMSG r 2 16 16\r\nNATS/1.0 503\r\n\r\n\r\n${error}`,
      );
      await client.until(() => client.data.includes(error));
      await leave(client, gateway);

      const { body } = await ask(gateway, 'GET', '');
      const [row] = body['captures'] as readonly Record<string, unknown>[];
      assert.deepEqual(
        [row?.['state'], row?.['session'], row?.['reason'], row?.['lost']],
        ['ended', 1, 'client_closed', 0],
      );
      const records = await download(gateway, 1);
      const text = JSON.stringify(records);
      assert.doesNotMatch(text, /CANARY|hello|secret|abcdefghijkl/);
      const [header, info] = records;
      assert.ok(header !== undefined && 'kind' in header && info !== undefined && 'op' in info);
      assert.deepEqual(
        [header.session, header.origin, header.client, header.server],
        ['1', ORIGIN, '127.0.0.1', { name: 'fake', version: '2.15.1', cid: 7 }],
      );
      assert.equal(info.op, 'INFO');
      const all = operations(records) as readonly { readonly op?: string }[];
      const seen = all.filter(({ op }) => op !== 'INFO');
      const shown = '{"verbose":false,"protocol":1,"user":"***","pass":"***"}';
      const isRewritten = inspect === 'enforce';
      const connects = [
        { d: 'c>', op: 'CONNECT', text: shown, ...(isRewritten ? { v: 'replaced' } : {}) },
        ...(isRewritten ? [{ d: '>s', op: 'CONNECT', text: shown }] : []),
      ];
      assert.deepEqual(seen.slice(0, connects.length), connects);
      assert.deepEqual(seen.slice(connects.length), [
        { d: 'c>', op: 'PING' },
        { d: 's>', op: 'PONG' },
        { d: 'c>', op: 'SUB', subj: 'orders.*', sid: '1', queue: 'workers' },
        { d: 'c>', op: 'UNSUB', sid: '1', max: 3 },
        { d: 'c>', op: 'PUB', subj: 'orders.new', reply: '_INBOX.efghijkl.23456789', n: 5 },
        { d: 'c>', op: 'HPUB', subj: 'a', reply: 'b', hb: 27, n: 31, hn: ['X-Key'] },
        { d: 's>', op: 'MSG', subj: 'orders.new', sid: '1', n: 5 },
        { d: 's>', op: 'HMSG', subj: 'r', sid: '2', hb: 16, n: 16, st: '503' },
        { d: 's>', op: '-ERR', text: '\'Permissions Violation for Publish to "a"\'' },
      ]);
      assert.deepEqual(records.at(-1), {
        t: (records.at(-1) as { t: number }).t,
        end: { reason: 'client_closed', operations: all.length, lost: 0 },
      });
    });

  test('of an open session: from now on, whole, until it is stopped; the session goes on', async () => {
    await using upstream = await FakeUpstream.start();
    await using gateway = await startTestGateway(upstream.port, { inspect: 'observe' });
    await using client = await RawClient.open(gateway.port);
    const connection = await upstream.connection();
    const pub = async (subject: string): Promise<void> => {
      say(client, `PUB ${subject} 2\r\nhi\r\n`);
      await connection.until((one) => one.received.toString().endsWith(`PUB ${subject} 2\r\nhi\r\n`));
    };
    await pub('before');
    // It begins inside of a message.
    say(client, 'PUB half 4\r\nPI');
    await connection.until((one) => one.received.toString().endsWith('\r\nPI'));
    assert.equal((await ask(gateway, 'POST', '', { session: 1 })).status, 201);
    say(client, 'NG\r\n');
    await pub('one');
    await pub('two');
    assert.deepEqual((await ask(gateway, 'POST', '/1/stop')).body, { stopped: true });
    await pub('after');
    const records = await download(gateway, 1);
    assert.deepEqual(operations(records), [
      { d: 'c>', op: 'PUB', subj: 'one', n: 2 },
      { d: 'c>', op: 'PUB', subj: 'two', n: 2 },
    ]);
    assert.match(JSON.stringify(records.at(-1)), /"reason":"stopped","operations":2,"lost":0/);
    const { body } = await ask(gateway, 'GET', '');
    assert.match(JSON.stringify(body), /"reason":"stopped"/);
  });

  test('what the gateway adds and refuses is in it', async () => {
    await using upstream = await FakeUpstream.start();
    await using gateway = await startTestGateway(upstream.port, {
      inspect: 'enforce',
      info: { connectUrls: 'drop' },
    });
    await ask(gateway, 'POST', '', { address: '::ffff:127.0.0.1' });
    await using client = await RawClient.open(gateway.port);
    say(client, 'CONNECT {}\r\nPUB a b c d\r\n');
    await client.closeReceived();
    await leave(client, gateway);
    const records = operations(await download(gateway, 1)) as readonly Record<string, unknown>[];
    const last = records.at(-1);
    assert.deepEqual([last?.['d'], last?.['op']], ['>c', '-ERR']);
  });

  test('each start, stop, download and deletion is one line of the log', async () => {
    await using upstream = await FakeUpstream.start();
    await using gateway = await startTestGateway(upstream.port, { inspect: 'observe' });
    await using _client = await RawClient.open(gateway.port);
    await ask(gateway, 'POST', '', { session: 1 });
    await download(gateway, 1);
    await ask(gateway, 'POST', '/1/stop');
    assert.equal((await ask(gateway, 'DELETE', '/1')).status, 200);
    const lines = gateway.log.lines.filter(({ message }) => message.startsWith('capture '));
    assert.deepEqual(
      lines.map(({ level, message, capture, client }) => [level, message, capture, client]),
      ['started', 'downloaded', 'stopped', 'deleted'].map((what) => [
        'info',
        `capture ${what} by the API`,
        1,
        '127.0.0.1',
      ]),
    );
    assert.deepEqual((await ask(gateway, 'GET', '')).body, {
      limits: { concurrent: 8, bytes: 4_194_304, seconds: 600, totalBytes: 67_108_864, payloads: false },
      captures: [],
    });
  });
});

test('a capture that waits passes over sessions of routes without inspection', async () => {
  await using upstream = await FakeUpstream.start();
  await using gateway = await ReloadableGateway.start(upstream.port, {
    inspect: 'off',
    routes: [{ path: '/read', inspect: 'observe' }],
  });
  await ask(gateway, 'POST', '', { origin: ORIGIN });
  await using _unread = await RawClient.open(gateway.port);
  await using _read = await RawClient.open(gateway.port, { requestLine: 'GET /read HTTP/1.1' });
  const [row] = (await ask(gateway, 'GET', '')).body['captures'] as readonly Record<string, unknown>[];
  assert.deepEqual([row?.['state'], row?.['session']], ['recording', 2]);
});

test('a server whose name has a line break leaves the file readable', async () => {
  const greeting =
    'INFO {"server_id":"S","server_name":"n\\r\\n1","version":"2\\n.15","max_payload":1024} \r\n';
  await using upstream = await FakeUpstream.start({ greeting });
  await using gateway = await startTestGateway(upstream.port, { inspect: 'observe' });
  await using client = await RawClient.open(gateway.port);
  await ask(gateway, 'POST', '', { session: 1 });
  await leave(client, gateway);
  const [header] = await download(gateway, 1);
  assert.ok(header !== undefined && 'kind' in header);
  assert.deepEqual(header.server, { name: 'n  1', version: '2 .15' });
});

describe('no capture', () => {
  test('without inspection: a sentence says why', async () => {
    await using upstream = await FakeUpstream.start();
    await using gateway = await startTestGateway(upstream.port, { inspect: 'off' });
    await using client = await RawClient.open(gateway.port);
    const { status, body } = await ask(gateway, 'POST', '', { session: 1 });
    assert.deepEqual([status, body['code']], [409, 'inspect_off']);
    assert.match(String(body['detail']), /set inspect: observe/);
    assert.equal((await ask(gateway, 'GET', '/1/file')).status, 404);
    await leave(client, gateway);
  });

  test('for a session to come that can never come: by user without auth, or inspect off in every route', async () => {
    await using upstream = await FakeUpstream.start();
    const refusal = async (overrides: ConfigOverrides, match: object) => {
      await using gateway = await startTestGateway(upstream.port, overrides);
      const { status, body } = await ask(gateway, 'POST', '', match);
      return `${status} ${body['code']}`;
    };
    for (const match of [{ user: 'a' }, { tenant: 'a' }])
      assert.equal(await refusal({ inspect: 'observe' }, match), '409 no_auth');
    assert.equal(await refusal({ inspect: 'off' }, { origin: ORIGIN }), '409 inspect_off');
    await using issuer = await Issuer.start(signingKey('one'));
    const auth = testAuth(testIssuer(keysAt(issuer.url)));
    assert.equal(await refusal({ inspect: 'off', auth }, { user: 'a' }), '409 inspect_off');
    assert.equal(await refusal({ inspect: 'observe', auth }, { user: 'a' }), '201 undefined');
  });

  test('of a session that cannot be read: refused, and said in the file of one that was running', async () => {
    await using upstream = await FakeUpstream.start();
    await using gateway = await startTestGateway(upstream.port, { inspect: 'observe' });
    await using client = await RawClient.open(gateway.port);
    const connection = await upstream.connection();
    await ask(gateway, 'POST', '', { session: 1 });
    const unreadable = 'MSG a 1 3\r\nabc\r\nPUB hidden 0\r\n\r\n';
    say(client, `PUB a 0\r\n\r\n${unreadable}`);
    await connection.until((one) => one.received.includes(unreadable));
    await ask(gateway, 'POST', '/1/stop');
    assert.deepEqual(operations(await download(gateway, 1)), [
      { d: 'c>', op: 'PUB', subj: 'a', n: 0 },
      {
        d: 'g',
        note: 'nothing of the client is recorded after this, because its bytes cannot be read (verb at byte 11)',
      },
    ]);
    const { status, body } = await ask(gateway, 'POST', '', { session: 1 });
    assert.deepEqual([status, body['code']], [409, 'not_readable']);
  });

  test('of sessions that are not there, captured already, or too many', async () => {
    await using upstream = await FakeUpstream.start();
    await using gateway = await startTestGateway(upstream.port, { inspect: 'observe' });
    await using _client = await RawClient.open(gateway.port);
    const start = async (match: object) => (await ask(gateway, 'POST', '', match)).body['code'];
    assert.equal(await start({ session: 2 }), 'no_session');
    assert.equal(await start({ session: 1 }), undefined);
    assert.equal(await start({ session: 1 }), 'already_captured');
    for (let more = 0; more < 7; more++) assert.equal(await start({ address: '192.0.2.1' }), undefined);
    assert.equal(await start({ address: '192.0.2.1' }), 'too_many_captures');
    await ask(gateway, 'POST', '/1/stop');
    assert.equal(await start({ session: 1 }), undefined);
  });

  test('as pcapng where that would be too large, nor in another form', async () => {
    await using upstream = await FakeUpstream.start();
    await using gateway = await startTestGateway(upstream.port, { inspect: 'observe' });
    await using client = await RawClient.open(gateway.port);
    const connection = await upstream.connection();
    await ask(gateway, 'POST', '', { session: 1 });
    const megabyte = Buffer.alloc(1024 * 1024 - 64, 'x');
    for (let n = 1; n <= 20; n++) {
      say(
        client,
        Buffer.concat([Buffer.from(`PUB a ${megabyte.length}\r\n`), megabyte, Buffer.from('\r\n')]),
      );
      await connection.until((one) => one.byteCount > n * megabyte.length);
    }
    const large = await ask(gateway, 'GET', '/1/file?as=pcapng');
    assert.deepEqual([large.status, large.body['code']], [413, 'too_large']);
    assert.deepEqual((await ask(gateway, 'GET', '/1/file?as=png')).body['code'], 'as');
    assert.equal((await download(gateway, 1)).length, 21);
  });

  test('beyond what captures allows: how many, and their bytes together', async () => {
    await using upstream = await FakeUpstream.start();
    const captures = { maxBytes: 64 * 1024, totalBytes: 128 * 1024 };
    await using gateway = await startTestGateway(upstream.port, { inspect: 'observe', captures });
    const start = async () => (await ask(gateway, 'POST', '', { address: '192.0.2.1' })).body['code'];
    assert.deepEqual(
      [await start(), await start(), await start()],
      [undefined, undefined, 'too_many_captures'],
    );
  });

  test('for a body that is not understood', async () => {
    await using upstream = await FakeUpstream.start();
    await using gateway = await startTestGateway(upstream.port, { inspect: 'observe' });
    const bodies = [
      '',
      '[]',
      '{}',
      '{"session":"1"}',
      '{"sessions":1}',
      '{"session":1,"user":"a"}',
      '{"user":""}',
    ];
    for (const body of [...bodies, '{"address":"host"}', '{"origin":1}', '{"user":"a","user":"b"}'])
      assert.deepEqual((await ask(gateway, 'POST', '', body)).body['code'], 'body', body);
    for (const [method, path] of [
      ['POST', '/9/stop'],
      ['GET', '/9/file'],
      ['DELETE', '/9'],
    ] as const)
      assert.deepEqual((await ask(gateway, method, path)).body['code'], 'no_capture', path);
  });
});

describe('payloads', () => {
  const token = 'admin-0123456789abcdef';
  const headers = { Authorization: `Bearer ${token}` };
  const message = `HPUB a 19 ${19 + CANARY.length}\r\nNATS/1.0\r\nX: yz\r\n\r\n${CANARY}\r\n`;

  test('only with all three locks open: configuration, token, and the request', async () => {
    const cases = [
      [{ admin: { payloads: false, token } }, true, '403 payloads_locked'],
      [{ admin: { payloads: true, token } }, true, '201 undefined'],
      [{ admin: { payloads: true, token } }, false, '201 undefined'],
    ] as const;
    for (const [overrides, payloads, expected] of cases) {
      await using upstream = await FakeUpstream.start();
      await using gateway = await startTestGateway(upstream.port, { inspect: 'observe', ...overrides });
      await using client = await RawClient.open(gateway.port);
      const { status, body } = await ask(gateway, 'POST', '', { session: 1, payloads }, headers);
      assert.equal(`${status} ${body['code']}`, expected);
      if (status !== 201) continue;
      say(client, `${CONNECT}${message}`);
      await (await upstream.connection()).until((one) => one.received.includes(message));
      await leave(client, gateway);
      const records = await download(gateway, 1, headers);
      const [connect, hpub] = operations(records) as readonly Record<string, unknown>[];
      assert.doesNotMatch(JSON.stringify(connect), /CANARY/);
      const b = Buffer.from(`NATS/1.0\r\nX: yz\r\n\r\n${CANARY}`).toString('base64');
      assert.equal(hpub?.['b'], payloads ? b : undefined);
      assert.deepEqual((records[0] as { payloads: string }).payloads, payloads ? 'full' : 'masked');
      const pcapng = await fetch(`http://127.0.0.1:${gateway.adminPort}/api/captures/1/file?as=pcapng`, {
        headers,
      });
      const bytes = Buffer.from(await pcapng.arrayBuffer());
      assert.equal(bytes.includes(message), payloads);
      const started = gateway.log.lines.find(({ message: text }) => text === 'capture started by the API');
      assert.equal(started?.['payloads'], payloads);
    }
    await using upstream = await FakeUpstream.start();
    await using gateway = await startTestGateway(upstream.port, { admin: { payloads: true, token } });
    for (const payloads of [1, 'true', null])
      assert.equal((await ask(gateway, 'POST', '', { session: 1, payloads }, headers)).status, 400);
  });

  test('a reload that takes them back ends their captures, and hands out no file of them', async () => {
    await using upstream = await FakeUpstream.start();
    const settings = { inspect: 'observe', admin: { address: '127.0.0.1:0', tokenFile: 'token' } };
    const open = { ...settings, admin: { ...settings.admin, payloads: true } };
    await using gateway = await ReloadableGateway.start(upstream.port, open, { token });
    await using _client = await RawClient.open(gateway.port);
    assert.equal((await ask(gateway, 'POST', '', { session: 1, payloads: true }, headers)).status, 201);
    assert.equal(
      (await fetch(`http://127.0.0.1:${gateway.adminPort}/api/captures/1/file`, { headers })).status,
      200,
    );
    await gateway.write(settings, { token });
    await gateway.gateway.reload('api');
    const [row] = (await ask(gateway, 'GET', '', undefined, headers)).body['captures'] as readonly object[];
    assert.deepEqual(
      { ...row, startedAt: '', bytes: 0 },
      {
        id: 1,
        state: 'ended',
        match: { session: 1 },
        payloads: true,
        session: 1,
        startedAt: '',
        bytes: 0,
        operations: 0,
        lost: 0,
        reason: 'stopped',
      },
    );
    const { status, body } = await ask(gateway, 'GET', '/1/file', undefined, headers);
    assert.deepEqual([status, body['code']], [403, 'payloads_locked']);
  });
});

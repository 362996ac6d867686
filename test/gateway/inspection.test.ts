import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { get } from 'node:http';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, test } from 'node:test';
import { check } from '../../src/cli/check.ts';
import { NatsParser } from '../../src/nats/parser.ts';
import { load } from '../config/support.ts';
import { FakeUpstream, INFO_LINE } from '../support/fake-upstream.ts';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';
import { closeFrame, frame, Opcode, RawClient } from '../support/raw-client.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const CANARY = 'CANARY-0123456789abcdef';
const CONNECT = `CONNECT {"verbose":false,"protocol":1,"lang":"test","name":"page 7","user":"u","pass":"${CANARY}"}\r\n`;
const LEVELS = ['observe', 'enforce'] as const;

type Answer = { readonly status: number; readonly body: string };

async function ask(port: number, path: string, headers: Record<string, string> = {}): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  get({ host: '127.0.0.1', port, path, headers, agent: false, timeout: 30_000 }, (answer) =>
    text(answer).then((body) => resolve({ status: answer.statusCode ?? 0, body }), reject),
  ).on('error', reject);
  return promise;
}

const json = async (port: number, path: string) => JSON.parse((await ask(port, path)).body);

/** The sample of a metric, by name and some of its labels. */
/** Of this moment: the admin port's text may be a quarter of a second old. */
async function sample({ gateway }: TestGateway, name: string, ...labels: string[]): Promise<number> {
  const { body } = await gateway.metrics(false);
  const line = body
    .split('\n')
    .find(
      (one) =>
        (one.startsWith(`${name}{`) || one.startsWith(`${name} `)) && labels.every((l) => one.includes(l)),
    );
  assert.ok(line !== undefined, `${name} ${labels}`);
  return Number(line.split(' ').at(-1));
}

const say = (client: RawClient, bytes: Buffer | string): void => client.send(frame(Opcode.binary, bytes));

const lines = (gateway: TestGateway, part: string) =>
  gateway.log.lines.filter((line) => String(line.message).includes(part));

describe('what is seen of a session', () => {
  for (const inspect of LEVELS) {
    test(`${inspect}: facts, subscriptions, operations, the last error, and no secret`, async () => {
      await using upstream = await FakeUpstream.start();
      await using gateway = await startTestGateway(upstream.port, { inspect });
      await using client = await RawClient.open(gateway.port);
      const connection = await upstream.connection();
      say(client, `${CONNECT}PING\r\n`);
      await connection.until((one) => one.received.includes('PING\r\n'));
      connection.socket.write('PONG\r\n');
      say(client, 'SUB orders.* workers 1\r\nSUB _INBOX.x 2\r\nSUB gone 3\r\nUNSUB 3\r\n');
      say(client, 'PUB orders.new 5\r\nhello\r\nHPUB a b 12 14\r\nNATS/1.0\r\n\r\nhi\r\n');
      await connection.until((one) => one.received.includes('\r\n\r\nhi\r\n'));
      const error = '-ERR \'Permissions Violation for Publish to "a"\'\r\n';
      connection.socket.write(`MSG orders.new 1 5\r\nhello\r\n${error}`);
      await client.until(() => client.data.includes(error));

      const { active, sessions } = await json(gateway.adminPort, '/api/sessions');
      assert.deepEqual([active, sessions.length], [1, 1]);
      const [row] = sessions;
      assert.deepEqual(
        [row.id, row.client, row.upstream, row.natsClientId, row.origin],
        [1, '127.0.0.1', `127.0.0.1:${upstream.port}`, 7, 'https://app.example.com'],
      );
      // The client's three messages; INFO, PONG, and what came after them in one read.
      assert.deepEqual([row.natsUser, row.frames], ['u', { toUpstream: 3, toClient: 3 }]);
      assert.equal(row.inspection, undefined, 'subjects are for who asks for one session');
      const { inspection, handshake: _, ...sameRow } = await json(gateway.adminPort, '/api/sessions/1');
      assert.deepEqual(Object.keys(sameRow), Object.keys(row));
      assert.equal(inspection.level, inspect);
      assert.deepEqual(inspection.server, { name: 'fake', version: '2.15.1', clientId: 7 });
      assert.deepEqual(inspection.connect.credentials, ['user', 'pass']);
      assert.deepEqual([inspection.connect.name, inspection.connect.protocol], ['page 7', 1]);
      assert.deepEqual(inspection.subscriptions, [
        { sid: '1', subject: 'orders.*', queue: 'workers' },
        { sid: '2', subject: '_INBOX.x' },
      ]);
      const { toUpstream: up, toClient: down } = inspection.operations;
      assert.deepEqual(
        [up.CONNECT, up.PING, up.SUB, up.UNSUB, up.PUB, up.HPUB, up.PONG],
        [1, 1, 3, 1, 1, 1, 0],
      );
      assert.deepEqual([down.INFO, down.PONG, down.MSG, down['-ERR'], down.HMSG], [1, 1, 1, 1, 0]);
      assert.deepEqual(inspection.payloadBytes, { toUpstream: 19, toClient: 5 });
      assert.equal(inspection.lastError.kind, 'permissions');
      assert.equal(inspection.lastError.text, 'Permissions Violation for Publish to "a"');
      assert.deepEqual(inspection.stopped, {});

      assert.equal(await sample(gateway, 'natsgate_nats_inspected_sessions'), 1);
      assert.equal(await sample(gateway, 'natsgate_nats_subscriptions_active'), 2);
      const direction = 'direction="to_upstream"';
      assert.equal(await sample(gateway, 'natsgate_nats_operations_total', direction, 'verb="SUB"'), 3);
      assert.equal(await sample(gateway, 'natsgate_nats_payload_bytes_total', direction), 19);
      assert.equal(await sample(gateway, 'natsgate_nats_errors_total', 'kind="permissions"'), 1);
      assert.equal(await sample(gateway, 'natsgate_nats_rtt_seconds_count'), 1);

      client.send(closeFrame(1000));
      const ended = await gateway.log.ended();
      assert.equal(ended['serverError'], 'Permissions Violation for Publish to "…"', 'no subject in a log');
      assert.equal(await sample(gateway, 'natsgate_nats_inspected_sessions'), 0);
      assert.equal(await sample(gateway, 'natsgate_nats_subscriptions_active'), 0);
      assert.equal(
        await sample(gateway, 'natsgate_nats_operations_total', direction, 'verb="SUB"'),
        3,
        'a counter never falls',
      );
      const shown = [
        ...gateway.log.text,
        JSON.stringify(inspection),
        (await ask(gateway.adminPort, '/metrics')).body,
      ].join();
      assert.doesNotMatch(shown, new RegExp(CANARY));
      assert.doesNotMatch((await ask(gateway.adminPort, '/metrics')).body, /orders|_INBOX/);
    });
  }

  test('an id that never was, or none at all → 404; pages by ?after; one that ended is known', async () => {
    await using upstream = await FakeUpstream.start();
    await using gateway = await startTestGateway(upstream.port, { inspect: 'observe' });
    await using one = await RawClient.open(gateway.port);
    await using two = await RawClient.open(gateway.port);
    for (const path of ['3', '0', '01', '-1', '1e0', '1/', 'x', '99999999999999999'])
      assert.equal((await ask(gateway.adminPort, `/api/sessions/${path}`)).status, 404, path);
    assert.equal((await json(gateway.adminPort, '/api/sessions/3')).code, 'no_session');
    const ids = async (query: string): Promise<number[]> =>
      (await json(gateway.adminPort, `/api/sessions${query}`)).sessions.map((row: { id: number }) => row.id);
    assert.deepEqual(await ids(''), [1, 2]);
    assert.deepEqual(await ids('?after=1'), [2]);
    assert.deepEqual(await ids('?after=2'), []);
    one.send(closeFrame(1000));
    await gateway.log.ended();
    assert.deepEqual(await ids(''), [2]);
    const { state, reason } = await json(gateway.adminPort, '/api/sessions/1');
    assert.deepEqual([state, reason], ['ended', 'client_closed']);
    two.send(closeFrame(1000));
  });

  test('with a token, and outside of loopback: not without it', async () => {
    await using upstream = await FakeUpstream.start();
    const address = { host: '0.0.0.0', port: 0 };
    const paths = ['/api/sessions', '/api/sessions/1'];
    await using open = await startTestGateway(upstream.port, { inspect: 'observe', admin: { address } });
    await using without = await RawClient.open(open.port);
    for (const path of paths) assert.equal((await ask(open.adminPort, path)).status, 403, path);
    without.send(closeFrame(1000));
    const admin = { address, token: 'secret' };
    await using closed = await startTestGateway(upstream.port, { inspect: 'observe', admin });
    await using client = await RawClient.open(closed.port);
    for (const path of paths) {
      assert.equal((await ask(closed.adminPort, path)).status, 401, path);
      assert.equal((await ask(closed.adminPort, path, { Authorization: 'Bearer secret' })).status, 200, path);
      const foreign = { Authorization: 'Bearer secret', Origin: 'https://evil.example' };
      assert.equal((await ask(closed.adminPort, path, foreign)).status, 403, path);
    }
    // Who is not let in does not learn which sessions there are.
    assert.equal((await ask(closed.adminPort, '/api/sessions/99')).status, 401);
    client.send(closeFrame(1000));
  });
});

describe('what cannot be read', () => {
  test('observe: one line, that direction unread, and every byte goes on', async () => {
    await using upstream = await FakeUpstream.start();
    await using gateway = await startTestGateway(upstream.port, { inspect: 'observe' });
    await using client = await RawClient.open(gateway.port);
    const connection = await upstream.connection();
    const said = ['HELLO\r\n', 'PUB a 1\r\nx\r\n', `\0${CANARY}`, 'PUB b 9999999999\r\n'];
    for (const bytes of said) {
      say(client, bytes);
      await connection.until((one) => one.received.includes(bytes));
    }
    assert.equal(connection.received.toString(), said.join(''));
    connection.socket.write('MSG a 1 1\r\nx\r\n');
    await client.until(() => client.data.includes('MSG a 1 1\r\nx\r\n'));
    const [line, ...more] = lines(gateway, 'not understood');
    assert.deepEqual(more, []);
    assert.deepEqual(
      [line?.['direction'], line?.['problem'], line?.['offset'], line?.['found']],
      ['to_upstream', 'verb', 0, 'HELLO\\x0d\\x0a'],
    );
    assert.deepEqual([line?.['session'], line?.['client']], [1, '127.0.0.1']);
    const stops = (direction: string, problem: string) =>
      sample(gateway, 'natsgate_nats_parser_stops_total', `"${direction}"`, `"${problem}"`);
    assert.deepEqual([await stops('to_upstream', 'verb'), await stops('to_client', 'verb')], [1, 0]);
    const { inspection } = await json(gateway.adminPort, '/api/sessions/1');
    assert.equal(inspection.stopped.toUpstream.problem, 'verb');
    assert.deepEqual(
      [inspection.operations.toUpstream.PUB, inspection.operations.toClient.MSG],
      [0, 1],
      'the other direction is still read',
    );

    connection.socket.write('MSG a 1 x\r\n\r\nwhatever');
    await client.until(() => client.data.includes('\r\n\r\nwhatever'));
    assert.equal(await stops('to_client', 'size'), 1);
    client.send(closeFrame(1000));
    assert.equal((await gateway.log.ended())['reason'], 'client_closed');
  });

  const refused: readonly (readonly [name: string, sent: string, expected: RegExp, words: string])[] = [
    ['an unknown verb', 'HELLO\r\n', /an operation of a client/, 'Unknown Protocol Operation'],
    ['a bare LF', 'PUB a 1\nx\r\n', /CR LF/, 'Unknown Protocol Operation'],
    ['a control byte', 'PUB b\0 2\r\nhi\r\n', /without control bytes/, 'Unknown Protocol Operation'],
    ['a second CONNECT', CONNECT, /one CONNECT only/, 'Unknown Protocol Operation'],
    ['a long line', `SUB ${'a'.repeat(5000)} 1\r\n`, /at most 4096/, 'maximum control line exceeded'],
  ];
  for (const [name, sent, expected, words] of refused) {
    test(`enforce: ${name} → -ERR, 1008, one log line, nothing of it upstream`, async () => {
      await using upstream = await FakeUpstream.start();
      await using gateway = await startTestGateway(upstream.port, { inspect: 'enforce' });
      await using client = await RawClient.open(gateway.port);
      const connection = await upstream.connection();
      say(client, `${CONNECT}PUB a 5\r\nhello\r\n${sent}PUB c 1\r\nx\r\n`);
      assert.deepEqual(await client.closeReceived(), { code: 1008, reason: 'nats_violation' });
      const last = client.frames.filter((one) => one.opcode < 8).at(-1);
      assert.equal(last?.payload.toString(), `-ERR '${words}'\r\n`);
      client.send(closeFrame(1008));
      const ended = await gateway.log.ended();
      assert.deepEqual([ended['reason'], ended['code'], ended['level']], ['nats_violation', 1008, 'warn']);
      const [line, ...more] = lines(gateway, 'refused; the session ends');
      assert.deepEqual(more, []);
      assert.match(String(line?.['expected']), expected);
      await connection.until((one) => one.ended);
      const [connect, rest] = connection.received.toString().split('}\r\n');
      assert.match(String(connect), /^CONNECT \{"verbose":false,"protocol":1,/);
      assert.equal(rest, 'PUB a 5\r\nhello\r\n');
      assert.doesNotMatch(gateway.log.text.join(), new RegExp(CANARY));
    });
  }

  test('enforce: an unreadable server ends the session too, and nothing of it reaches the client', async () => {
    await using upstream = await FakeUpstream.start();
    await using gateway = await startTestGateway(upstream.port, { inspect: 'enforce' });
    await using client = await RawClient.open(gateway.port);
    (await upstream.connection()).socket.write('PING\r\nNONSENSE\r\n');
    assert.deepEqual(await client.closeReceived(), { code: 1008, reason: 'nats_violation' });
    assert.equal(client.data.toString('latin1').includes('NONSENSE'), false);
    assert.match(client.data.toString(), /PING\r\n-ERR 'Stale Connection'\r\n$/);
  });

  for (const inspect of LEVELS) {
    test(`${inspect}: a long CONNECT in pieces leaves nothing of its secrets in log and API`, async () => {
      await using upstream = await FakeUpstream.start();
      await using gateway = await startTestGateway(upstream.port, { inspect });
      await using client = await RawClient.open(gateway.port);
      say(client, `CONNECT {"jwt":"${'a'.repeat(2000)}`);
      await (inspect === 'observe'
        ? (await upstream.connection()).until((one) => one.byteCount > 2000)
        : undefined);
      say(client, `${CANARY}${'b'.repeat(3000)}"}\r\n`);
      const line = await gateway.log.find((one) => one['problem'] === 'line_too_long');
      assert.match(String(line['found']), /^CONNECT/);
      const seen = [...gateway.log.text, (await ask(gateway.adminPort, '/api/sessions/1')).body].join();
      assert.doesNotMatch(seen, /CANARY|aaaa|bbbb/);
    });
  }
});

for (const inspect of LEVELS) {
  test(`${inspect}: no word of a login that cannot be read is in log and API`, async () => {
    for (const bytes of [
      `CONNECT {"user":"bob","pass":"a\n${CANARY}"}\r\n`,
      `CONNECT user=bob&pass=${CANARY}\r\n`,
      `AUTH ${CANARY}\r\n`,
      `${CANARY}\r\n`,
    ]) {
      await using upstream = await FakeUpstream.start();
      await using gateway = await startTestGateway(upstream.port, { inspect });
      await using client = await RawClient.open(gateway.port);
      // An observer leaves the object of a CONNECT to the server; the NUL stops it.
      say(client, `${bytes}\0\r\n`);
      await gateway.log.find((one) => one['found'] !== undefined);
      const seen = [...gateway.log.text, (await ask(gateway.adminPort, '/api/sessions/1')).body].join();
      assert.doesNotMatch(seen, new RegExp(CANARY.slice(0, 5)), bytes);
    }
  });
}

test('a subject in the API moves no cursor of a terminal, and is the subject all the same', async () => {
  await using upstream = await FakeUpstream.start();
  await using gateway = await startTestGateway(upstream.port, { inspect: 'observe' });
  await using client = await RawClient.open(gateway.port);
  const subject = 'a.\u009b31m\u202e\u2066é\u001b';
  say(client, `SUB ${subject} 1\r\n`);
  await (await upstream.connection()).until((one) => one.received.includes(' 1\r\n'));
  const { body } = await ask(gateway.adminPort, '/api/sessions/1');
  assert.match(body, /"a\.\\u009b31m\\u202e\\u2066é\\u001b"/);
  assert.equal(JSON.parse(body).inspection.subscriptions[0].subject, subject);
});

test('the user of CONNECT is not named where natsgate takes the login out of it', async () => {
  await using upstream = await FakeUpstream.start();
  const settings = { inspect: 'enforce', connect: { clientCredentials: 'drop' } } as const;
  await using gateway = await startTestGateway(upstream.port, settings);
  await using client = await RawClient.open(gateway.port);
  say(client, CONNECT);
  await (await upstream.connection()).until((one) => one.received.includes('\r\n'));
  const { sessions } = await json(gateway.adminPort, '/api/sessions');
  assert.deepEqual([sessions[0].clientName, sessions[0].natsUser], ['page 7', undefined]);
});

describe('connect_urls', () => {
  const greeting = INFO_LINE.replace(
    '"proto":1',
    '"proto":1,"nonce":"abcdefghijk","connect_urls":["10.0.0.1:4222","10.0.0.2:4222"]',
  );

  for (const inspect of ['off', 'observe'] as const) {
    test(`${inspect}: the INFO passes as it is, and one warning says what will happen`, async () => {
      await using upstream = await FakeUpstream.start({ greeting });
      await using gateway = await startTestGateway(upstream.port, { inspect });
      for (let count = 0; count < 3; count++) {
        await using client = await RawClient.open(gateway.port);
        assert.equal(client.data.toString(), greeting);
      }
      await using watched = await RawClient.open(gateway.port);
      const { info } = (await json(gateway.adminPort, '/api/sessions/4')).inspection;
      if (inspect === 'off') assert.equal(info, undefined);
      else assert.deepEqual([info.sent, info.received.nonce], [info.received, '***']);
      watched.send(closeFrame(1000));
      const [line, ...more] = lines(gateway, 'announces addresses of its cluster');
      assert.deepEqual(more, []);
      assert.deepEqual(line?.['announced'], ['10.0.0.1:4222', '10.0.0.2:4222']);
      assert.match(String(line?.message), /"info:" and below it " {2}connectUrls: drop"/);
      assert.equal(/, and "inspect: enforce"$/.test(String(line?.message)), inspect === 'observe');
    });
  }

  const cases = [
    ['keep', ['10.0.0.1:4222', '10.0.0.2:4222']],
    ['drop', undefined],
    [['gw.example.com:443'], ['gw.example.com:443']],
  ] as const;
  for (const [connectUrls, expected] of cases) {
    test(`enforce, ${connectUrls}: in the first message and in every later INFO; no warning`, async () => {
      await using upstream = await FakeUpstream.start({ greeting });
      const settings = { inspect: 'enforce', info: { connectUrls } } as const;
      await using gateway = await startTestGateway(upstream.port, settings);
      await using client = await RawClient.open(gateway.port);
      const first = JSON.parse(client.data.toString().slice(5));
      assert.deepEqual([first.connect_urls, first.client_ip], [expected, '127.0.0.1']);
      const { info } = (await json(gateway.adminPort, '/api/sessions/1')).inspection;
      const original = JSON.parse(greeting.slice(5));
      assert.deepEqual(info.received, { ...original, nonce: '***' }, 'as the server has sent it');
      assert.deepEqual(info.sent, { ...first, nonce: '***' }, 'as the client got it');
      (await upstream.connection()).socket.write(`PONG\r\n${greeting}PING\r\n`);
      await client.until(() => client.data.includes('PING\r\n'));
      const [, , , second] = client.data.toString().split(/INFO |PONG\r\n/);
      assert.deepEqual(JSON.parse(String(second).replace('PING\r\n', '')).connect_urls, expected);
      assert.deepEqual(lines(gateway, 'announces addresses'), []);
    });
  }
});

describe('max_payload', () => {
  const greeting = INFO_LINE.replace('1048576', String(8 * 1024 * 1024));

  for (const inspect of ['off', 'observe', 'enforce'] as const) {
    test(`${inspect}: a server that takes more than limits.frameBytes is warned of once`, async () => {
      await using upstream = await FakeUpstream.start({ greeting });
      await using gateway = await startTestGateway(upstream.port, { inspect });
      for (let count = 0; count < 3; count++)
        await (await RawClient.open(gateway.port))[Symbol.asyncDispose]();
      const [line, ...more] = lines(gateway, 'takes larger messages');
      assert.deepEqual(more, []);
      assert.deepEqual([line?.['maxPayload'], line?.['frameBytes']], [8_388_608, 8_388_608]);
    });
  }

  test('no warning where a whole message of the server has room in a frame', async () => {
    await using upstream = await FakeUpstream.start();
    await using gateway = await startTestGateway(upstream.port);
    await (await RawClient.open(gateway.port))[Symbol.asyncDispose]();
    assert.deepEqual(lines(gateway, 'takes larger messages'), []);
  });
});

describe('level off', () => {
  test('no parser reads a byte, and none is made', async (t) => {
    const parse = t.mock.method(NatsParser.prototype, 'parse');
    await using upstream = await FakeUpstream.start({ echo: true });
    const run = async (inspect: 'off' | 'observe'): Promise<unknown> => {
      await using gateway = await startTestGateway(upstream.port, { inspect });
      await using client = await RawClient.open(gateway.port);
      say(client, 'PING\r\n');
      await client.until(() => client.data.includes('PING\r\n'));
      return (await json(gateway.adminPort, '/api/sessions/1')).inspection.level;
    };
    assert.equal(await run('off'), 'off');
    assert.equal(parse.mock.callCount(), 0);
    assert.equal(await run('observe'), 'observe');
    assert.ok(parse.mock.callCount() > 0, 'the count counts');
    // Besides what an operator tries, parsers are made by inspectors alone, and those by the one function that returns early at level off.
    const src = join(import.meta.dirname, '..', '..', 'src');
    const makers = (what: string): string[] =>
      globSync('**/*.ts', { cwd: src }).filter(
        (file) =>
          !/^(cli\/|replay\/|inspect\/policy-trial)/.test(file) &&
          readFileSync(join(src, file), 'utf8').includes(`new ${what}(`),
      );
    assert.deepEqual(makers('NatsParser'), ['inspect/inspector.ts']);
    assert.deepEqual(makers('Inspector'), ['session-inspector.ts']);
  });
});

describe('the configuration', () => {
  const REQUIRED = 'origins: https://app.example.com\nupstream: nats://n\n';

  test('the level is what the keys need; one below that is a problem with its fix', async () => {
    const level = async (more: string) => (await load(`${REQUIRED}${more}`)).config?.inspect;
    assert.equal(await level(''), 'off');
    assert.equal(await level('info: {connectUrls: keep}\n'), 'off');
    assert.equal(await level('inspect: observe\n'), 'observe');
    for (const info of ['connectUrls: drop', 'connectUrls: ["gw.example.com:443"]', 'hide: [host]'])
      assert.equal(await level(`info: {${info}}\n`), 'enforce', info);
    for (const low of ['off', 'observe']) {
      const { config, problems } = await load(`${REQUIRED}inspect: ${low}\ninfo: {connectUrls: drop}\n`);
      assert.equal(config, undefined);
      assert.deepEqual(problems, ['level_too_low 3:10 inspect']);
    }
  });

  test('the lines that the warning names are the fix', async () => {
    for (const inspect of ['', 'inspect: enforce\n']) {
      const { config, lines: problems } = await load(`${REQUIRED}${inspect}info:\n  connectUrls: drop\n`);
      assert.deepEqual(problems, []);
      assert.deepEqual([config?.inspect, config?.info.connectUrls], ['enforce', 'drop']);
    }
  });

  test('natsgate check names the level in effect', async () => {
    await using folder = await temporaryFolder();
    const described = async (more: string): Promise<string[]> => {
      const file = join(folder.path, 'gateway.yaml');
      await writeFile(file, `${REQUIRED}${more}`);
      const out: string[] = [];
      const io = { out: (line: string) => void out.push(line), err: () => {} };
      assert.equal(await check({ file, flags: {}, env: {} }, io), 0);
      return out.filter((line) => /inspect|INFO/.test(line)).map((line) => line.trim());
    };
    assert.deepEqual(await described(''), ['inspect    off (bytes pass unread)']);
    assert.deepEqual(await described('inspect: observe\n'), [
      'inspect    observe (NATS is read beside the bytes)',
    ]);
    assert.deepEqual(await described('info: {connectUrls: drop, hide: [host, ip]}\n'), [
      'inspect    enforce (NATS is read before it may pass)',
      'INFO: connect_urls drop; without host, ip',
    ]);
    assert.deepEqual(await described('info: {connectUrls: [gw.example.com:443]}\n'), [
      'inspect    enforce (NATS is read before it may pass)',
      'INFO: connect_urls become gw.example.com:443',
    ]);
  });

  test('every yaml example in the documents is a valid configuration', async () => {
    const root = join(import.meta.dirname, '..', '..');
    let seen = 0;
    for (const file of ['README.md', ...globSync('docs/*.md', { cwd: root })]) {
      for (const [, block = ''] of readFileSync(join(root, file), 'utf8').matchAll(/```yaml\n(.*?)```/gs)) {
        const missing = REQUIRED.split(/(?<=\n)/).filter(
          (line) => !new RegExp(`^${line.split(':')[0]}:`, 'm').test(block),
        );
        const whole = `${missing.join('')}${block}`;
        if (/certFile|tokenFile|seedFile/.test(block)) continue;
        seen++;
        assert.deepEqual((await load(whole)).lines, [], `${file}: ${block}`);
      }
    }
    assert.ok(seen >= 3, `${seen} examples`);
  });
});

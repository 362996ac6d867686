import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { keysAt, testAuth, testIssuer } from '../support/auth-config.ts';
import { FakeUpstream } from '../support/fake-upstream.ts';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';
import { Issuer, signingKey } from '../support/issuer.ts';
import { handshakeRequest, RawClient, type RequestOptions } from '../support/raw-client.ts';
import { ReloadableGateway } from '../support/reloadable.ts';

type Answer = { readonly status: number; readonly body: Readonly<Record<string, unknown>> };

async function post(port: number, path: string, body?: unknown, origin?: string): Promise<Answer> {
  const response = await fetch(`http://127.0.0.1:${port}${path}`, {
    method: 'POST',
    headers: origin === undefined ? {} : { origin },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  return { status: response.status, body: (await response.json()) as Answer['body'] };
}
const kick = (port: number, body: unknown): Promise<Answer> => post(port, '/api/sessions/kick', body);

const bearer = (token: string): RequestOptions => ({ headers: { Authorization: `Bearer ${token}` } });

async function knock(port: number, token: string) {
  await using client = await RawClient.connect(port);
  client.send(handshakeRequest(bearer(token)));
  return await client.answer();
}

let issuer: Issuer;
let upstream: FakeUpstream;
let gateway: TestGateway;
before(async () => {
  issuer = await Issuer.start(signingKey('one'));
  upstream = await FakeUpstream.start();
  const identity = { user: ['sub'], tenant: ['org'], groups: undefined };
  gateway = await startTestGateway(upstream.port, {
    auth: testAuth(testIssuer(keysAt(issuer.url)), { identity }),
  });
});
after(async () => {
  await gateway[Symbol.asyncDispose]();
  await upstream[Symbol.asyncDispose]();
  await issuer[Symbol.asyncDispose]();
});

const open = (sub: string, org = 'acme'): Promise<RawClient> =>
  RawClient.open(gateway.port, bearer(issuer.token({ sub, org })));

async function expectKilled(client: RawClient): Promise<void> {
  assert.deepEqual(await client.closeReceived(), { code: 1008, reason: 'killed' });
  assert.ok(client.data.toString().endsWith("-ERR 'Stale Connection'\r\n"));
}

describe('one session', () => {
  test('is ended by its id, and others go on', async () => {
    await using client = await open('one');
    await using other = await open('one');
    const { sessions } = (await (
      await fetch(`http://127.0.0.1:${gateway.adminPort}/api/sessions`)
    ).json()) as { sessions: { id: number }[] };
    const id = sessions[0]?.id;
    assert.deepEqual(await post(gateway.adminPort, `/api/sessions/${id}/kick`), {
      status: 200,
      body: { ended: 1 },
    });
    await expectKilled(client);
    client.socket.destroy();
    assert.equal(other.closed, false);
    const end = await gateway.log.find((one) => one['session'] === id && one.message === 'session ended');
    assert.deepEqual([end['reason'], end['user']], ['killed', 'one']);
    assert.equal((await knock(gateway.port, issuer.token({ sub: 'one', org: 'acme' }))).status, 101);
  });

  test('that is not there: 404', async () => {
    const { status, body } = await post(gateway.adminPort, '/api/sessions/999999/kick');
    assert.deepEqual([status, body['code']], [404, 'no_session']);
  });
});

describe('all sessions of a user', () => {
  test('are ended, of one tenant or of all; without a time the user may come back', async () => {
    await using here = await open('two', 'acme');
    await using there = await open('two', 'other');
    await using stranger = await open('three', 'acme');
    assert.deepEqual((await kick(gateway.adminPort, { user: 'two', tenant: 'acme' })).body, { ended: 1 });
    await expectKilled(here);
    assert.equal(there.closed, false);
    assert.deepEqual((await kick(gateway.adminPort, { user: 'two' })).body, { ended: 1 });
    await expectKilled(there);
    assert.equal(stranger.closed, false);
    assert.equal((await knock(gateway.port, issuer.token({ sub: 'two', org: 'acme' }))).status, 101);
    assert.deepEqual((await kick(gateway.adminPort, { user: 'nobody' })).body, { ended: 0 });
  });

  test('with a time: 403 until then, though the token is good and remembered', async (t) => {
    const token = issuer.token({ sub: 'four', org: 'acme', exp: Math.floor(Date.now() / 1000) + 7200 });
    await using client = await RawClient.open(gateway.port, bearer(token));
    const { status, body } = await kick(gateway.adminPort, { user: 'four', for: '10m' });
    assert.deepEqual([status, body['ended']], [200, 1]);
    const leftMs = Date.parse(String(body['until'])) - Date.now();
    assert.ok(leftMs > 595_000 && leftMs <= 600_000, String(leftMs));
    await expectKilled(client);
    const refusal = await knock(gateway.port, token);
    assert.deepEqual([refusal.status, refusal.body.split(':')[0]], [403, 'forbidden']);
    const line = await gateway.log.find((one) => one['detail'] === 'kicked');
    assert.deepEqual([line['outcome'], line['level']], ['forbidden', 'info']);
    const other = issuer.token({ sub: 'five', org: 'acme' });
    assert.equal((await knock(gateway.port, other)).status, 101);
    t.mock.timers.enable({ apis: ['Date'], now: Date.now() + 600_001 });
    assert.equal((await knock(gateway.port, token)).status, 101);
  });

  test('that is dialled for at that moment comes too late', async () => {
    await using slow = await FakeUpstream.start({ greeting: '' });
    await using own = await startTestGateway(slow.port, { auth: testAuth(testIssuer(keysAt(issuer.url))) });
    await using client = await RawClient.connect(own.port);
    client.send(handshakeRequest(bearer(issuer.token({ sub: 'six' }))));
    const connection = await slow.connection();
    assert.deepEqual((await kick(own.adminPort, { user: 'six', for: '1m' })).body['ended'], 0);
    connection.socket.write('INFO {"server_id":"a","nonce":"b"}\r\n');
    assert.equal((await client.answer()).status, 403);
    assert.equal(own.gateway.sessionCount, 0);
  });

  test('300 of them are ended in many turns of the event loop', async () => {
    const clients = await Promise.all(Array.from({ length: 300 }, () => open('many')));
    let turns = 0;
    const count = (): void => {
      turns++;
      if (counting) setImmediate(count);
    };
    let counting = true;
    setImmediate(count);
    assert.equal((await kick(gateway.adminPort, { user: 'many' })).body['ended'], 300);
    counting = false;
    assert.ok(turns >= 5, `${turns} turns`);
    for (const client of clients) {
      await expectKilled(client);
      client.socket.destroy();
    }
  });
});

describe('what is not understood ends nothing', () => {
  const BODIES: readonly unknown[] = [
    '',
    'alice',
    '[]',
    '{"user":"alice","user":"bob"}',
    {},
    { user: '' },
    { user: 7 },
    { user: 'x'.repeat(257) },
    { user: 'alice', tenant: '' },
    { user: 'alice', tenant: null },
    { user: 'alice', tenat: 'acme' },
    { user: 'alice', for: 600 },
    { user: 'alice', for: '0s' },
    { user: 'alice', for: '25h' },
    { user: 'alice', for: 'ever' },
  ];
  test('400 with a sentence', async () => {
    await using client = await open('alice');
    for (const body of BODIES) {
      const answer = await kick(gateway.adminPort, body);
      assert.deepEqual([answer.status, answer.body['code']], [400, 'body'], JSON.stringify(body));
      assert.match(String(answer.body['detail']), /^[a-z].*\.$/);
    }
    assert.equal(client.closed, false);
  });

  test('the page of another: 403', async () => {
    const answer = await post(
      gateway.adminPort,
      '/api/sessions/kick',
      { user: 'alice' },
      'https://evil.example',
    );
    assert.deepEqual([answer.status, answer.body['code']], [403, 'foreign_origin']);
  });
});

test('without auth: sessions can be ended by id, and nobody kept out', async () => {
  await using own = await startTestGateway(upstream.port);
  await using client = await RawClient.open(own.port);
  const { status, body } = await kick(own.adminPort, { user: 'alice', for: '1m' });
  assert.deepEqual([status, body['code']], [409, 'no_auth']);
  assert.deepEqual((await kick(own.adminPort, { user: 'alice' })).body, { ended: 0 });
  assert.equal((await post(own.adminPort, '/api/sessions/1/kick')).body['ended'], 1);
  assert.equal((await client.closeReceived())?.reason, 'killed');
});

test('a kick survives a reload', async () => {
  const settings = (audience: string): object => ({
    auth: {
      from: [{ header: 'authorization' }],
      jwt: [{ issuer: 'https://id.example', audience, keys: { url: issuer.url } }],
    },
  });
  await using own = await ReloadableGateway.start(upstream.port, { ...settings('other') });
  await own.write({ ...settings('nats-web') });
  await kick(own.adminPort, { user: 'alice', for: '1m' });
  assert.equal((await own.gateway.reload('api'))?.outcome, 'applied');
  assert.equal((await knock(own.port, issuer.token())).status, 403);
});

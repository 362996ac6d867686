import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, describe, test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { AuthConfig, WebhookConfig } from '../../src/config/config.ts';
import { keysAt, testAuth, testIssuer } from '../support/auth-config.ts';
import { FakeUpstream } from '../support/fake-upstream.ts';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';
import { Issuer, signingKey } from '../support/issuer.ts';
import { handshakeRequest, RawClient, type RequestOptions } from '../support/raw-client.ts';
import { ReloadableGateway } from '../support/reloadable.ts';
import { ALICE, answering, TestWebhook } from '../support/webhook.ts';

const EVERY_MS = 60_000;
const cookie = (value: string): RequestOptions => ({ headers: { Cookie: `__Host-session=${value}` } });

let upstream: FakeUpstream;
let webhook: TestWebhook;
before(async () => {
  upstream = await FakeUpstream.start();
});
after(() => upstream[Symbol.asyncDispose]());

const SOURCES = testAuth(testIssuer(keysAt('http://127.0.0.1:9')));
function startGateway(
  changes: Partial<WebhookConfig> = {},
  more: Partial<AuthConfig> = {},
): Promise<TestGateway> {
  const config = webhook.config({ recheckMs: EVERY_MS, cacheMs: 600_000, ...changes });
  return startTestGateway(upstream.port, { auth: { ...SOURCES, issuers: [], webhook: config, ...more } });
}

async function row(gateway: TestGateway): Promise<Readonly<Record<string, unknown>>> {
  const response = await fetch(`http://127.0.0.1:${gateway.adminPort}/api/sessions`);
  return ((await response.json()) as { sessions: Record<string, unknown>[] }).sessions[0] ?? {};
}

/** The gateway has understood this many answers. */
async function answered(gateway: TestGateway, outcome: string, times: number): Promise<void> {
  for (;;) {
    const text = await (await fetch(`http://127.0.0.1:${gateway.adminPort}/metrics`)).text();
    if (text.includes(`natsgate_auth_webhook_requests_total{outcome="${outcome}"} ${times}\n`)) break;
  }
  await nextTurn();
}

describe('an open session', () => {
  before(async () => {
    webhook = await TestWebhook.start();
  });
  after(() => webhook[Symbol.asyncDispose]());

  test('is asked about again with what the client sent, and goes on when the answer is yes', async () => {
    webhook.answer = answering(200, ALICE);
    await using gateway = await startGateway();
    const before = webhook.asked.length;
    await using client = await RawClient.open(gateway.port, cookie('opaque-1'));
    for (let round = 1; round <= 3; round++) {
      gateway.advance(EVERY_MS + 250);
      await webhook.times(before + 1 + round);
      await answered(gateway, 'granted', 1 + round);
      const { json } = webhook.asked.at(-1)!;
      assert.equal(json['recheck'], true);
      assert.deepEqual(json['credential'], { source: 'cookie', value: 'opaque-1' });
    }
    const [first, again] = webhook.asked.slice(before);
    assert.deepEqual({ ...again?.json, recheck: false }, first?.json);
    assert.equal(client.closed, false);
  });

  for (const [name, answer] of [
    ['401', answering(401)],
    ['403', answering(403)],
    ['another user', answering(200, { identity: { user: 'bob' } })],
    ['another tenant', answering(200, { identity: { user: 'alice', tenant: 'acme' } })],
    ['204, for one who was somebody', answering(204)],
  ] as const)
    test(`${name}: it ends, announced, and what was remembered counts no more`, async () => {
      webhook.answer = answering(200, ALICE);
      await using gateway = await startGateway();
      await using client = await RawClient.open(gateway.port, cookie('opaque-2'));
      webhook.answer = answer;
      gateway.advance(EVERY_MS + 250);
      assert.deepEqual(await client.closeReceived(), { code: 1008, reason: 'auth_revoked' });
      assert.ok(client.data.toString().endsWith("-ERR 'User Authentication Revoked'\r\n"));
      client.socket.destroy();
      const line = await gateway.log.ended();
      assert.deepEqual([line['reason'], line['level'], line['user']], ['auth_revoked', 'info', 'alice']);
      const asked = webhook.asked.length;
      await using again = await RawClient.connect(gateway.port);
      again.send(handshakeRequest(cookie('opaque-2')));
      await again.answer();
      assert.equal(webhook.asked.length, asked + 1);
    });

  for (const [name, answer, outcome] of [
    ['500', answering(500), 'error'],
    ['429', answering(429), 'busy'],
    ['no answer', () => {}, 'timeout'],
    ['a bad answer', answering(200, { ...ALICE, typo: 1 }), 'bad_answer'],
  ] as const)
    test(`${name}: it goes on, and is asked about again`, async () => {
      webhook.answer = answering(200, ALICE);
      await using gateway = await startGateway({ timeoutMs: outcome === 'timeout' ? 1000 : 20_000 });
      await using client = await RawClient.open(gateway.port, cookie('opaque-3'));
      webhook.answer = answer;
      for (let round = 1; round <= 2; round++) {
        gateway.advance(EVERY_MS + 250);
        await answered(gateway, outcome, round);
      }
      assert.equal(client.closed, false);
      assert.equal(gateway.gateway.sessionCount, 1);
      webhook.answer = answering(401);
      gateway.advance(EVERY_MS + 250);
      assert.equal((await client.closeReceived())?.reason, 'auth_revoked');
    });

  test('ends later, or earlier, when the answer says so', async (t) => {
    const nowMs = Date.now();
    const until = (ms: number): void => {
      webhook.answer = answering(200, { ...ALICE, expiresAt: new Date(nowMs + ms).toISOString() });
    };
    until(120_000);
    await using gateway = await startGateway();
    await using client = await RawClient.open(gateway.port, cookie('opaque-4'));
    const ends = async (): Promise<number> => Date.parse(String((await row(gateway))['loginEndsAt'])) - nowMs;
    assert.equal(await ends(), 150_000);
    until(600_000);
    gateway.advance(EVERY_MS + 250);
    await answered(gateway, 'granted', 2);
    assert.equal(await ends(), 630_000);
    // An answer without an expiry says nothing about it.
    webhook.answer = answering(200, ALICE);
    gateway.advance(EVERY_MS + 250);
    await answered(gateway, 'granted', 3);
    assert.equal(await ends(), 630_000);
    until(70_000);
    gateway.advance(EVERY_MS + 250);
    await answered(gateway, 'granted', 4);
    assert.equal(await ends(), 100_000);
    t.mock.timers.enable({ apis: ['Date'], now: nowMs + 100_001 });
    gateway.advance(30_000);
    assert.equal((await client.closeReceived())?.reason, 'auth_expired');
  });

  test('beside jwt: the token of the client bounds what the webhook says', async () => {
    await using issuer = await Issuer.start(signingKey('one'));
    await using gateway = await startGateway({}, { issuers: [testIssuer(keysAt(issuer.url))] });
    webhook.answer = answering(204);
    const request = { headers: { Authorization: `Bearer ${issuer.token()}` } };
    await using client = await RawClient.open(gateway.port, request);
    const { loginEndsAt } = await row(gateway);
    webhook.answer = answering(200, { expiresAt: '2136-01-01T00:00:00Z' });
    gateway.advance(EVERY_MS + 250);
    await answered(gateway, 'granted', 2);
    assert.equal((await row(gateway))['loginEndsAt'], loginEndsAt);
    assert.equal(client.closed, false);
  });

  test('that has ended is not asked about, and nothing of it is kept', async () => {
    webhook.answer = answering(200, ALICE);
    await using gateway = await startGateway();
    const client = await RawClient.open(gateway.port, cookie('opaque-5'));
    client.socket.destroy();
    await gateway.log.ended();
    const asked = webhook.asked.length;
    gateway.advance(10 * EVERY_MS);
    await nextTurn();
    assert.equal(webhook.asked.length, asked);
  });

  test('that ends while it is asked about: its question ends too', async () => {
    webhook.answer = answering(200, ALICE);
    await using gateway = await startGateway({ timeoutMs: 20_000 });
    const client = await RawClient.open(gateway.port, cookie('opaque-6'));
    webhook.answer = () => {};
    const asked = webhook.asked.length;
    gateway.advance(EVERY_MS + 250);
    await webhook.times(asked + 1);
    client.socket.destroy();
    await gateway.log.ended();
    await answered(gateway, 'abandoned', 1);
  });
});

test('a no takes back the yes that another handshake has got meanwhile', async () => {
  webhook = await TestWebhook.start();
  await using _ = webhook;
  webhook.answer = answering(200, ALICE);
  await using gateway = await startGateway({ timeoutMs: 20_000 });
  await using open = await RawClient.open(gateway.port, cookie('twice'));
  const held: (() => void)[] = [];
  webhook.answer = (response, question) => {
    if (question.json['recheck'] === true) held.push(() => answering(401)(response, question));
    else answering(200, ALICE)(response, question);
  };
  const asked = webhook.asked.length;
  gateway.advance(EVERY_MS + 250);
  await webhook.times(asked + 1);
  await using other = await RawClient.open(gateway.port, cookie('twice'));
  held[0]?.();
  assert.equal((await open.closeReceived())?.reason, 'auth_revoked');
  webhook.answer = answering(401);
  await using back = await RawClient.connect(gateway.port);
  back.send(handshakeRequest(cookie('twice')));
  assert.equal((await back.answer()).status, 401);
  assert.equal(other.closed, false);
});

test('a yes that was under way while a session got a no is not remembered', async () => {
  webhook = await TestWebhook.start();
  await using _ = webhook;
  webhook.answer = answering(200, ALICE);
  await using gateway = await startGateway({ timeoutMs: 20_000 });
  await using open = await RawClient.open(gateway.port, cookie('late-yes'));
  const held: (() => void)[] = [];
  const asked = webhook.asked.length;
  gateway.advance(EVERY_MS + 250);
  await webhook.times(asked + 1);
  await answered(gateway, 'granted', 2);
  // The recheck has taken the first answer away.
  webhook.answer = (response, question) => {
    if (question.json['recheck'] === true) answering(401)(response, question);
    else held.push(() => answering(200, ALICE)(response, question));
  };
  const other = await RawClient.connect(gateway.port);
  other.send(handshakeRequest(cookie('late-yes')));
  await webhook.times(asked + 2);
  gateway.advance(EVERY_MS + 250);
  assert.equal((await open.closeReceived())?.reason, 'auth_revoked');
  held[0]?.();
  assert.equal((await other.answer()).status, 101, 'its own answer was a yes');
  webhook.answer = answering(401);
  await using back = await RawClient.connect(gateway.port);
  back.send(handshakeRequest(cookie('late-yes')));
  assert.equal((await back.answer()).status, 401);
  other.socket.destroy();
});

test('many sessions are asked about one after the other, and leave half of the places to handshakes', async () => {
  webhook = await TestWebhook.start();
  await using _ = webhook;
  webhook.answer = answering(200, ALICE);
  await using gateway = await startGateway({ inFlight: 4, timeoutMs: 20_000, cacheMs: 600_000 });
  const clients = await Promise.all(
    Array.from({ length: 30 }, (_one, index) => RawClient.open(gateway.port, cookie(`many-${index}`))),
  );
  const held: (() => void)[] = [];
  const asked = webhook.asked.length;
  webhook.answer = (response, question) => void held.push(() => answering(200, ALICE)(response, question));
  gateway.advance(EVERY_MS + 250);
  await webhook.times(asked + 2);
  await nextTurn();
  assert.equal(webhook.asked.length, asked + 2);
  // A client that connects now is not held up by them.
  const late = await RawClient.connect(gateway.port);
  late.send(handshakeRequest(cookie('late')));
  await webhook.times(asked + 3);
  assert.equal(webhook.asked.at(-1)?.json['recheck'], false);
  held.splice(2, 1)[0]?.();
  assert.equal((await late.answer()).status, 101);
  webhook.answer = answering(200, ALICE);
  for (const release of held) release();
  await webhook.times(asked + 31);
  const about = webhook.asked.slice(asked).filter(({ json }) => json['recheck'] === true);
  const credentials = new Set(about.map(({ json }) => JSON.stringify(json['credential'])));
  assert.equal(credentials.size, 30);
  for (const client of [...clients, late]) client.socket.destroy();
});

test('sessions that begin together are asked about at times that differ', async () => {
  webhook = await TestWebhook.start();
  await using _ = webhook;
  webhook.answer = answering(200, ALICE);
  await using gateway = await startGateway({ inFlight: 1000 });
  const clients = await Promise.all(
    Array.from({ length: 60 }, (_one, index) => RawClient.open(gateway.port, cookie(`wave-${index}`))),
  );
  let most = 0;
  for (let passed = 0; passed < EVERY_MS; passed += EVERY_MS / 10) {
    const before = webhook.asked.length;
    const turn = await (await fetch(`http://127.0.0.1:${gateway.adminPort}/metrics`)).text();
    gateway.advance(EVERY_MS / 10);
    for (let round = 0; round < 20; round++) await nextTurn();
    assert.ok(turn.length > 0);
    most = Math.max(most, webhook.asked.length - before);
  }
  assert.ok(most < 30, `${most} of 60 in a tenth of the time`);
  for (const client of clients) client.socket.destroy();
});

test('a reload switches it off for open sessions, and on again', async () => {
  webhook = await TestWebhook.start();
  await using _ = webhook;
  webhook.answer = answering(200, ALICE);
  const settings = (recheck: string): object => ({
    auth: { from: [{ header: 'authorization' }], webhook: { url: webhook.url, recheck } },
  });
  await using gateway = await ReloadableGateway.start(upstream.port, { ...settings('1m') });
  const request = { headers: { Authorization: 'Bearer opaque' } };
  await using client = await RawClient.open(gateway.port, request);
  await gateway.write({ ...settings('off') });
  assert.equal((await gateway.gateway.reload('api'))?.outcome, 'applied');
  gateway.timerWheel.advance(EVERY_MS + 250);
  await nextTurn();
  assert.equal(webhook.asked.length, 1);
  await gateway.write({ ...settings('2m') });
  await gateway.gateway.reload('api');
  webhook.answer = answering(401);
  const ended = once(client, 'change');
  gateway.timerWheel.advance(EVERY_MS + 250);
  await ended;
  assert.equal((await client.closeReceived())?.reason, 'auth_revoked');
});

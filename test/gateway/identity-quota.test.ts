import assert from 'node:assert/strict';
import { test } from 'node:test';
import { keysAt, testAuth, testIssuer } from '../support/auth-config.ts';
import { FakeUpstream } from '../support/fake-upstream.ts';
import { startTestGateway } from '../support/gateway.ts';
import { Issuer, signingKey } from '../support/issuer.ts';
import {
  closeFrame,
  type HttpAnswer,
  handshakeRequest,
  RawClient,
  type RequestOptions,
} from '../support/raw-client.ts';
import { ReloadableGateway } from '../support/reloadable.ts';

const KEY = signingKey('one');

const bearer = (token: string): RequestOptions => ({ headers: { Authorization: `Bearer ${token}` } });

async function answerTo(port: number, request: RequestOptions): Promise<HttpAnswer> {
  await using client = await RawClient.connect(port);
  client.send(handshakeRequest(request));
  return await client.answer();
}

test('limits.sessionsPerIdentity: 429 before the dial, with a detail; a tenant apart, a token more or less is no other', async () => {
  await using issuer = await Issuer.start(KEY);
  await using upstream = await FakeUpstream.start();
  const identity = { user: ['sub'], tenant: ['org'], groups: undefined };
  const auth = testAuth(testIssuer(keysAt(issuer.url)), { identity });
  await using gateway = await startTestGateway(upstream.port, { auth, limits: { sessionsPerIdentity: 2 } });
  const { port } = gateway;
  const as = (sub: string, org: string): RequestOptions =>
    bearer(issuer.token({ sub, org, jti: Math.random() }));
  await using first = await RawClient.open(port, as('alice', 'acme'));
  await using second = await RawClient.open(port, as('alice', 'acme'));
  const answer = await answerTo(port, as('alice', 'acme'));
  assert.equal(answer.status, 429);
  assert.match(answer.body, /^too_many_sessions: .*user/);
  assert.ok(Number(answer.headers.get('retry-after')) >= 1);
  const line = await gateway.log.find((one) => one['outcome'] === 'too_many_sessions');
  assert.deepEqual([line['detail'], line['level']], ['identity', 'info']);
  assert.equal(upstream.connections.length, 2);
  await using third = await RawClient.open(port, as('alice', 'other'));
  await using fourth = await RawClient.open(port, as('bob', 'acme'));
  first.send(closeFrame(1000));
  await gateway.log.ended();
  await using fifth = await RawClient.open(port, as('alice', 'acme'));
  assert.equal((await answerTo(port, as('alice', 'acme'))).status, 429);
  for (const client of [second, third, fourth, fifth]) assert.equal(client.closed, false);
  const { body } = await gateway.gateway.metrics(false);
  assert.match(body, /natsgate_auth_verdicts_total\{verdict="refused",detail="identity"\} 2\n/);
  assert.match(body, /natsgate_handshakes_total\{[^}]*outcome="too_many_sessions"\} 2\n/);
  assert.match(body, /natsgate_handshakes_in_progress\{[^}]*\} 0\n/);
});

test('limits.handshakesPerSecondPerIdentity: 429, for this identity alone', async () => {
  await using issuer = await Issuer.start(KEY);
  await using upstream = await FakeUpstream.start();
  const auth = testAuth(testIssuer(keysAt(issuer.url)), { required: false });
  // A bucket of one that fills up again in a quarter of an hour.
  const limits = { handshakesPerSecondPerIdentity: 0.001 };
  await using gateway = await startTestGateway(upstream.port, { auth, limits });
  const { port } = gateway;
  assert.equal((await answerTo(port, bearer(issuer.token()))).status, 101);
  const answer = await answerTo(port, bearer(issuer.token()));
  assert.match(`${answer.status} ${answer.body}`, /^429 too_many_handshakes: /);
  assert.equal((await answerTo(port, bearer(issuer.token({ sub: 'bob' })))).status, 101);
  // Nobody knows who these are.
  for (const _ of [0, 1]) assert.equal((await answerTo(port, {})).status, 101);
});

test('a handshake that fails after it was counted gives its place back', async () => {
  await using issuer = await Issuer.start(KEY);
  await using upstream = await FakeUpstream.start({ greeting: 'HTTP/1.1 400 Bad Request\r\n\r\n' });
  const auth = testAuth(testIssuer(keysAt(issuer.url)));
  await using gateway = await startTestGateway(upstream.port, { auth, limits: { sessionsPerIdentity: 1 } });
  for (let round = 0; round < 3; round++)
    assert.equal((await answerTo(gateway.port, bearer(issuer.token()))).status, 502);
});

test('a reload brings a quota, which counts the sessions that are open', async () => {
  await using issuer = await Issuer.start(KEY);
  await using upstream = await FakeUpstream.start();
  const auth = {
    from: [{ header: 'authorization' }],
    jwt: [{ issuer: 'https://id.example', audience: 'nats-web', keys: { url: issuer.url } }],
  };
  await using gateway = await ReloadableGateway.start(upstream.port, { auth });
  await using first = await RawClient.open(gateway.port, bearer(issuer.token()));
  await gateway.write({ auth, limits: { sessionsPerIdentity: 1 } });
  await gateway.gateway.reload('signal');
  assert.equal((await answerTo(gateway.port, bearer(issuer.token()))).status, 429);
  await gateway.write({ auth });
  await gateway.gateway.reload('signal');
  await using second = await RawClient.open(gateway.port, bearer(issuer.token()));
  assert.deepEqual([first.closed, second.closed], [false, false]);
});

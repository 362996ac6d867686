import assert from 'node:assert/strict';
import { hostname } from 'node:os';
import { test } from 'node:test';
import { makeCertificates, serverTls } from '../support/certificates.ts';
import { FakeUpstream } from '../support/fake-upstream.ts';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';
import { closeFrame, frame, handshakeRequest, Opcode, RawClient } from '../support/raw-client.ts';

const ISO = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$/;

// biome-ignore lint/suspicious/noExplicitAny: what is asserted is the JSON itself.
type Json = Record<string, any>;

async function get(gateway: TestGateway, path: string): Promise<Json> {
  const answer = await fetch(`http://127.0.0.1:${gateway.adminPort}${path}`);
  assert.equal(answer.status, 200, path);
  return (await answer.json()) as Json;
}

test('/api/status: the process, its machine and its limits', async () => {
  const memory = { rssBytes: 3, heapUsedBytes: 1, heapLimitBytes: 2 };
  const cpuSeconds = { user: 1.5, system: 0.5 };
  await using upstream = await FakeUpstream.start();
  await using gateway = await startTestGateway(
    upstream.port,
    { limits: { memory: 'auto' }, inspect: 'observe' },
    {
      version: '1.2.3',
      readProcess: () => ({ pid: 17, memory, cpuSeconds }),
      readMemory: async () => ({ limitBytes: 2 ** 30, from: 'container', usedBytes: async () => 0 }),
    },
  );
  const status = await get(gateway, '/api/status');
  assert.deepEqual([status['host'], status['pid'], status['version']], [hostname(), 17, '1.2.3']);
  assert.deepEqual(status['memory'], { ...memory, limitBytes: 2 ** 30, limitFrom: 'container' });
  assert.deepEqual(status['cpuSeconds'], cpuSeconds);
  assert.deepEqual(Object.keys(status['eventLoop']), ['utilization', 'delayP99Seconds']);
  assert.match(status['startedAt'], ISO);
  assert.equal(status['engineFallback'], false);
  assert.deepEqual(status['routes'], [{ name: 'default', path: '/', inspect: 'observe', sessions: 0 }]);
  assert.deepEqual(status['certificates'], []);
  assert.match(status['configuration'].lastSuccessAt, ISO);
});

test('/api/status: when certificates end', async () => {
  await using certificates = await makeCertificates();
  await using upstream = await FakeUpstream.start();
  await using gateway = await startTestGateway(upstream.port, { listen: { tls: serverTls(certificates) } });
  const { certificates: shown } = await get(gateway, '/api/status');
  assert.deepEqual(
    shown.map(({ role }: Json) => role),
    ['server'],
  );
  assert.match(shown[0].expiresAt, ISO);
  assert.ok(Date.parse(shown[0].expiresAt) > Date.now());
});

test('/api/status: the last error of a server has its time', async () => {
  const upstream = await FakeUpstream.start();
  await using gateway = await startTestGateway(upstream.port);
  const before = await get(gateway, '/api/status');
  assert.equal(before['upstreamServers'][0].lastErrorAt, undefined);
  await upstream[Symbol.asyncDispose]();
  await using client = await RawClient.connect(gateway.port);
  client.send(handshakeRequest());
  assert.equal((await client.answer()).status, 502);
  const { upstreamServers } = await get(gateway, '/api/status');
  assert.match(upstreamServers[0].lastError, /ECONNREFUSED/);
  assert.match(upstreamServers[0].lastErrorAt, ISO);
});

test('totals, rates and rows of sessions name directions in one way', async () => {
  await using upstream = await FakeUpstream.start();
  await using gateway = await startTestGateway(upstream.port);
  await using client = await RawClient.open(gateway.port);
  client.send(frame(Opcode.binary, 'PING\r\n'));
  const connection = await upstream.connection();
  await connection.until((one) => one.byteCount >= 6);
  const { bytes, rates } = await get(gateway, '/api/status');
  assert.equal(bytes.toUpstream, 6);
  assert.ok(rates.seconds > 0 && rates.handshakesPerSecond > 0 && rates.bytesPerSecond.toUpstream > 0);
  const { sessions } = await get(gateway, '/api/sessions');
  assert.equal(sessions[0].bytes.toUpstream, 6);
  assert.equal(sessions[0].bytes.toClient, bytes.toClient);
  assert.deepEqual(sessions[0].frames, { toUpstream: 1, toClient: 1 }, 'known without reading NATS');
  assert.deepEqual(sessions[0].buffered, { toUpstream: 0, toClient: 0 });
  assert.match(sessions[0].startedAt, ISO);
  assert.ok(Math.abs(Date.parse(sessions[0].startedAt) - Date.now()) < 60_000);
  client.send(closeFrame(1000));
  await gateway.log.ended();
});

test('how long a handshake took is known by its steps: of a session, open or ended, and of a refusal', async () => {
  await using upstream = await FakeUpstream.start();
  await using gateway = await startTestGateway(upstream.port);
  await using client = await RawClient.open(gateway.port);
  const STEPS = ['request', 'admit', 'authorize', 'dial', 'info', 'accept'];
  const expectSteps = ({ ms, steps }: Json): void => {
    assert.deepEqual(Object.keys(steps), STEPS);
    const sum = Object.values(steps as Record<string, number>).reduce((total, one) => total + one, 0);
    assert.ok(ms > 0 && Math.abs(ms - sum) < 0.01, `${sum} of ${ms}`);
    assert.ok(steps.dial > 0);
  };
  const open = await get(gateway, '/api/sessions/1');
  expectSteps(open['handshake']);
  client.send(closeFrame(1000));
  await gateway.log.ended();
  const ended = await get(gateway, '/api/sessions/1');
  assert.deepEqual([ended['state'], ended['reason'], ended['code']], ['ended', 'client_closed', 1000]);
  assert.deepEqual(ended['handshake'], open['handshake']);

  await using stranger = await RawClient.connect(gateway.port);
  stranger.send(handshakeRequest({ headers: { Origin: 'https://evil.example' } }));
  assert.equal((await stranger.answer()).status, 403);
  const { handshakes } = await get(gateway, '/api/handshakes');
  const [refused, accepted] = handshakes;
  assert.equal(handshakes.length, 2);
  assert.deepEqual(
    [refused.outcome, refused.client, refused.origin, Object.keys(refused.steps)],
    ['origin_not_listed', '127.0.0.1', 'https://evil.example', ['request']],
  );
  assert.match(refused.at, ISO);
  assert.deepEqual([accepted.outcome, accepted.route], ['accepted', 'default']);
  expectSteps(accepted);
});

test('the step in which a handshake ends is its last', async () => {
  await using upstream = await FakeUpstream.start({ greeting: 'HTTP/1.1 400 Bad Request\r\n\r\n' });
  await using gateway = await startTestGateway(upstream.port);
  await using client = await RawClient.connect(gateway.port);
  client.send(handshakeRequest());
  assert.equal((await client.answer()).status, 502);
  const { handshakes } = await get(gateway, '/api/handshakes');
  assert.deepEqual(Object.keys(handshakes[0].steps), ['request', 'admit', 'authorize', 'dial']);
  assert.match(handshakes[0].cause, /^127\.0\.0\.1:\d+: /);
});

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { FakeUpstream } from '../support/fake-upstream.ts';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';
import { handshakeRequest, RawClient } from '../support/raw-client.ts';

/** The health answer of the public port: for balancers that can ask no other one. */

const FIELDS = {
  connection: 'close',
  'content-type': 'text/plain; charset=utf-8',
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
};

describe('listen.health: /healthz', () => {
  let upstream: FakeUpstream;
  let gateway: TestGateway;
  before(async () => {
    upstream = await FakeUpstream.start();
    gateway = await startTestGateway(upstream.port, {
      listen: { health: '/healthz' },
      drain: { delayMs: 60_000, timeoutMs: 0, budgetMs: 0 },
    });
  });
  after(async () => {
    await gateway?.[Symbol.asyncDispose]();
    await upstream?.[Symbol.asyncDispose]();
  });

  const GET = 'GET /healthz HTTP/1.1\r\nHost: gw\r\n\r\n';
  const CHECKS: readonly [name: string, request: string][] = [
    ['GET', GET],
    ['HTTP/1.0 without Host', 'GET /healthz HTTP/1.0\r\n\r\n'],
    ['HTTP/1.0 that would keep the connection', 'GET /healthz HTTP/1.0\r\nConnection: keep-alive\r\n\r\n'],
    ['with a query', 'GET /healthz?from=balancer HTTP/1.1\r\nHost: 10.0.0.7:8080\r\n\r\n'],
    ['with a name of the balancer in Host', 'GET /healthz HTTP/1.1\r\nHost: a name\r\n\r\n'],
    ['in absolute form', 'GET http://10.0.0.7:8080/healthz HTTP/1.1\r\nHost: x\r\n\r\n'],
    ['as an upgrade', handshakeRequest({ requestLine: 'GET /healthz HTTP/1.1' })],
  ];
  for (const [name, request] of CHECKS) {
    test(`${name} → 200, and the connection ends`, async () => {
      await using client = await RawClient.connect(gateway.port);
      client.send(request + GET);
      const { status, headers, body } = await client.answer();
      assert.deepEqual([status, body], [200, 'ready\n']);
      assert.deepEqual(Object.fromEntries(headers), { ...FIELDS, 'content-length': '6' });
      await client.until(() => client.closed);
      assert.equal(client.rest.length, 0);
    });
  }

  test('HEAD → the same head without a body', async () => {
    await using client = await RawClient.connect(gateway.port);
    client.send('HEAD /healthz HTTP/1.1\r\nHost: gw\r\n\r\n');
    await client.until(() => client.closed);
    assert.match(
      client.rest.toString(),
      /^HTTP\/1\.1 200 OK\r\n[\s\S]*\r\nContent-Length: 6\r\n[\s\S]*\r\n\r\n$/,
    );
  });

  for (const [name, request, status] of [
    ['another method', 'POST /healthz HTTP/1.1\r\nHost: gw\r\n\r\n', 405],
    ['another path', 'GET /healthz/ HTTP/1.1\r\nHost: gw\r\n\r\n', 426],
    ['another spelling of the path', 'GET /health%7A HTTP/1.1\r\nHost: gw\r\n\r\n', 426],
    ['no HTTP/1', 'GET /healthz HTTP/2.0\r\nHost: gw\r\n\r\n', 505],
  ] as const) {
    test(`${name} is judged like any request`, async () => {
      await using client = await RawClient.connect(gateway.port);
      client.send(request);
      assert.equal((await client.answer()).status, status);
    });
  }

  test('it is no handshake: no outcome, no log line, no dial', async () => {
    const { handshakes } = gateway.gateway.status.gateway() as { handshakes: object };
    assert.deepEqual(handshakes, { method: 1, not_upgrade: 2, http_version: 1 });
    assert.equal(upstream.connections.length, 0);
    const { body } = await gateway.gateway.metrics(false);
    assert.match(body, /natsgate_http_requests_total\{[^}]*code="200"\} 8\n/);
  });

  test('503 as soon as a drain has begun', async () => {
    const drained = gateway.gateway.drain();
    await using client = await RawClient.connect(gateway.port);
    client.send(GET);
    const { status, body } = await client.answer();
    assert.deepEqual([status, body], [503, 'not ready\n']);
    await gateway.gateway.stop();
    await drained;
  });
});

test('without the key no path is answered', async () => {
  await using upstream = await FakeUpstream.start();
  await using gateway = await startTestGateway(upstream.port);
  await using client = await RawClient.connect(gateway.port);
  client.send('GET /healthz HTTP/1.1\r\nHost: gw\r\n\r\n');
  assert.equal((await client.answer()).status, 426);
});

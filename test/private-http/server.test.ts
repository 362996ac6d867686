import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type TestContext, test } from 'node:test';
import { answer, json } from '../../src/private-http/answer.ts';
import { PrivateServer } from '../../src/private-http/server.ts';
import { RawClient } from '../support/raw-client.ts';

async function serve(t: TestContext) {
  const server = new PrivateServer({ hosts: () => [], hostless: ['/'], brief: ['/'], maxConnections: 40 });
  const { port } = await server.listen({ host: '127.0.0.1', port: 0 });
  t.after(() => server.close());
  return { routes: server.routes, get: (path: string) => fetch(`http://127.0.0.1:${port}${path}`), port };
}

test('an error of a handler shows no details, and nothing is printed', async (t) => {
  const printed = (['error', 'info', 'log', 'warn'] as const).map((name) => t.mock.method(console, name));
  const { routes, get } = await serve(t);
  routes.get('/at-once', () => {
    throw new Error('secret');
  });
  routes.get('/api/later', async () => Promise.reject(new Error('secret')));
  const texts = [];
  for (const path of ['/at-once', '/api/later']) {
    const response = await get(path);
    assert.equal(response.status, 500, path);
    texts.push(await response.text());
  }
  assert.equal(texts[0], 'internal_error: the answer could not be made.\n');
  assert.equal(JSON.parse(texts[1] ?? '').code, 'internal_error');
  for (const { mock } of printed) assert.equal(mock.callCount(), 0);
});

test('a client that leaves before or within its answer prints nothing and ends a stream', async (t) => {
  const printed = (['error', 'info', 'log', 'warn'] as const).map((name) => t.mock.method(console, name));
  const { routes, port } = await serve(t);
  const held = Promise.withResolvers<void>();
  const asked = Promise.withResolvers<void>();
  routes.get('/late', async (exchange) => {
    asked.resolve();
    await held.promise;
    return answer(exchange, 'x'.repeat(1_000_000));
  });
  const cancelled = Promise.withResolvers<void>();
  routes.get('/endless', (exchange) =>
    exchange.body(
      new ReadableStream({
        pull: (stream) => stream.enqueue(new Uint8Array(64 * 1024)),
        cancel: () => cancelled.resolve(),
      }),
    ),
  );
  const late = await RawClient.connect(port);
  late.send('GET /late HTTP/1.1\r\nHost: localhost\r\n\r\n');
  await asked.promise;
  late.socket.resetAndDestroy();
  held.resolve();

  const endless = await RawClient.connect(port);
  endless.send('GET /endless HTTP/1.1\r\nHost: localhost\r\n\r\n');
  await once(endless.socket, 'data');
  endless.socket.resetAndDestroy();
  await cancelled.promise;
  for (const { mock } of printed) assert.equal(mock.callCount(), 0);
});

test('Request and Response stay those of Node', async (t) => {
  const before = [Request, Response, Headers];
  await serve(t);
  assert.deepEqual([Request, Response, Headers], before);
});

test('a query reaches its handler, in the absolute form too', async (t) => {
  const { routes, port } = await serve(t);
  routes.get('/echo', (exchange) => json(exchange, exchange.req.query()));
  for (const target of [
    '/echo?a=1&b=%26',
    `HTTP://localhost:${port}/echo?a=1&b=%26`,
    '/echo?\\a=1&a=1&b=%26',
  ]) {
    await using client = await RawClient.connect(port);
    client.send(`GET ${target} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
    const { a, b } = JSON.parse((await client.answer()).body);
    assert.deepEqual([a, b], ['1', '&'], target);
  }
});

test('cookies come and go', async (t) => {
  const { routes, port } = await serve(t);
  routes.get('/two', (exchange) => {
    for (const cookie of ['a=1', 'b=2']) exchange.header('Set-Cookie', cookie, { append: true });
    return answer(exchange, `${exchange.req.header('cookie')}\n`);
  });
  const response = await fetch(`http://127.0.0.1:${port}/two`, { headers: { cookie: 'c=3; d=4' } });
  assert.deepEqual(response.headers.getSetCookie(), ['a=1', 'b=2']);
  assert.equal(await response.text(), 'c=3; d=4\n');
});

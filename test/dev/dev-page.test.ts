import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { type IncomingMessage, request } from 'node:http';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { type DevAction, type DevPage, serveDevPage } from '../../src/dev/dev-page.ts';
import { EventStream } from '../../src/private-http/event-stream.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

type Answer = {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
};

async function startPage() {
  const parts = new AsyncDisposableStack();
  const folder = parts.use(await temporaryFolder());
  await mkdir(join(folder.path, 'page'));
  await writeFile(join(folder.path, 'page', 'index.html'), '<!doctype html>');
  await writeFile(join(folder.path, 'secret.js'), 'secret');
  const acted: DevAction[] = [];
  const events = new EventStream();
  const page: DevPage = parts.use(
    await serveDevPage({
      folder: join(folder.path, 'page'),
      host: '127.0.0.1',
      port: 0,
      events,
      config: () => ({ gatewayUrl: 'ws://127.0.0.1:1' }),
      act: async (action) => void acted.push(action),
    }),
  );
  return {
    page,
    acted,
    events,
    origin: `http://localhost:${page.port}`,
    [Symbol.asyncDispose]: () => parts.disposeAsync(),
  };
}

/** fetch sets Host and Origin by itself; this sends what a hostile page could make a browser send. */
async function ask(
  page: DevPage,
  method: string,
  path: string,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const sent = request({
    host: '127.0.0.1',
    port: page.port,
    method,
    path,
    headers: { Host: `localhost:${page.port}`, ...headers },
  });
  sent.end();
  const [response] = (await once(sent, 'response', { signal: AbortSignal.timeout(30_000) })) as [
    IncomingMessage,
  ];
  response.setEncoding('utf8');
  let body = '';
  for await (const chunk of response) body += chunk;
  return { status: response.statusCode ?? 0, headers: response.headers, body };
}

test('the page comes with a strict policy, under both of its names', async () => {
  await using served = await startPage();
  for (const host of ['localhost', '127.0.0.1']) {
    const { status, headers } = await ask(served.page, 'GET', '/', { Host: `${host}:${served.page.port}` });
    assert.equal(status, 200);
    assert.equal(headers['content-type'], 'text/html; charset=utf-8');
    assert.match(String(headers['content-security-policy']), /^default-src 'none'; script-src 'self';/);
    assert.equal(headers['x-content-type-options'], 'nosniff');
  }
});

test('only files of the page are served', async () => {
  await using served = await startPage();
  for (const path of [
    '/../secret.js',
    '/%2e%2e/secret.js',
    '/..%2fsecret.js',
    '/missing.js',
    '/page',
    '/.html',
  ]) {
    assert.equal((await ask(served.page, 'GET', path)).status, 404, path);
  }
});

test('a foreign Host or Origin is refused for everything', async () => {
  await using served = await startPage();
  const { port } = served.page;
  for (const path of ['/', '/dev/config.json', '/dev/log']) {
    assert.equal((await ask(served.page, 'GET', path, { Host: `rebound.example:${port}` })).status, 421);
    assert.equal((await ask(served.page, 'GET', path, { Origin: 'http://evil.example' })).status, 403);
    assert.equal((await ask(served.page, 'GET', path, { Origin: 'null' })).status, 403);
  }
});

test('acting wants POST from the page itself', async () => {
  await using served = await startPage();
  const { page, origin, acted } = served;
  const path = '/dev/nats/stop';
  assert.equal((await ask(page, 'GET', path, { Origin: origin })).status, 405);
  assert.equal((await ask(page, 'POST', path)).status, 403, 'without Origin');
  assert.equal((await ask(page, 'POST', path, { Origin: 'http://localhost' })).status, 403);
  assert.equal(
    (await ask(page, 'POST', path, { Origin: `http://127.0.0.1:${page.port}` })).status,
    403,
    'another name',
  );
  assert.equal((await ask(page, 'POST', '/dev/nats/kill', { Origin: origin })).status, 404);
  assert.deepEqual(acted, []);
  assert.equal((await ask(page, 'POST', path, { Origin: origin })).status, 204);
  assert.deepEqual(acted, ['stop']);
});

test('a taken port is not insisted upon', async () => {
  const taken = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  const { port } = taken.address() as { port: number };
  const options = {
    folder: '/nowhere',
    host: '127.0.0.1',
    events: new EventStream(),
    config: () => ({}),
    act: async () => {},
  };
  await using page = await serveDevPage({ ...options, port });
  assert.notEqual(page.port, port);
  taken.close();
});

test('the log is streamed: the state first, then what was missed, then what comes', async () => {
  await using served = await startPage();
  const { events, page } = served;
  for (const line of ['one', 'two\n', 'three\r\nx']) events.line(line);
  events.state('nats', { running: true });
  const sent = request({
    host: '127.0.0.1',
    port: page.port,
    path: '/dev/log?after=1',
    headers: { Host: `localhost:${page.port}` },
  }).end();
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  assert.equal(response.headers['content-type'], 'text/event-stream');
  let text = '';
  for await (const chunk of response.setEncoding('utf8')) {
    text += chunk;
    if (!text.includes('id: 4')) events.line('four');
    else break;
  }
  assert.equal(
    text.slice(0, text.indexOf('id: 4')),
    'retry: 1000\n\nevent: nats\ndata: {"running":true}\n\nid: 2\nevent: log\ndata: two\n\nid: 3\nevent: log\ndata: three  x\n\n',
  );
});

test('streams are few, and a page that comes from an earlier run gets everything', async () => {
  await using served = await startPage();
  const { events, page } = served;
  events.line('one');
  const open = [];
  for (let count = 0; count < 32; count++) {
    const sent = request({
      host: '127.0.0.1',
      port: page.port,
      path: '/dev/log?after=99',
      headers: { Host: `localhost:${page.port}` },
    }).end();
    const [response] = (await once(sent, 'response')) as [IncomingMessage];
    open.push(response);
  }
  const [first] = (await once(open[0]!, 'data')) as [Buffer];
  assert.match(String(first), /data: one/);
  assert.equal((await ask(page, 'GET', '/dev/log')).status, 503);
  for (const response of open) response.destroy();
});

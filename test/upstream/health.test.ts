import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import { type AddressInfo, connect, createServer as createTcpServer, type Socket } from 'node:net';
import { describe, test } from 'node:test';
import { type HealthAnswer, HttpHealthProbe, healthTarget } from '../../src/upstream/health.ts';
import { realNatsServer } from '../support/nats.ts';

/** One check of a server that answers as told; `open` connections must be none when the probe has closed. */
async function ask(answer: RequestListener): Promise<HealthAnswer> {
  const web = createServer(answer).listen(0, '127.0.0.1');
  await once(web, 'listening');
  const { port } = web.address() as AddressInfo;
  const probe = new HttpHealthProbe(healthTarget(`http://{host}:${port}/healthz?x=1`, 'a', '127.0.0.1'));
  try {
    return await probe.ask();
  } finally {
    probe.close();
    const closed = once(web, 'close');
    web.close();
    await closed;
  }
}

describe('what an answer means', { concurrency: true }, () => {
  const rows: readonly [string, RequestListener, HealthAnswer['outcome'], RegExp?][] = [
    ['200', (_, response) => response.end('{"status":"ok"}'), 'ok'],
    [
      '503 with its text',
      (_, response) => response.writeHead(503).end('{"status":"unavailable"}\n'),
      'unhealthy',
      /^health 503 \{"status":"unavailable"\}$/,
    ],
    ['404: another server', (_, response) => response.writeHead(404).end(), 'unreachable', /health 404/],
    [
      'a redirect is not followed',
      (_, response) => response.writeHead(302, { Location: '/' }).end(),
      'unreachable',
      /health 302/,
    ],
    [
      'an answer over 8 KiB',
      (_, response) => response.end(Buffer.alloc(100_000, 'x')),
      'unreachable',
      /RES_EXCEEDED_MAX_SIZE/,
    ],
    [
      'a head over 8 KiB',
      (_, response) => response.writeHead(200, { a: 'x'.repeat(9000) }).end(),
      'unreachable',
      /HEADERS_OVERFLOW/,
    ],
    ['a reset', (request) => request.socket.destroy(), 'unreachable', /^health: /],
    ['silence: the whole check has a deadline', () => {}, 'timeout', /no answer within 2000 ms/],
    [
      'an answer that never ends: so has its body',
      (_, response) => {
        const drip = setInterval(() => response.write(' '), 50);
        response.on('close', () => clearInterval(drip));
      },
      'timeout',
      /no answer within 2000 ms/,
    ],
  ];
  for (const [name, answer, outcome, cause] of rows) {
    test(name, async () => {
      const said = await ask(answer);
      assert.equal(said.outcome, outcome, said.cause ?? '');
      if (cause === undefined) assert.equal(said.cause, undefined);
      else assert.match(said.cause ?? '', cause);
    });
  }

  test('a request as it should be, on a connection of its own', async () => {
    const seen: string[] = [];
    await ask((request, response) => {
      seen.push(`${request.method} ${request.url} ${request.headers.connection}`);
      response.end();
    });
    assert.deepEqual(seen, ['GET /healthz?x=1 close']);
  });

  test('nobody listens', async () => {
    const probe = new HttpHealthProbe(healthTarget('http://127.0.0.1:1/healthz', 'a', '127.0.0.1'));
    assert.deepEqual(await probe.ask(), { outcome: 'unreachable', cause: 'health: ECONNREFUSED' });
    probe.close();
  });

  test('closed during a check: it ends at once, and its connection too', async () => {
    const web = createTcpServer().listen(0, '127.0.0.1');
    await once(web, 'listening');
    const { port } = web.address() as AddressInfo;
    const probe = new HttpHealthProbe(healthTarget(`http://127.0.0.1:${port}/healthz`, 'a', '127.0.0.1'));
    const asked = probe.ask();
    const [socket] = (await once(web, 'connection')) as [Socket];
    socket.on('error', () => {}).resume();
    const gone = once(socket, 'close');
    probe.close();
    const [{ outcome }] = await Promise.all([asked, gone]);
    assert.equal(outcome, 'unreachable', 'not timeout: nobody waited for that');
    web.close();
  });
});

test('where a template leads', () => {
  for (const [template, host, address, href, serverName] of [
    ['http://{host}:8222/healthz', '10.0.0.1', '10.0.0.1', 'http://10.0.0.1:8222/healthz', undefined],
    ['http://{host}:8222/healthz', 'nats', '10.0.0.1', 'http://10.0.0.1:8222/healthz', 'nats'],
    ['https://{host}/healthz', 'nats', '2001:db8::1', 'https://[2001:db8::1]/healthz', 'nats'],
    ['https://other/healthz', 'nats', '10.0.0.1', 'https://other/healthz', undefined],
  ] as const) {
    const target = healthTarget(template, host, address);
    assert.deepEqual([target.url.href, target.serverName], [href, serverName]);
  }
});

test('a real nats-server: ok, a lame duck says no', async () => {
  await using server = await realNatsServer({ monitor: true });
  // Without a client it would end at once; one counts for certain when it has had an answer.
  const client = connect(server.port, '127.0.0.1');
  client.write('CONNECT {"verbose":false}\r\nPING\r\n');
  let said = '';
  client.on('data', (chunk: Buffer) => (said += chunk.toString()));
  while (!said.includes('PONG')) await once(client, 'data');
  const probe = new HttpHealthProbe(
    healthTarget(`http://{host}:${server.monitorPort}/healthz`, '127.0.0.1', '127.0.0.1'),
  );
  assert.deepEqual(await probe.ask(), { outcome: 'ok', cause: undefined });
  server.kill('SIGUSR2');
  let answer = await probe.ask();
  while (answer.outcome === 'ok') answer = await probe.ask();
  assert.equal(answer.outcome, 'unhealthy');
  assert.match(answer.cause ?? '', /^health 500 .*failed to be ready for connections/);
  probe.close();
  client.destroy();
  // A lame duck takes its time to end in order.
  server.kill('SIGKILL');
});

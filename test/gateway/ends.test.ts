import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { describe, test } from 'node:test';
import { FakeUpstream, INFO_LINE } from '../support/fake-upstream.ts';
import { type LogLine, startTestGateway, type TestGateway, turnUntil } from '../support/gateway.ts';
import { closeFrame, frame, handshakeRequest, Opcode, RawClient } from '../support/raw-client.ts';
import { rounds } from '../support/rounds.ts';

/** How a session ended, as the three places tell it. */
async function assertEnd(gateway: TestGateway, reason: string, code: number): Promise<LogLine> {
  const line = await gateway.log.ended();
  assert.equal(line['reason'], reason);
  assert.equal(line['code'], code);
  const { body } = await gateway.gateway.metrics(false);
  assert.match(body, new RegExp(`natsgate_sessions_closed_total\\{[^}]*reason="${reason}"[^}]*\\} 1\\n`));
  assert.equal(gateway.gateway.sessionCount, 0);
  return line;
}

describe('ends by the upstream', () => {
  test('upstream_closed: its last bytes first, then 1001', async () => {
    await using upstream = await FakeUpstream.start();
    await using gateway = await startTestGateway(upstream.port);
    await using client = await RawClient.open(gateway.port);
    (await upstream.connection()).socket.end("-ERR 'Authorization Violation'\r\n");
    assert.deepEqual(await client.closeReceived(), { code: 1001, reason: 'upstream_closed' });
    assert.equal(client.data.toString(), `${INFO_LINE}-ERR 'Authorization Violation'\r\n`);
    client.send(closeFrame(1001));
    await assertEnd(gateway, 'upstream_closed', 1001);
  });

  test('upstream_reset: 1011', async () => {
    await using upstream = await FakeUpstream.start();
    await using gateway = await startTestGateway(upstream.port);
    await using client = await RawClient.open(gateway.port);
    (await upstream.connection()).socket.resetAndDestroy();
    assert.deepEqual(await client.closeReceived(), { code: 1011, reason: 'upstream_reset' });
    client.send(closeFrame(1011));
    await assertEnd(gateway, 'upstream_reset', 1011);
  });

  test('upstream_stalled: 1011 after timeouts.stall', async () => {
    await using upstream = await FakeUpstream.start({ paused: true });
    await using gateway = await startTestGateway(upstream.port);
    await using client = await RawClient.open(gateway.port);
    const chunk = frame(Opcode.binary, Buffer.alloc(65_536));
    const write = (): void => {
      while (!client.socket.destroyed && client.socket.write(chunk));
    };
    client.socket.on('drain', write);
    write();
    await metric(gateway, /natsgate_backpressure_paused_sessions\{side="client"\} 1/);
    const stalledMs = await advanceUntilEnding(gateway);
    // One more step for the fraction of a tick; what the kernels still move is progress, and makes it longer.
    assert.ok(stalledMs >= 29_000, `after ${stalledMs} ms`);
    assert.deepEqual(await client.closeReceived(), { code: 1011, reason: 'upstream_stalled' });
    gateway.advance(2500);
    await assertEnd(gateway, 'upstream_stalled', 1011);
  });
});

describe('ends by the client', () => {
  test('client_gone: a reset ends the upstream', async () => {
    await using upstream = await FakeUpstream.start();
    await using gateway = await startTestGateway(upstream.port);
    await using client = await RawClient.open(gateway.port);
    client.send(frame(Opcode.binary, 'last words'));
    const connection = await upstream.connection();
    await connection.until((one) => one.byteCount === 10);
    client.socket.resetAndDestroy();
    await connection.until((one) => one.ended);
    await assertEnd(gateway, 'client_gone', 1006);
  });

  test('slow_consumer: reads nothing for timeouts.stall', async () => {
    const flood = Buffer.alloc(1024 * 1024);
    await using upstream = await FakeUpstream.start({
      onConnection: ({ socket }) => {
        const write = (): void => {
          while (!socket.destroyed && socket.write(flood));
        };
        socket.on('drain', write);
        write();
      },
    });
    await using gateway = await startTestGateway(upstream.port);
    await using client = await RawClient.open(gateway.port);
    client.socket.pause();
    await metric(gateway, /natsgate_backpressure_paused_sessions\{side="upstream"\} 1/);
    assert.ok((await advanceUntilEnding(gateway)) >= 29_000);
    gateway.advance(2500);
    await assertEnd(gateway, 'slow_consumer', 1008);
  });
});

describe('ends by the gateway', () => {
  test('session_expired: 1001 after limits.sessionAge ± 10 %', async () => {
    await using upstream = await FakeUpstream.start();
    await using gateway = await startTestGateway(upstream.port, { limits: { sessionAgeMs: 60_000 } });
    await using client = await RawClient.open(gateway.port);
    gateway.advance(53_000);
    assert.equal(
      gateway.log.lines.some((line) => line.message === 'session ended'),
      false,
    );
    gateway.advance(14_000);
    assert.deepEqual(await client.closeReceived(), { code: 1001, reason: 'session_expired' });
  });

  test('draining: 1001, and what was under way arrives', async () => {
    await using upstream = await FakeUpstream.start();
    await using gateway = await startTestGateway(upstream.port);
    await using client = await RawClient.open(gateway.port);
    client.send(frame(Opcode.binary, 'up'));
    const connection = await upstream.connection();
    await connection.until((one) => one.byteCount === 2);
    const drained = gateway.gateway.drain();
    assert.deepEqual(await client.closeReceived(), { code: 1001, reason: 'draining' });
    client.send(closeFrame(1001));
    await drained;
    await connection.until((one) => one.ended);
    assert.equal(gateway.gateway.state, 'stopped');
  });
});

describe('no session without an upstream that has spoken', () => {
  const refused: readonly [string, Parameters<typeof FakeUpstream.start>[0], number, string][] = [
    ['speaks HTTP', { greeting: 'HTTP/1.1 400 Bad Request\r\n\r\n' }, 502, 'upstream_not_nats'],
    ['speaks TLS', { greeting: Buffer.from([0x15, 3, 1, 0, 2, 2, 40]) }, 502, 'upstream_not_nats'],
    ['INFO without JSON', { greeting: 'INFO hello\r\n' }, 502, 'upstream_not_nats'],
    ['INFO of 1 MiB', { greeting: `INFO {"x":"${'y'.repeat(1024 * 1024)}"}\r\n` }, 502, 'upstream_not_nats'],
    ['an -ERR first', { greeting: "-ERR 'maximum connections exceeded'\r\n" }, 502, 'upstream_error'],
    ['wants TLS', { greeting: 'INFO {"tls_required":true}\r\n' }, 502, 'upstream_tls_required'],
    [
      'closes at once',
      { greeting: '', onConnection: (one) => one.socket.destroy() },
      502,
      'upstream_refused',
    ],
    [
      'resets at once',
      { greeting: '', onConnection: (one) => one.socket.resetAndDestroy() },
      502,
      'upstream_refused',
    ],
    [
      'closes inside INFO',
      { greeting: 'INFO {"ser', onConnection: (one) => one.socket.end() },
      502,
      'upstream_not_nats',
    ],
    ['is silent', { greeting: '' }, 504, 'upstream_timeout'],
    ['stops inside INFO', { greeting: 'INFO {"server' }, 504, 'upstream_timeout'],
  ];
  for (const [name, options, status, outcome] of refused) {
    test(`an upstream that ${name}: ${status} ${outcome}, no 101`, async () => {
      await using upstream = await FakeUpstream.start(options);
      // Only who is silent may meet it.
      const dial = outcome === 'upstream_timeout' ? { upstream: { dialTimeoutMs: 300 } } : {};
      await using gateway = await startTestGateway(upstream.port, dial);
      await using client = await RawClient.connect(gateway.port);
      client.send(handshakeRequest());
      const answer = await client.answer();
      assert.equal(answer.status, status);
      assert.match(answer.body, new RegExp(`^${outcome}: `));
      assert.equal(answer.headers.get('connection'), 'close');
      await client.until(() => client.closed);
      assert.equal(
        (await gateway.log.find((line) => line.message === 'handshake refused'))['outcome'],
        outcome,
      );
      const connection = await upstream.connection();
      await connection.until((one) => one.closed || one.ended);
      assert.equal(gateway.gateway.sessionCount, 0);
    });
  }

  test('nobody listens: 502 upstream_refused', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const { port } = server.address() as { port: number };
    await new Promise((resolve) => server.close(resolve));
    await using gateway = await startTestGateway(port);
    await using client = await RawClient.connect(gateway.port);
    client.send(handshakeRequest());
    assert.equal((await client.answer()).status, 502);
  });

  test('the second server is dialled when the first refuses', async () => {
    await using dead = await FakeUpstream.start({
      greeting: '',
      onConnection: (one) => one.socket.destroy(),
    });
    await using alive = await FakeUpstream.start();
    const servers = [dead.port, alive.port].map((port) => ({
      host: '127.0.0.1',
      port,
      name: `127.0.0.1:${port}`,
    }));
    await using gateway = await startTestGateway(0, { upstream: { servers } });
    await using client = await RawClient.open(gateway.port);
    assert.equal(client.data.toString(), INFO_LINE);
  });
});

describe('a client that leaves or speaks while the upstream is dialled', () => {
  test('early data: 400, the dial is cancelled', async () => {
    await using upstream = await FakeUpstream.start({ greeting: '' });
    await using gateway = await startTestGateway(upstream.port);
    await using client = await RawClient.connect(gateway.port);
    client.send(handshakeRequest());
    const connection = await upstream.connection();
    client.send(frame(Opcode.binary, 'early'));
    const answer = await client.answer();
    assert.equal(answer.status, 400);
    assert.match(answer.body, /^early_data: /);
    await connection.until((one) => one.ended || one.closed);
    assert.equal(connection.byteCount, 0);
  });

  for (const [name, leave] of [
    ['FIN', (client: RawClient) => client.socket.end()],
    ['RST', (client: RawClient) => client.socket.resetAndDestroy()],
  ] as const) {
    test(`${name}: no 101, the dial is cancelled, client_abort`, async () => {
      await using upstream = await FakeUpstream.start({ greeting: '' });
      await using gateway = await startTestGateway(upstream.port);
      await using client = await RawClient.connect(gateway.port);
      client.send(handshakeRequest());
      const connection = await upstream.connection();
      leave(client);
      await connection.until((one) => one.ended || one.closed);
      await gateway.log.find((line) => line['outcome'] === 'client_abort');
      await client.until(() => client.closed);
      await assert.rejects(client.answer());
    });
  }

  const WAVES = rounds(6, 20);
  test(`${50 * WAVES} resets behind the request leave nothing`, async () => {
    await using upstream = await FakeUpstream.start();
    await using gateway = await startTestGateway(upstream.port);
    for (let round = 0; round < WAVES; round++) {
      const clients = await Promise.all(Array.from({ length: 50 }, () => RawClient.connect(gateway.port)));
      for (const client of clients) {
        client.send(handshakeRequest());
        client.socket.resetAndDestroy();
      }
      await Promise.all(clients.map((client) => client.until(() => client.closed)));
    }
    await using last = await RawClient.open(gateway.port);
    await metric(gateway, /natsgate_connections_active\{listener="default"\} 1\n/);
    await metric(gateway, /natsgate_handshakes_in_progress\{listener="default"\} 0\n/);
    assert.equal(last.closed, false);
  });
});

/** Scrapes until the text matches. */
async function metric(gateway: TestGateway, pattern: RegExp): Promise<void> {
  const deadline = AbortSignal.timeout(30_000);
  for (;;) {
    const { body } = await gateway.gateway.metrics(false);
    if (pattern.test(body)) return;
    deadline.throwIfAborted();
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** Turns the clock of the sessions until the one that is open begins to end; how many milliseconds that took. */
const advanceUntilEnding = (gateway: TestGateway): Promise<number> =>
  turnUntil(gateway, () => gateway.gateway.status.openSessions()[0]?.ending !== undefined);

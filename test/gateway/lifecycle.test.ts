import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { test } from 'node:test';
import { startGateway } from '../../src/gateway.ts';
import { createLog } from '../../src/log.ts';
import { testConfig } from '../support/config.ts';
import { FakeUpstream } from '../support/fake-upstream.ts';
import { LogCapture, startTestGateway } from '../support/gateway.ts';
import { closeFrame, frame, handshakeRequest, Opcode, RawClient } from '../support/raw-client.ts';
import { rounds } from '../support/rounds.ts';

test('a port in use: the start fails, and what was opened before is closed again', async () => {
  const taken = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  const { port } = taken.address() as { port: number };
  const free = createServer().listen(0, '127.0.0.1');
  await once(free, 'listening');
  const adminPort = (free.address() as { port: number }).port;
  free.close();
  await once(free, 'close');
  const config = testConfig(4222, {
    listen: { address: { host: '127.0.0.1', port } },
    admin: { address: { host: '127.0.0.1', port: adminPort } },
  });
  const log = createLog(config.log, new LogCapture());
  await assert.rejects(startGateway(config, { log }), { code: 'EADDRINUSE' });
  const again = createServer().listen(adminPort, '127.0.0.1');
  await once(again, 'listening');
  again.close();
  taken.close();
});

test('a session cap that the descriptors cannot carry is a start-up error; none written is lowered, with a warning', async () => {
  const log = new LogCapture();
  const options = { log: createLog({ level: 'info', format: 'json' }, log), fileDescriptorLimit: 256 };
  await assert.rejects(startGateway(testConfig(4222), options), RangeError);
  await using gateway = await startGateway(testConfig(4222, { limits: { sessions: undefined } }), options);
  assert.equal(gateway.ready, true);
  assert.equal((await log.find((line) => line['level'] === 'warn'))['sessions'], 52);
});

test('a descriptor limit that carries nearly all sessions is told in the ready line, without a warning', async () => {
  const log = new LogCapture();
  const options = { log: createLog({ level: 'info', format: 'json' }, log), fileDescriptorLimit: 20_000 };
  await using _gateway = await startGateway(testConfig(4222, { limits: { sessions: undefined } }), options);
  const ready = await log.find((line) => line.message === 'ready');
  assert.deepEqual([ready['sessions'], ready['limitedBy']], [9592, 'descriptors']);
  assert.deepEqual(
    log.lines.filter((line) => line['level'] === 'warn'),
    [],
  );
});

test('drain: not ready at once, new sessions during the delay, 503 afterwards, then everything is closed', async () => {
  await using upstream = await FakeUpstream.start();
  await using gateway = await startTestGateway(upstream.port, {
    drain: { delayMs: 2000, timeoutMs: 60_000 },
  });
  await using early = await RawClient.open(gateway.port);
  const drained = gateway.gateway.drain();
  assert.equal(gateway.gateway.ready, false);
  assert.equal(gateway.gateway.state, 'draining');
  await using during = await RawClient.open(gateway.port);
  assert.equal(during.closed, false);
  // The close of the first session tells that the delay is over.
  early.endsToo = false;
  await Promise.race([early.closeReceived(), during.closeReceived()]);
  await using late = await RawClient.connect(gateway.port);
  late.send(handshakeRequest());
  const answer = await late.answer();
  assert.equal(answer.status, 503);
  assert.match(answer.body, /^draining: /);
  assert.match(answer.headers.get('retry-after') ?? '', /^([1-9]|10)$/);
  for (const client of [early, during]) {
    assert.deepEqual(await client.closeReceived(), { code: 1001, reason: 'draining' });
    client.send(closeFrame(1001));
    client.socket.end();
  }
  await drained;
  assert.equal(gateway.gateway.state, 'stopped');
});

test('drain: a handshake that still waits for its upstream is answered 503', async () => {
  await using upstream = await FakeUpstream.start({ greeting: '' });
  await using gateway = await startTestGateway(upstream.port, { upstream: { dialTimeoutMs: 30_000 } });
  await using client = await RawClient.connect(gateway.port);
  client.send(handshakeRequest());
  const connection = await upstream.connection();
  const drained = gateway.gateway.drain();
  assert.equal((await client.answer()).status, 503);
  await connection.until((one) => one.ended || one.closed);
  await drained;
});

test('stop during a drain cuts what is left and counts it', async () => {
  await using upstream = await FakeUpstream.start();
  await using gateway = await startTestGateway(upstream.port, { drain: { delayMs: 0, timeoutMs: 60_000 } });
  const clients = await Promise.all(Array.from({ length: 30 }, () => RawClient.open(gateway.port)));
  for (const client of clients) client.endsToo = false;
  const drained = gateway.gateway.drain();
  await Promise.race(clients.map((client) => client.closeReceived()));
  await gateway.gateway.stop();
  await drained;
  const line = await gateway.log.find((one) => one.message === 'sessions were cut at the drain deadline');
  assert.ok(Number(line['sessions']) >= 29, `${line['sessions']} cut`);
  await Promise.all(clients.map((client) => client.until(() => client.ended || client.closed)));
  for (const client of clients) client.socket.destroy();
});

test('a full gateway stays ready, unless its readiness follows its capacity: then until 5 % are free', async () => {
  await using upstream = await FakeUpstream.start();
  await using plain = await startTestGateway(upstream.port, { limits: { sessions: 1 } });
  await using _ = await RawClient.open(plain.port);
  assert.equal(plain.gateway.ready, true);

  const limits = { sessions: 40, readiness: 'capacity' } as const;
  await using own = await startTestGateway(upstream.port, { limits });
  const clients: RawClient[] = [];
  for (let count = 0; count < 40; count++) {
    assert.equal(own.gateway.ready, true, `${count} sessions`);
    clients.push(await RawClient.open(own.port));
  }
  assert.deepEqual([own.gateway.ready, own.gateway.notReady], [false, 'capacity: no session has room']);
  for (const [left, client] of clients.entries()) {
    assert.equal(own.gateway.ready, left > 2, `${left} have left`);
    await client[Symbol.asyncDispose]();
    while (own.gateway.sessionCount > 39 - left) await once(own.log, 'line');
  }
});

test('the drain deadline cuts a client that does not answer its close frame', async () => {
  await using upstream = await FakeUpstream.start();
  await using gateway = await startTestGateway(upstream.port, { drain: { delayMs: 0, timeoutMs: 300 } });
  await using client = await RawClient.open(gateway.port);
  client.endsToo = false;
  await gateway.gateway.drain();
  assert.deepEqual(await client.closeReceived(), { code: 1001, reason: 'draining' });
  assert.ok(gateway.log.lines.some((line) => line.message === 'sessions were cut at the drain deadline'));
});

const WAVES = rounds(4, 10);
test(`after ${50 * WAVES} sessions of all kinds of ends nothing is left: no socket, no timer, no entry`, async () => {
  await using upstream = await FakeUpstream.start({ echo: true });
  await using gateway = await startTestGateway(upstream.port);
  await (await RawClient.open(gateway.port))[Symbol.asyncDispose]();
  await gateway.log.ended();
  const resources = (): string[] =>
    process
      .getActiveResourcesInfo()
      .filter((name) => name !== 'Immediate')
      .sort();
  const before = resources();
  const ends: readonly ((client: RawClient) => unknown)[] = [
    (client) => client.socket.resetAndDestroy(),
    (client) => client.socket.end(),
    (client) => client.send(closeFrame(1000)),
    (client) => client.send(Buffer.concat([frame(Opcode.text, 'x'), closeFrame(1003)])),
    (client) => client.send(frame(3, 'x')),
  ];
  for (let round = 0; round < WAVES; round++) {
    const clients = await Promise.all(Array.from({ length: 50 }, () => RawClient.open(gateway.port)));
    for (const [index, client] of clients.entries()) {
      client.send(frame(Opcode.binary, 'PING\r\n'));
      ends[index % ends.length]?.(client);
    }
    await Promise.all(clients.map((client) => client.until(() => client.closed)));
  }
  await gateway.log.find(
    () => gateway.log.lines.filter((line) => line.message === 'session ended').length === 50 * WAVES + 1,
  );
  await Promise.all(upstream.connections.map((connection) => connection.until((one) => one.closed)));
  assert.equal(gateway.gateway.sessionCount, 0);
  assert.deepEqual(resources(), before);
  const { body } = await gateway.gateway.metrics(false);
  for (const name of ['connections_active', 'handshakes_in_progress']) {
    assert.match(body, new RegExp(`natsgate_${name}\\{listener="default"\\} 0\\n`));
  }
  assert.match(body, /natsgate_backpressure_paused_sessions\{side="client"\} 0\n/);
});

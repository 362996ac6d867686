import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, test } from 'node:test';
import type { EngineName } from '../../src/config/config.ts';
import { FakeUpstream, type UpstreamConnection } from '../support/fake-upstream.ts';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';
import { frame, Opcode, RawClient } from '../support/raw-client.ts';

const MiB = 2 ** 20;
/** A quarter of it may wait: 2 MiB, 30 chunks of 68 KiB. */
const MEMORY_BYTES = 8 * MiB;
const CHUNK_BYTES = 68 * 1024;
const MOST_STALLED = 30;
const FLOOD = Buffer.alloc(MiB);

/** Writes until the other side takes no more, and resolves then. */
async function flood({ socket }: UpstreamConnection, gateway: TestGateway, stalled: number): Promise<void> {
  const write = (): void => {
    while (!socket.destroyed && socket.write(FLOOD));
  };
  socket.on('drain', write);
  write();
  await until(
    gateway,
    /natsgate_backpressure_paused_sessions\{side="upstream"\} (\d+)/,
    (now) => now >= stalled,
  );
}

async function until(gateway: TestGateway, metric: RegExp, holds: (value: number) => boolean): Promise<void> {
  const deadlineMs = performance.now() + 20_000;
  for (;;) {
    const value = Number(metric.exec((await gateway.gateway.metrics(false)).body)?.[1]);
    if (holds(value)) return;
    assert.ok(performance.now() < deadlineMs, `${metric} is ${value}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/**
 * The client of the first session sends whole messages until the server takes no more: of one that is half there its
 * engine may hold a part, which only a cut gives back.
 */
async function publishUntilStalled(client: RawClient, publish: string, gateway: TestGateway): Promise<void> {
  const message = frame(Opcode.binary, publish);
  const deadlineMs = performance.now() + 20_000;
  for (;;) {
    const due = (firstSession(gateway)?.bytes.toUpstream ?? 0) + publish.length;
    client.send(message);
    for (;;) {
      const { bytes, buffered } = firstSession(gateway) ?? {};
      if (buffered !== undefined && buffered.toUpstream > 0) return;
      const carried = bytes?.toUpstream ?? 0;
      if (carried >= due) break;
      assert.ok(performance.now() < deadlineMs, `${carried} of ${due} bytes`);
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
}

const firstSession = (gateway: TestGateway) => gateway.gateway.status.openSessions()[0];

const endedReasons = (gateway: TestGateway): unknown[] =>
  gateway.log.lines.filter((line) => line.message === 'session ended').map((line) => line['reason']);

describe('all stalled sessions together hold a quarter of the memory at most', () => {
  for (const engine of ['cut-through', 'buffered'] as const satisfies EngineName[]) {
    test(`${engine}: one more, and the longest stalled end as overload; the others, and who reads, go on`, async () => {
      await using upstream = await FakeUpstream.start();
      await using gateway = await startTestGateway(upstream.port, {
        engine,
        limits: { memory: MEMORY_BYTES },
      });
      await using reader = await RawClient.open(gateway.port);
      const clients: RawClient[] = [];
      for (let each = 0; each <= MOST_STALLED; each++) {
        const client = await RawClient.open(gateway.port);
        client.socket.pause();
        clients.push(client);
        const connection = await upstream.connection(clients.length);
        // The last one makes room, so that fewer are stalled than before.
        await flood(connection, gateway, each === MOST_STALLED ? 1 : each + 1);
        // So that none has waited as long as another.
        gateway.advance(250);
      }
      const left = Math.floor((0.9 * MEMORY_BYTES) / 4 / CHUNK_BYTES);
      await until(gateway, /natsgate_connections_active\{[^}]*\} (\d+)/, (sessions) => sessions === left + 1);
      const ended = gateway.log.lines.filter((line) => line.message === 'session ended');
      assert.deepEqual(new Set(endedReasons(gateway)), new Set(['overload']));
      assert.deepEqual(new Set(ended.map((line) => line['code'])), new Set([1008]));
      assert.equal(ended.length, MOST_STALLED + 1 - left);
      // The reader is session 1.
      assert.deepEqual(
        ended.map((line) => Number(line['session'])).toSorted(),
        ended.map((_, index) => index + 2),
      );
      const connection = await upstream.connection(0);
      connection.socket.write('PING\r\n');
      await reader.until(() => reader.data.toString().endsWith('PING\r\n'));
      for (const client of clients) client.socket.resetAndDestroy();
    });
  }

  for (const engine of ['cut-through', 'buffered'] as const satisfies EngineName[]) {
    test(`${engine}: a client that waits for a server which does not read is told, and leaves in order`, async () => {
      await using upstream = await FakeUpstream.start({ paused: true });
      await using gateway = await startTestGateway(upstream.port, {
        engine,
        inspect: 'observe',
        limits: { memory: CHUNK_BYTES * 4 },
      });
      const publish = `PUB a 60000\r\n${'x'.repeat(60_000)}\r\n`;
      await using client = await RawClient.open(gateway.port);
      client.send(frame(Opcode.binary, 'CONNECT {}\r\n'));
      await publishUntilStalled(client, publish, gateway);
      // So that the other has not waited as long.
      gateway.advance(250);
      // One more that waits is too many.
      await using other = await RawClient.open(gateway.port);
      const write = (): void => {
        while (!other.socket.destroyed && other.socket.write(frame(Opcode.binary, publish)));
      };
      other.socket.on('drain', write);
      write();
      assert.deepEqual(await client.closeReceived(), { code: 1008, reason: 'overload' });
      assert.match(client.data.toString(), /-ERR 'Stale Connection'\r\n$/);
      client.socket.end();
      await once(client, 'change');
    });
  }

  test('unfinished messages of the buffered engine count', async () => {
    await using upstream = await FakeUpstream.start();
    await using gateway = await startTestGateway(upstream.port, {
      engine: 'buffered',
      limits: { memory: 4 * MiB },
    });
    const begun = async (): Promise<RawClient> => {
      const client = await RawClient.open(gateway.port);
      client.send(frame(Opcode.binary, Buffer.alloc(700_000), { fin: false }));
      return client;
    };
    await using first = await begun();
    await until(gateway, /natsgate_buffer_held_bytes (\d+)/, (bytes) => bytes >= 700_000);
    gateway.advance(250);
    await using second = await begun();
    const line = await gateway.log.ended();
    assert.deepEqual([line['session'], line['reason']], [1, 'overload']);
    second.send(frame(Opcode.continuation, 'end'));
    const connection = await upstream.connection(1);
    await connection.until((one) => one.byteCount === 700_003);
    await until(gateway, /natsgate_buffer_held_bytes (\d+)/, (bytes) => bytes === 0);
    await first.until(() => first.closed);
  });
});

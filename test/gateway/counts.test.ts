import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { Socket } from 'node:net';
import { describe, type TestContext, test } from 'node:test';
import { BufferPool, READ_BYTES } from '../../src/bytes/buffer-pool.ts';
import { CensusProcess } from '../support/census.ts';
import { FakeUpstream } from '../support/fake-upstream.ts';
import { startTestGateway } from '../support/gateway.ts';
import { frame, Opcode, RawClient } from '../support/raw-client.ts';

/**
 * What makes the data path fast, as exact counts, which no noise of a machine can blur: one write for each read, and
 * nothing kept for a session that is idle.
 */

const ENGINE = 'cut-through';
const KiB = 1024;
/** Heap of an idle session: 4,800 to 5,050 and about 6,800 bytes on Node 26.10, most of it Node's two sockets. */
const MAX_IDLE_HEAP_BYTES = { 'cut-through': 5500, buffered: 8000 } as const;
/** Views, and Node's write requests: about 500 bytes on Node 26.10. */
const MAX_ALLOCATED_BYTES_PER_ROUND = 700;

const binary = (payload: Buffer | string): Buffer => frame(Opcode.binary, payload);

describe('one write for each read', () => {
  test('to the upstream: whatever the frames of a read are', async (t) => {
    const pool = new CountingPool();
    await using upstream = await FakeUpstream.start();
    await using gateway = await startTestGateway(upstream.port, { engine: ENGINE }, { bufferPool: pool });
    await using client = await RawClient.open(gateway.port);
    const connection = await upstream.connection();
    const writes = countWrites(t, (socket) => socket.remotePort === upstream.port);
    const cut = binary(randomBytes(500));
    const steps: readonly [string, Buffer, payloadBytes: number][] = [
      ['one small frame', binary('PUB a 0\r\n\r\n'), 11],
      ['200 small frames', Buffer.concat(Array.from({ length: 200 }, () => binary('PUB a 0\r\n\r\n'))), 2200],
      [
        '20 frames of 1 KiB',
        Buffer.concat(Array.from({ length: 20 }, () => binary(Buffer.alloc(KiB)))),
        20 * KiB,
      ],
      ['a frame and a half', Buffer.concat([binary('first'), cut.subarray(0, 300)]), 5 + 292],
      ['the other half, and a frame', Buffer.concat([cut.subarray(300), binary('last')]), 208 + 4],
      ['a frame in fragments', Buffer.concat([frame(Opcode.binary, 'a', { fin: false }), frame(0, 'b')]), 2],
      ['frames around a ping', Buffer.concat([binary('a'), frame(Opcode.ping), binary('b')]), 2],
    ];
    let due = 0;
    for (const [name, bytes, payloadBytes] of steps) {
      const before = { reads: pool.reads, writes: writes.count };
      client.send(bytes);
      due += payloadBytes;
      await connection.until((one) => one.byteCount === due);
      assert.equal(pool.reads - before.reads, 1, `${name}: a segment is one read`);
      assert.equal(writes.count - before.writes, 1, name);
    }
  });

  test('to the upstream: none for a read without payload', async (t) => {
    const pool = new CountingPool();
    await using upstream = await FakeUpstream.start();
    await using gateway = await startTestGateway(upstream.port, { engine: ENGINE }, { bufferPool: pool });
    await using client = await RawClient.open(gateway.port);
    const writes = countWrites(t, (socket) => socket.remotePort === upstream.port);
    const pongs = (): number => client.frames.filter((one) => one.opcode === Opcode.pong).length;
    const withoutPayload = [
      frame(Opcode.pong, 'unasked'),
      binary(''),
      frame(Opcode.binary, '', { fin: false }),
      frame(Opcode.continuation),
      // Its mask is still to come.
      binary('x').subarray(0, 4),
    ];
    for (const [index, bytes] of withoutPayload.entries()) {
      const reads = pool.reads;
      // The pong tells that it was read.
      client.send(Buffer.concat([frame(Opcode.ping), bytes]));
      await client.until(() => pongs() === index + 1);
      assert.equal(pool.reads - reads, 1);
    }
    assert.equal(writes.count, 0);
  });

  test('to the upstream: a bulk upload', async (t) => {
    const pool = new CountingPool();
    await using upstream = await FakeUpstream.start();
    await using gateway = await startTestGateway(upstream.port, { engine: ENGINE }, { bufferPool: pool });
    await using client = await RawClient.open(gateway.port);
    const connection = await upstream.connection();
    const writes = countWrites(t, (socket) => socket.remotePort === upstream.port);
    const reads = pool.reads;
    const payload = randomBytes(4 * 1024 * KiB);
    client.send(binary(payload));
    await connection.until((one) => one.byteCount === payload.length);
    assert.ok(pool.reads - reads >= payload.length / READ_BYTES);
    assert.equal(writes.count, pool.reads - reads);
  });

  test('to the client: header and payload together', async (t) => {
    const pool = new CountingPool();
    await using upstream = await FakeUpstream.start();
    await using gateway = await startTestGateway(upstream.port, { engine: ENGINE }, { bufferPool: pool });
    await using client = await RawClient.open(gateway.port);
    const connection = await upstream.connection();
    const writes = countWrites(t, (socket) => socket.localPort === gateway.port);
    // A ping may follow in the same write.
    const dataFrames = (): number => client.frames.filter(({ opcode }) => opcode === Opcode.binary).length;
    let due = client.data.length;
    for (const length of [1, 125, 126, 5000, 60_000, READ_BYTES - 1]) {
      const before = { reads: pool.reads, writes: writes.count, frames: dataFrames() };
      connection.socket.write(randomBytes(length));
      due += length;
      await client.until(() => client.data.length === due);
      const reads = pool.reads - before.reads;
      assert.equal(writes.count - before.writes, reads, `${length} bytes`);
      assert.equal(dataFrames() - before.frames, reads, `${length} bytes: a frame for each`);
      if (length <= 5000) assert.equal(reads, 1, `${length} bytes are one read`);
    }
  });

  test('to the client: the 101 and the INFO message', async (t) => {
    await using upstream = await FakeUpstream.start();
    await using gateway = await startTestGateway(upstream.port, { engine: ENGINE });
    const writes = countWrites(t, (socket) => socket.localPort === gateway.port);
    await using client = await RawClient.open(gateway.port);
    assert.equal(client.frames.length, 1);
    assert.equal(writes.count, 1);
  });
});

describe('nothing is kept for an idle session', () => {
  const SESSIONS = 200;

  for (const engine of ['cut-through', 'buffered'] as const) {
    test(`${engine}: no buffer, no timer, little heap`, async (t) => {
      await using upstream = await FakeUpstream.start();
      await using gateway = await CensusProcess.start(upstream.port, engine);
      // Code, caches and tables of a process that has seen clients are paid for by the first of them.
      await closeAll(await openMany(gateway, upstream, SESSIONS));
      const before = await gateway.when(({ sessions }) => sessions === 0);

      await gateway.watchTimers();
      const clients = await openMany(gateway, upstream, SESSIONS);
      const during = await gateway.take();
      const perSession = (key: 'heapBytes' | 'externalBytes' | 'bufferBytes'): number =>
        Math.round((during[key] - before[key]) / SESSIONS);
      t.diagnostic(
        `per session: heap ${perSession('heapBytes')}, external ${perSession('externalBytes')}, ` +
          `buffers ${perSession('bufferBytes')} bytes`,
      );
      assert.equal(during.sessions, SESSIONS);
      assert.ok(perSession('heapBytes') <= MAX_IDLE_HEAP_BYTES[engine], 'heap');
      assert.equal(perSession('externalBytes'), 0, 'memory outside of the heap');
      assert.equal(perSession('bufferBytes'), 0, 'buffers');
      assert.equal(during.freeSlots, before.freeSlots, 'slots');
      assert.equal(during.pendingDeadlines, SESSIONS, 'one entry of the wheel for each');
      assert.equal(during.timers, 0, 'timers');

      await closeAll(clients);
      const after = await gateway.when(({ sessions }) => sessions === 0);
      assert.equal(after.pendingDeadlines, 0);
      assert.equal(after.timers, 0);
    });
  }
});

test('a chunk there and back allocates next to nothing, and no buffer', async (t) => {
  const ROUNDS = 2000;
  /** Timers allocate, too, and on a busy machine more of them run within the rounds. */
  const TRIES = 3;
  const PAYLOAD_BYTES = 128;
  await using upstream = await FakeUpstream.start({ echo: true });
  await using gateway = await CensusProcess.start(upstream.port, ENGINE);
  await using client = await RawClient.open(gateway.port);
  const message = binary(randomBytes(PAYLOAD_BYTES));
  let received = 0;
  client.socket.removeAllListeners('data').on('data', (chunk: Buffer) => {
    received += chunk.length;
    client.emit('change');
  });
  const pingPong = async (rounds: number): Promise<void> => {
    for (let round = 0; round < rounds; round++) {
      client.send(message);
      received = 0;
      // The header that comes back has no mask. Now and then a ping comes with it.
      await client.until(() => received >= 4 + PAYLOAD_BYTES);
    }
  };
  // The compiler allocates, too, until it has seen enough.
  await pingPong(ROUNDS);
  const perRound: number[] = [];
  while (perRound.length < TRIES) {
    const before = await gateway.take();
    await pingPong(ROUNDS);
    const after = await gateway.take();
    // What a census allocates itself.
    const own = (await gateway.take()).allocatedBytes - after.allocatedBytes;
    const bytes = Math.round((after.allocatedBytes - before.allocatedBytes - own) / ROUNDS);
    perRound.push(bytes);
    const buffers = after.uncollectedBufferBytes - before.bufferBytes;
    t.diagnostic(`${bytes} bytes a round, ${buffers} of buffers in all`);
    // Views are no buffers.
    assert.ok(buffers < ROUNDS, `${buffers} bytes of buffers were made`);
    if (bytes <= MAX_ALLOCATED_BYTES_PER_ROUND) return;
  }
  assert.fail(`${perRound.join(', ')} bytes a round`);
});

async function openMany(gateway: CensusProcess, upstream: FakeUpstream, count: number): Promise<RawClient[]> {
  const clients: RawClient[] = [];
  for (let index = 0; index < count; index++) {
    const client = await RawClient.open(gateway.port);
    clients.push(client);
    // Both directions have been used.
    const connection = upstream.connections.at(-1)!;
    client.send(binary('PING\r\n'));
    await connection.until((one) => one.byteCount === 6);
    connection.socket.write('PONG\r\n');
    await client.until(() => client.frames.length === 2);
  }
  return clients;
}

async function closeAll(clients: readonly RawClient[]): Promise<void> {
  await Promise.all(clients.map((client) => client[Symbol.asyncDispose]()));
}

/** Counts the reads of the gateway, which all land in its receive area. */
class CountingPool extends BufferPool {
  reads = 0;

  override received(length: number): void {
    this.reads++;
    super.received(length);
  }
}

/** Counts what is handed to the kernel by the sockets of this process that are `meant`, until the test ends. */
function countWrites(t: TestContext, meant: (socket: Socket) => boolean): { readonly count: number } {
  const counter = { count: 0 };
  const { _write, _writev } = Socket.prototype;
  t.after(() => Object.assign(Socket.prototype, { _write, _writev }));
  Object.assign(Socket.prototype, {
    _write(this: Socket, ...args: Parameters<typeof _write>) {
      if (meant(this)) counter.count++;
      _write.apply(this, args);
    },
    _writev(this: Socket, ...args: Parameters<NonNullable<typeof _writev>>) {
      if (meant(this)) counter.count++;
      _writev?.apply(this, args);
    },
  });
  return counter;
}

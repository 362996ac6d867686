import assert from 'node:assert/strict';
import { createHash, randomBytes, randomInt } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { describe, type TestContext, test } from 'node:test';
import type { ConnectionOptions, TLSSocketOptions } from 'node:tls';
import { BufferPool } from '../../src/bytes/buffer-pool.ts';
import { makeCertificates, serverTls, upstreamTls } from '../support/certificates.ts';
import type { ConfigOverrides } from '../support/config.ts';
import { FakeUpstream, INFO_LINE, type UpstreamConnection } from '../support/fake-upstream.ts';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';
import { frame, Opcode, RawClient } from '../support/raw-client.ts';
import { wsReceiver } from '../support/ws-receiver.ts';

/**
 * The write-safety rule of socket-writer.ts: memory that a write still points into belongs to the kernel. The pool
 * overwrites whatever it is given back, both readers stop and go so that most writes stay pending, and there are
 * fewer slots than pending writes. Who gives a buffer back too early changes bytes on the way.
 */

const KiB = 1024;
const MiB = 1024 * KiB;
const SESSIONS = 3;
/** Several times what the kernel takes before a writer has to wait. */
const BYTES = 16 * MiB;
const LARGEST_PIECE = 200 * KiB;
/** The event loop goes round so many times, at most, before a reader goes on. */
const LONGEST_STOP = 12;
const NO_MASK = Buffer.alloc(4);
const TIMEOUT_MS = 120_000;
/** Fewer than any run has; without pauses nothing would be tested. */
const LEAST_PAUSES = 10;

type Run = {
  readonly slots: number;
  readonly overrides?: ConfigOverrides;
  readonly tls?: ConnectionOptions;
  readonly upstreamTls?: TLSSocketOptions;
};

describe('slow readers on both sides, and a pool that overwrites what comes back', {
  timeout: 600_000,
}, () => {
  for (const slots of [1, 3, 16]) {
    test(`cut-through, ${slots} slots`, (t) => carryBothWays(t, { slots, overrides: CUT_THROUGH }));
  }

  test('cut-through over TLS, whose sockets encrypt what they are given', async (t) => {
    await using certificates = await makeCertificates();
    const overrides = { ...CUT_THROUGH, listen: { tls: serverTls(certificates, { minVersion: 'TLSv1.3' }) } };
    await carryBothWays(t, { slots: 2, overrides, tls: {} });
  });

  for (const engine of ['cut-through', 'buffered'] as const) {
    test(`${engine} with TLS to the server`, async (t) => {
      await using certificates = await makeCertificates();
      const [cert, key] = await Promise.all([
        readFile(certificates.serverCertFile),
        readFile(certificates.serverKeyFile),
      ]);
      const upstream = { tls: upstreamTls(certificates) };
      // The bytes of this test are no NATS.
      const overrides = { engine, upstream, inspect: 'off' } as const;
      await carryBothWays(t, { slots: 2, overrides, upstreamTls: { cert, key } });
    });
  }

  test('over TLS the INFO is whole, though the 101 in front of it is still pending', async () => {
    await using certificates = await makeCertificates();
    const tls = serverTls(certificates, { minVersion: 'TLSv1.3' });
    await using upstream = await FakeUpstream.start({ greeting: `${INFO_LINE}PING\r\n` });
    const bufferPool = new BufferPool({ slots: 2, poison: true });
    const overrides = { ...CUT_THROUGH, listen: { tls } };
    await using gateway = await startTestGateway(upstream.port, overrides, { bufferPool });
    await using client = await RawClient.open(gateway.port, {}, {});
    await client.until(() => client.frames.length === 2);
    assert.equal(client.data.toString(), `${INFO_LINE}PING\r\n`);
  });

  test('buffered, which gets its upstream bytes in the shared receive area', (t) =>
    carryBothWays(t, { slots: 1, overrides: { engine: 'buffered' } }));
});

const CUT_THROUGH = { engine: 'cut-through' } as const;

async function carryBothWays(
  t: TestContext,
  { slots, overrides = {}, tls, upstreamTls }: Run,
): Promise<void> {
  const pool = new WatchedPool({ slots, poison: true });
  const free = pool.free;
  await using upstream = await FakeUpstream.start(upstreamTls && { tls: upstreamTls });
  await using gateway = await startTestGateway(upstream.port, overrides, { bufferPool: pool });
  const sessions: SessionPair[] = [];
  for (let index = 0; index < SESSIONS; index++) {
    const client = await RawClient.open(gateway.port, {}, tls);
    sessions.push({ client, connection: await upstream.connection(index) });
  }
  await Promise.all(sessions.flatMap((one) => [toUpstream(one), toClient(one)]));

  const pauses = await pausesOf(gateway);
  t.diagnostic(
    `pauses: ${pauses.client} of clients, ${pauses.upstream} of upstreams; lent ${pool.lent}, ` +
      `kept beyond the write ${pool.kept}, private copies ${pool.copies}`,
  );
  assert.ok(pauses.client >= LEAST_PAUSES && pauses.upstream >= LEAST_PAUSES, 'both sides had to wait');
  assert.equal(pool.free, free, 'every slot came back');
  for (const { client } of sessions) await client[Symbol.asyncDispose]();
  assert.deepEqual(
    gateway.log.lines.filter((line) => line['level'] === 'error'),
    [],
  );
}

type SessionPair = { readonly client: RawClient; readonly connection: UpstreamConnection };

/** Frames of all sizes from the client, while the upstream reads a little and stops, over and over. */
async function toUpstream({ client, connection }: SessionPair): Promise<void> {
  const expected = createHash('sha256');
  stopAndGo(connection.socket);
  await pump(client.socket, (payload) => {
    expected.update(payload);
    if (payload.length < KiB) return [frame(Opcode.binary, payload)];
    // With a mask of zeros the payload needs no work of the test's.
    const announce = BigInt(payload.length);
    return [frame(Opcode.binary, '', { announce, mask: NO_MASK }), payload];
  });
  await connection.until((one) => one.byteCount === BYTES, TIMEOUT_MS);
  assert.equal(connection.sha256, expected.digest('hex'), 'what went upstream');
}

/** Pieces of all sizes from the upstream, while the client reads a little and stops. */
async function toClient({ client, connection }: SessionPair): Promise<void> {
  const seen = createHash('sha256');
  const expected = createHash('sha256');
  let received = 0;
  const receiver = wsReceiver({ isServer: false });
  receiver.on('message', (payload: Buffer) => {
    received += payload.length;
    seen.update(payload);
  });
  // In place of the client's own reader, which keeps everything.
  client.socket.removeAllListeners('data').on('data', (chunk: Buffer) => {
    receiver._write(chunk, '', (error) => {
      if (error) client.socket.destroy(error);
    });
    client.emit('change');
  });
  stopAndGo(client.socket);
  await pump(connection.socket, (payload) => {
    expected.update(payload);
    return [payload];
  });
  await client.until(() => received >= BYTES || client.closed, TIMEOUT_MS);
  assert.equal(received, BYTES, 'the client can still read frames');
  assert.equal(seen.digest('hex'), expected.digest('hex'), 'what went to the client');
}

/** Writes BYTES random bytes in pieces of all sizes, as fast as they are taken. */
async function pump(socket: RawClient['socket'], wrap: (payload: Buffer) => Buffer[]): Promise<void> {
  const random = randomBytes(BYTES);
  for (let from = 0; from < BYTES; ) {
    const size = randomInt(8) === 0 ? randomInt(1, LARGEST_PIECE) : randomInt(1, 4 * KiB);
    const payload = random.subarray(from, from + size);
    from += payload.length;
    let flowing = true;
    for (const piece of wrap(payload)) flowing = socket.write(piece);
    if (!flowing) await drained(socket);
  }
}

function drained(socket: RawClient['socket']): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const onDrain = (): void => {
    socket.off('close', onClose);
    resolve();
  };
  const onClose = (): void => {
    socket.off('drain', onDrain);
    reject(new Error('the connection was closed while there was more to write'));
  };
  socket.once('drain', onDrain).once('close', onClose);
  return promise;
}

/** Stops behind every chunk for some rounds of the event loop, in which the other side writes on. */
function stopAndGo(socket: RawClient['socket']): void {
  socket.on('data', () => {
    socket.pause();
    let rounds = randomInt(LONGEST_STOP);
    const wait = (): void => {
      if (rounds-- > 0) setImmediate(wait);
      else socket.resume();
    };
    wait();
  });
}

class WatchedPool extends BufferPool {
  lent = 0;
  copies = 0;
  /** Chunks whose write was still pending when the call that made them was over. */
  kept = 0;
  readonly #young = new Set<Buffer>();

  override lend(slot: number, end: number): Buffer {
    const chunk = super.lend(slot, end);
    this.lent++;
    if (chunk.buffer !== this.bytes.buffer) this.copies++;
    if (this.#young.size === 0) {
      setImmediate(() => {
        this.kept += this.#young.size;
        this.#young.clear();
      });
    }
    this.#young.add(chunk);
    return chunk;
  }

  override release(chunk: Buffer): void {
    this.#young.delete(chunk);
    super.release(chunk);
  }
}

async function pausesOf(gateway: TestGateway): Promise<{ client: number; upstream: number }> {
  const { body } = await gateway.gateway.metrics(false);
  const count = (side: string): number =>
    Number(
      new RegExp(`^natsgate_backpressure_pauses_total\\{side="${side}"\\} (\\d+)$`, 'm').exec(body)?.[1],
    );
  return { client: count('client'), upstream: count('upstream') };
}

import assert from 'node:assert/strict';
import { createHash, type Hash, randomBytes, randomInt } from 'node:crypto';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { test } from 'node:test';
import { FakeUpstream, INFO_LINE } from '../support/fake-upstream.ts';
import { GatewayProcess } from '../support/gateway-process.ts';
import { closeFrame, Opcode, RawClient } from '../support/raw-client.ts';

const MiB = 1024 * 1024;
/** Of the test's time nearly all goes with the bytes, so 1024 is for changes of what carries them. */
const TOTAL_BYTES = Number(process.env['BULK_MIB'] ?? 256) * MiB;
const WARM_UP_BYTES = 64 * MiB;
const CHUNK_BYTES = { least: 1024, most: 128 * 1024 } as const;
const MAX_RSS_GROWTH_BYTES = 48 * MiB;
const POOL_BYTES = 16 * MiB;
const MASKS = 4;
const DEADLINE_MS = 150_000;

test(`${TOTAL_BYTES / MiB} MiB of random bytes each way at once: equal SHA-256, memory stays flat`, {
  skip: process.platform !== 'linux' && 'memory is read from /proc',
  timeout: 2 * DEADLINE_MS,
}, async (t) => {
  const signal = AbortSignal.timeout(DEADLINE_MS);
  await using upstream = await FakeUpstream.start();
  await using gateway = await GatewayProcess.start(upstream.port);
  await using client = await RawClient.open(gateway.port);
  const connection = await upstream.connection(1);
  const received = new FrameReader(client, signal);
  const source = new RandomSource();
  const toUpstream = createHash('sha256');
  const toClient = createHash('sha256');

  const transfer = async (bytes: number): Promise<void> => {
    const upTotal = connection.byteCount + bytes;
    const downTotal = received.byteCount + bytes;
    await Promise.all([
      sendAsFrames(client.socket, source, bytes, toUpstream, signal),
      sendRaw(connection.socket, source, bytes, toClient, signal),
      connection.until((one) => one.byteCount >= upTotal, DEADLINE_MS),
      received.until(() => received.byteCount >= downTotal),
    ]);
  };

  await transfer(WARM_UP_BYTES);
  const rssAtStart = gateway.rssBytes();
  using peak = gateway.watchRss();
  const startMs = performance.now();
  await transfer(TOTAL_BYTES);
  const seconds = (performance.now() - startMs) / 1000;
  const rssAtEnd = gateway.rssBytes();
  t.diagnostic(
    `${seconds.toFixed(1)} s, ${Math.round(TOTAL_BYTES / MiB / seconds)} MiB/s each way at once; RSS ` +
      `${inMiB(rssAtStart)} after ${inMiB(WARM_UP_BYTES)}, peak ${inMiB(peak.bytes)}, end ${inMiB(rssAtEnd)}`,
  );

  const bytesEachWay = WARM_UP_BYTES + TOTAL_BYTES;
  assert.equal(connection.byteCount, bytesEachWay);
  assert.equal(received.byteCount, bytesEachWay);
  assert.equal(connection.sha256, toUpstream.digest('hex'), 'what the upstream got');
  assert.equal(received.sha256(), toClient.digest('hex'), 'what the client got');
  const growth = Math.max(peak.bytes, rssAtEnd) - rssAtStart;
  assert.ok(growth < MAX_RSS_GROWTH_BYTES, `RSS grew by ${inMiB(growth)}`);

  client.send(closeFrame(1000));
  await received.until(() => received.closePayload.length >= 2);
  assert.equal(received.closePayload.readUInt16BE(), 1000);
  const ended = await gateway.log.ended();
  assert.equal(ended['reason'], 'client_closed');
  assert.equal(ended['bytesToUpstream'], bytesEachWay);
  assert.equal(ended['bytesToClient'], bytesEachWay + INFO_LINE.length);
});

type Chunk = { readonly plain: Buffer; readonly mask: Buffer; readonly masked: Buffer };

/**
 * Slices of a pool of random bytes at random places, of random sizes. Masked copies of the whole pool are made
 * once: a slice that begins at a multiple of four is masked already.
 */
class RandomSource {
  readonly #plain = randomBytes(POOL_BYTES);
  readonly #masked = Array.from({ length: MASKS }, () => {
    const mask = randomBytes(4);
    const bytes = Buffer.from(this.#plain);
    for (let at = 0; at < bytes.length; at++) bytes[at]! ^= mask[at & 3]!;
    return { mask, bytes };
  });

  next(maxBytes: number): Chunk {
    const length = Math.min(maxBytes, randomInt(CHUNK_BYTES.least, CHUNK_BYTES.most + 1));
    const from = 4 * randomInt(Math.floor((POOL_BYTES - length) / 4) + 1);
    const { mask, bytes } = this.#masked[randomInt(MASKS)]!;
    return {
      plain: this.#plain.subarray(from, from + length),
      mask,
      masked: bytes.subarray(from, from + length),
    };
  }
}

async function sendAsFrames(
  socket: Socket,
  source: RandomSource,
  bytes: number,
  hash: Hash,
  signal: AbortSignal,
): Promise<void> {
  for (let left = bytes; left > 0; ) {
    const { plain, mask, masked } = source.next(left);
    left -= plain.length;
    hash.update(plain);
    socket.cork();
    socket.write(binaryHead(masked.length, mask));
    socket.write(masked);
    socket.uncork();
    if (socket.writableNeedDrain) await once(socket, 'drain', { signal });
  }
}

async function sendRaw(
  socket: Socket,
  source: RandomSource,
  bytes: number,
  hash: Hash,
  signal: AbortSignal,
): Promise<void> {
  for (let left = bytes; left > 0; ) {
    const { plain } = source.next(left);
    left -= plain.length;
    hash.update(plain);
    if (!socket.write(plain)) await once(socket, 'drain', { signal });
  }
}

function binaryHead(length: number, mask: Buffer): Buffer {
  const lengthBytes = length < 126 ? 0 : length < 65_536 ? 2 : 8;
  const head = Buffer.alloc(2 + lengthBytes);
  head[0] = 0x80 | Opcode.binary;
  head[1] = 0x80 | (lengthBytes === 0 ? length : lengthBytes === 2 ? 126 : 127);
  if (lengthBytes === 2) head.writeUInt16BE(length, 2);
  if (lengthBytes === 8) head.writeBigUInt64BE(BigInt(length), 2);
  return Buffer.concat([head, mask]);
}

/** Takes an open client's bytes over and reads frames as they come, keeping a hash and no payload. */
class FrameReader {
  readonly #client: RawClient;
  readonly #signal: AbortSignal;
  readonly #hash = createHash('sha256');
  byteCount = 0;
  closePayload = Buffer.alloc(0);
  #opcode = 0;
  #head = Buffer.alloc(0);
  #payloadLeft = 0;
  #failure: Error | undefined;

  constructor(client: RawClient, signal: AbortSignal) {
    this.#client = client;
    this.#signal = signal;
    client.socket.removeAllListeners('data');
    client.socket.on('data', (chunk: Buffer) => {
      try {
        this.#read(chunk);
      } catch (error) {
        this.#failure ??= error as Error;
      }
      client.emit('change');
    });
  }

  sha256(): string {
    return this.#hash.copy().digest('hex');
  }

  async until(holds: () => boolean): Promise<void> {
    while (!holds()) {
      await once(this.#client, 'change', { signal: this.#signal });
      if (this.#failure !== undefined) throw this.#failure;
      if (this.#client.closed && !holds()) throw new Error('the connection is closed');
    }
  }

  #read(chunk: Buffer): void {
    for (let from = 0; from < chunk.length; ) {
      if (this.#payloadLeft > 0) {
        const piece = chunk.subarray(from, from + this.#payloadLeft);
        if (this.#opcode === Opcode.close) this.closePayload = Buffer.concat([this.closePayload, piece]);
        else {
          this.#hash.update(piece);
          this.byteCount += piece.length;
        }
        this.#payloadLeft -= piece.length;
        from += piece.length;
        continue;
      }
      const before = this.#head.length;
      const head = Buffer.concat([this.#head, chunk.subarray(from, from + 4 - before)]);
      const short = head[1] ?? 0;
      const headBytes = short === 126 ? 4 : 2;
      if (head.length < 2 || head.length < headBytes) {
        this.#head = head;
        return;
      }
      this.#head = Buffer.alloc(0);
      from += headBytes - before;
      assert.ok(short <= 126, 'no mask, and never more than the 16-bit length');
      this.#opcode = head[0]! & 0x0f;
      this.#payloadLeft = short === 126 ? head.readUInt16BE(2) : short;
      assert.equal(head[0]! & 0xf0, 0x80, 'whole messages, no extension');
      assert.ok([Opcode.binary, Opcode.ping, Opcode.close].includes(this.#opcode as 2 | 8 | 9));
      assert.ok(this.#payloadLeft > 0 || this.#opcode !== Opcode.binary, 'no empty message');
    }
  }
}

const inMiB = (bytes: number): string => `${(bytes / MiB).toFixed(1)} MiB`;

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { describe, test } from 'node:test';
import { BufferPool } from '../../src/bytes/buffer-pool.ts';
import { bufferedEngine } from '../../src/websocket/buffered.ts';
import type { ByteSocket, ByteSocketOwner, ClientEnd } from '../../src/websocket/byte-socket.ts';
import { FrameCounters } from '../../src/websocket/frame-counters.ts';
import { closeFrame, frame, handshakeRequest, Opcode, RawClient } from '../support/raw-client.ts';

const KiB = 1024;
const MESSAGE = Buffer.from(Array.from({ length: 1_000_001 }, (_, index) => index & 0xff));

/** What a session would see, each portion with the turn of the event loop in which it came. */
class Seen implements ByteSocketOwner {
  readonly portions: { readonly length: number; readonly turn: number }[] = [];
  readonly bytes: Buffer[] = [];
  end: ClientEnd | undefined;
  /** Portions before the end was told. */
  portionsBeforeEnd = 0;
  isClosed = false;
  assembling = 0;
  onPortion: () => void = () => {};
  #turn = 0;
  readonly #changed: () => void;

  constructor(changed: () => void) {
    this.#changed = changed;
  }

  /** To be called in each turn. */
  nextTurn(): void {
    this.#turn++;
  }

  onBytes(chunk: Buffer): void {
    this.portions.push({ length: chunk.length, turn: this.#turn });
    this.bytes.push(chunk);
    this.onPortion();
    this.#changed();
  }

  onAssembling(change: number): void {
    this.assembling += change;
    this.#changed();
  }

  onEnd(end: ClientEnd): void {
    assert.equal(this.isClosed, false);
    this.end = end;
    this.portionsBeforeEnd = this.portions.length;
    this.#changed();
  }

  onClosed(): void {
    assert.equal(this.isClosed, false);
    this.isClosed = true;
    this.#changed();
  }

  onDrain(): void {}
  onPong(): void {}
  onActivity(): void {}
}

type Connected = AsyncDisposable & {
  readonly client: RawClient;
  readonly socket: ByteSocket;
  readonly seen: Seen;
  until(holds: () => boolean): Promise<void>;
};

async function connected(): Promise<Connected> {
  const server = createServer();
  const engine = bufferedEngine({
    pool: new BufferPool({ slots: 1 }),
    maxMessageBytes: 2 * 1024 * KiB,
    maxSentFrameBytes: 65_535,
    closeFenceMs: 1000,
    clock: { nowMs: 0 },
    counters: new FrameCounters(),
  });
  const opened = Promise.withResolvers<ByteSocket>();
  const seen = new Seen(() => server.emit('change'));
  server.on('upgrade', (request, socket) => {
    engine.upgrade(request, socket as Socket, (one) => {
      one.start(seen);
      opened.resolve(one);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = await RawClient.connect((server.address() as AddressInfo).port);
  client.send(handshakeRequest());
  const socket = await opened.promise;
  let isRunning = true;
  const turn = (): void => {
    seen.nextTurn();
    if (isRunning) setImmediate(turn);
  };
  turn();
  return {
    client,
    socket,
    seen,
    until: async (holds) => {
      const signal = AbortSignal.timeout(30_000);
      while (!holds()) await once(server, 'change', { signal });
    },
    [Symbol.asyncDispose]: async () => {
      isRunning = false;
      await client[Symbol.asyncDispose]();
      server.close();
      server.closeAllConnections();
    },
  };
}

describe('a message of many reads, which held up everybody while it was inspected', () => {
  test('is handed on in portions of one read, one in a turn', async () => {
    await using session = await connected();
    const { seen } = session;
    session.client.send(frame(Opcode.binary, MESSAGE));
    await session.until(() => seen.portions.reduce((sum, { length }) => sum + length, 0) === MESSAGE.length);
    assert.ok(Buffer.concat(seen.bytes).equals(MESSAGE));
    assert.ok(seen.portions.every(({ length }) => length <= 64 * KiB));
    const turns = seen.portions.map(({ turn }) => turn);
    assert.equal(new Set(turns).size, turns.length, `turns ${turns.join()}`);
    assert.equal(seen.assembling, 0);
  });

  test('waits, and counts, while the owner has paused; goes on where it was', async () => {
    await using session = await connected();
    const { seen, socket } = session;
    seen.onPortion = () => socket.pause();
    session.client.send(frame(Opcode.binary, MESSAGE));
    await session.until(() => seen.portions.length === 1);
    for (let turns = 0; turns < 10; turns++) await new Promise((resolve) => setImmediate(resolve));
    assert.equal(seen.portions.length, 1);
    assert.equal(seen.assembling, MESSAGE.length - 64 * KiB);
    assert.equal(socket.assemblingSinceMs, undefined);
    seen.onPortion = () => {};
    socket.resume();
    await session.until(() => seen.assembling === 0);
    assert.ok(Buffer.concat(seen.bytes).equals(MESSAGE));
  });

  for (const [name, after, end] of [
    ['a close frame', closeFrame(4000), { reason: 'client_closed', code: 4000 }],
    ['text', frame(Opcode.text, 'x'), { reason: 'not_binary', code: 1003 }],
    ['a violation', frame(Opcode.binary, 'x', { rsv: 2 }), { reason: 'frame_violation', code: 1002 }],
  ] as const) {
    test(`all of it goes before the end by ${name}, also while the owner has paused`, async () => {
      await using session = await connected();
      const { seen, socket } = session;
      seen.onPortion = () => socket.pause();
      session.client.send(Buffer.concat([frame(Opcode.binary, MESSAGE), after, frame(Opcode.binary, 'x')]));
      // The end lies in a read that comes when the owner takes more.
      await session.until(() => seen.portions.length === 1);
      socket.resume();
      await session.until(() => {
        if (seen.end === undefined) socket.resume();
        return seen.end !== undefined;
      });
      assert.deepEqual(seen.end, end);
      assert.equal(seen.portionsBeforeEnd, seen.portions.length);
      assert.ok(Buffer.concat(seen.bytes).equals(MESSAGE));
      session.socket.destroy();
      await session.until(() => seen.isClosed);
    });
  }

  test('all of it goes before a FIN, and the close is told last', async () => {
    await using session = await connected();
    const { seen } = session;
    session.client.socket.end(frame(Opcode.binary, MESSAGE));
    await session.until(() => seen.isClosed);
    assert.deepEqual(seen.end, { reason: 'client_gone', code: 1006 });
    assert.ok(Buffer.concat(seen.bytes).equals(MESSAGE));
  });

  test('nothing of it comes when the owner has ended the session', async () => {
    await using session = await connected();
    const { seen, socket } = session;
    seen.onPortion = () => socket.close(1008, 'overload');
    session.client.send(frame(Opcode.binary, MESSAGE));
    await session.until(() => seen.portions.length === 1);
    assert.equal(seen.assembling, 0);
    session.client.send(closeFrame(1008));
    await session.until(() => seen.isClosed);
    assert.equal(seen.portions.length, 1);
    assert.equal(seen.end, undefined);
  });
});

test('an unfinished message counts with what its reads take: of one-byte reads it took 270 times what was counted', async () => {
  await using session = await connected();
  const { seen } = session;
  session.client.send(frame(Opcode.binary, Buffer.alloc(100), { announce: 1000n, lengthBytes: 2 }));
  await session.until(() => seen.assembling >= 100);
  for (let bytes = 0; bytes < 20; bytes++) {
    const before = seen.assembling;
    session.client.send('x');
    await session.until(() => seen.assembling > before);
    assert.ok(seen.assembling - before >= 256);
  }
  session.client.socket.resetAndDestroy();
  await session.until(() => seen.isClosed);
  assert.equal(seen.assembling, 0);
});

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { describe, test } from 'node:test';
import { BufferPool } from '../../src/bytes/buffer-pool.ts';
import { own, type SocketOwner, SocketWriter } from '../../src/bytes/socket-writer.ts';
import { socketPair } from '../support/socket-pair.ts';

/**
 * The write-safety rule alone: a chunk comes back to the pool once, and not while a write still points into it. The pool
 * overwrites what comes back, and is so small that memory which came back is written to by the next chunk.
 */

const CHUNK_BYTES = 60_000;
const SLOTS = 2;

class Owner implements SocketOwner {
  readonly pool: BufferPool;
  readonly writer: SocketWriter;
  readonly written: Buffer[] = [];
  readonly drained = new EventTarget();
  events: string[] = [];

  constructor(socket: Socket, pool: BufferPool) {
    this.pool = pool;
    this.writer = new SocketWriter(socket, pool);
    own(this);
  }

  write(length = CHUNK_BYTES, sender?: { send(bytes: Buffer): void }): boolean {
    const payload = randomBytes(length);
    this.written.push(payload);
    const slot = this.pool.take();
    return this.writer.write(this.pool.lend(slot, slot + payload.copy(this.pool.bytes, slot)), sender);
  }

  /** Fills the kernel's buffers; at the end one write is pending. */
  fill(): void {
    while (this.write());
  }

  socketDrained(): void {
    this.events.push('drained');
    this.drained.dispatchEvent(new Event('drained'));
  }
  socketEnded(): void {
    this.events.push('ended');
  }
  socketFailed(): void {
    this.events.push('failed');
  }
  socketClosed(): void {
    this.events.push('closed');
  }
}

const closed = (socket: Socket): Promise<void> =>
  new Promise((resolve) => socket.once('close', () => resolve()));
const newPool = (): BufferPool => new BufferPool({ slots: SLOTS, poison: true });

/** Reads until the other side has ended, and compares. */
async function compare(far: Socket, { written }: Owner): Promise<void> {
  const received: Buffer[] = [];
  far.on('data', (chunk: Buffer) => received.push(chunk)).resume();
  await once(far, 'end');
  const [is, due] = [Buffer.concat(received), Buffer.concat(written)];
  assert.equal(is.length, due.length);
  assert.ok(is.equals(due), 'no byte was changed on the way');
}

describe('in clear', () => {
  test('what the kernel took is back when the call returns', async () => {
    await using pair = await socketPair(false);
    const pool = newPool();
    const owner = new Owner(pair.near, pool);
    const { free } = pool;
    for (let times = 0; times < 3; times++) assert.equal(owner.write(1000), true);
    assert.equal(pool.free, free);
    assert.equal(owner.writer.heldBytes, 0);
    pair.near.end();
    await compare(pair.far, owner);
  });

  test('what it did not take is back when it has all of it, once', async () => {
    await using pair = await socketPair(false);
    const pool = newPool();
    const owner = new Owner(pair.near, pool);
    const { free } = pool;
    owner.fill();
    assert.equal(pool.free, free - 1);
    // The next one waits, too, as does one that has no slot.
    assert.equal(owner.write(), false);
    assert.equal(owner.write(5000), false);
    assert.equal(pool.free, free - 2);
    assert.ok(owner.writer.heldBytes >= 2 * CHUNK_BYTES + 5000);
    const drained = once(owner.drained, 'drained');
    const reading = compare(pair.far, owner);
    await drained;
    assert.equal(pool.free, free, 'all of them');
    assert.equal(owner.writer.heldBytes, 0);
    // What came back is used, and comes back again.
    owner.write();
    pair.near.end();
    await reading;
    pair.far.end();
    await closed(pair.near);
    assert.equal(pool.free, free);
    assert.equal(owner.events.at(-1), 'closed');
  });

  test('after the end of the stream, too', async () => {
    await using pair = await socketPair(false);
    const pool = newPool();
    const owner = new Owner(pair.near, pool);
    const { free } = pool;
    owner.fill();
    pair.near.end();
    const drained = once(owner.drained, 'drained');
    const reading = compare(pair.far, owner);
    await drained;
    assert.equal(pair.near.closed, false);
    assert.equal(pool.free, free);
    await reading;
  });

  test('a socket that is dropped gives all back at once, and its close nothing more', async () => {
    await using pair = await socketPair(false);
    const pool = newPool();
    const owner = new Owner(pair.near, pool);
    const { free } = pool;
    owner.fill();
    owner.write();
    owner.writer.drop();
    assert.equal(pool.free, free);
    await closed(pair.near);
    assert.equal(pool.free, free);
    assert.deepEqual(owner.events, ['closed']);
  });

  test('a peer that resets gives all back', async () => {
    await using pair = await socketPair(false);
    const pool = newPool();
    const owner = new Owner(pair.near, pool);
    const { free } = pool;
    owner.fill();
    owner.write();
    pair.far.resetAndDestroy();
    await closed(pair.near);
    assert.equal(pool.free, free);
    assert.deepEqual(owner.events.slice(-2), ['failed', 'closed']);
  });

  test('private copies come back once: no two chunks share one', async () => {
    await using pair = await socketPair(false);
    const pool = new BufferPool({ slots: 0 });
    const owner = new Owner(pair.near, pool);
    owner.fill();
    owner.write();
    owner.writer.drop();
    await closed(pair.near);
    const stores = Array.from({ length: 8 }, () => {
      const slot = pool.take();
      return pool.lend(slot, slot + CHUNK_BYTES).buffer;
    });
    assert.equal(new Set(stores).size, stores.length);
  });

  test('who writes in its own way is held to the same', async () => {
    await using pair = await socketPair(false);
    const pool = newPool();
    const owner = new Owner(pair.near, pool);
    const { free } = pool;
    const corked = {
      send(bytes: Buffer): void {
        pair.near.cork();
        pair.near.write(bytes);
        pair.near.uncork();
      },
    };
    assert.equal(owner.write(1000, corked), true);
    assert.equal(pool.free, free);
    while (owner.write(CHUNK_BYTES, corked));
    assert.equal(pool.free, free - 1);
    pair.near.end();
    await compare(pair.far, owner);
    assert.equal(pool.free, free);
  });
});

describe('over TLS', () => {
  test('a chunk is back when the call returns, though its write is pending', async () => {
    await using pair = await socketPair(true);
    const pool = newPool();
    const owner = new Owner(pair.near, pool);
    const { free } = pool;
    assert.equal(owner.write(1000), true, 'below the mark');
    assert.equal(pool.free, free);
    assert.ok(owner.writer.heldBytes >= 1000);
    pair.near.end();
    await compare(pair.far, owner);
  });

  test('what comes on top of a pending write is not changed by the next chunk', async () => {
    await using pair = await socketPair(true);
    const pool = newPool();
    const owner = new Owner(pair.near, pool);
    const { free } = pool;
    for (let round = 0; round < 5; round++) {
      for (const length of [1000, 20_000, CHUNK_BYTES, 1]) {
        owner.write(length);
      }
      await new Promise((resolve) => setImmediate(resolve));
    }
    pair.near.end();
    await compare(pair.far, owner);
    assert.equal(pool.free, free, 'each slot is back, once');
  });

  test('what ws sends on top of a pending write is not changed by the next chunk', async () => {
    await using pair = await socketPair(true);
    const pool = newPool();
    const owner = new Owner(pair.near, pool);
    const { free } = pool;
    const ws = { send: (bytes: Buffer): void => void pair.near.write(bytes) };
    for (const length of [1000, 20_000, CHUNK_BYTES, 1]) {
      owner.write(length, ws);
      assert.equal(pool.free, free, 'ws does not tell when it is done, so the chunk is back at once');
    }
    pair.near.end();
    await compare(pair.far, owner);
  });

  for (const end of ['drain', 'drop'] as const)
    test(`a slot that waits behind a pending write comes back once, by ${end}`, async () => {
      await using pair = await socketPair(true);
      const pool = newPool();
      const owner = new Owner(pair.near, pool);
      const { free } = pool;
      owner.write();
      owner.write(5000);
      assert.equal(pool.free, free - 1);
      if (end === 'drop') {
        const gone = closed(pair.near);
        owner.writer.drop();
        await gone;
      } else {
        pair.near.end();
        await compare(pair.far, owner);
      }
      assert.equal(pool.free, free);
    });

  test('a reader that stops gets all of it, and what it held comes back', async () => {
    await using pair = await socketPair(true);
    const pool = newPool();
    const owner = new Owner(pair.near, pool);
    const { free } = pool;
    // What TLS has encrypted is with the kernel in the next turns, unless that is full.
    do {
      owner.write();
      for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
    } while (owner.writer.heldBytes === 0);
    assert.equal(owner.write(), false);
    pair.near.end();
    await compare(pair.far, owner);
    assert.equal(owner.events[0], 'drained');
    assert.equal(pool.free, free);
  });
});

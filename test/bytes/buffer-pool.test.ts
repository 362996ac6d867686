import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, test } from 'node:test';
import { BufferPool, READ_BYTES } from '../../src/bytes/buffer-pool.ts';

const SLOT_BYTES = 65 * 1024;
const POISON = 0xdb;

/** Puts `payload` into a new slot and lends it. */
function lend(pool: BufferPool, payload: Buffer): Buffer {
  const slot = pool.take();
  payload.copy(pool.bytes, slot);
  return pool.lend(slot, slot + payload.length);
}

const isView = (pool: BufferPool, chunk: Buffer): boolean => chunk.buffer === pool.bytes.buffer;

describe('slots', () => {
  test('one more than asked for, each of 65 KiB, apart from one another and from the receive area', () => {
    const pool = new BufferPool({ slots: 7 });
    assert.equal(pool.free, 8);
    const slots = Array.from({ length: 8 }, () => pool.take()).sort((one, other) => one - other);
    assert.equal(pool.free, 0);
    assert.equal(pool.receive.byteOffset, pool.bytes.byteOffset);
    assert.equal(pool.receive.length, READ_BYTES);
    let end = READ_BYTES;
    for (const slot of slots) {
      assert.ok(slot >= end, `${slot} overlaps what ends at ${end}`);
      end = slot + SLOT_BYTES;
    }
    assert.ok(end <= pool.bytes.length);
  });

  test('a taken slot that is given back is free again', () => {
    const pool = new BufferPool({ slots: 1 });
    const slot = pool.take();
    assert.equal(pool.free, 1);
    pool.untake(slot);
    assert.equal(pool.free, 2);
    assert.equal(pool.take(), slot, 'the one that is hot in the cache comes first');
  });

  test('taking more than there are is a fault of the program, told at once', () => {
    const pool = new BufferPool({ slots: 1 });
    pool.take();
    pool.take();
    assert.throws(() => pool.take(), /neither lent nor given back/);
  });
});

describe('lending', () => {
  test('a chunk is a view of its slot until it is released', () => {
    const pool = new BufferPool({ slots: 2 });
    const slot = pool.take();
    pool.bytes.write('hello', slot);
    const chunk = pool.lend(slot, slot + 5);
    assert.equal(chunk.toString(), 'hello');
    assert.equal(chunk.byteOffset, pool.bytes.byteOffset + slot);
    assert.ok(isView(pool, chunk));
    assert.equal(pool.free, 2);
    pool.release(chunk);
    assert.equal(pool.free, 3);
  });

  test('the last slot is never lent: a private copy is, and takes nothing from the others', () => {
    const pool = new BufferPool({ slots: 2 });
    const lent = [randomBytes(10), randomBytes(20)].map((payload) => lend(pool, payload));
    assert.ok(lent.every((chunk) => isView(pool, chunk)));
    assert.equal(pool.free, 1);
    const payload = randomBytes(100);
    for (let stalled = 0; stalled < 100; stalled++) {
      const copy = lend(pool, payload);
      assert.equal(isView(pool, copy), false);
      // A slice of Node's own pool would keep 64 KiB alive for as long as the client is stalled.
      assert.equal(copy.buffer.byteLength, payload.length);
      assert.equal(pool.free, 1);
      pool.bytes.fill(0, pool.receive.length);
      assert.ok(copy.equals(payload));
      pool.release(copy);
      assert.equal(pool.free, 1);
    }
    for (const chunk of lent) pool.release(chunk);
    assert.equal(pool.free, 3);
    assert.ok(isView(pool, lend(pool, payload)), 'with free slots there is no copy any more');
  });

  test('copies that were given back are used again, as many as are wanted', () => {
    const pool = new BufferPool({ slots: 1 });
    const payload = randomBytes(60_000);
    const held = lend(pool, payload);
    const stores = (count: number): Set<ArrayBufferLike> => {
      const chunks = Array.from({ length: count }, () => lend(pool, payload));
      for (const chunk of chunks) pool.release(chunk);
      return new Set(chunks.map((chunk) => chunk.buffer));
    };
    assert.equal(stores(40).intersection(stores(40)).size, 16);
    pool.keepSpares(100 * SLOT_BYTES);
    stores(40);
    assert.equal(stores(40).intersection(stores(40)).size, 40);
    pool.keepSpares(0);
    assert.equal(stores(40).intersection(stores(40)).size, 16);
    pool.release(held);
  });

  test('a copy takes about twice its chunk at most, and that is what it is counted as', () => {
    const pool = new BufferPool({ slots: 0 });
    for (const length of [1, 4095, 4096, 4097, 5000, 8192, 8193, 20_000, 32_769, 65_536, 68 * 1024]) {
      const chunk = lend(pool, Buffer.alloc(length));
      assert.ok(chunk.buffer.byteLength <= 2.2 * length, `${length} bytes in ${chunk.buffer.byteLength}`);
      assert.equal(pool.storeBytes(chunk), chunk.buffer.byteLength);
      assert.equal(pool.storeBytes(chunk.subarray(0, 1)), chunk.buffer.byteLength, 'a part keeps all of it');
    }
  });

  test('a slot counts whole, whatever is in it', () => {
    const pool = new BufferPool({ slots: 1 });
    assert.equal(pool.storeBytes(lend(pool, Buffer.alloc(1))), pool.slotBytes);
  });

  test('thousands of stalled sessions with small chunks take little', () => {
    const before = process.memoryUsage().arrayBuffers;
    const pool = new BufferPool({ slots: 0 });
    const payload = Buffer.alloc(4097);
    const kept = Array.from({ length: 2000 }, () => lend(pool, payload));
    const took = process.memoryUsage().arrayBuffers - before;
    assert.ok(took < 20 * 1024 * 1024, `${took} bytes`);
    assert.ok(kept.every((chunk) => chunk.length === payload.length));
  });

  test('copies of a length that nobody asks for any more make room for others', () => {
    const pool = new BufferPool({ slots: 0 });
    const stores = (length: number): Set<ArrayBufferLike> => {
      const chunks = Array.from({ length: 200 }, () => lend(pool, Buffer.alloc(length)));
      for (const chunk of chunks) pool.release(chunk);
      return new Set(chunks.map((chunk) => chunk.buffer));
    };
    const small = stores(5000);
    assert.equal(small.intersection(stores(5000)).size, Math.floor((16 * pool.slotBytes) / 8192));
    stores(60_000);
    assert.equal(stores(60_000).intersection(stores(60_000)).size, 16);
    assert.equal(small.intersection(stores(5000)).size, 0);
  });

  test('any order of lending and releasing keeps chunks whole and loses no slot', () => {
    const pool = new BufferPool({ slots: 5, poison: true });
    const held: { readonly chunk: Buffer; readonly payload: Buffer }[] = [];
    for (const choice of randomBytes(2000)) {
      if (choice % 3 < 2 && held.length < 12) {
        const payload = randomBytes(1 + (choice << 8));
        held.push({ chunk: lend(pool, payload), payload });
      } else if (held.length > 0) {
        const [one] = held.splice(choice % held.length, 1);
        assert.ok(one!.chunk.equals(one!.payload));
        pool.release(one!.chunk);
      }
      const views = held.filter(({ chunk }) => isView(pool, chunk)).length;
      assert.equal(pool.free, 6 - views);
    }
    for (const { chunk, payload } of held) {
      assert.ok(chunk.equals(payload));
      pool.release(chunk);
    }
    assert.equal(pool.free, 6);
  });

  test('chunks of others are left alone', () => {
    const pool = new BufferPool({ slots: 1, poison: true });
    const chunks = [Buffer.from('pooled by Node'), randomBytes(100), new BufferPool().receive.subarray(0, 9)];
    for (const chunk of chunks) {
      const before = Buffer.from(chunk);
      pool.release(chunk);
      assert.ok(chunk.equals(before));
    }
    assert.equal(pool.free, 2);
  });
});

describe('poison', () => {
  test('what was released, and what was received, is overwritten; no byte more', () => {
    const pool = new BufferPool({ slots: 1, poison: true });
    pool.bytes.fill(1);
    const slot = pool.take();
    const chunk = pool.lend(slot, slot + 5);
    pool.release(chunk);
    pool.received(9);
    const poisoned = [...pool.bytes.keys()].filter((index) => pool.bytes[index] === POISON);
    const range = (from: number, to: number): number[] =>
      Array.from({ length: to - from }, (_, i) => from + i);
    assert.deepEqual(poisoned, [...range(0, 9), ...range(slot, slot + 5)]);
  });

  test('nothing of the kind without it', () => {
    const pool = new BufferPool({ slots: 1 });
    pool.bytes.fill(1);
    const slot = pool.take();
    pool.release(pool.lend(slot, slot + 5));
    pool.received(9);
    assert.ok(pool.bytes.every((byte) => byte === 1));
  });
});

test('a runtime without WebAssembly has a pool of plain memory', (t) => {
  const { WebAssembly: present } = globalThis;
  t.after(() => Object.assign(globalThis, { WebAssembly: present }));
  Reflect.deleteProperty(globalThis, 'WebAssembly');
  const pool = new BufferPool({ slots: 1 });
  assert.equal(pool.memory, undefined);
  assert.ok(pool.bytes.length >= READ_BYTES + 2 * SLOT_BYTES);
  const chunk = lend(pool, Buffer.from('hello'));
  assert.equal(chunk.toString(), 'hello');
  pool.release(chunk);
  assert.equal(pool.free, 2);
});

test('with WebAssembly, SIMD and JavaScript see the same bytes', () => {
  const pool = new BufferPool();
  assert.ok(pool.memory !== undefined);
  assert.equal(pool.bytes.buffer, pool.memory.buffer);
  assert.equal(pool.bytes.byteOffset, 0);
});

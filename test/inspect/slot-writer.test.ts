import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BufferPool } from '../../src/bytes/buffer-pool.ts';
import { SlotWriter } from '../../src/inspect/slot-writer.ts';

test('one read that grows to many chunks takes four slots of the pool, whoever keeps them', () => {
  const pool = new BufferPool({ slots: 20, poison: true });
  const { free } = pool;
  const kept: Buffer[] = [];
  const out = new SlotWriter(pool, pool.slotBytes, (chunk) => void kept.push(chunk));
  const text = Buffer.from('0123456789'.repeat(10_000));
  for (let pieces = 0; pieces < 10; pieces++) out.write(text);
  out.flush();
  assert.ok(kept.length > 10);
  assert.equal(pool.free, free - 4);
  assert.equal(String(Buffer.concat(kept)), String(text).repeat(10));
  for (const chunk of kept) pool.release(chunk);
  assert.equal(pool.free, free);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BufferPool } from '../../src/bytes/buffer-pool.ts';
import { stampInPlace } from '../../src/inspect/stamp-in-place.ts';
import { Stamp } from '../../src/nats/stamp.ts';

const pool = new BufferPool({ slots: 2, poison: true });
const stamp = new Stamp({ 'X-App': ['console'] }, {});
const BLOCK = 'NATS/1.0\r\nX-App: console\r\n\r\n';
const read = (bytes: number): string => `PUB a ${bytes}\r\n${'x'.repeat(bytes)}\r\n`;
const written = (bytes: number): string =>
  `HPUB a ${BLOCK.length} ${BLOCK.length + bytes}\r\n${BLOCK}${'x'.repeat(bytes)}\r\n`;

/** Gives the text before, in and after the run to `stampInPlace`, in a slot. */
function place(before: string, run: string, after: string) {
  const slot = pool.take();
  const bytes = Buffer.from(before + run + after);
  pool.bytes.fill(0xaa, slot, slot + pool.slotBytes).set(bytes, slot);
  const chunk = pool.lend(slot, slot + bytes.length);
  const stamped = stampInPlace(pool, chunk, stamp, before.length, before.length + run.length);
  const result = { unchanged: chunk.equals(bytes), text: stamped?.toString(), at: stamped?.byteOffset, slot };
  pool.release(stamped ?? chunk);
  assert.equal(pool.free, 3);
  return result;
}

test('a run grows in its slot, and what is before and after it stays', () => {
  const sizes = [0, 9, 10, 72, 73, 99, 100, 999, 5000, 1, 0];
  const [run, expected] = [sizes.map(read).join(''), sizes.map(written).join('')];
  const { text, at, slot } = place('rest\r\n', run, 'PING\r\n');
  assert.equal(text, `rest\r\n${expected}PING\r\n`);
  assert.equal(at, slot);
  // The payload and line end of the last message may be cut.
  for (let cut = 1; cut <= 102; cut++)
    assert.equal(place('', run + read(100).slice(0, -cut), '').text, expected + written(100).slice(0, -cut));
});

test('without room, if only by one byte, nothing changes', () => {
  const run = read(1000).repeat(60);
  const end = pool.slotBytes - stamp.template.length;
  const before = 'x'.repeat(end - written(1000).length * 60);
  assert.equal(place(before, run, '').text?.length, end);
  for (const text of [place(`${before}x`, run, ''), place('x'.repeat(end + 1 - run.length), run, '')])
    assert.deepEqual([text.text, text.unchanged], [undefined, true]);
});

test('thousands of messages in a slot with room are too many, since each takes some of the stack', () => {
  const { text, unchanged } = place('', read(0).repeat(3000), '');
  assert.deepEqual([text, unchanged], [undefined, true]);
  assert.equal(place('', read(0).repeat(100), '').text, written(0).repeat(100));
});

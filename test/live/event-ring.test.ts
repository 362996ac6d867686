import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EventRing } from '../../src/live/event-ring.ts';

const idOf = (frame: string): string => /^id: (\S+)$/m.exec(frame)?.[1] ?? '';

test('who comes back goes on after the last event that it has seen', () => {
  const ring = new EventRing('w');
  const [first, second] = [ring.add('operations', '[1]', 3), ring.add('operations', '[2]', 5)];
  assert.equal(first, 'id: w.1.3\nevent: operations\ndata: [1]\n\n');
  assert.deepEqual(ring.after(undefined), { missed: 0, frames: first + second });
  assert.deepEqual(ring.after(idOf(first)), { missed: 0, frames: second });
  assert.deepEqual(ring.after(idOf(second)), { missed: 0, frames: '' });
  for (const other of ['v.1.3', 'w', '', '1', 'w.1.3.4'])
    assert.deepEqual(ring.after(other), { missed: 0, frames: first + second }, other);
});

test('it keeps 256 KiB, and counts the operations that somebody has missed', () => {
  const ring = new EventRing('w');
  const frames = Array.from({ length: 100 }, (_, index) =>
    ring.add('operations', 'x'.repeat(10_000), 10 * (index + 1)),
  );
  const { missed, frames: kept } = ring.after(undefined);
  assert.ok(kept.length <= 256 * 1024 && kept.length > 200_000);
  const count = kept.match(/^id:/gm)?.length ?? 0;
  assert.equal(missed, 10 * (100 - count));
  // It has seen half of what was overwritten.
  assert.equal(ring.after(idOf(frames[9] ?? '')).missed, missed - 100);
  assert.equal(ring.after(idOf(frames[99 - count] ?? '')).missed, 0);
});

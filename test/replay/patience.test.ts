import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Patience } from '../../src/replay/patience.ts';

/** Seconds that a replay waits when no answer of these kinds ever comes. */
function waited(kinds: Iterable<string>): number {
  const patience = new Patience();
  let ms = 0;
  for (const kind of kinds) {
    ms += patience.msFor(kind);
    patience.missed(kind);
  }
  return ms / 1000;
}

test('answers that never come cost seconds, however many there are', () => {
  assert.equal(waited(Array.from({ length: 1_000_000 }, () => '1')), 10);
  assert.equal(waited(Array.from({ length: 1_000_000 }, (_, index) => String(index))), 109.5);
});

test('another kind is still waited for', () => {
  const patience = new Patience();
  for (let index = 0; index < 100; index++) patience.missed('1');
  assert.deepEqual([patience.msFor('1'), patience.msFor('2')], [0, 100]);
});

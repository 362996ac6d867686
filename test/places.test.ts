import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Places } from '../src/places.ts';

test('places are taken up to their number and given back; a smaller number takes none away', () => {
  const places = new Places(2);
  assert.deepEqual([places.take(), places.take(), places.take()], [true, true, false]);
  places.give();
  assert.equal(places.take(), true);
  places.resize(1);
  assert.equal(places.taken, 2);
  places.give();
  assert.equal(places.take(), false);
  places.give();
  assert.equal(places.take(), true);
});

test('who waits for a place is called when one is given back, in the order of coming', () => {
  const places = new Places(1);
  const called: string[] = [];
  const waiter = (name: string) => (): unknown => called.push(places.take() ? name : 'none');
  const [first, second] = [waiter('first'), waiter('second')];
  places.take();
  for (const call of [first, second, first]) places.whenFree(call);
  places.give();
  assert.deepEqual(called, ['first']);
  places.give();
  places.give();
  assert.deepEqual(called, ['first', 'second']);
});

test('a waiter that has no use for the place keeps it from nobody', () => {
  const places = new Places(1);
  const called: string[] = [];
  places.take();
  for (const name of ['one', 'other']) places.whenFree(() => called.push(name));
  places.give();
  assert.deepEqual(called, ['one', 'other']);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LinkedList } from '../src/linked-list.ts';

test('values leave in any order, the others stay in theirs', () => {
  const list = new LinkedList<string>();
  const links = ['a', 'b', 'c', 'd', 'e'].map((value) => list.add(value));
  const left: string[] = [];
  for (const index of [2, 0, 4, 1, 3]) {
    list.delete(links[index]!);
    left.push(`${[...list].join('')} ${list.size} ${list.first}`);
  }
  assert.deepEqual(left, ['abde 4 a', 'bde 3 b', 'bd 2 b', 'd 1 d', ' 0 undefined']);
  list.add('f');
  assert.deepEqual([...list], ['f']);
});

test('the value at hand may leave while the list is walked', () => {
  const list = new LinkedList<number>();
  const links = new Map([1, 2, 3].map((value) => [value, list.add(value)]));
  const seen: number[] = [];
  for (const value of list) {
    seen.push(value);
    list.delete(links.get(value)!);
  }
  assert.deepEqual(seen, [1, 2, 3]);
  assert.equal(list.size, 0);
});

test('a link that is gone keeps none of its neighbours alive', () => {
  const list = new LinkedList<number>();
  const [, second] = [1, 2, 3].map((value) => list.add(value));
  list.delete(second!);
  assert.deepEqual([second!.before, second!.after], [undefined, undefined]);
});

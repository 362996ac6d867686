import assert from 'node:assert/strict';
import { test } from 'node:test';
import { digestOf, TokenCache } from '../../src/auth/token-cache.ts';

test('the one that was not asked for longest leaves first', () => {
  const cache = new TokenCache<number>(3);
  for (const [key, value] of [
    ['a', 1],
    ['b', 2],
    ['c', 3],
  ] as const)
    cache.set(key, value, 100, 0);
  cache.get('a', 0);
  cache.set('d', 4, 100, 0);
  assert.deepEqual(
    ['a', 'b', 'c', 'd'].map((key) => cache.get(key, 0)),
    [1, undefined, 3, 4],
  );
});

test('at its time an entry is gone, and its place is free', () => {
  const cache = new TokenCache<number>(3);
  cache.set('a', 1, 100, 0);
  assert.equal(cache.get('a', 99), 1);
  assert.equal(cache.get('a', 100), undefined);
  assert.equal(cache.size, 0);
});

test('100,000 tokens take no more than the places', () => {
  const cache = new TokenCache<number>(1000);
  for (let index = 0; index < 100_000; index++) cache.set(digestOf(String(index)), index, 100, 0);
  assert.equal(cache.size, 1000);
  assert.equal(cache.get(digestOf('99999'), 0), 99_999);
});

test('what is over is not kept until there is no place: answers of a webhook may hold passwords', () => {
  const cache = new TokenCache<string>(1000);
  for (let index = 0; index < 10; index++) cache.set(String(index), 'a password', 100 + index, 0);
  cache.set('next', 'another', 300, 105);
  assert.equal(cache.size, 5);
  cache.set('over', 'a third', 105, 105);
  assert.equal(cache.size, 5);
});

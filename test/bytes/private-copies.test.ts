import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PrivateCopies } from '../../src/bytes/private-copies.ts';

const MOST = 65_536;

test('a copy takes the next of a few sizes, and what is short takes its own length', () => {
  const copies = new PrivateCopies(MOST);
  for (const [length, takes] of [
    [1, 1],
    [4095, 4095],
    [4096, 8192],
    [8192, 8192],
    [8193, 16_384],
    [32_768, 32_768],
    [32_769, MOST],
    [MOST, MOST],
  ] as const) {
    const copy = copies.of(Buffer.alloc(length, 'x'));
    assert.deepEqual([copy.length, copy.buffer.byteLength], [length, takes]);
    assert.ok(copy.equals(Buffer.alloc(length, 'x')));
    assert.equal(copies.has(copy), length >= 4096);
  }
});

test('what is to be kept no longer is given up at once', () => {
  const copies = new PrivateCopies(MOST);
  const chunk = Buffer.alloc(MOST);
  const take = (): Buffer[] => Array.from({ length: 40 }, () => copies.of(chunk));
  const reused = (before: readonly Buffer[]): number => {
    const stores = new Set(before.map(({ buffer }) => buffer));
    const taken = take();
    for (const copy of taken) copies.takeBack(copy);
    return taken.filter(({ buffer }) => stores.has(buffer)).length;
  };
  copies.keep(40 * MOST);
  const first = take();
  for (const copy of first) copies.takeBack(copy);
  assert.equal(reused(first), 40);
  copies.keep(0);
  assert.equal(reused(first), 16);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findCredential } from '../../src/auth/sources.ts';

const tokenIn = (...lines: readonly string[]): string | undefined =>
  findCredential([{ kind: 'cookie', name: '__Host-session' }], {
    target: '/',
    header: (name) => (name === 'cookie' ? lines : []),
  })?.value;

test('a cookie whose name browsers hold for another one is not ours, and makes ours not ambiguous', () => {
  // Node reads bytes as latin1. U+00A0 and U+FEFF are blanks for String.trim, and parts of a name for a browser, which then
  // lets another host of the domain set it.
  for (const blank of ['\u00a0', '\ufeff', '\u2003', '\u00a0 ']) {
    assert.equal(tokenIn(`a=b; ${blank}__Host-session=evil`), undefined);
    assert.equal(tokenIn(`${blank}__Host-session=evil; __Host-session=good`), 'good');
  }
  assert.equal(tokenIn('a=b; \t__Host-session=good \t;c=d'), 'good');
  assert.equal(tokenIn('__Host-session =evil', '__host-session=evil', '__Host-session2=evil'), undefined);
});

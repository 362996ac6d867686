import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isCapLow, sessionCap } from '../src/session-cap.ts';

for (const [configured, descriptors, expected] of [
  [undefined, undefined, 10_000],
  [undefined, 1_048_576, 10_000],
  [undefined, 1024, 480],
  [undefined, 256, 96],
  [undefined, 10, 1],
  [50_000, 1_048_576, 50_000],
  [50_000, undefined, 50_000],
  [96, 256, 96],
] as const) {
  test(`${configured ?? 'nothing'} configured, ${descriptors ?? 'unknown'} descriptors: ${expected} sessions`, () => {
    assert.equal(sessionCap(configured, descriptors), expected);
  });
}

test('more than the descriptors carry is refused, and says what to write', () => {
  assert.throws(
    () => sessionCap(97, 256),
    /limits\.sessions: 97 sessions need 258 file descriptors.*may open 256.*at most 96/,
  );
});

test('descriptors that cost a few sessions of the default are no matter for a warning, a fifth is', () => {
  for (const [configured, descriptors, low] of [
    [undefined, undefined, false],
    [undefined, 20_480, false],
    [undefined, 20_000, false],
    [undefined, 16_064, false],
    [undefined, 16_062, true],
    [undefined, 1024, true],
    [480, 1024, false],
  ] as const) {
    assert.equal(isCapLow(configured, sessionCap(configured, descriptors)), low, String(descriptors));
  }
});

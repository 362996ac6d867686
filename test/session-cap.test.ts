import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sessionCap } from '../src/session-cap.ts';

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

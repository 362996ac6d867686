import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { Liveness } from '../../src/session/liveness.ts';

const LIMITS = { pingMs: 1000, silenceMs: 5000, sessionAgeMs: 0 };
const ASSEMBLY_MS = 30_000;
const START_MS = 100;
const READS = { isReading: true, assemblingSinceMs: undefined };

const chance = (t: TestContext, value: number): void => void t.mock.method(Math, 'random', () => value);

describe('pings', () => {
  for (const [value, dueMs] of [
    [0, 900],
    [0.5, 1000],
    [1, 1100],
  ] as const)
    test(`come once in an interval, 10 % more or less: ${dueMs} ms`, (t) => {
      chance(t, value);
      const liveness = new Liveness(LIMITS, START_MS);
      assert.equal(liveness.isPingDue(START_MS + dueMs - 1), false);
      assert.equal(liveness.isPingDue(START_MS + dueMs), true);
      assert.equal(liveness.dueAtMs(START_MS, undefined), START_MS + dueMs);
      liveness.planNextPing(START_MS + dueMs);
      assert.equal(liveness.isPingDue(START_MS + 2 * dueMs - 1), false);
      assert.equal(liveness.isPingDue(START_MS + 2 * dueMs), true);
    });

  test('measure a round trip, in seconds, once', () => {
    const liveness = new Liveness(LIMITS, START_MS);
    assert.equal(liveness.answered(), undefined, 'a pong that nobody asked for');
    const sentMs = performance.now();
    liveness.pingSent();
    while (performance.now() < sentMs + 3);
    const seconds = liveness.answered() ?? 0;
    assert.ok(seconds >= 0.002 && seconds <= (performance.now() - sentMs) / 1000, `${seconds} s`);
    assert.equal(liveness.answered(), undefined);
  });

  test('measure nothing while pings that follow bytes have no answer', () => {
    const liveness = new Liveness(LIMITS, START_MS);
    liveness.markSent();
    assert.equal(liveness.answered(), undefined);
    liveness.markSent();
    // Its pong may be the only answer to both.
    liveness.pingSent();
    assert.equal(liveness.answered(), undefined);
    liveness.pingSent();
    assert.notEqual(liveness.answered(), undefined);
    liveness.pingSent();
    liveness.markSent();
    assert.equal(liveness.answered(), undefined, 'the first of two');
    assert.notEqual(liveness.answered(), undefined);
  });
});

describe('an end by time', () => {
  const withoutPings = (): Liveness => new Liveness({ ...LIMITS, pingMs: 100_000 }, START_MS);

  test('comes when the client was silent for the limit, counted from its last sign', () => {
    const liveness = withoutPings();
    assert.equal(liveness.expiredReason(START_MS + 4999, READS), undefined);
    assert.equal(liveness.expiredReason(START_MS + 5000, READS), 'client_unresponsive');
    assert.equal(liveness.dueAtMs(START_MS, undefined), START_MS + 5000);
    liveness.sawActivity(START_MS + 4000);
    assert.equal(liveness.expiredReason(START_MS + 8999, READS), undefined);
    assert.equal(liveness.dueAtMs(START_MS + 4000, undefined), START_MS + 9000);
  });

  test('does not come while we do not read what the client sends, nor soon after', () => {
    const liveness = withoutPings();
    const paused = { isReading: false, assemblingSinceMs: START_MS };
    assert.equal(liveness.expiredReason(START_MS + 50_000, paused), undefined);
    assert.equal(liveness.expiredReason(START_MS + 54_999, READS), undefined);
    assert.equal(liveness.expiredReason(START_MS + 55_000, READS), 'client_unresponsive');
  });

  test('comes when a message is not complete in time', () => {
    const liveness = withoutPings();
    const assembling = { isReading: true, assemblingSinceMs: START_MS + 200 };
    const dueMs = START_MS + 200 + ASSEMBLY_MS;
    liveness.sawActivity(dueMs - 1);
    assert.equal(liveness.expiredReason(dueMs - 1, assembling), undefined);
    assert.equal(liveness.dueAtMs(dueMs - 1, assembling.assemblingSinceMs), dueMs);
    assert.equal(liveness.expiredReason(dueMs, assembling), 'assembly_timeout');
    // One that begins now has all of it.
    liveness.sawActivity(dueMs + 40_000);
    assert.equal(liveness.dueAtMs(dueMs, undefined), dueMs + ASSEMBLY_MS);
  });

  test('comes at the age of the session, 10 % more or less, and never with 0', (t) => {
    for (const [value, dueMs] of [
      [0, 1800],
      [1, 2200],
    ] as const) {
      chance(t, value);
      const aged = new Liveness({ ...LIMITS, pingMs: 100_000, sessionAgeMs: 2000 }, START_MS);
      assert.equal(aged.dueAtMs(START_MS, undefined), START_MS + dueMs);
      assert.equal(aged.expiredReason(START_MS + dueMs - 1, READS), undefined);
      assert.equal(aged.expiredReason(START_MS + dueMs, READS), 'session_expired');
    }
    const liveness = withoutPings();
    liveness.sawActivity(1e12);
    assert.equal(liveness.expiredReason(1e12, READS), undefined);
  });
});

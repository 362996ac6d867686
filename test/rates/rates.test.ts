import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RateLimit } from '../../src/config/config.ts';
import { RateMeter } from '../../src/rates/rate-meter.ts';
import { Rates } from '../../src/rates/session-rates.ts';
import { SharedMeters } from '../../src/rates/shared-meters.ts';

/** A clock that has run for a while. */
const NOW_MS = 7_654_321;

test('a meter: the burst is free, what is above it is waited for, and a pause earns no more than the burst', () => {
  const meter = new RateMeter({ perSecond: 100, burstMs: 2000 });
  meter.charge(200, NOW_MS);
  assert.equal(meter.waitMs(NOW_MS), 0);
  meter.charge(50, NOW_MS);
  assert.equal(meter.waitMs(NOW_MS), 500);
  assert.equal(meter.waitMs(NOW_MS + 499), 1);
  assert.equal(meter.isIdle(NOW_MS + 2499), false);
  const laterMs = NOW_MS + 3_600_000;
  assert.equal(meter.isIdle(laterMs), true);
  meter.charge(201, laterMs);
  assert.equal(meter.waitMs(laterMs), 10);
});

test('on average no more passes than the rate, whatever a read brings', () => {
  const meter = new RateMeter({ perSecond: 1000, burstMs: 0 });
  let nowMs = NOW_MS;
  let passed = 0;
  for (let read = 1; nowMs < NOW_MS + 60_000; read++) {
    const amount = (read * 7919) % 500;
    meter.charge(amount, nowMs);
    passed += amount;
    nowMs += meter.waitMs(nowMs);
  }
  const seconds = (nowMs - NOW_MS) / 1000;
  assert.ok(Math.abs(passed - 1000 * seconds) < 1, `${passed} in ${seconds} s`);
});

test('shared meters: who comes back finds the old one until it is paid, and those that were left are bounded', () => {
  const meters = new SharedMeters({ perSecond: 10, burstMs: 0 }, 2);
  const first = meters.take('a');
  assert.equal(meters.take('a'), first);
  assert.equal(first.users, 2);
  first.meter.charge(50, NOW_MS);
  meters.give('a', NOW_MS);
  meters.give('a', NOW_MS);
  assert.equal(meters.take('a'), first, 'it is not paid');
  meters.give('a', NOW_MS + 5000);
  assert.equal(meters.size, 0, 'it is paid');
  for (const key of ['b', 'c', 'd']) {
    meters.take(key).meter.charge(50, NOW_MS);
    meters.give(key, NOW_MS);
  }
  assert.equal(meters.size, 2);
  const used = meters.take('e');
  for (let key = 0; key < 10; key++) {
    meters.take(`x${key}`).meter.charge(50, NOW_MS);
    meters.give(`x${key}`, NOW_MS);
  }
  assert.equal(meters.take('e'), used, 'one that is used is never forgotten');
});

test('sessions of one identity or origin share a meter, by equal parts; those without either have none', () => {
  const limit = (per: RateLimit['per']): RateLimit => ({
    per,
    kind: 'bytes',
    perSecond: 1,
    burstMs: 0,
    exceeded: 'delay',
  });
  const limits = (['session', 'identity', 'origin', 'toClient'] as const).map(limit);
  const rates = new Rates({ limits, maxDelayMs: 5000 });
  const alice = rates.forSession({ identity: 'alice', origin: 'o' });
  const again = rates.forSession({ identity: 'alice', origin: 'other' });
  const bob = rates.forSession({ identity: 'bob', origin: 'o' });
  const nobody = rates.forSession({ identity: undefined, origin: undefined });
  alice.charge('client', 5, 0, NOW_MS);
  const waits = () => [alice, again, bob, nobody].map((session) => session.waitMs('client', NOW_MS));
  assert.deepEqual(waits(), [5000, 0, 0, 0], 'who said nothing waits for nobody');
  for (const session of [again, bob, nobody]) session.charge('client', 1, 0, NOW_MS);
  // An equal part of what two sessions have together.
  assert.deepEqual(waits(), [6000, 2000, 2000, 1000]);
  assert.deepEqual(
    [alice, again, bob, nobody].map((session) => session.worst('client', NOW_MS)?.per),
    ['identity', 'identity', 'origin', 'session'],
  );
  assert.equal(alice.waitMs('upstream', NOW_MS), 0);
  alice.charge('upstream', 3, 0, NOW_MS);
  assert.deepEqual([alice.waitMs('upstream', NOW_MS), again.waitMs('upstream', NOW_MS)], [3000, 0]);
});

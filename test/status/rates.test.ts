import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RateMeter } from '../../src/status/rates.ts';

const totals = (handshakes: number, toUpstream = 0, toClient = 0) => ({ handshakes, toUpstream, toClient });

test('the first answer is of the time since the start', () => {
  const meter = new RateMeter(1000);
  assert.deepEqual(meter.read(totals(20, 4000, 8000), 3000), {
    seconds: 2,
    handshakesPerSecond: 10,
    bytesPerSecond: { toUpstream: 2000, toClient: 4000 },
  });
});

test('later ones are of the last 5 to 10 s, however many ask', () => {
  const meter = new RateMeter(0);
  const at = (ms: number, handshakes: number): readonly [seconds: number, perSecond: number] => {
    const { seconds, handshakesPerSecond } = meter.read(totals(handshakes), ms);
    return [seconds, handshakesPerSecond];
  };
  assert.deepEqual(at(3_600_000, 0), [3600, 0]);
  assert.deepEqual(at(3_600_000, 0), [3600, 0], 'another one asks at the same time');
  assert.deepEqual(at(3_605_000, 50), [5, 10]);
  assert.deepEqual(at(3_608_000, 50), [8, 6.3]);
  assert.deepEqual(at(3_610_000, 50), [5, 0]);
});

test('no time at all is no division by zero', () => {
  assert.deepEqual(new RateMeter(7).read(totals(0), 7).handshakesPerSecond, 0);
});

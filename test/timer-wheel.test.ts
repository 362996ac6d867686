import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TimerWheel, WheelEntry } from '../src/timer-wheel.ts';

class Probe extends WheelEntry {
  readonly firedAtMs: number[] = [];
  readonly #wheel: TimerWheel;
  readonly #then: (() => void) | undefined;

  constructor(wheel: TimerWheel, then?: () => void) {
    super();
    this.#wheel = wheel;
    this.#then = then;
  }

  override onDeadline(): void {
    this.firedAtMs.push(this.#wheel.nowMs);
    this.#then?.();
  }
}

test('a deadline fires once, at it or up to one tick later, however far away', () => {
  for (const delayMs of [0, 1, 249, 250, 251, 30_000, 127_999, 128_000, 128_001, 300_000, 3_600_000]) {
    const wheel = new TimerWheel();
    const probe = new Probe(wheel);
    wheel.schedule(probe, delayMs);
    for (let passed = 0; passed < delayMs + 1000; passed += 100) wheel.advance(100);
    assert.equal(probe.firedAtMs.length, 1, `${delayMs} ms`);
    const lateMs = (probe.firedAtMs[0] ?? 0) - delayMs;
    assert.ok(lateMs >= 0 && lateMs <= 250, `${delayMs} ms fired ${lateMs} ms late`);
    assert.equal(wheel.pending, 0);
  }
});

test('one big step fires everything that fell due in it, in order', () => {
  const wheel = new TimerWheel();
  const order: number[] = [];
  for (const delayMs of [3000, 1000, 200_000, 2000])
    wheel.schedule(new Probe(wheel, () => order.push(delayMs)), delayMs);
  wheel.advance(250_000);
  assert.deepEqual(order, [1000, 2000, 3000, 200_000]);
});

test('scheduling again replaces the deadline, cancelling drops it', () => {
  const wheel = new TimerWheel();
  const moved = new Probe(wheel);
  const dropped = new Probe(wheel);
  wheel.schedule(moved, 1000);
  wheel.schedule(moved, 5000);
  wheel.schedule(dropped, 1000);
  assert.equal(wheel.pending, 2);
  wheel.cancel(dropped);
  wheel.cancel(dropped);
  wheel.advance(4000);
  assert.deepEqual([moved.firedAtMs.length, dropped.firedAtMs.length], [0, 0]);
  wheel.advance(2000);
  assert.deepEqual(moved.firedAtMs, [5000]);
});

test('a handler may cancel or move its neighbour in the same slot', () => {
  const wheel = new TimerWheel();
  const cancelled = new Probe(wheel);
  const moved = new Probe(wheel);
  const first = new Probe(wheel, () => {
    wheel.cancel(cancelled);
    wheel.schedule(moved, 1000);
  });
  wheel.schedule(first, 1000);
  wheel.schedule(cancelled, 1000);
  wheel.schedule(moved, 1000);
  wheel.advance(1000);
  assert.deepEqual([cancelled.firedAtMs, moved.firedAtMs], [[], []]);
  wheel.advance(1000);
  assert.deepEqual(moved.firedAtMs, [2000]);
});

test('a handler may schedule itself again without firing twice in a tick', () => {
  const wheel = new TimerWheel();
  const probe: Probe = new Probe(wheel, () => wheel.schedule(probe, 0));
  wheel.schedule(probe, 0);
  wheel.advance(1000);
  assert.deepEqual(probe.firedAtMs, [250, 500, 750, 1000]);
});

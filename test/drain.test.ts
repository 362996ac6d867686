import assert from 'node:assert/strict';
import { test } from 'node:test';
import { drainTimes } from '../src/drain.ts';

test('a drain takes no longer than its budget, and delay and timeout each keep half of it', () => {
  for (const [delay, timeout, budget, expected] of [
    [5, 30, 0, [5, 30]],
    [5, 30, 35, [5, 30]],
    [5, 300, 35, [5, 30]],
    [20, 30, 35, [17, 18]],
    [40, 1, 35, [34, 1]],
    [600, 0, 35, [35, 0]],
    [0, 3600, 35, [0, 35]],
    [600, 3600, 1, [0, 1]],
  ] as const) {
    const times = drainTimes({ delayMs: delay, timeoutMs: timeout, budgetMs: budget });
    assert.deepEqual([times.delayMs, times.timeoutMs], expected, `${delay} + ${timeout} in ${budget}`);
    assert.equal(times.shortened, budget > 0 && delay + timeout > budget);
  }
});

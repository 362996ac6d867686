import { section, time, type ValuesOf } from '../keys.ts';
import type { Check } from './check.ts';

export const drain = section('Shutting down.', 'its keys below it, such as timeout: 30s', {
  delay: time('New sessions are still accepted for this time after the signal.', '5s', '0s', '10m'),
  timeout: time('The open sessions are then closed over this time.', '30s', '0s', '1h'),
  budget: time('Longest that delay and timeout together may take.', 'off', '1s', '24h', 'off'),
});
type Values = ValuesOf<typeof drain>;

export type DrainConfig = Readonly<ReturnType<typeof drainConfig>>;
export const drainConfig = (values: Values) => ({
  delayMs: values.delay,
  timeoutMs: values.timeout,
  /** The most for both together; 0: no limit. */
  budgetMs: values.budget,
});

export function checkDrain({ delay, timeout, budget }: Values, closeMs: number, check: Check): void {
  const { warning, written, isWritten } = check;
  const own = written(['drain', 'timeout'], ['drain', 'delay']);
  if (budget > 0 && delay + timeout > budget) {
    warning(
      'drain_over_budget',
      isWritten(own) ? own : ['drain', 'budget'],
      `delay and timeout together are ${(delay + timeout) / 1000}s, and drain.budget is ${budget / 1000}s: a drain will be shortened; write shorter ones, or give the process more time before it is ended`,
    );
  }
  if (timeout > 0 && closeMs >= timeout) {
    warning(
      'drain_not_above_close',
      written(['drain', 'timeout'], ['timeouts', 'close']),
      'drain.timeout is not longer than timeouts.close, which the last session needs, so all would be closed at once; write a longer timeout',
    );
  }
}

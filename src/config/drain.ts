import type { DrainConfig } from './config.ts';

export type DrainTimes = Pick<DrainConfig, 'delayMs' | 'timeoutMs'> & {
  /** The budget has less than what the two keys ask for. */
  readonly shortened: boolean;
};

/**
 * How long a drain may take: what is configured, and no longer than the budget together. Each of the two keeps at
 * least half of the budget where it asks for so much: without a delay balancers send clients to a closed door, and
 * without time for closing everybody is cut at once.
 */
export function drainTimes({ delayMs, timeoutMs, budgetMs }: DrainConfig): DrainTimes {
  if (budgetMs === 0 || delayMs + timeoutMs <= budgetMs) return { delayMs, timeoutMs, shortened: false };
  const delay = Math.min(delayMs, Math.max(Math.floor(budgetMs / 2), budgetMs - timeoutMs));
  return { delayMs: delay, timeoutMs: Math.min(timeoutMs, budgetMs - delay), shortened: true };
}

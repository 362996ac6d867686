import { setTimeout as sleep } from 'node:timers/promises';
import type { Config, DrainConfig } from './config/config.ts';
import type { SessionOpener } from './open-session.ts';
import type { Parts } from './parts.ts';

export type DrainOptions = {
  /** No balancer has to notice: the delay ends as soon as no session is open. */
  readonly whileInUse: boolean;
  /** Ends the delay, and cuts all sessions. */
  readonly cutNow: AbortSignal;
};

/**
 * Ends all sessions in order: new ones are let in for `drain.delay`, while balancers notice; then none, and those that
 * are open are closed with 1001, spread over `drain.timeout`. What is left then is cut. Resolves with the number of
 * sessions that were open when the delay was over. Never rejects.
 */
export async function drainSessions(
  { drain, timeouts }: Config,
  { log, recorder, sessions }: Parts,
  opener: SessionOpener,
  { whileInUse, cutNow }: DrainOptions,
): Promise<number> {
  const { delayMs, timeoutMs, shortened } = drainTimes(drain);
  for (const session of sessions) session.announceDrain();
  log.info({ sessions: sessions.size, delayMs, timeoutMs }, 'draining');
  if (shortened)
    log.warn({ ...drain }, 'drain.delay and drain.timeout are longer than drain.budget; shortened');
  const unused = new AbortController();
  if (whileInUse) void sessions.empty().then(() => unused.abort());
  const signal = AbortSignal.any([cutNow, unused.signal]);
  // An abort is not a failure.
  await sleep(delayMs, undefined, { signal }).catch(() => {});
  opener.close();
  const open = sessions.size;
  const onCut = (cut: number): void => recorder.sessionsCut(cut);
  const cut = await sessions.drain(timeoutMs, timeouts.closeMs, cutNow, onCut);
  if (cut > 0) log.warn({ sessions: cut }, 'sessions were cut at the drain deadline');
  return open;
}

/**
 * How long a drain may take: what is configured, and no longer than the budget together. Each of the two keeps at
 * least half of the budget where it asks for so much: without a delay balancers still send clients, and without time
 * for closing all sessions are cut at once.
 */
export function drainTimes({ delayMs, timeoutMs, budgetMs }: DrainConfig): {
  readonly delayMs: number;
  readonly timeoutMs: number;
  /** The budget has less than what the two keys ask for. */
  readonly shortened: boolean;
} {
  if (budgetMs === 0 || delayMs + timeoutMs <= budgetMs) return { delayMs, timeoutMs, shortened: false };
  const delay = Math.min(delayMs, Math.max(Math.floor(budgetMs / 2), budgetMs - timeoutMs));
  return { delayMs: delay, timeoutMs: Math.min(timeoutMs, budgetMs - delay), shortened: true };
}

import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Kicked } from './auth/kicked.ts';
import { foreignText } from './log.ts';
import type { Parts } from './parts.ts';

/** Ended in one turn of the event loop: about a millisecond. */
const ENDED_AT_ONCE = 50;

export type KickReport = { readonly ended: number; readonly until: string | undefined };

/** undefined: no such session is open. One that is ending already is not ended again. */
export function kickSession(id: number, { log, sessions }: Parts): KickReport | undefined {
  const session = sessions.get(id);
  if (session === undefined) return undefined;
  const isOpen = session.reason === undefined;
  session.end('killed');
  log.info({ session: id }, 'session killed by the API');
  return { ended: isOpen ? 1 : 0, until: undefined };
}

/**
 * Ends all sessions of a user, and keeps the user out for a time (0: not at all), also those of its handshakes that are
 * under way. undefined: too many are kept out; nothing has happened.
 */
export async function kickUser(
  who: Kicked,
  forMs: number,
  { kicked, log, sessions }: Parts,
): Promise<KickReport | undefined> {
  const { user, tenant } = who;
  const nowMs = Date.now();
  if (forMs > 0 && !kicked.keepOut(who, nowMs + forMs, nowMs)) return undefined;
  const until = forMs === 0 ? undefined : new Date(nowMs + forMs).toISOString();
  // Those that begin later are other ones: a client that comes back at once must not be chased.
  const open = [...sessions].filter(
    ({ facts, reason }) =>
      reason === undefined && facts.user === user && (tenant === undefined || facts.tenant === tenant),
  );
  for (const [index, session] of open.entries()) {
    if (index > 0 && index % ENDED_AT_ONCE === 0) await nextTurn();
    session.end('killed');
  }
  log.info(
    {
      user: foreignText(user),
      ...(tenant === undefined ? {} : { tenant: foreignText(tenant) }),
      sessions: open.length,
      ...(until === undefined ? {} : { until }),
    },
    'sessions of a user killed by the API',
  );
  return { ended: open.length, until };
}

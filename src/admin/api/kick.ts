import { type Kicked, MOST_KICKED } from '../../auth/kicked.ts';
import { json, refuse } from '../../private-http/answer.ts';
import type { Exchange, Routes } from '../../private-http/exchange.ts';
import { readKick } from './kick-request.ts';
import { noSession, SESSION } from './sessions.ts';

export type KickSource = {
  /** Some route asks who its clients are. */
  readonly asksWho: boolean;
  kickSession(id: number): KickReport | undefined;
  kickUser(who: Kicked, forMs: number): Promise<KickReport | undefined>;
};

/** What a kick has done, to be shown as it is; undefined in its place: it could not be done. */
type KickReport = { readonly ended: number };

/** Ends one session, or all of a user. */
export function addKicks(routes: Routes, source: KickSource): void {
  routes.post(`${SESSION}/kick`, (exchange) => {
    const report = source.kickSession(Number(exchange.req.param('id')));
    return report === undefined ? noSession(exchange) : json(exchange, report);
  });
  routes.post('/api/sessions/kick', (exchange) => kickUser(exchange, source));
}

async function kickUser(exchange: Exchange, source: KickSource): Promise<Response> {
  const asked = readKick(await exchange.req.text());
  if (typeof asked === 'string') return refuse(exchange, 400, 'body', asked);
  const { who, forMs } = asked;
  if (forMs > 0 && !source.asksWho) {
    const text = 'no route has auth, so no user is known who could be kept out; leave for away.';
    return refuse(exchange, 409, 'no_auth', text);
  }
  const report = await source.kickUser(who, forMs);
  if (report !== undefined) return json(exchange, report);
  const text = `${MOST_KICKED} users are kept out already; try again when the time of some is over.`;
  return refuse(exchange, 503, 'too_many_kicked', text);
}

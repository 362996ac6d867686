import { json, refuse } from '../../private-http/answer.ts';
import type { Exchange, Routes } from '../../private-http/exchange.ts';
import type { Status } from '../../status.ts';

const SESSIONS_PER_PAGE = 500;

/** A session in a path: its id, as `/api/sessions` shows it. */
export const SESSION = '/api/sessions/:id{[1-9][0-9]*}';

export type SessionsSource = { readonly status: Pick<Status, 'sessions' | 'session'> };

/** Who is connected: /api/sessions, and one of them with what inspection has seen. */
export function addSessions(routes: Routes, source: SessionsSource): void {
  routes.get('/api/sessions', (exchange) => listed(exchange, source));
  routes.get(SESSION, (exchange) => {
    const session = source.status.session(Number(exchange.req.param('id')));
    return session === undefined ? noSession(exchange) : json(exchange, session);
  });
}

export const noSession = (exchange: Exchange): Promise<Response> =>
  refuse(exchange, 404, 'no_session', 'it has ended, or never was; see /api/sessions.');

/** `?after=ID` continues after that session; ids only grow. */
function listed(exchange: Exchange, source: SessionsSource): Promise<Response> {
  const limit = wholeNumber(exchange.req.query('limit') ?? String(SESSIONS_PER_PAGE));
  if (limit === undefined || limit < 1 || limit > SESSIONS_PER_PAGE)
    return refuse(exchange, 400, 'limit', `a whole number from 1 to ${SESSIONS_PER_PAGE}.`);
  const after = wholeNumber(exchange.req.query('after') ?? '0');
  if (after === undefined) return refuse(exchange, 400, 'after', 'the id of a session, as a whole number.');
  return json(exchange, source.status.sessions(after, limit));
}

/** undefined: it is not one that a number holds exactly. */
const wholeNumber = (text: string): number | undefined =>
  /^[0-9]{1,15}$/.test(text) ? Number(text) : undefined;

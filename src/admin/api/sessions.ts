import { json, refuse } from '../../private-http/answer.ts';
import type { Exchange, Routes } from '../../private-http/exchange.ts';
import type { Status } from '../../status.ts';
import { readSessionQuery } from './session-query.ts';

/** A session in a path: its id, as `/api/sessions` shows it. */
export const SESSION = '/api/sessions/:id{[1-9][0-9]*}';

export type SessionsSource = { readonly status: Pick<Status, 'sessions' | 'session'> };

/** Who is connected, and who was: /api/sessions, and one of them with what inspection has seen. */
export function addSessions(routes: Routes, source: SessionsSource): void {
  routes.get('/api/sessions', (exchange) => {
    const query = readSessionQuery(exchange.req.query());
    if ('code' in query) return refuse(exchange, 400, query.code, query.detail);
    return json(exchange, source.status.sessions(query));
  });
  routes.get(SESSION, (exchange) => {
    const session = source.status.session(Number(exchange.req.param('id')));
    return session === undefined ? noSession(exchange) : json(exchange, session);
  });
}

export const noSession = (exchange: Exchange): Promise<Response> =>
  refuse(
    exchange,
    404,
    'no_session',
    'no such session is open, nor among the last that ended; see /api/sessions.',
  );

import { json } from '../../private-http/answer.ts';
import type { Routes } from '../../private-http/exchange.ts';
import type { Status } from '../../status.ts';

export type HandshakesSource = { readonly status: Pick<Status, 'handshakes'> };

/** /api/handshakes: what the last ones were answered, and how long each step took. */
export function addHandshakes(routes: Routes, source: HandshakesSource): void {
  routes.get('/api/handshakes', (exchange) => json(exchange, source.status.handshakes()));
}

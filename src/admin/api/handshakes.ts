import { json, refuse } from '../../private-http/answer.ts';
import type { Routes } from '../../private-http/exchange.ts';
import type { Status } from '../../status.ts';
import { readTrial, type TriedRequest } from './handshake-trial.ts';

export type HandshakesSource = {
  readonly status: Pick<Status, 'handshakes'>;
  /** What it would be answered, to be shown as it is. */
  tryHandshake(asked: TriedRequest): Promise<object>;
};

/** /api/handshakes: what the last ones were answered, and how long each step took; /api/handshakes/try: one that nobody sends. */
export function addHandshakes(routes: Routes, source: HandshakesSource): void {
  routes.get('/api/handshakes', (exchange) => json(exchange, source.status.handshakes()));
  routes.post('/api/handshakes/try', async (exchange) => {
    const asked = readTrial(await exchange.req.text());
    if (typeof asked === 'string') return refuse(exchange, 400, 'body', asked);
    return json(exchange, await source.tryHandshake(asked));
  });
}

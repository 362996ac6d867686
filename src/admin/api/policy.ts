import { json } from '../../private-http/answer.ts';
import type { Routes } from '../../private-http/exchange.ts';
import type { Status } from '../../status.ts';

export type PolicySource = { readonly status: Pick<Status, 'refusedOperations'> };

/** /api/policy/observed: what policies have refused most often, or would have. */
export function addPolicy(routes: Routes, source: PolicySource): void {
  routes.get('/api/policy/observed', (exchange) => json(exchange, source.status.refusedOperations()));
}

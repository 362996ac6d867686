import { json } from '../../private-http/answer.ts';
import type { Routes } from '../../private-http/exchange.ts';
import type { Status } from '../../status.ts';

export type InstanceSource = { readonly status: Pick<Status, 'gateway'> };

/** /api/status: what is running, without a name of any client. */
export function addInstance(routes: Routes, source: InstanceSource): void {
  routes.get('/api/status', (exchange) => json(exchange, source.status.gateway()));
}

import { json } from '../../private-http/answer.ts';
import type { Routes } from '../../private-http/exchange.ts';
import { openApiDocument } from '../openapi/document.ts';

/** /api/openapi.json: what all routes below /api take and answer, for programs that make clients of it. */
export function addOpenApi(routes: Routes): void {
  routes.get('/api/openapi.json', (exchange) => {
    const answering = routes.routes.filter(
      ({ method, path }) => method !== 'ALL' && path.startsWith('/api/'),
    );
    return json(exchange, openApiDocument(answering));
  });
}

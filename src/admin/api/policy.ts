import { json, refuse } from '../../private-http/answer.ts';
import type { Routes } from '../../private-http/exchange.ts';
import type { Status } from '../../status.ts';
import { type PolicyQuestion, readPolicyQuestion } from './policy-test.ts';

export type PolicySource = {
  readonly status: Pick<Status, 'policy' | 'refusedOperations'>;
  /** The verdict, to be shown as it is. A text says why there is none. undefined: the route has no policy, or there is no such route. */
  testPolicy(question: PolicyQuestion): object | string | undefined;
};

/**
 * /api/policy: what clients may say and how fast, and what came of it; /api/policy/observed: what was refused most often,
 * or would have been; /api/policy/test: what is said to an operation that nobody sends.
 */
export function addPolicy(routes: Routes, source: PolicySource): void {
  routes.get('/api/policy', (exchange) => json(exchange, source.status.policy()));
  routes.get('/api/policy/observed', (exchange) => json(exchange, source.status.refusedOperations()));
  routes.post('/api/policy/test', async (exchange) => {
    const question = readPolicyQuestion(await exchange.req.text());
    if (typeof question === 'string') return refuse(exchange, 400, 'body', question);
    const verdict = source.testPolicy(question);
    if (verdict === undefined)
      return refuse(exchange, 404, 'no_policy', 'no such route has a policy; see /api/policy.');
    return typeof verdict === 'string'
      ? refuse(exchange, 409, 'not_testable', verdict)
      : json(exchange, verdict);
  });
}

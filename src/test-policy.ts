import type { PolicyQuestion } from './admin/api/policy-test.ts';
import type { Config } from './config/config.ts';
import { DEFAULT_ROUTE, routesOf } from './config/routes.ts';
import { explained, NoSuchClient } from './inspect/policy-trial.ts';
import { foreignText } from './log.ts';

export type PolicyTest = ReturnType<typeof testPolicy>;

/** What a policy says to an operation that nobody sends; nothing is counted. A text: it cannot be tried. undefined: no such route has a policy. */
export function testPolicy({ client, operation, route = DEFAULT_ROUTE }: PolicyQuestion, config: Config) {
  const policy = routesOf(config).find(({ name }) => name === route)?.policy;
  if (policy === undefined) return undefined;
  try {
    const { entry, role, rule } = explained(policy, client, operation);
    return { route, mode: policy.mode, role, verdict: rule === undefined ? 'allow' : 'deny', rule, entry };
  } catch (error) {
    if (error instanceof NoSuchClient) return foreignText(`${error.message}.`);
    throw error;
  }
}

import { parseSafely } from '../../auth/safe-json.ts';
import { operationIn, type TriedClient, type TriedOperation } from '../../inspect/policy-trial.ts';

/** An operation that nobody sends, of a client on a route. */
export type PolicyQuestion = {
  /** undefined: the route at the top of the configuration. */
  readonly route: string | undefined;
  readonly client: TriedClient;
  readonly operation: TriedOperation;
};

const KEYS = ['operation', 'role', 'user', 'tenant', 'groups', 'route'];
const MAX_BODY_CHARACTERS = 32 * 1024;

/** What a body asks, or a sentence about what is wrong with it, which quotes nothing of it. */
export function readPolicyQuestion(body: string): PolicyQuestion | string {
  if (body.length > MAX_BODY_CHARACTERS) return `at most ${MAX_BODY_CHARACTERS} characters.`;
  const json = parseSafely(body);
  if (json === undefined)
    return 'send a JSON object such as {"role": "trader", "operation": "PUB orders.new"}.';
  if (Object.keys(json).some((key) => !KEYS.includes(key))) return `the keys are ${KEYS.join(', ')}.`;
  const { groups = [], operation, role, route, tenant, user } = json;
  const read = typeof operation === 'string' ? operationIn(operation) : undefined;
  if (read === undefined)
    return 'operation must be PUB SUBJECT [REPLY] [BYTES] [HEADER:], or SUB SUBJECT [QUEUE].';
  if (![role, user, tenant, route].every(isNameOrNone)) return 'role, user, tenant and route must be texts.';
  if (!Array.isArray(groups) || !groups.every((one) => typeof one === 'string'))
    return 'groups must be a list of texts.';
  if ((tenant !== undefined || groups.length > 0) && user === undefined && role === undefined)
    return 'tenant and groups are of a user; give one, or a role.';
  return {
    route: route as string | undefined,
    client: { role, user, tenant, groups } as TriedClient,
    operation: read,
  };
}

const isNameOrNone = (value: unknown): boolean =>
  value === undefined || (typeof value === 'string' && value !== '');

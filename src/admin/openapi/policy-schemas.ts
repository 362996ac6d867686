import { RULES } from '../../policy/rules.ts';
import { COUNT, list, NUMBER, object, ref, type Schema, TEXT, TIME, word } from './schema.ts';

const VERDICT = word('denied', 'would_deny');
const MODE = word('observe', 'enforce');
const LISTS = object({ deny: list(TEXT) }, { allow: list(TEXT) });

/** What clients may say, and how fast. */
export const POLICY_SCHEMAS: Readonly<Record<string, Schema>> = {
  Policy: object({
    routes: list(object({ route: TEXT }, { policy: ref('PolicyRules'), rates: ref('Rates') })),
    verdicts: list(object({ role: TEXT, verdict: VERDICT, rule: word(...RULES), count: COUNT })),
    rateLimited: list(object({ limit: TEXT, delay: COUNT, error: COUNT, close: COUNT })),
    delayedSessions: COUNT,
  }),
  PolicyRules: object(
    { mode: MODE, onDeny: word('error', 'close'), roles: list(ref('PolicyRole')) },
    { denialsBeforeClose: object({ count: COUNT, perSeconds: NUMBER }) },
  ),
  PolicyRole: object(
    {
      name: TEXT,
      match: object({ user: list(TEXT), tenant: list(TEXT), groups: list(TEXT) }),
      publish: LISTS,
      subscribe: LISTS,
      use: list(TEXT),
      wildcards: word('covered', 'literal'),
      replies: word('inbox', 'publish', 'any'),
      headers: object({ deny: list(TEXT), allow: list(TEXT) }),
    },
    { inbox: object({ prefix: TEXT, idBytes: COUNT }), maxPayloadBytes: COUNT, maxSubscriptions: COUNT },
  ),
  Rates: object({
    maxDelaySeconds: NUMBER,
    limits: list(
      object({
        limit: TEXT,
        perSecond: NUMBER,
        burstSeconds: NUMBER,
        exceeded: word('delay', 'error', 'close'),
      }),
    ),
  }),
  PolicyVerdict: object(
    { route: TEXT, mode: MODE, role: TEXT, verdict: word('allow', 'deny') },
    { rule: word(...RULES), entry: TEXT },
  ),
  RefusedOperations: object({ refused: list(ref('RefusedOperation')) }),
  RefusedOperation: object(
    {
      role: TEXT,
      rule: word(...RULES),
      verdict: VERDICT,
      operation: word('PUB', 'HPUB', 'SUB'),
      subject: TEXT,
      count: COUNT,
      sessions: COUNT,
      sessionIds: list(COUNT),
      first: TIME,
      last: TIME,
    },
    { queue: TEXT },
  ),
};

import type { RateLimit } from '../config/config.ts';
import { routesOf } from '../config/routes.ts';
import type { Counters } from '../counters.ts';
import { limitName } from '../log-fields.ts';
import { entryText, inboxText, useText } from '../policy/entry-text.ts';
import { type PolicyRules, type RoleRules, RULES, type SubjectLists } from '../policy/rules.ts';
import type { Snapshot } from '../snapshot.ts';

export type PolicyStatus = ReturnType<typeof policyStatus>;

/** What the routes let clients say and how fast, and what came of it since the start. Without a name of any client. */
export function policyStatus({ counters, delayed, running }: Snapshot) {
  const routes = routesOf(running.config);
  return {
    routes: routes
      .filter(({ policy, rates }) => policy !== undefined || rates !== undefined)
      .map(({ name, policy, rates }) => ({
        route: name,
        policy: policy && rulesIn(policy),
        rates: rates && {
          maxDelaySeconds: rates.maxDelayMs / 1000,
          limits: rates.limits.map(limitIn),
        },
      })),
    verdicts: verdictsIn(counters),
    rateLimited: rateLimitedIn(counters),
    delayedSessions: delayed,
  };
}

const rulesIn = ({ mode, onDeny, denialsBeforeClose, roles }: PolicyRules) => ({
  mode,
  onDeny,
  denialsBeforeClose: denialsBeforeClose && {
    count: denialsBeforeClose.count,
    perSeconds: denialsBeforeClose.perMs / 1000,
  },
  roles: roles.map(roleIn),
});

/** Entries as they are written. */
function roleIn({ inbox, maxPayloadBytes, maxSubscriptions, publish, subscribe, use, ...more }: RoleRules) {
  return {
    ...more,
    publish: listsIn(publish),
    subscribe: listsIn(subscribe),
    use: use.map(useText),
    inbox: inbox && { prefix: inboxText(inbox.prefix), idBytes: inbox.idBytes },
    maxPayloadBytes: maxPayloadBytes || undefined,
    maxSubscriptions: maxSubscriptions || undefined,
  };
}

const listsIn = ({ allow, deny }: SubjectLists) => ({
  allow: allow?.map(entryText),
  deny: deny.map(entryText),
});

const limitIn = (limit: RateLimit) => ({
  limit: limitName(limit),
  perSecond: limit.perSecond,
  burstSeconds: limit.burstMs / 1000,
  exceeded: limit.exceeded,
});

/** Those that there were, the most first. */
function verdictsIn({ roles }: Counters) {
  const rows = [...roles].flatMap(([role, counts]) =>
    (['denied', 'would_deny'] as const).flatMap((verdict) =>
      RULES.map((rule) => ({ role, verdict, rule, count: counts[verdict][rule] })),
    ),
  );
  return rows.filter(({ count }) => count > 0).toSorted((one, other) => other.count - one.count);
}

/** Limits that were exceeded, by what followed. */
function rateLimitedIn({ rateLimits }: Counters) {
  const rows = (Object.keys(rateLimits) as RateLimit['per'][]).flatMap((per) =>
    (Object.keys(rateLimits[per]) as RateLimit['kind'][]).map((kind) => ({
      limit: limitName({ per, kind }),
      ...rateLimits[per][kind],
    })),
  );
  return rows.filter(({ delay, error, close }) => delay + error + close > 0);
}

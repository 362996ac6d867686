import type { VNode } from 'preact';
import type { PolicyStatus } from '../../src/status/policy.ts';
import { byteSize } from '../shared/byte-size.ts';
import { visible } from '../shared/visible.ts';
import { type Fact, Facts } from './facts.tsx';
import { timeSpan, whole } from './format.ts';

type Rules = NonNullable<PolicyStatus['routes'][number]['policy']>;
type Role = Rules['roles'][number];

/** The roles of one route, each with what it lets a client say. */
export function RouteRules({ route, policy }: { readonly route: string; readonly policy: Rules }): VNode {
  const { denialsBeforeClose, mode, onDeny, roles } = policy;
  const end =
    denialsBeforeClose &&
    `; more than ${whole(denialsBeforeClose.count)} in ${timeSpan(denialsBeforeClose.perSeconds)} end it`;
  return (
    <>
      <h2 class="part">
        Roles of {route} <small>{mode}</small>
      </h2>
      <p class="hint">
        {mode === 'observe'
          ? 'What enforce would refuse is counted, and passes.'
          : onDeny === 'close'
            ? 'The first refusal ends the session.'
            : `A refused operation is answered with an -ERR, and the session goes on${end ?? ''}.`}{' '}
        The first role that fits a client is its own; default is that of all others.
      </p>
      <div class="tiles">
        {roles.map((role) => (
          <section key={role.name} class="card" aria-label={`Role ${role.name}`}>
            <h2>{role.name}</h2>
            <Facts facts={factsOf(role)} />
          </section>
        ))}
      </div>
    </>
  );
}

function factsOf(role: Role): readonly Fact[] {
  const {
    headers,
    inbox,
    match,
    maxPayloadBytes,
    maxSubscriptions,
    publish,
    replies,
    subscribe,
    use,
    wildcards,
  } = role;
  return [
    ...(['user', 'tenant', 'groups'] as const).map((key) => [key, list(match[key])] as const),
    ['publish', allowed(publish)],
    ['not publish', list(publish.deny)],
    ['subscribe', allowed(subscribe)],
    ['not subscribe', list(subscribe.deny)],
    ['use', list(use)],
    ['inbox', inbox && list([inbox.prefix])],
    ['replies to', replies],
    ['wildcards', wildcards],
    ['no headers', list(headers.deny)],
    ['but headers', list(headers.allow)],
    ['payload', maxPayloadBytes && byteSize(maxPayloadBytes)],
    ['subscriptions', maxSubscriptions && whole(maxSubscriptions)],
  ];
}

/** Without `allow` all is, but what `deny` has. */
const allowed = ({ allow }: Role['publish']) =>
  allow === undefined ? 'all else' : (list(allow) ?? 'nothing');

const list = (entries: readonly string[]) =>
  entries.length === 0
    ? undefined
    : entries.map((entry) => (
        <code key={entry} class="entry">
          {visible(entry)}
        </code>
      ));

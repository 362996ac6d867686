import * as z from 'zod';
import type { JetStreamFeature } from '../../nats/jetstream-subjects.ts';
import type { EntryTemplate, FeatureUse, PolicyRules, RoleRules } from '../../policy/rules.ts';
import { claimText } from '../auth-values.ts';
import {
  autoBytes,
  list,
  mapList,
  number,
  numberOrOff,
  optional,
  optionalList,
  preset,
  presetList,
  required,
  section,
  switchedSection,
  type ValuesOf,
  words,
} from '../keys.ts';
import {
  bucketKeys,
  denials,
  headerPattern,
  inboxPrefix,
  publishEntry,
  roleName,
  streamConsumer,
  streamName,
  subjects,
  subscribeEntry,
} from '../policy-values.ts';
import type { ValueParser } from '../values.ts';

const EXPECTED = 'off, or its keys below it, at least roles';
const ROLES = 'a list of roles, such as "- name: default" with its keys below it';
const USE = 'a list of features, such as "- consumer: ORDERS/web-{user}"';
const own = (expected: string) => (issue: { readonly code: string }) =>
  issue.code === 'unrecognized_keys' ? undefined : expected;

const lists = (description: string, what: string, entry: ValueParser<EntryTemplate>) =>
  section(description, 'its keys below it, such as allow: "chat.>"', {
    allow: optionalList(`What may be ${what}; without it and with deny, all but that.`, entry),
    deny: list('What must not, whatever is allowed.', entry),
  });

const use = z.strictObject(
  {
    consumer: optional('Reads from a consumer that is there already, and acknowledges.', streamConsumer),
    streamWrite: optional('Publishes to these subjects of a stream, with acknowledgement.', subjects),
    streamRead: optional('Reads all of a stream with consumers of its own.', streamName),
    kvRead: optional('Gets any key of a bucket.', streamName),
    kvWrite: optional('Puts and deletes keys of a bucket.', bucketKeys),
    kvWatch: optional('Watches and lists keys of a bucket.', bucketKeys),
    objectRead: optional('Gets and lists all objects of a store.', streamName),
    objectWrite: optional('Puts and deletes any object of a store, and reads all.', streamName),
  } satisfies Record<JetStreamFeature, unknown>,
  { error: own(USE) },
);

const role = z.strictObject(
  {
    name: required('Its name, also in metrics; default is for all who have no other.', roleName),
    match: section(
      'Who has the role: of each key that is written, one entry.',
      'its keys below it, such as groups: traders',
      {
        user: list('The user.', claimText),
        tenant: list('The organisation of the user.', claimText),
        groups: list('One of the groups of the user.', claimText),
      },
    ),
    publish: lists('Subjects of PUB and HPUB.', 'published to', publishEntry),
    subscribe: lists(
      'Subjects of SUB, each with a queue where that is needed.',
      'subscribed to',
      subscribeEntry,
    ),
    use: mapList('Features of JetStream, with all that they publish to.', use, USE).optional(),
    wildcards: words('literal: no SUB with wildcards but of an inbox.', 'covered', ['covered', 'literal']),
    replies: words(
      'Where replies may be asked to: an inbox, or also what may be published to, or any.',
      'inbox',
      ['inbox', 'publish', 'any'],
    ),
    inbox: section(
      'What is an inbox: everybody may subscribe to one.',
      'off, its prefix, or its keys below it',
      {
        prefix: preset('The tokens that it begins with; off: there is none.', inboxPrefix, '_INBOX'),
        idBytes: number('Least bytes of the token after them, which nobody must guess.', 16, 64, 8),
      },
      'prefix',
    ),
    headers: section('Which headers messages must not have.', 'its keys below it, such as deny: "Nats-*"', {
      deny: presetList('Names, or beginnings of names with *.', headerPattern, ['Nats-*', 'traceparent']),
      allow: presetList('Exceptions.', headerPattern, ['Nats-Msg-Id', 'Nats-Expected-*']),
    }),
    payload: autoBytes(
      'Most bytes of a message; auto and off: what nats-server allows.',
      '1B',
      '64MiB',
      '64KiB',
    ),
    subscriptions: numberOrOff('Most subscriptions of a session at once.', 100_000),
  },
  { error: own(ROLES) },
);

export const policy = switchedSection('What clients may say; without it, all.', EXPECTED, {
  mode: words('observe: what enforce would refuse is counted, and passes.', 'enforce', [
    'observe',
    'enforce',
  ]),
  roles: mapList('Who may say what; the first that fits a client counts.', role, ROLES),
  onDeny: words('error: the client gets an -ERR and goes on; close: its session ends.', 'error', [
    'error',
    'close',
  ]),
  denialsBeforeClose: preset('So many refusals in so much time end a session.', denials, '100/1m'),
});
export type PolicyValues = NonNullable<ValuesOf<typeof policy>>;
export type RoleValues = PolicyValues['roles'][number];

export const policyConfig = (values: PolicyValues | undefined): PolicyRules | undefined =>
  values && { ...values, roles: values.roles.map(rulesOf) };

export function rulesOf(values: RoleValues): RoleRules {
  const { inbox, payload, publish, subscribe, subscriptions, use: uses, ...more } = values;
  return {
    ...more,
    publish: listsOf(publish),
    subscribe: listsOf(subscribe),
    use: (uses ?? []).flatMap(usesOf),
    inbox: inbox.prefix === undefined ? undefined : { prefix: inbox.prefix, idBytes: inbox.idBytes },
    maxPayloadBytes: payload ?? 0,
    maxSubscriptions: subscriptions,
  };
}

/** Without lists nothing is allowed, and with `deny` alone all else. */
const listsOf = ({ allow, deny }: RoleValues['publish']): RoleRules['publish'] => ({
  allow: allow ?? (deny.length > 0 ? undefined : []),
  deny,
});

const usesOf = (one: NonNullable<RoleValues['use']>[number]): FeatureUse[] =>
  Object.entries(one).flatMap(([feature, parts]) =>
    parts === undefined ? [] : [{ feature: feature as JetStreamFeature, ...parts }],
  );

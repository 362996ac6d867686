import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { load, REQUIRED } from './support.ts';

const AUTH = `auth:
  from: [{cookie: __Host-a}]
  jwt: [{issuer: a, audience: b, keys: {url: https://id.example/keys}}]
`;
/** `roles` as a flow list; `more` are further keys of the policy. */
const withRoles = (roles: string, more = '', beside = '') =>
  load(`${REQUIRED}policy: {roles: ${roles}${more}}\n${beside}`);
const role = (keys = '') => `[{name: default${keys}}]`;

test('a role is read with all its defaults, and the policy needs enforce', async () => {
  const { config, lines, warnings } = await withRoles(role(', publish: {allow: "a.>"}'));
  assert.deepEqual([lines, warnings], [[], []]);
  assert.deepEqual(config?.policy, {
    mode: 'enforce',
    roles: [
      {
        name: 'default',
        match: { user: [], tenant: [], groups: [] },
        publish: { allow: [{ subject: ['a.>'], queue: undefined }], deny: [] },
        subscribe: { allow: [], deny: [] },
        use: [],
        wildcards: 'covered',
        replies: 'inbox',
        inbox: { prefix: ['_INBOX'], idBytes: 16 },
        headers: { deny: ['Nats-*', 'traceparent'], allow: ['Nats-Msg-Id', 'Nats-Expected-*'] },
        maxPayloadBytes: 0,
        maxSubscriptions: 0,
      },
    ],
    onDeny: 'error',
    denialsBeforeClose: { count: 100, perMs: 60_000 },
  });
  assert.equal(config.inspect, 'enforce');
});

test('deny alone allows all else, and an empty list of what is allowed is none', async () => {
  const of = async (publish: string) =>
    (await withRoles(role(`, publish: ${publish}`))).config?.policy?.roles[0]?.publish.allow;
  assert.equal(await of('{deny: a}'), undefined);
  assert.deepEqual(await of('{deny: a, allow: []}'), []);
  assert.deepEqual(await of('{}'), []);
});

test('observe needs observe; a route has the policy of the top, one of its own, or none', async () => {
  const routes = `routes:
  - path: /same
  - {path: /own, policy: {mode: observe, roles: [{name: default}]}}
  - {path: /free, policy: off}
`;
  const { config, lines } = await withRoles(role(), '', routes);
  assert.deepEqual(lines, []);
  const [same, own, free] = config?.routes ?? [];
  assert.equal(same?.policy, config?.policy);
  assert.deepEqual([same?.inspect, own?.inspect, free?.inspect], ['enforce', 'observe', 'off']);
  assert.equal(own?.policy?.mode, 'observe');
  assert.equal(free?.policy, undefined);
});

describe('what cannot be', () => {
  const cases: readonly (readonly [
    name: string,
    text: string,
    problems: readonly string[],
    beside?: string,
  ])[] = [
    ['an unknown placeholder', role(', publish: {allow: "a.{name}"}'), ['unknown_placeholder']],
    ['a pattern with > inside', role(', publish: {allow: "a.>.b"}'), ['subject']],
    ['an empty token', role(', subscribe: {deny: a..b}'), ['subject']],
    ['a queue to publish to', role(', publish: {allow: "a q"}'), ['subject']],
    ['three words', role(', subscribe: {allow: "a q r"}'), ['subject']],
    ['a feature without a slash', role(', use: [{consumer: S}]'), ['no_slash']],
    ['a stream with a wildcard', role(', use: [{kvRead: "*"}]'), ['stream_name']],
    ['two features in one', role(', use: [{kvRead: a, kvWrite: a/b}]'), ['one_feature']],
    ['a header with a star inside', role(', headers: {deny: "a*b"}'), ['header_name']],
    ['a prefix with a wildcard', role(', inbox: "_INBOX.*"'), ['subject']],
    ['no inbox to reply to', role(', inbox: off'), ['no_inbox']],
    ['a role twice', '[{name: default}, {name: default}]', ['role_repeated']],
    ['a name that is no label', '[{name: "a b"}]', ['role_name']],
    ['a role without auth', '[{name: x, match: {user: a}}]', ['role_without_auth']],
    ['a role of nobody', '[{name: x}]', ['role_of_nobody'], AUTH],
    ['a default role of somebody', role(', match: {user: a}'), ['default_role'], AUTH],
    ['placeholders without auth', role(', publish: {allow: "a.{user}"}'), ['role_needs_identity']],
    [
      'placeholders for clients without a token',
      role(', publish: {allow: "a.{user}"}'),
      ['role_needs_identity'],
      AUTH.replace('from', 'required: off\n  from'),
    ],
    ['a tenant that nothing says', role(', publish: {allow: "a.{tenant}"}'), ['claim_unknown'], AUTH],
    ['groups that nothing says', '[{name: x, match: {groups: a}}]', ['claim_unknown'], AUTH],
  ];
  for (const [name, text, codes, beside = ''] of cases)
    test(name, async () => {
      const { problems } = await withRoles(text, '', beside);
      assert.deepEqual(
        problems.map((problem) => problem.split(' ')[0]),
        codes,
        problems.join('\n'),
      );
    });

  test('a level below what the policy needs', async () => {
    for (const [mode, level] of [
      ['enforce', 'observe'],
      ['enforce', 'off'],
      ['observe', 'off'],
    ]) {
      const { problems } = await withRoles(role(), `, mode: ${mode}`, `inspect: ${level}\n`);
      assert.deepEqual(
        problems.map((problem) => problem.split(' ')[0]),
        ['level_too_low'],
      );
    }
    const { problems } = await load(
      `origins: https://a.example\nupstream: tcp://a:1\npolicy: {roles: ${role()}}\n`,
    );
    assert.match(problems.join(), /^opaque \S+ policy/);
  });

  test('a rate that is none', async () => {
    for (const rate of ['100', '0/1m', '100/1d', '1m/100', '100/1m/1'])
      assert.equal((await withRoles(role(), `, denialsBeforeClose: ${rate}`)).problems.length, 1, rate);
    const { config } = await withRoles(role(), ', denialsBeforeClose: off');
    assert.equal(config?.policy?.denialsBeforeClose, undefined);
  });
});

test('a role that may read the replies to others is a warning', async () => {
  for (const [keys, warnings] of [
    [', subscribe: {allow: ">"}', 1],
    [', subscribe: {allow: "_INBOX.>"}', 1],
    [', subscribe: {deny: a}', 1],
    [', subscribe: {deny: "_INBOX.>"}', 0],
    [', subscribe: {allow: "a.>"}', 0],
  ] as const)
    assert.equal((await withRoles(role(keys))).warnings.length, warnings, keys);
});

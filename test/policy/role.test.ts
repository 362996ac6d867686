import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Roles } from '../../src/policy/roles.ts';
import { Asked, roleOf, rulesOf, template } from './support.ts';

const ID = 'ABCDEFGHIJKLMNOPQRSTUV';

describe('subscribe', () => {
  test('the table of nats-server: allowed is what one entry covers', () => {
    const asked = new Asked({
      subscribe: { allow: ['foo.*', 'q1 g1', 'q2', 'q2 v1', 'w.* grp.>'], deny: ['foo.bad'] },
    });
    for (const text of ['foo.ok', 'q1 g1', 'q2', 'q2 v1', 'w.x grp.a', 'w.* grp.a.b'])
      assert.equal(asked.subscribe(text), undefined, text);
    for (const text of [
      ...['foo.>', '*.ok', '>', 'foo.a.b', 'foo.*.x', 'foo.', '.foo', 'foo..ok', 'foo', 'Foo.ok'],
      ...['q1', 'q1 g2', 'q2 v2', 'w.x grp', 'w.x', 'w.> grp.a'],
    ])
      assert.equal(asked.subscribe(text), 'subscribe_allow', text);
    assert.equal(asked.subscribe('foo.bad'), 'subscribe_deny');
    assert.equal(asked.subscribe('foo.bad g'), 'subscribe_deny');
    // The server would accept it and filter each message.
    assert.equal(asked.subscribe('foo.*'), 'subscribe_deny');
  });

  test('deny alone allows all that it does not overlap', () => {
    const asked = new Asked({ subscribe: { deny: ['d.*', 'e.>', 'f.*.g', 'dq g9', 'dw h.*'] } });
    for (const text of ['d', 'd.a.b', 'e', 'f.a', 'f.1.h', 'dq', 'dq g1', 'dw h', 'dw h.a.b', 'x.>'])
      assert.equal(asked.subscribe(text), undefined, text);
    for (const text of ['d.a', 'd.>', 'd.*', 'e.a', 'e.>', 'f.>', 'f.*.>', 'f.*.*', '*.a', '>', 'dq g9'])
      assert.equal(asked.subscribe(text), 'subscribe_deny', text);
    for (const text of ['* g9', 'dw h.a', 'dw h.*'])
      assert.equal(asked.subscribe(text), 'subscribe_deny', text);
  });

  test('a plain deny holds for each queue, also beside a deny of one queue', () => {
    const asked = new Asked({ subscribe: { deny: ['a', 'a g'] } });
    for (const text of ['a', 'a g', 'a h']) assert.equal(asked.subscribe(text), 'subscribe_deny', text);
  });

  test('an inbox is a prefix and a name that nobody guesses', () => {
    const asked = new Asked({ prefix: '_INBOX' });
    for (const rest of ['', '.*', '.1', '.>', '.a.b'])
      assert.equal(asked.subscribe(`_INBOX.${ID}${rest}`), undefined, rest);
    for (const text of ['_INBOX.>', '_INBOX.*', '_INBOX', `_INBOX.short.${ID}`, `_INBOX.*.${ID}`, '>'])
      assert.equal(asked.subscribe(text), 'subscribe_allow', text);
    assert.equal(asked.subscribe(`_INBOX.${ID}..`), 'subscribe_allow');
    const own = new Asked({ prefix: '_INBOX.{user}' }, 'bob');
    assert.equal(own.subscribe(`_INBOX.bob.${ID}.*`), undefined);
    assert.equal(own.subscribe(`_INBOX.eve.${ID}.*`), 'subscribe_allow');
    assert.equal(own.subscribe(`_INBOX.${ID}.*`), 'subscribe_allow');
    const denied = new Asked({ prefix: '_INBOX', subscribe: { deny: ['_INBOX.>'] } });
    assert.equal(denied.subscribe(`_INBOX.${ID}`), 'subscribe_deny');
  });

  test('wildcards: literal leaves those of the own inbox', () => {
    const asked = new Asked({ wildcards: 'literal', prefix: '_INBOX', subscribe: { allow: ['a.>'] } });
    assert.equal(asked.subscribe('a.b'), undefined);
    assert.equal(asked.subscribe('a.b*'), undefined);
    for (const text of ['a.*', 'a.>', '*.b g']) assert.equal(asked.subscribe(text), 'wildcards', text);
    assert.equal(asked.subscribe(`_INBOX.${ID}.*`), undefined);
  });
});

describe('publish', () => {
  test('allowed is what one entry covers, and no deny overlaps', () => {
    const asked = new Asked({ publish: { allow: ['foo.*', 'a.>', 'b'], deny: ['a.x.*'] } });
    for (const text of ['foo.x', 'foo.*', 'a.b', 'a.b.c.d', 'a.x', 'a.x.y.z', 'b', 'a.foo*', 'foo.x>'])
      assert.equal(asked.publish(text), undefined, text);
    for (const text of ['foo', 'foo.x.y', 'foo.>', 'foo..x', 'foo.', '*.x', '>', '*', 'a', 'a..b', 'B', ''])
      assert.equal(asked.publish(text), 'publish_allow', text);
    for (const text of ['a.x.y', 'a.*.y', 'a.>', 'a.x.>', 'a.*.*'])
      assert.equal(asked.publish(text), 'publish_deny', text);
  });

  test('deny alone refuses empty tokens too', () => {
    const asked = new Asked({ publish: { deny: ['a'] } });
    assert.equal(asked.publish('b.>'), undefined);
    assert.equal(asked.publish('b..c'), 'publish_allow');
    assert.equal(asked.publish('*'), 'publish_deny');
  });

  test('without lists nothing is allowed', () => {
    const asked = new Asked({});
    for (const text of ['a', '$SYS.REQ.ACCOUNT.PING', '>', ''])
      assert.equal(asked.publish(text), 'publish_allow', text);
    assert.equal(asked.subscribe('a'), 'subscribe_allow');
  });

  test('a subject may have more tokens than any pattern', () => {
    const long = Array.from({ length: 500 }, (_, at) => `t${at}`).join('.');
    assert.equal(new Asked({ publish: { allow: ['t0.>'] } }).publish(long), undefined);
    assert.equal(new Asked({ publish: { allow: ['t0.>'] } }).publish(`${long}..x`), 'publish_allow');
    assert.equal(new Asked({ publish: { deny: ['*.*'] } }).publish(long), undefined);
    const widest = Array.from({ length: 32 }, () => '*').join('.');
    assert.equal(new Asked({ publish: { allow: [widest] } }).publish(long), 'publish_allow');
    assert.equal(new Asked({ publish: { deny: [widest] } }).publish(`${long}.>`), undefined);
  });

  test('where replies may be asked to', () => {
    const lists = { prefix: '_INBOX', publish: { allow: ['a.*'] } };
    const replies = (how: 'inbox' | 'publish' | 'any') => new Asked({ ...lists, replies: how });
    for (const how of ['inbox', 'publish', 'any'] as const)
      assert.equal(replies(how).reply(`_INBOX.${ID}.x`), undefined);
    assert.deepEqual(
      (['inbox', 'publish', 'any'] as const).map((how) => replies(how).reply('a.b')),
      ['replies', undefined, undefined],
    );
    for (const text of ['b', `_INBOX.${ID}.*`, '_INBOX.x', '$JS.API.STREAM.DELETE.S'])
      assert.deepEqual(
        (['inbox', 'publish', 'any'] as const).map((how) => replies(how).reply(text)),
        ['replies', 'replies', undefined],
      );
  });
});

test('headers: names in any case, beginnings, exceptions, and lines however they are broken', () => {
  const asked = new Asked({
    headers: { deny: ['Nats-*', 'traceparent'], allow: ['Nats-Msg-Id', 'Nats-Expected-*'] },
  });
  const block = (...lines: readonly string[]) =>
    `NATS/1.0\r\n${lines.map((line) => `${line}\r\n`).join('')}\r\n`;
  for (const line of [
    'A: b',
    'nats-msg-id:1',
    'NATS-EXPECTED-Stream: S',
    'X: Nats-Rollup',
    'Nats',
    'trace: 1',
  ])
    assert.equal(asked.header(block(line)), undefined, line);
  for (const [line, name] of [
    ['Nats-Rollup: all', 'Nats-Rollup'],
    ['nATS-ttl:1', 'nATS-ttl'],
    ['Nats-Msg-Id2: 1', 'Nats-Msg-Id2'],
    ['TraceParent: 1', 'TraceParent'],
    [' Nats-Rollup : all', 'Nats-Rollup'],
    ['\tNats-Rollup\t: all', 'Nats-Rollup'],
    ['A: b\nNats-Rollup: all', 'Nats-Rollup'],
    ['A: b\rNats-Rollup: all', 'Nats-Rollup'],
    ['Nats-Msg-Id: 1\r\nNats-: x', 'Nats-'],
  ] as const)
    assert.equal(asked.header(block('B: c', line)), name, line);
  const all = new Asked({ headers: { deny: ['*'], allow: [] } });
  assert.equal(all.header(block('A: b')), 'A');
  assert.equal(all.header(block()), undefined);
});

test('the features of JetStream', () => {
  const use = [
    { feature: 'consumer', first: template('ORDERS'), second: template('web-{user}') },
    { feature: 'kvWatch', first: template('cfg'), second: template('public.>') },
    { feature: 'kvWrite', first: template('cfg'), second: template('{user}.*') },
  ] as const;
  const asked = new Asked({ use }, 'bob');
  for (const text of [
    '$JS.API.CONSUMER.MSG.NEXT.ORDERS.web-bob',
    '$JS.ACK.ORDERS.web-bob.1.2.3.4.5',
    '$JS.API.CONSUMER.CREATE.KV_cfg.name.$KV.cfg.public.>',
    '$JS.API.CONSUMER.CREATE.KV_cfg.name.$KV.cfg.public.a.*',
    '$KV.cfg.bob.x',
  ])
    assert.equal(asked.publish(text), undefined, text);
  for (const text of [
    '$JS.API.CONSUMER.MSG.NEXT.ORDERS.web-eve',
    '$JS.API.CONSUMER.CREATE.ORDERS.web-bob',
    '$JS.API.CONSUMER.CREATE.KV_cfg.name.$KV.cfg.>',
    '$JS.API.CONSUMER.CREATE.KV_cfg.name',
    '$JS.API.CONSUMER.CREATE.KV_cfg.*.$KV.cfg.*.>',
    '$KV.cfg.eve.x',
    '$JS.API.STREAM.DELETE.KV_cfg',
  ])
    assert.equal(asked.publish(text), 'publish_allow', text);
});

describe('roles', () => {
  const roles = new Roles({
    mode: 'enforce',
    roles: [
      {
        ...rulesOf({ publish: { allow: ['orders.{tenant}.>'] } }),
        name: 'trader',
        match: { user: [], tenant: [], groups: ['traders', 'desk'] },
      },
      { ...rulesOf({}), name: 'acme', match: { user: ['bob'], tenant: ['acme'], groups: [] } },
      { ...rulesOf({}), name: 'bot' },
      { ...rulesOf({}), name: 'default' },
    ],
    onDeny: 'error',
    denialsBeforeClose: undefined,
  });
  const nameOf = (user: string, tenant: string | undefined, groups: readonly string[], role?: string) =>
    roles.of({ identity: { user, tenant, groups }, role }).rules.name;
  const isUnusable = (user: string, tenant: string | undefined, groups: readonly string[]) =>
    roles.of({ identity: { user, tenant, groups } }).isUnusable;

  test('the first that matches, or the one that the webhook says, or default', () => {
    assert.equal(nameOf('a', 't', ['x', 'desk']), 'trader');
    assert.equal(nameOf('bob', 'acme', []), 'acme');
    assert.equal(nameOf('bob', 'other', []), 'default');
    assert.equal(nameOf('bob', undefined, []), 'default');
    assert.equal(nameOf('a', 't', ['desk'], 'bot'), 'bot');
    assert.equal(nameOf('a', 't', ['desk'], 'unknown'), 'trader');
    assert.equal(roles.of(undefined).rules.name, 'default');
  });

  test('who cannot be a part of a subject may do nothing in a role that needs it', () => {
    for (const tenant of ['a.b', '*', '>', '', 'a b', '$SYS', '_INBOX', 'x'.repeat(200), undefined])
      assert.ok(isUnusable('a', tenant, ['desk']), String(tenant));
    const unusable = roleOf({ publish: { allow: ['>'] }, subscribe: { deny: ['{user}'] } });
    assert.ok(unusable.isUnusable);
    assert.ok(!isUnusable('a.b', '*', []));
  });

  test('each is compiled once for all who are the same for it', () => {
    const of = (user: string, tenant: string, groups: readonly string[]) =>
      roles.of({ identity: { user, tenant, groups } });
    assert.equal(of('a', 't', ['desk']), of('a', 't', ['traders']));
    assert.notEqual(of('a', 't', ['desk']), of('a', 'u', ['desk']));
    assert.equal(of('a', 't', []), of('b', 'u', []));
  });
});

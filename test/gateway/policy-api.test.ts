import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { rulesOf, template } from '../policy/support.ts';
import { FakeUpstream } from '../support/fake-upstream.ts';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';
import { closeFrame, frame, Opcode, RawClient } from '../support/raw-client.ts';

/** /api/policy and /api/policy/test: what the status page shows of policies and rates. */

const resources = new AsyncDisposableStack();
let upstream: FakeUpstream;
let gateway: TestGateway;
before(async () => {
  upstream = resources.use(await FakeUpstream.start());
  const trader = rulesOf({
    name: 'trader',
    match: { user: [], tenant: [], groups: ['traders'] },
    publish: { allow: ['orders.{tenant}.>'], deny: ['orders.*.secret', 'orders.*.own'] },
    subscribe: { allow: ['prices.>', 'jobs workers'] },
    use: [{ feature: 'consumer', first: template('S'), second: template('{user}') }],
    headers: { deny: ['Nats-*'], allow: [] },
    prefix: '_INBOX',
  });
  const others = rulesOf({ subscribe: { allow: ['public.>'] }, maxPayloadBytes: 1024 });
  gateway = resources.use(
    await startTestGateway(upstream.port, {
      inspect: 'enforce',
      policy: { mode: 'enforce', roles: [trader, others], onDeny: 'error', denialsBeforeClose: undefined },
      rates: {
        maxDelayMs: 5000,
        limits: [{ per: 'session', kind: 'bytes', perSecond: 100, burstMs: 5000, exceeded: 'close' }],
      },
    }),
  );
});
after(() => resources.disposeAsync());

const ask = (path: string, body?: object): Promise<Response> =>
  fetch(
    `http://127.0.0.1:${gateway.adminPort}${path}`,
    body && { method: 'POST', body: JSON.stringify(body) },
  );

const jane = { user: 'jane', tenant: 'acme', groups: ['traders'] };
const ID = 'ABCDEFGHIJKLMNOPQRSTUV';

test('an operation is judged as in a session, and the entry that decided is named', async () => {
  const cases: readonly (readonly [who: object, operation: string, verdict: string])[] = [
    [jane, 'PUB orders.acme.new', 'trader allow publish.allow: orders.{tenant}.>'],
    [jane, 'PUB orders.other.new', 'trader deny publish_allow'],
    [jane, 'PUB orders.acme.own', 'trader deny publish_deny publish.deny: orders.*.own'],
    [jane, `PUB orders.acme.new _INBOX.${ID} 10 Trace:`, 'trader allow publish.allow: orders.{tenant}.>'],
    [jane, 'PUB orders.acme.new else', 'trader deny replies'],
    [jane, 'PUB orders.acme.new Nats-Rollup:', 'trader deny headers'],
    [jane, `PUB $JS.API.CONSUMER.MSG.NEXT.S.jane _INBOX.${ID}`, 'trader allow use: consumer S/{user}'],
    [jane, 'SUB jobs workers', 'trader allow subscribe.allow: jobs workers'],
    [jane, `SUB _INBOX.${ID}.*`, 'trader allow inbox'],
    [{ role: 'trader', tenant: 'a' }, 'PUB orders.a.new', 'trader allow publish.allow: orders.{tenant}.>'],
    [{ user: 'jane' }, 'SUB prices.eur', 'default deny subscribe_allow'],
    [{}, 'SUB public.>', 'default allow subscribe.allow: public.>'],
    [{}, 'PUB x 2000', 'default deny payload'],
  ];
  for (const [who, operation, expected] of cases) {
    const answer = (await (await ask('/api/policy/test', { ...who, operation })).json()) as Record<
      string,
      string
    >;
    const { entry, mode, role, route, rule, verdict } = answer;
    assert.deepEqual([route, mode], ['default', 'enforce'], operation);
    assert.equal([role, verdict, rule, entry].filter(Boolean).join(' '), expected, operation);
  }
});

test('what cannot be judged is refused with a sentence', async () => {
  for (const [body, status, code] of [
    [{ operation: 'PUB a', rol: 'x' }, 400, 'body'],
    [{ operation: 'MSG a' }, 400, 'body'],
    [{ operation: 'PUB a', groups: ['traders'] }, 400, 'body'],
    [{ operation: 'PUB a', user: '' }, 400, 'body'],
    [{ operation: 'PUB a', route: 'nobody' }, 404, 'no_policy'],
    [{ operation: 'PUB a', role: 'nobody' }, 409, 'not_testable'],
    [{ operation: 'PUB a', user: 'jane', groups: ['traders'] }, 409, 'not_testable'],
  ] as const) {
    const answer = await ask('/api/policy/test', body);
    const problem = (await answer.json()) as { readonly code: string; readonly detail: string };
    assert.deepEqual([answer.status, problem.code], [status, code], JSON.stringify(body));
    assert.match(problem.detail, /\.$/);
  }
});

test('roles, verdicts and limits are there with what came of them', async () => {
  await using client = await RawClient.open(gateway.port);
  client.send(frame(Opcode.binary, `CONNECT {}\r\nPUB x 1\r\n1\r\nPUB y 1\r\n1\r\n`));
  await gateway.log.find(({ subject }) => subject === 'y');
  client.send(frame(Opcode.binary, `PUB z 900\r\n${'x'.repeat(900)}\r\n`));
  await client.closeReceived();
  client.send(closeFrame(1008));
  await gateway.log.ended();
  const shown = (await (await ask('/api/policy')).json()) as Record<string, unknown>;
  const [{ policy, rates, route }] = shown['routes'] as [
    { policy: { roles: Record<string, unknown>[] }; rates: object; route: string },
  ];
  assert.equal(route, 'default');
  assert.deepEqual(
    policy.roles.map(({ name, publish, use }) => ({ name, publish, use })),
    [
      {
        name: 'trader',
        publish: { allow: ['orders.{tenant}.>'], deny: ['orders.*.secret', 'orders.*.own'] },
        use: ['consumer S/{user}'],
      },
      { name: 'default', publish: { allow: [], deny: [] }, use: [] },
    ],
  );
  assert.deepEqual(rates, {
    maxDelaySeconds: 5,
    limits: [{ limit: 'rates.session.bytes', perSecond: 100, burstSeconds: 5, exceeded: 'close' }],
  });
  assert.deepEqual(shown['verdicts'], [
    { role: 'default', verdict: 'denied', rule: 'publish_allow', count: 3 },
  ]);
  assert.deepEqual(shown['rateLimited'], [{ limit: 'rates.session.bytes', delay: 0, error: 0, close: 1 }]);
});

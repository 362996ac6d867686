import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { policySuggest } from '../../src/cli/policy-suggest.ts';
import { policyTest } from '../../src/cli/policy-test.ts';
import { FileReader } from '../../src/config/files.ts';
import { patternsFor } from '../../src/policy/suggest.ts';
import { fileOf, HEADER } from '../capture/support.ts';
import { blocksOf } from '../support/doc-blocks.ts';
import { natsgate } from '../support/program.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const EXAMPLES = blocksOf('docs/policy.md', 'Examples', 'yaml');
const ID = 'ABCDEFGHIJKLMNOPQRSTUV';

type Said = { readonly code: number; readonly out: string; readonly err: string };
async function said(run: (io: { out(line: string): void; err(line: string): void }) => Promise<number>) {
  const [out, err]: [string[], string[]] = [[], []];
  const code = await run({ out: (line) => out.push(line), err: (line) => err.push(line) });
  return { code, out: out.join('\n'), err: err.join('\n') } satisfies Said;
}

/** `lines`: expectations; or a capture. */
async function tested(config: string, lines: string, capture = false, as?: string): Promise<Said> {
  await using folder = await temporaryFolder();
  const [gateway, file] = [join(folder.path, 'gateway.yaml'), join(folder.path, 'file')];
  await writeFile(gateway, config);
  await writeFile(file, lines);
  const wanted = {
    file: capture ? undefined : file,
    capture: capture ? file : undefined,
    route: undefined,
    as,
  };
  const { code, out, err } = await said((io) =>
    policyTest({ file: gateway, flags: {}, env: {} }, wanted, io),
  );
  return { code, out, err: err.replaceAll(`${folder.path}/`, '') };
}

describe('the examples of docs/policy.md', () => {
  const expectations = [
    `
as default(user=alice, tenant=acme): PUB chat.acme.lobby.alice → allow
as default(user=alice, tenant=acme): PUB chat.acme.lobby.bob → deny
as default(user=alice, tenant=acme): SUB chat.acme.> -> allow
as default(user=alice, tenant=acme): SUB chat.> → deny
as default(user=alice, tenant=acme): SUB _INBOX.alice.${ID}.* → allow
as default(user=alice, tenant=acme): SUB _INBOX.bob.${ID}.* → deny subscribe_allow
as default(user=alice, tenant=acme): PUB chat.acme.lobby.alice 20000 → deny payload
`,
    `
as default: SUB prices.> → allow
as default: PUB prices.a → deny
as default: PUB $JS.API.CONSUMER.CREATE.KV_dashboards.x.$KV.dashboards.public.> _INBOX.${ID}.1 → allow
as default: PUB $JS.API.CONSUMER.CREATE.KV_dashboards.x.$KV.dashboards.> → deny
as default: PUB $KV.dashboards.public.a → deny
`,
    `
as trader(user=alice, tenant=acme): PUB orders.acme.new _INBOX.${ID}.1 → allow
as trader(user=alice, tenant=acme): PUB orders.acme.new Nats-Msg-Id: → allow
as trader(user=alice, tenant=acme): PUB orders.acme.new Nats-Rollup: → deny headers
as trader(user=alice, tenant=acme): PUB orders.acme.admin.x → deny
as trader(user=alice, tenant=acme): PUB $JS.API.CONSUMER.MSG.NEXT.ORDERS.web-alice → allow
as trader(user=alice, tenant=acme): PUB $JS.API.CONSUMER.MSG.NEXT.ORDERS.web-bob → deny
as trader(user=alice, tenant=acme): PUB orders.acme.new orders.acme.x → deny replies
as admin(user=root, tenant=acme): SUB orders.acme.> → allow
as default: SUB prices.> → deny
`,
  ];
  for (const [index, lines] of expectations.entries())
    test(`number ${index + 1}`, async () => {
      const { code, out, err } = await tested(EXAMPLES[index] ?? '', lines);
      assert.deepEqual([code, err], [0, '']);
      assert.match(out, /^\d+ lines, all as expected$/);
    });

  test('are three, and pass a check', async () => {
    assert.equal(EXAMPLES.length, expectations.length);
    await using folder = await temporaryFolder();
    const file = join(folder.path, 'gateway.yaml');
    await writeFile(file, EXAMPLES[2] ?? '');
    const { code, err } = await natsgate(['check', file]);
    assert.deepEqual([code, err], [0, '']);
  });
});

const CONFIG = `origins: https://a.example
upstream: nats://a:4222
policy: {roles: [{name: default, publish: {allow: "a.{user}.>"}}]}
auth: {webhook: {url: "http://login/ask"}, from: [{cookie: __Host-a}]}
`;

test('each line that is not as expected is one line, and the exit code is 1', async () => {
  const { code, out, err } = await tested(
    CONFIG,
    `# a comment

as default(user=bob): PUB a.bob.x → deny
as default(user=bob): PUB a.eve.x → deny publish_deny
as default(user=b.b): PUB a.b → deny
as nobody: PUB a.b → deny
as default(user=bob, team=x): PUB a → deny
PUB a.b → deny
as default(user=bob): PING → deny
as default(user=bob): PUB a.bob.x → allow`,
  );
  assert.equal(code, 1);
  assert.equal(out, '8 lines, 7 not as expected');
  const [first, second, third, fourth, fifth, ...forms] = err.split('\n');
  assert.equal(first, 'file:3: "PUB a.bob.x": expected deny, is allow');
  assert.equal(second, 'file:4: "PUB a.eve.x": expected deny publish_deny, is deny (publish_allow)');
  assert.match(third ?? '', /^file:5: role default needs user=/);
  assert.match(fourth ?? '', /^file:6: there is no role nobody/);
  assert.match(fifth ?? '', /^file:7: team is not user or tenant/);
  assert.equal(forms.length, 2);
  assert.equal((await tested(CONFIG, '\n')).code, 1);
  assert.match((await tested('origins: a\n', '')).err, /^gateway.yaml:1/);
});

const captured = fileOf(
  HEADER,
  { t: 1, d: 'c>', op: 'PUB', subj: 'a.bob.1', reply: '_INBOX.STUVWXYZ.1', n: 1 },
  { t: 2, d: 'c>', op: 'PUB', subj: 'a.bob.2', n: 1 },
  { t: 3, d: 'c>', op: 'HPUB', subj: 'other', hb: 12, n: 13, hn: [] },
  { t: 4, d: 'c>', op: 'SUB', subj: 'b.c', queue: 'q', sid: '1' },
  { t: 5, d: 's>', op: 'MSG', subj: 'a.b', sid: '1', n: 1 },
  { t: 6, end: { reason: 'stopped', operations: 5, lost: 0 } },
);

test('a capture: what the policy would refuse of it', async () => {
  const { code, out, err } = await tested(CONFIG, String(captured), true, 'default(user=bob)');
  assert.deepEqual([code, err], [1, '']);
  assert.equal(
    out,
    'deny  publish_allow  PUB other\ndeny  subscribe_allow  SUB b.c q\n4 operations, 2 of them refused',
  );
  assert.match((await tested(CONFIG, 'nonsense', true, 'default(user=bob)')).err, /line 1: not JSON/);
});

test('patterns for what was seen: made-up tokens and many names become a star', () => {
  assert.deepEqual(patternsFor(['a.1.x', 'a.2.x', 'a.b', 'c', 'c']), ['a.*.x', 'a.b', 'c']);
  assert.deepEqual(patternsFor(['a', 'b', 'c', 'd', 'e'].map((one) => `rooms.${one}.say`)), ['rooms.*.say']);
  assert.deepEqual(patternsFor([`s.${ID}9.a`, 's.0f8fad5b-d9cb-469f-a165-70867728950e.a']), ['s.*.a']);
  assert.deepEqual(patternsFor(['prices.>', 'prices.usd']), ['prices.>', 'prices.usd']);
  assert.deepEqual(patternsFor(['1', '2']), ['1', '2']);
});

const hashed = fileOf({ ...HEADER, subjects: 'hashed' });

test('a capture whose subjects are hashed is refused: its verdicts would be wrong', async () => {
  const { code, err } = await tested(CONFIG, String(hashed), true);
  assert.equal(code, 1);
  assert.match(err, /: its subjects are hashed \(admin\.subjects\)/);
});

test('suggest: of an answer of the API, and of a capture', async () => {
  await using folder = await temporaryFolder();
  const file = join(folder.path, 'file');
  const suggested = async (content: string): Promise<Said> => {
    await writeFile(file, content);
    return said((io) => policySuggest(file, new FileReader(), io));
  };
  const row = { role: 'trader', rule: 'publish_allow', operation: 'PUB', subject: 'a.1', count: 1 };
  const answer = {
    refused: [
      row,
      { ...row, subject: 'a.2' },
      { ...row, rule: 'subscribe_allow', operation: 'SUB', subject: 'b', queue: 'q' },
      { ...row, rule: 'headers', operation: 'HPUB', subject: 'c' },
      'nonsense',
    ],
  };
  const { code, out } = await suggested(JSON.stringify(answer));
  assert.equal(code, 0);
  assert.equal(
    out,
    `policy:
  mode: observe
  roles:
    - name: trader
      publish:
        allow:
          - "a.*"
      subscribe:
        allow:
          - "b q"
      # refused by headers: c`,
  );
  assert.match((await suggested(String(captured))).out, /allow:\n {10}- "a\.bob\.\*"\n {10}- "other"/);
  assert.equal((await suggested('{}')).code, 1);
  assert.match((await suggested(String(hashed))).err, /: its subjects are hashed/);
});

test('policy wants its words and files', async () => {
  for (const [args, problem] of [
    [['policy'], /^natsgate: policy wants test or suggest after it/],
    [['policy', 'test'], /^natsgate: policy test wants a file of expectations/],
    [['policy', 'suggest'], /^natsgate: policy suggest wants a file/],
  ] as const) {
    const { code, err } = await natsgate(args);
    assert.equal(code, 2);
    assert.match(err, problem);
  }
});

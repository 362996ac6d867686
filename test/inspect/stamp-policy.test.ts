import assert from 'node:assert/strict';
import { describe, mock, test } from 'node:test';
import type { Policy } from '../../src/inspect/inspection.ts';
import { stampPolicy } from '../../src/inspect/stamp-policy.ts';
import { rewriteInfo } from '../../src/nats/info-rewrite.ts';
import { readStampTemplate, Stamp, type StampFacts } from '../../src/nats/stamp.ts';
import { drawFrom } from '../fuzz/nats-lines.ts';
import { Inspected } from './inspected.ts';

const PONG = 'PONG\r\n';
const TEMPLATES = { 'Natsgate-User': '{user}', 'X-Tenant': 't={tenant}' };
const ALICE: StampFacts = { user: 'alice', tenant: 'acme' };
const STAMP = 'Natsgate-User: alice\r\nX-Tenant: t=acme\r\n';

function stampOf(facts: StampFacts): Stamp {
  const headers = Object.entries(TEMPLATES).map(([name, text]) => [name, readStampTemplate(text) ?? []]);
  return new Stamp(Object.fromEntries(headers), facts);
}
function stamped(facts = ALICE, changed = (policy: Policy): Policy => policy): Inspected {
  const policy = changed(stampPolicy(stampOf(facts)));
  const inspected = Inspected.connected('enforce', [policy], 'CONNECT {"headers":true}\r\n');
  inspected.toClient(Buffer.from(PONG));
  return inspected;
}
const hpub = (to: string, head: string, payload = 'pay', reply = ''): string =>
  `HPUB ${to} ${reply === '' ? '' : `${reply} `}${head.length} ${head.length + payload.length}\r\n${head}${payload}\r\n`;
const block = (...lines: readonly string[]): string =>
  `NATS/1.0\r\n${lines.map((line) => `${line}\r\n`).join('')}\r\n`;
const NO_PLACE = 'headers that connect.stamp cannot be written into';
const STAMPED = `NATS/1.0\r\n${STAMP}\r\n`;
const error = (subject: string, what: string): string =>
  `-ERR 'Permissions Violation for Publish to "${subject}" (${what})'\r\n`;

/** What is said, what arrives, and what the client gets for it. */
const CASES: readonly (readonly [said: string, arrives: string, answer?: string])[] = [
  ['PUB a 0\r\n\r\n', hpub('a', STAMPED, '')],
  ['pub\ta  _INBOX.x.1 \t 5 \r\nhello\r\n', hpub('a', STAMPED, 'hello', '_INBOX.x.1')],
  [hpub('a', block('Nats-Msg-Id: 7', 'x:y')), hpub('a', `NATS/1.0\r\n${STAMP}Nats-Msg-Id: 7\r\nx:y\r\n\r\n`)],
  [hpub('a', 'NATS/1.0\r\n\r\n', '', 'r'), hpub('a', STAMPED, '', 'r')],
  [hpub('a', block('natsgate-USER: mallory')), hpub('a', STAMPED)],
  [
    hpub('a', block('a: 1', ' Natsgate-User \t: mallory', 'X-TENANT:x', 'b: 2')),
    hpub('a', `NATS/1.0\r\n${STAMP}a: 1\r\nb: 2\r\n\r\n`),
  ],
  [
    hpub('a', block('Natsgate-Userx: 1', 'xNatsgate-User: 2')),
    hpub('a', `NATS/1.0\r\n${STAMP}Natsgate-Userx: 1\r\nxNatsgate-User: 2\r\n\r\n`),
  ],
  [hpub('a', block('a: 1\nNatsgate-User: mallory')), '', error('a', NO_PLACE)],
  [hpub('a', block('a: 1\rNatsgate-User: mallory')), '', error('a', NO_PLACE)],
  [hpub('a', block('Natsgate-User: mallory\nb: 1')), '', error('a', NO_PLACE)],
  // Some readers would find no stamp, one of the client, or more than the stamp: nats.js, nats.py and async-nats.
  ...[
    'NATS/1.0 \nk: v\r\n\r\n',
    'NATS/1.0 x\ny\r\nk: v\r\n\r\n',
    'NATS/1.0 \rk: v\r\n\r\n',
    'NATS/1.0\r\r\nk: v\r\n\r\n',
    'NATS/1.0 503\r\nk: v\r\n\r\n',
    'NATS/1.0 zNatsgate-User: bob\rjunk\r\n\r\n',
    block(' mallory'),
    block('\tmallory'),
    block('\vmallory'),
    block('Natsgate-User: x', ' mallory'),
  ].map((head) => [hpub('a', head), '', error('a', NO_PLACE)] as const),
  [hpub('a', block('k: v', ' more')), hpub('a', `NATS/1.0\r\n${STAMP}k: v\r\n more\r\n\r\n`)],
  [hpub('a', block(`a: ${'x'.repeat(9000)}`)), '', error('a', 'more than 8192 bytes of headers')],
  ['SUB a 1\r\n', 'SUB a 1\r\n'],
  ['PING\r\n', 'PING\r\n'],
];

describe('a stamp', () => {
  test('each message has it, and no header of a client under its names, however it is cut', () => {
    const said = CASES.map(([text]) => text).join('');
    const arrives = CASES.map(([, text]) => text).join('');
    const answers = CASES.map(([, , text = '']) => text).join('');
    const short = CASES.filter(([text]) => text.length < 4000);
    const all = [
      [said, arrives, answers],
      ...short.map(([one, two, three = '']) => [one, two, three]),
    ] as const;
    for (const [text = '', expected, answer] of all) {
      const cuts = text.length > 4000 ? [1, 7, 1000, text.length] : Array.from(text, (_, at) => at + 1);
      for (const cut of cuts) {
        const inspected = stamped();
        const before = inspected.up.length;
        const step = text.length > 4000 ? cut : text.length;
        const bytes = Buffer.from(text);
        if (text.length > 4000)
          for (let at = 0; at < bytes.length; at += step) inspected.toUpstream(bytes.subarray(at, at + step));
        else {
          inspected.toUpstream(bytes.subarray(0, cut));
          inspected.toUpstream(bytes.subarray(cut));
        }
        assert.equal(inspected.up.slice(before), expected, `cut at ${cut}`);
        assert.equal(inspected.down.slice(PONG.length), answer);
      }
    }
  });

  test('who is not known has none, and still no header of its own under these names', () => {
    const inspected = stamped({});
    const before = inspected.up.length;
    inspected.toUpstream(Buffer.from(hpub('a', block('Natsgate-User: alice', 'k: v'))));
    assert.equal(inspected.up.slice(before), hpub('a', block('k: v')));
  });

  test('a value ends no line, and no two users look the same', () => {
    const values = ['a\r\nX-Tenant: x', 'a%0D%0AX-Tenant: x', 'ä', ' a', 'a ', 'a'].map((user) => {
      const inspected = stamped({ user });
      const before = inspected.up.length;
      inspected.toUpstream(Buffer.from('PUB a 0\r\n\r\n'));
      return /Natsgate-User: ([!-~]*)\r\n\r\n/.exec(inspected.up.slice(before))?.[1];
    });
    assert.equal(values[0], 'a%0D%0AX-Tenant:%20x');
    assert.equal(new Set(values).size, values.length);
    assert.equal(values.includes(undefined), false);
  });

  test('a client that takes no headers is told so', () => {
    const inspected = Inspected.connected('enforce', [stampPolicy(stampOf(ALICE))]);
    assert.equal(inspected.inspector.endReason, 'forbidden');
  });

  test('max_payload of INFO is less by its bytes', () => {
    const added = stampOf(ALICE).bytes;
    assert.equal(added, STAMPED.length);
    const line = Buffer.from('INFO {"server_id":"A","max_payload":1048576} \r\n');
    const info = (more: object): string =>
      String(rewriteInfo(line, { connectUrls: 'keep', hide: [], ...more }));
    assert.ok(info({ addedBytes: added }).includes(`"max_payload":${1_048_576 - added}`));
    assert.ok(info({ addedBytes: added, maxPayload: 1000 }).includes('"max_payload":1000'));
    assert.ok(
      info({ addedBytes: added, maxPayload: 1_048_570 }).includes(`"max_payload":${1_048_576 - added}`),
    );
    assert.equal(info({ maxPayload: 2_000_000 }), String(line));
  });
});

/** FUZZ_OPERATIONS: how many, 20,000 when not set. FUZZ_SEED: the seed that a failure printed. */
const OPERATIONS = Number(process.env['FUZZ_OPERATIONS'] ?? 20_000);
const SEED = Number(process.env['FUZZ_SEED'] ?? Date.now() | 0);

describe('runs of messages', () => {
  const oneByOne = (policy: Policy): Policy => ({ ...policy, needsEveryMessage: true, stamp: undefined });
  const pub = (to: string, bytes: number, reply = ''): string =>
    `PUB ${to}${reply} ${bytes}\r\n${'x'.repeat(bytes)}\r\n`;

  test('are stamped without a verdict on each', () => {
    const verdicts: string[] = [];
    const inspected = stamped(ALICE, (policy) => ({
      ...policy,
      judge: (operation, context) => {
        verdicts.push(operation.read(operation.subject));
        return policy.judge?.(operation, context);
      },
    }));
    const before = inspected.up.length;
    const texts = [0, 1, 9, 10, 99, 100, 999, 1000, 9999, 10_000].flatMap((bytes) => [
      pub('a', bytes),
      pub('b.c'.repeat(9), bytes, ' _INBOX.x.1'),
    ]);
    // A first line of nine bytes may be for the parser itself.
    inspected.toUpstream(Buffer.from(texts.slice(1).join('')));
    assert.deepEqual(verdicts, []);
    const expected = texts.slice(1).map((text) => {
      const [, to = '', reply, size, payload = ''] = /^PUB (\S+)( \S+)? (\d+)\r\n(.*)\r\n$/.exec(text) ?? [];
      assert.equal(payload.length, Number(size));
      return hpub(to, STAMPED, payload, reply?.trim());
    });
    assert.equal(inspected.up.slice(before), expected.join(''));
  });

  test('leave in the slot that they came in, and a chunk of other memory is stamped too', () => {
    const text = Buffer.from([1, 49, 50, 99, 100].map((bytes) => pub('a', bytes, ' _INBOX.x.1')).join(''));
    const expected = stamped(ALICE, oneByOne).toUpstream(text).up;
    for (let cut = 0; cut < text.length; cut++)
      assert.equal(stamped().toUpstream(text, [cut]).up, expected, `cut at ${cut}`);
    const [inSlot, other] = [stamped(), stamped()];
    const take = mock.method(inSlot.pool, 'take');
    inSlot.toUpstream(text);
    assert.equal(take.mock.callCount(), 1);
    other.inspector.toUpstream(Buffer.from(text));
    assert.equal(other.up, expected);
  });

  test('that grow beyond a slot leave as several chunks, and a message of a whole read has room in one', () => {
    const longest = { user: 'u'.repeat(1024 - 50), tenant: '' };
    assert.equal(stampOf(longest).template.length, 1024);
    for (const facts of [ALICE, longest, { ...longest, user: `${longest.user}u` }]) {
      const head = `HPUB a ${stampOf(facts).bytes} `;
      for (const text of [
        pub('a', 0).repeat(2000),
        pub('a', 65_000),
        pub('a', 2).repeat(40) + pub('a', 60_000),
      ]) {
        const [inRuns, slow] = [stamped(facts), stamped(facts, oneByOne)];
        const piece = Buffer.from(text.slice(0, 65_536));
        for (const one of [inRuns, slow]) one.toUpstream(piece).toUpstream(Buffer.from(text.slice(65_536)));
        assert.ok(inRuns.up.includes(head));
        assert.ok(inRuns.up === slow.up);
      }
    }
  });

  test(`arrive as they do when each message has a verdict (seed ${SEED})`, () => {
    const draw = drawFrom(SEED);
    const own = block('Natsgate-User: mallory', 'k: v');
    const say = [
      () => pub('a.b', draw.below(40)),
      () => pub('a.b', draw.below(40)).repeat(1 + draw.below(9)),
      () => pub('s'.repeat(1 + draw.below(50)), draw.below(2000)),
      () => pub('a', draw.below(3), ` _INBOX.${draw.below(1000)}`),
      () => hpub('a', own, 'x'.repeat(draw.below(20))),
      () => 'pub\ta 3 \r\nabc\r\n',
      () => 'PING\r\n',
      () => 'SUB a 1\r\n',
    ];
    for (let left = OPERATIONS / 20; left > 0; left -= 40) {
      const bytes = Buffer.from(Array.from({ length: 40 }, () => draw.pick(say)()).join(''));
      const most = draw.pick([2, 40, 700, 30_000]);
      const cuts: number[] = [];
      for (let at = draw.below(most); at < bytes.length; at += 1 + draw.below(most)) cuts.push(at);
      const [inRuns, slow] = [stamped(), stamped(ALICE, oneByOne)];
      for (const one of [inRuns, slow]) one.toUpstream(bytes, cuts);
      assert.ok(inRuns.up === slow.up, `cut at ${cuts}`);
      assert.deepEqual(inRuns.inspector.facts().operations, slow.inspector.facts().operations);
      assert.deepEqual(inRuns.inspector.facts().payloadBytes, slow.inspector.facts().payloadBytes);
    }
  });
});

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import type { Policy } from '../../src/inspect/inspection.ts';
import type { InspectionLevel } from '../../src/inspect/inspection-facts.ts';
import { subjectPolicy } from '../../src/inspect/subject-policy.ts';
import { Role } from '../../src/policy/role.ts';
import type { PolicyRules } from '../../src/policy/rules.ts';
import { drawFrom } from '../fuzz/nats-lines.ts';
import { rulesOf, type Written } from '../policy/support.ts';
import { Inspected } from './inspected.ts';

const PONG = 'PONG\r\n';
const ID = 'ABCDEFGHIJKLMNOPQRSTUV';
const USUAL: Written = {
  publish: { allow: ['a.>', 'b'], deny: ['a.secret'] },
  subscribe: { allow: ['a.>'] },
  prefix: '_INBOX',
  headers: { deny: ['Nats-*'], allow: ['Nats-Msg-Id'] },
};

type Options = Partial<Omit<PolicyRules, 'roles'>> & { readonly level?: InspectionLevel };
const ENFORCE: PolicyRules = { mode: 'enforce', roles: [], onDeny: 'error', denialsBeforeClose: undefined };
/** The client has its PONG; `refusals` are what was counted. */
function withPolicy(
  written: Written = {},
  { level = 'enforce', ...more }: Options = {},
  changed = (policy: Policy): Policy => policy,
) {
  const rules: PolicyRules = { ...ENFORCE, ...more };
  const refusals: string[] = [];
  const role = Role.of(rulesOf({ ...USUAL, ...written }), undefined);
  const policy = subjectPolicy(role, rules, (rule, operation) =>
    refusals.push(`${rule} ${operation.read(operation.subject)}`),
  );
  const inspected = Inspected.connected(level, [changed(policy)]);
  inspected.toClient(Buffer.from(PONG));
  return { inspected, refusals };
}

const down = (inspected: Inspected): string => inspected.down.slice(PONG.length);
const publishError = (subject: string, more = ''): string =>
  `-ERR 'Permissions Violation for Publish to "${subject}"${more}'\r\n`;
const replyError = (subject: string): string =>
  `-ERR 'Permissions Violation for Publish with Reply of "${subject}"'\r\n`;
const subscribeError = (subject: string): string =>
  `-ERR 'Permissions Violation for Subscription to "${subject}"'\r\n`;
const block = (...lines: readonly string[]): string =>
  `NATS/1.0\r\n${lines.map((line) => `${line}\r\n`).join('')}\r\n`;
const hpub = (to: string, head: string, payload = 'x', reply = ''): string =>
  `HPUB ${to} ${reply} ${head.length} ${head.length + payload.length}\r\n${head}${payload}\r\n`;
const pub = (to: string, payload = 'x', reply = ''): string =>
  `PUB ${to} ${reply}${reply && ' '}${payload.length}\r\n${payload}\r\n`;

/** What is said, what of it arrives, and what the client gets for it. */
const CASES: readonly (readonly [said: string, passes: boolean, error: string])[] = [
  [pub('a.x'), true, ''],
  [pub('b', '', `_INBOX.${ID}.1`), true, ''],
  [pub('c'), false, publishError('c')],
  [pub('a.secret', 'PING\r\n'), false, publishError('a.secret')],
  [pub('a..x'), false, publishError('a..x')],
  [pub('$SYS.REQ.SERVER.PING'), false, publishError('$SYS.REQ.SERVER.PING')],
  ['PUB a.x  1\r\nx\r\n', true, ''],
  ['pub\t a.y \t0 \r\n\r\n', true, ''],
  ['pUb\tc\t1\r\nx\r\n', false, publishError('c')],
  [pub('a.x', 'x', 'a.y'), false, replyError('a.y')],
  ['SUB a.* 1\r\n', true, ''],
  [`SUB _INBOX.${ID}.* 2\r\n`, true, ''],
  ['SUB > 3\r\n', false, subscribeError('>')],
  ['SUB c q 4\r\n', false, `-ERR 'Permissions Violation for Subscription to "c" using queue "q"'\r\n`],
  ['UNSUB 3\r\n', true, ''],
  ['PING\r\n', true, ''],
  [hpub('a.x', block('A: b')), true, ''],
  [hpub('a.x', block('A: b', 'nats-msg-id: 1'), '', `_INBOX.${ID}`), true, ''],
  [hpub('a.x', block('A: b', 'nats-rollup: all')), false, publishError('a.x', ' (header nats-rollup)')],
  [hpub('c', block('A: b'), 'PUB a.x 1\r\nx\r\n'), false, publishError('c')],
  // Wildcards where they could mean more than they say, replies to where others listen, inboxes of others.
  [pub('a.*'), false, publishError('a.*')],
  [pub('a.b.*'), true, ''],
  [pub('a.x', 'x', `_INBOX.${ID}.*`), false, replyError(`_INBOX.${ID}.*`)],
  [pub('a.x', 'x', '$JS.API.STREAM.LIST'), false, replyError('$JS.API.STREAM.LIST')],
  ['SUB _INBOX.> 5\r\n', false, subscribeError('_INBOX.>')],
  ['SUB _INBOX.* 6\r\n', false, subscribeError('_INBOX.*')],
  ['SUB *.> 7\r\n', false, subscribeError('*.>')],
  // nats.py looks for names from the tenth byte on; a status is no name.
  [
    hpub('a.x', 'NATS/1.0 zNats-Rollup: all\r\nA: b\r\n\r\n'),
    false,
    publishError('a.x', ' (header NATS/1.0?zNats-Rollup:?all)'),
  ],
  [hpub('a.x', 'NATS/1.0\rNNats-Rollup: all\r\n\r\n'), false, publishError('a.x', ' (header NATS/1.0)')],
  [hpub('a.x', 'NATS/1.0 503 busy\r\nA: b\r\n\r\n'), true, ''],
  [hpub('a.x', block('NATS-Trace-Dest: a.b')), false, publishError('a.x', ' (header NATS-Trace-Dest)')],
];

test('the server gets what is allowed, and the client one error for each other operation, wherever the bytes are cut', () => {
  const one = fc.constantFrom(...CASES);
  const cuts = fc.oneof(
    fc.array(fc.nat({ max: 1500 }), { maxLength: 40 }),
    fc.constant('everywhere' as const),
  );
  const property = fc.property(fc.array(one, { maxLength: 14 }), cuts, (list, at) => {
    const { inspected, refusals } = withPolicy();
    const bytes = Buffer.from(list.map(([said]) => said).join(''));
    const offsets = at === 'everywhere' ? bytes.keys() : at.map((cut) => cut % (bytes.length + 1));
    inspected.toUpstream(
      bytes,
      [...offsets].toSorted((first, second) => first - second),
    );
    assert.equal(inspected.inspector.endReason, undefined);
    const passed = list.filter(([, passes]) => passes).map(([said]) => said);
    assert.equal(inspected.up, passed.join(''));
    assert.equal(down(inspected), list.map(([, , error]) => error).join(''));
    assert.equal(refusals.length, list.length - passed.length);
  });
  fc.assert(property, { numRuns: 200 });
});

/** FUZZ_OPERATIONS: how many, 20,000 when not set. FUZZ_SEED: the seed that a failure printed. */
const OPERATIONS = Number(process.env['FUZZ_OPERATIONS'] ?? 20_000);
const SEED = Number(process.env['FUZZ_SEED'] ?? Date.now() | 0);

test(`of long mixed streams each allowed operation arrives once, and no other (seed ${SEED})`, () => {
  const draw = drawFrom(SEED);
  for (let left = OPERATIONS; left > 0; left -= 1000) {
    const list = Array.from({ length: 1000 }, () => draw.pick(CASES));
    const { inspected } = withPolicy();
    const bytes = Buffer.from(list.map(([said]) => said).join(''));
    const most = draw.pick([3, 40, 700, 30_000]);
    const cuts: number[] = [];
    for (let at = draw.below(most); at < bytes.length; at += 1 + draw.below(most)) cuts.push(at);
    inspected.toUpstream(bytes, cuts);
    assert.equal(inspected.up, list.map(([said, passes]) => (passes ? said : '')).join(''));
    assert.equal(down(inspected), list.map(([, , error]) => error).join(''));
  }
});

test('each operation is the same cut at every byte', () => {
  for (const [said, passes, error] of CASES) {
    const { inspected } = withPolicy();
    for (let at = 0; at <= said.length; at++) inspected.toUpstream(Buffer.from(said), [at]);
    assert.equal(inspected.up, passes ? said.repeat(said.length + 1) : '', said);
    assert.equal(down(inspected), error.repeat(said.length + 1));
  }
});

test('large payloads are dropped without being kept, whether they have headers or not', () => {
  for (const bytes of [0, 1, 4096, 1 << 20])
    for (const say of [pub, (to: string, payload: string) => hpub(to, block('Nats-TTL: 1'), payload)]) {
      const { inspected } = withPolicy({ publish: { allow: ['b', 'c'] } }, {});
      const denied = say === pub ? 'no' : 'c';
      const text = Buffer.from(`${say(denied, 'x'.repeat(bytes))}${pub('b', 'after')}`);
      // In two at each byte; a megabyte, of which each byte takes its time, in pieces, at its ends byte by byte.
      const isCut = (at: number) => at < 100 || at > text.length - 100 || at % 1009 === 0;
      const cuts = bytes > 4096 ? [[...text.keys()].filter(isCut)] : [...text.keys()].map((at) => [at]);
      for (const at of cuts) inspected.toUpstream(text, at);
      assert.equal(inspected.up, pub('b', 'after').repeat(cuts.length));
      const error = publishError(denied, say === pub ? '' : ' (header Nats-TTL)');
      assert.equal(down(inspected), error.repeat(cuts.length));
      assert.equal(inspected.inspector.up.heldBytes, 0);
    }
});

test('header blocks are held back with their line, up to 8 KiB', () => {
  const { inspected } = withPolicy();
  const long = block(`A: ${'b'.repeat(8192 - block('A: ').length)}`);
  assert.equal(long.length, 8192);
  const bytes = Buffer.from(hpub('a.x', long));
  inspected.toUpstream(bytes.subarray(0, 8000));
  assert.equal(inspected.up, '');
  assert.equal(inspected.inspector.up.heldBytes, 8000);
  inspected.toUpstream(bytes.subarray(8000));
  assert.equal(inspected.up, bytes.toString());
  const { inspected: other } = withPolicy();
  other.toUpstream(Buffer.from(hpub('a.x', `${long.slice(0, -4)}b\r\n\r\n`)));
  assert.equal(other.up, '');
  assert.equal(down(other), publishError('a.x', ' (more than 8192 bytes of headers)'));
});

test('a header block that is none ends the session, as without a policy', () => {
  for (const head of ['NATS/1.0\r\nNats-TTL: 1\r\n', 'NATS/2.0\r\n\r\n', '\r\n\r\n'])
    for (const at of [0, 5, 20]) {
      const { inspected } = withPolicy();
      inspected.toUpstream(Buffer.from(hpub('a.x', head)), [at]);
      assert.equal(inspected.up, '');
      assert.equal(inspected.inspector.endReason, 'nats_violation', head);
    }
});

test('names of headers from a client cannot break the line that it gets', () => {
  const { inspected } = withPolicy({ headers: { deny: ['*'], allow: [] } });
  inspected.toUpstream(Buffer.from(hpub('a.x', block(`x'\x00\x1b[31m${'y'.repeat(99)}: 1`))));
  assert.equal(down(inspected), publishError('a.x', ` (header x'??[31m${'y'.repeat(64 - 8)})`));
});

test('a message that is too large ends the session as the server does, before its payload comes', () => {
  const { inspected, refusals } = withPolicy({ maxPayloadBytes: 10 });
  inspected.toUpstream(Buffer.from(`${pub('b', 'x'.repeat(10))}PUB b 11\r\n`));
  assert.equal(inspected.up, pub('b', 'x'.repeat(10)));
  assert.equal(inspected.inspector.endReason, 'message_too_big');
  assert.equal(inspected.finalError, "-ERR 'Maximum Payload Violation'\r\n");
  assert.deepEqual(refusals, ['payload b']);
  const { inspected: other } = withPolicy({ maxPayloadBytes: 10 });
  other.toUpstream(Buffer.from(hpub('b', block(), '')));
  assert.equal(other.inspector.endReason, 'message_too_big');
});

describe('patience', () => {
  test('onDeny: close ends the session at the first refusal', () => {
    const { inspected } = withPolicy({}, { onDeny: 'close' });
    inspected.toUpstream(Buffer.from(`${pub('b')}${pub('no')}${pub('b')}`));
    assert.equal(inspected.up, pub('b'));
    assert.equal(inspected.inspector.endReason, 'forbidden');
    assert.equal(inspected.finalError, "-ERR 'Authorization Violation'\r\n");
  });

  test('more refusals than denialsBeforeClose end it', () => {
    const { inspected, refusals } = withPolicy({}, { denialsBeforeClose: { count: 3, perMs: 3_600_000 } });
    inspected.toUpstream(Buffer.from(pub('no').repeat(3) + pub('b')));
    assert.equal(inspected.inspector.endReason, undefined);
    assert.equal(inspected.up, pub('b'));
    inspected.toUpstream(Buffer.from(pub('b') + pub('no') + pub('b')));
    assert.equal(inspected.inspector.endReason, 'forbidden');
    assert.equal(inspected.up, pub('b').repeat(2));
    assert.equal(refusals.length, 4);
  });
});

describe('subscriptions', () => {
  const sub = (sid: number | string, subject = 'a.x'): string => `SUB ${subject} ${sid}\r\n`;
  const tooMany = "-ERR 'maximum subscriptions exceeded'\r\n";

  test('as many at once as the role may have', () => {
    const { inspected } = withPolicy({ maxSubscriptions: 2 });
    inspected.toUpstream(
      Buffer.from(`${sub(1)}${sub(1)}${sub(2)}${sub(3)}${sub(9, 'no')}UNSUB 1\r\n${sub(4)}${sub(5)}`),
    );
    assert.equal(inspected.up, `${sub(1)}${sub(1)}${sub(2)}UNSUB 1\r\n${sub(4)}`);
    assert.equal(
      down(inspected),
      `${tooMany}-ERR 'Permissions Violation for Subscription to "no"'\r\n${tooMany}`,
    );
  });

  test('one with a maximum counts until its messages have come', () => {
    const { inspected } = withPolicy({ maxSubscriptions: 2 });
    inspected.toUpstream(Buffer.from(`${sub('ab')}UNSUB ab 2\r\n${sub(2)}${sub(3)}`));
    assert.equal(inspected.up, `${sub('ab')}UNSUB ab 2\r\n${sub(2)}`);
    inspected
      .toClient(Buffer.from('MSG a.x ab 1\r\nx\r\nMSG a.x 2 1\r\nx\r\n'))
      .toUpstream(Buffer.from(sub(3)));
    assert.equal(down(inspected).split(tooMany).length - 1, 2);
    inspected
      .toClient(Buffer.from('HMSG a.x ab 12 13\r\nNATS/1.0\r\n\r\nx\r\n'))
      .toUpstream(Buffer.from(sub(3)));
    assert.ok(inspected.up.endsWith(sub(3)));
    assert.ok(inspected.inspector.down.fastScan !== undefined);
  });

  test('UNSUB with a maximum frees no place by itself, and 0 is none', () => {
    const { inspected } = withPolicy({ maxSubscriptions: 1 });
    for (let sid = 1; sid < 50; sid++)
      inspected.toUpstream(Buffer.from(`${sub(sid)}UNSUB ${sid} 1000000\r\n`));
    assert.equal(inspected.up.match(/SUB a/g)?.length, 1);
    inspected.toUpstream(Buffer.from(`UNSUB 1 0\r\n${sub(99)}`));
    assert.ok(inspected.up.endsWith(sub(99)));
  });
});

describe('mode: observe', () => {
  for (const level of ['observe', 'enforce'] as const)
    test(`at level ${level} all passes, and what enforce would refuse is counted`, () => {
      const said = CASES.map(([one]) => one).join('');
      for (const cuts of [[], Buffer.from(said).keys()]) {
        const { inspected, refusals } = withPolicy({ maxPayloadBytes: 600 }, { level, mode: 'observe' });
        inspected.toUpstream(Buffer.from(said), [...cuts]);
        assert.equal(inspected.up, said);
        assert.equal(down(inspected), '');
        assert.equal(refusals.length, CASES.filter(([, passes]) => !passes).length);
      }
      const { inspected, refusals } = withPolicy(
        { maxPayloadBytes: 3 },
        { level, mode: 'observe', onDeny: 'close' },
      );
      inspected.toUpstream(Buffer.from(pub('a.x', 'xxxx') + pub('no', '1')));
      assert.equal(inspected.inspector.endReason, undefined);
      assert.deepEqual(refusals, ['payload a.x', 'publish_allow no']);
    });
});

test('a client that has not asked for its PONG costs a bounded number of bytes', () => {
  const policy = subjectPolicy(Role.of(rulesOf(USUAL), undefined), ENFORCE, () => {});
  const inspected = Inspected.connected('enforce', [policy]);
  const flood = Buffer.from(pub(`no.${'x'.repeat(2000)}`).repeat(20));
  for (let times = 0; times < 100; times++) inspected.toUpstream(flood);
  inspected.toClient(Buffer.from(PONG));
  assert.ok(inspected.down.length < 80_000, `${inspected.down.length} bytes`);
  assert.equal(inspected.up, '');
});

test('runs are scanned towards the client, and of messages that the policy need not see again', () => {
  const { inspected } = withPolicy();
  assert.ok(inspected.inspector.down.fastScan !== undefined);
  const runOf = (text: string): number => {
    inspected.pool.bytes.writeInt32LE(-1, inspected.pool.scratch);
    inspected.toUpstream(Buffer.from(text));
    return inspected.pool.bytes.readInt32LE(inspected.pool.scratch);
  };
  assert.equal(runOf(pub('a.x')), 0);
  assert.equal(runOf(pub('a.x').repeat(5)), 5);
  assert.equal(runOf(pub('a.x').repeat(5) + pub('b')), 0);
  assert.equal(runOf((pub('a.x') + pub('b')).repeat(5)), 10);
  assert.equal(runOf(pub('a.x') + pub('a.secret')), 0);
  assert.equal(runOf(pub('a.x') + pub('a.x', 'x', 'r')), 0);
  assert.equal(runOf(pub('a.x').repeat(5)), 5);
});

describe('what the policy need not see again changes nothing', () => {
  /** Lengths around each block of 16 bytes, beginnings of one another, and more than a list has room for. */
  const SUBJECTS = [1, 2, 13, 14, 15, 16, 17, 30, 31, 32, 33, 100, 251, 252, 253, 254, 300].flatMap(
    (length) => [`a.${'x'.repeat(length)}`, `a.${'x'.repeat(length - 1)}y`, `c.${'x'.repeat(length)}`],
  );
  const block0 = block('A: b');
  const KINDS: readonly ((to: string) => string)[] = [
    (to) => pub(to),
    (to) => `PUB ${to} 5\r\nPUB a\r\n`,
    (to) => `PUB ${to} 0\r\n\r\n`,
    (to) => `PUB ${to} 12\r\n${'x'.repeat(12)}\r\n`.repeat(3),
    (to) => `PUB ${to} a.reply 1\r\nx\r\n`,
    (to) => `PUB ${to} no.reply 1\r\nx\r\n`,
    (to) => `PUB\t${to} 1\r\nx\r\n`,
    (to) => `HPUB ${to} ${block0.length} ${block0.length}\r\n${block0}\r\n`,
    (to) => `SUB ${to} 1\r\nPING\r\n`,
  ];
  const WRITTEN: Written = { publish: { allow: ['a.>'], deny: ['a.xy'] } };

  type Policed = { readonly level: InspectionLevel; readonly sees: 'all' | 'new'; readonly written: Written };
  function outcome({ level, sees, written }: Policed, bytes: Buffer, cuts: readonly number[]) {
    const { inspected, refusals } = withPolicy(
      { ...WRITTEN, ...written },
      { level, mode: level },
      (policy) => (sees === 'all' ? { ...policy, needsEveryMessage: true, known: undefined } : policy),
    );
    inspected.toUpstream(bytes, cuts);
    const { inspector, up } = inspected;
    const { operations, payloadBytes } = inspector.facts();
    const { endReason, finalError } = { endReason: inspector.endReason, finalError: inspected.finalError };
    return { up, down: inspected.down, refusals, operations, payloadBytes, endReason, finalError };
  }

  for (const level of ['enforce', 'observe'] as const)
    test(`${level}: the same bytes, errors, refusals and counts as when it sees each message`, () => {
      const draw = drawFrom(SEED);
      for (let left = OPERATIONS / 10; left > 0; left -= 60) {
        const some = Array.from({ length: 1 + draw.below(6) }, () => draw.pick(SUBJECTS));
        const list = Array.from({ length: 60 }, () => draw.pick(KINDS)(draw.pick(some)));
        const bytes = Buffer.from(list.join(''));
        const most = draw.pick([2, 40, 700, 30_000]);
        const cuts: number[] = [];
        for (let at = draw.below(most); at < bytes.length; at += 1 + draw.below(most)) cuts.push(at);
        const written = draw.pick<Written>([{}, {}, { replies: 'any' }, { maxPayloadBytes: 11 }]);
        const of = (sees: 'all' | 'new') => outcome({ level, sees, written }, bytes, cuts);
        assert.deepEqual(of('new'), of('all'), `seed ${SEED}`);
      }
    });
});

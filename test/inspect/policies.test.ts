import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { READ_BYTES } from '../../src/bytes/buffer-pool.ts';
import { type Policy, violation } from '../../src/inspect/inspection.ts';
import { signaturePolicy } from '../../src/inspect/signature-policy.ts';
import type { Operation } from '../../src/nats/operation.ts';
import { VERB } from '../../src/nats/operations.ts';
import { Inspected } from './inspected.ts';

const ERROR = "-ERR 'Permissions Violation'\r\n";
const PONG = 'PONG\r\n';

/** Of what a client says: subjects that begin with `no` are dropped, `new` gets another name, `end` ends the session. */
const byName = (seen: string[] = []): Policy => ({
  needsEveryMessage: true,
  judge(operation: Operation) {
    const subject = operation.read(operation.subject);
    seen.push(subject);
    if (subject.startsWith('no')) return { kind: 'drop', error: Buffer.from(ERROR) };
    if (subject.startsWith('end')) return { ...violation('another subject'), reason: 'rate_exceeded' };
    if (!subject.startsWith('new')) return undefined;
    const line = operation.read(operation.line).replace(' new', ' changed');
    return { kind: 'replace', line: Buffer.from(line, 'latin1') };
  },
});

const payload = fc.constantFrom('', 'hi', '\r\n', 'PUB no 2\r\nhi\r\n', 'x'.repeat(70), 'PING\r\n');
const block = fc.constantFrom(
  'NATS/1.0\r\n\r\n',
  'NATS/1.0\r\nA: b\r\n\r\n',
  `NATS/1.0\r\nA: ${'b'.repeat(60)}\r\n\r\n`,
);
const subject = fc.constantFrom('a', 'no', 'no.b', 'new', 'b.c', 'new.d');
const operation = fc.oneof(
  fc.constantFrom(['', 'PING\r\n'], ['', 'UNSUB 1\r\n'], ['', 'pong\r\n']),
  subject.map((to) => [to, `SUB ${to} 1\r\n`]),
  fc.tuple(subject, payload).map(([to, text]) => [to, `PUB ${to} ${text.length}\r\n${text}\r\n`]),
  fc.tuple(subject, payload).map(([to, text]) => [to, `PUB  ${to} r ${text.length} \r\n${text}\r\n`]),
  fc
    .tuple(subject, block, payload)
    .map(([to, head, text]) => [
      to,
      `HPUB ${to} r ${head.length} ${head.length + text.length}\r\n${head}${text}\r\n`,
    ]),
);
const cuts = fc.oneof(fc.array(fc.nat({ max: 3000 }), { maxLength: 30 }), fc.constant('everywhere' as const));
const cutsOf = (length: number, list: readonly number[] | 'everywhere'): number[] =>
  list === 'everywhere'
    ? Array.from({ length }, (_, at) => at)
    : list.map((cut) => cut % (length + 1)).sort((one, other) => one - other);

/** The client is between two operations of its server, and takes what it gets. */
const ready = (...policies: readonly Policy[]): Inspected => {
  const inspected = Inspected.connected('enforce', policies);
  inspected.toClient(Buffer.from(PONG));
  return inspected;
};

test('what a policy drops leaves with its payload, what it replaces leaves changed, and nothing else', () => {
  const property = fc.property(fc.array(operation, { maxLength: 12 }), cuts, (list, at) => {
    const bytes = Buffer.from(list.map(([, text]) => text).join(''));
    const expected = list.map(([to = '', text = '']) => {
      if (to.startsWith('no')) return '';
      return to.startsWith('new') ? text.replace(' new', ' changed') : text;
    });
    const dropped = list.filter(([to = '']) => to.startsWith('no')).length;
    for (const offsets of [[], cutsOf(bytes.length, at)]) {
      const inspected = ready(byName()).toUpstream(bytes, offsets);
      assert.equal(inspected.up, expected.join(''));
      assert.equal(inspected.down, PONG + ERROR.repeat(dropped));
      assert.equal(inspected.inspector.endReason, undefined);
    }
  });
  fc.assert(property, { numRuns: 1500 });
});

test('a payload that is dropped may come in any pieces, and what follows it is read', () => {
  const text = 'PUB no 6\r\nPING\r\n\r\nSUB a 1\r\n';
  for (let first = 1; first < text.length; first++)
    for (let second = first; second < text.length; second++) {
      const inspected = ready(byName()).toUpstream(Buffer.from(text), [first, second]);
      assert.equal(inspected.up, 'SUB a 1\r\n');
    }
});

test('a large payload is dropped without being kept', () => {
  const inspected = ready(byName()).toUpstream(Buffer.from('PUB no 1000000\r\n'));
  const piece = Buffer.alloc(50_000, 'x');
  for (let times = 0; times < 20; times++) inspected.toUpstream(piece);
  inspected.toUpstream(Buffer.from('\r\nPING\r\n'));
  assert.equal(inspected.up, 'PING\r\n');
  assert.equal(inspected.inspector.up.heldBytes, 0);
});

test('a dropped payload that does not end as it must ends the session all the same', () => {
  const inspected = ready(byName()).toUpstream(Buffer.from('PUB no 2\r\nhiXX'));
  assert.equal(inspected.up, '');
  assert.equal(inspected.inspector.endReason, 'nats_violation');
});

describe('the error for what was dropped', () => {
  const dropped = Buffer.from('SUB no 1\r\n');

  test('comes at the first boundary of the operations that the client sees, wherever the bytes are cut', () => {
    const line = 'MSG a 1 8\r\n';
    const message = `${line}PING\r\nhi\r\n`;
    for (let at = 0; at <= message.length; at++) {
      const inspected = ready(byName()).toClient(Buffer.from(message.slice(0, at)));
      inspected.toUpstream(dropped).toClient(Buffer.from(`${message.slice(at)}PING\r\n`));
      // Of a line that is held back the client has seen nothing.
      const expected = at < line.length ? `${ERROR}${message}PING\r\n` : `${message}${ERROR}PING\r\n`;
      assert.equal(inspected.down, PONG + expected, `cut at ${at}`);
    }
  });

  test('comes before the PONG that answers a later PING, as from nats-server', () => {
    const inspected = ready(byName()).toClient(Buffer.from('MSG a 1 5\r\nhe'));
    inspected.toUpstream(Buffer.concat([dropped, Buffer.from('PING\r\n')]));
    inspected.toClient(Buffer.from('llo\r\nPONG\r\nMSG a 1 1\r\nx\r\n'));
    assert.equal(inspected.down, `${PONG}MSG a 1 5\r\nhello\r\n${ERROR}PONG\r\nMSG a 1 1\r\nx\r\n`);
  });

  test('waits for the first PONG', () => {
    const inspected = Inspected.connected('enforce', [byName()]).toUpstream(dropped);
    assert.equal(inspected.down, '');
    inspected.toClient(Buffer.from('PING\r\n')).toClient(Buffer.from(PONG));
    assert.equal(inspected.down, `PING\r\n${PONG}${ERROR}`);
  });

  test('all of them come, and until then the client must not be read', () => {
    const message = 'MSG a 1 8\r\nPING\r\nhi\r\n';
    const inspected = ready(byName()).toClient(Buffer.from(message.slice(0, 15)));
    const many = 6000;
    inspected.toUpstream(Buffer.from('SUB no 1\r\n'.repeat(many)));
    assert.equal(inspected.waitingErrorBytes, many * ERROR.length);
    inspected.toClient(Buffer.from(message.slice(15)));
    assert.equal(inspected.waitingErrorBytes, 0);
    assert.equal(inspected.down, `${PONG}${message}${ERROR.repeat(many)}`);
  });

  test('before its login a client is read on, so it gets no more than one read has room for', () => {
    const inspected = Inspected.connected('enforce', [byName()]);
    for (let times = 0; times < 30; times++) inspected.toUpstream(Buffer.from('SUB no 1\r\n'.repeat(1000)));
    assert.equal(inspected.waitingErrorBytes, 0);
    inspected.toUpstream(Buffer.from('PING\r\nSUB no 1\r\n'));
    assert.ok(inspected.waitingErrorBytes > 0, 'its PONG is certain');
    inspected.toClient(Buffer.from(PONG));
    const { length } = inspected.down;
    assert.ok(length > READ_BYTES / 2 && length <= READ_BYTES + 100, `${length} bytes`);
    assert.equal(inspected.waitingErrorBytes, 0);
  });

  test('is not there where the policy gives none', () => {
    const silent: Policy = {
      needsEveryMessage: false,
      judge: ({ verb }) => (verb === VERB.SUB ? { kind: 'drop', error: undefined } : undefined),
    };
    const inspected = ready(silent).toUpstream(Buffer.from('SUB a 1\r\nPING\r\n'));
    assert.equal(inspected.up, 'PING\r\n');
    assert.equal(inspected.down, PONG);
  });
});

test('a subscription that is dropped is none', () => {
  const inspected = ready(byName()).toUpstream(Buffer.from('SUB a 1\r\nSUB no 2\r\nSUB new 3\r\n'));
  assert.deepEqual(
    inspected.inspector.facts().subscriptions.map(({ sid }) => sid),
    ['1', '3'],
  );
});

test('the reason of an end is that of the policy, with its own final error', () => {
  const inspected = ready(byName()).toUpstream(Buffer.from('PING\r\nPUB end 2\r\nhi\r\nPING\r\n'));
  assert.equal(inspected.up, 'PING\r\n');
  assert.equal(inspected.inspector.endReason, 'rate_exceeded');
  assert.equal(inspected.finalError, "-ERR 'Stale Connection'\r\n");
});

test('a policy that needs every message gets every message, another one those of unusual form', () => {
  const text = `${'PUB a 2\r\nhi\r\n'.repeat(3)}PUB\tb 2\r\nhi\r\n${'PUB c 2\r\nhi\r\n'.repeat(2)}`;
  for (const [needsEveryMessage, expected] of [
    [true, ['a', 'a', 'a', 'b', 'c', 'c']],
    [false, ['b']],
  ] as const) {
    const seen: string[] = [];
    const inspected = ready({ ...byName(seen), needsEveryMessage }).toUpstream(Buffer.from(text));
    assert.deepEqual(seen, expected);
    assert.equal(inspected.up, text);
  }
});

test('the first policy that does not let an operation pass decides', () => {
  const other: Policy = { needsEveryMessage: false, judge: () => violation('nothing') };
  const seen: string[] = [];
  const inspected = ready(byName(seen), other).toUpstream(
    Buffer.from('SUB no 1\r\nSUB new 1\r\nSUB a 1\r\n'),
  );
  assert.deepEqual(seen, ['no', 'new', 'a']);
  assert.equal(inspected.up, 'SUB changed 1\r\n');
  // The form of a line is judged before them all.
  const malformed = ready(byName(seen)).toUpstream(Buffer.from('SUB no\0 1\r\n'));
  assert.equal(malformed.inspector.endReason, 'nats_violation');
  assert.equal(seen.length, 3);
});

test('policies change CONNECT together, and may use the nonce of the server', () => {
  const nonce = 'abcdefghijklmno';
  const policies: readonly Policy[] = [
    { needsEveryMessage: false, connect: () => ({ user: 'a', pass: 'b' }) },
    {
      needsEveryMessage: false,
      connect: (_connect, context) => ({ pass: context.nonce ?? 'none', jwt: null }),
    },
  ];
  const inspected = new Inspected('enforce', undefined, policies);
  inspected.inspector.firstInfo(Buffer.from(`INFO {"nonce":"${nonce}"}\r\n`));
  inspected.toUpstream(Buffer.from('CONNECT {"jwt":"x","name":"app"}\r\n'));
  assert.equal(inspected.up, `CONNECT {"name":"app","user":"a","pass":"${nonce}"}\r\n`);
});

test('CONNECT gets the signature of the nonce, and nothing where the server has sent none', () => {
  for (const [info, connect] of [
    [
      'INFO {"nonce":"abcdefghijklmno"}\r\n',
      'CONNECT {"name":"app","proxy_sig":"signed abcdefghijklmno"}\r\n',
    ],
    ['INFO {}\r\n', 'CONNECT {"name":"app"}\r\n'],
    // Not that of a nats-server: it could be a token, and the signature would make it valid.
    ['INFO {"nonce":"header.claims"}\r\n', 'CONNECT {"name":"app"}\r\n'],
  ] as const) {
    const inspected = new Inspected('enforce', undefined, [signaturePolicy((nonce) => `signed ${nonce}`)]);
    inspected.inspector.firstInfo(Buffer.from(info));
    inspected.toUpstream(Buffer.from('CONNECT {"name":"app"}\r\n'));
    assert.equal(inspected.up, connect, info);
  }
});

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { stampPolicy } from '../../src/inspect/stamp-policy.ts';
import { rewriteInfo } from '../../src/nats/info-rewrite.ts';
import { readStampTemplate, Stamp, type StampFacts } from '../../src/nats/stamp.ts';
import { Inspected } from './inspected.ts';

const PONG = 'PONG\r\n';
const TEMPLATES = { 'Natsgate-User': '{user}', 'X-Tenant': 't={tenant}' };
const ALICE: StampFacts = { user: 'alice', tenant: 'acme' };
const STAMP = 'Natsgate-User: alice\r\nX-Tenant: t=acme\r\n';

function stampOf(facts: StampFacts): Stamp {
  const headers = Object.entries(TEMPLATES).map(([name, text]) => [name, readStampTemplate(text) ?? []]);
  return new Stamp(Object.fromEntries(headers), facts);
}
function stamped(facts = ALICE): Inspected {
  const inspected = Inspected.connected(
    'enforce',
    [stampPolicy(stampOf(facts))],
    'CONNECT {"headers":true}\r\n',
  );
  inspected.toClient(Buffer.from(PONG));
  return inspected;
}
const hpub = (to: string, head: string, payload = 'pay', reply = ''): string =>
  `HPUB ${to} ${reply === '' ? '' : `${reply} `}${head.length} ${head.length + payload.length}\r\n${head}${payload}\r\n`;
const block = (...lines: readonly string[]): string =>
  `NATS/1.0\r\n${lines.map((line) => `${line}\r\n`).join('')}\r\n`;
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
  [hpub('a', block('a: 1\nNatsgate-User: mallory')), '', error('a', 'a header of connect.stamp')],
  [hpub('a', block('a: 1\rNatsgate-User: mallory')), '', error('a', 'a header of connect.stamp')],
  [hpub('a', block('Natsgate-User: mallory\nb: 1')), '', error('a', 'a header of connect.stamp')],
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

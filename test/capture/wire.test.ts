import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { OperationEvent } from '../../src/capture/format.ts';
import { operationBytes } from '../../src/capture/wire.ts';
import { NatsParser } from '../../src/nats/parser.ts';

const HPUB = { t: 0, d: 'c>', op: 'HPUB', subj: 'a' } as const;

test('operations as bytes', () => {
  const cases: readonly (readonly [Partial<OperationEvent>, string])[] = [
    [{ op: 'PING' }, 'PING\r\n'],
    [{ op: 'CONNECT', text: '{"verbose":false}' }, 'CONNECT {"verbose":false}\r\n'],
    [{ op: 'SUB', subj: 'a.b', sid: '1' }, 'SUB a.b 1\r\n'],
    [{ op: 'SUB', subj: 'a.b', sid: '1', queue: 'q' }, 'SUB a.b q 1\r\n'],
    [{ op: 'UNSUB', sid: '1', max: 2 }, 'UNSUB 1 2\r\n'],
    [{ op: 'PUB', subj: 'ä', n: 3 }, 'PUB ä 3\r\n...\r\n'],
    [{ op: 'PUB', subj: 'a', reply: 'r', n: 3, b: 'YWJj' }, 'PUB a r 3\r\nabc\r\n'],
    [{ op: 'PUB', subj: 'a', n: 5, b: 'YWJj' }, 'PUB a 5\r\nabc..\r\n'],
    [{ ...HPUB, hb: 12, n: 13 }, 'HPUB a 12 13\r\nNATS/1.0\r\n\r\n.\r\n'],
    [{ ...HPUB, hb: 16, n: 16, st: '503' }, 'HPUB a 16 16\r\nNATS/1.0 503\r\n\r\n\r\n'],
    [{ ...HPUB, hb: 20, n: 20, hn: ['X', 'Y'] }, 'HPUB a 20 20\r\nNATS/1.0\r\nX:\r\nY:\r\n\r\n\r\n'],
    [{ ...HPUB, hb: 25, n: 25, hn: ['X', 'Y'] }, 'HPUB a 25 25\r\nNATS/1.0\r\nX:\r\nY: ....\r\n\r\n\r\n'],
    [{ op: 'MSG', subj: 'a', sid: '1', reply: 'r', n: 0 }, 'MSG a 1 r 0\r\n\r\n'],
  ];
  for (const [event, bytes] of cases)
    assert.equal(operationBytes({ t: 0, d: 'c>', op: '', ...event }).toString(), bytes);
});

test('masked headers have their length, and are headers, for every length that has room for them', () => {
  for (const hn of [[], ['X'], ['Nats-Msg-Id', 'Ünï', 'Z']])
    for (let hb = 12; hb < 80; hb++) {
      const parser = new NatsParser('to_upstream', { checkHeaders: true, reportMessages: true });
      const bytes = operationBytes({ ...HPUB, hb, n: hb + 5, hn });
      assert.equal(parser.parse(bytes, 0, bytes.length), bytes.length);
      assert.equal(parser.error, undefined, `${hb} ${hn.join()}`);
    }
});

test('a header block without room for its first line keeps its length', () => {
  assert.equal(operationBytes({ ...HPUB, hb: 4, n: 4 }).length, 'HPUB a 4 4\r\n....\r\n'.length);
});

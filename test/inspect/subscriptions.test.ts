import assert from 'node:assert/strict';
import { test } from 'node:test';
import { InspectionTotals } from '../../src/inspect/inspection-totals.ts';
import { Inspected } from './inspected.ts';

const after = (...lines: readonly string[]) =>
  Inspected.connected('observe').toUpstream(
    Buffer.from(lines.map((line) => `${line}\r\n`).join(''), 'latin1'),
  ).inspector.subscriptions;

test('subject, queue and sid of those that are alive', () => {
  const subscriptions = after('SUB a.b 1', 'sub  c.*\tworkers  x-2', 'SUB d 3', 'UNSUB 3', 'UNSUB 99');
  assert.equal(subscriptions.alive, 2);
  assert.deepEqual(subscriptions.list(), [
    { sid: '1', subject: 'a.b' },
    { sid: 'x-2', subject: 'c.*', queue: 'workers' },
  ]);
});

test('a repeated sid: the first one stays, as on the server', () => {
  assert.deepEqual(after('SUB a 7', 'SUB b 7').list(), [{ sid: '7', subject: 'a' }]);
});

test('with a maximum it counts as gone', () => {
  assert.equal(after('SUB a 7', 'UNSUB 7 5').alive, 0);
});

test('sids that differ in bytes that are no UTF-8, or far behind, are different', () => {
  assert.equal(after('SUB a \xfe', 'SUB b \xff').alive, 2);
  const long = 'x'.repeat(300);
  assert.equal(after(`SUB a ${long}1`, `SUB b ${long}2`).alive, 2);
});

test('beyond 64 KiB they are counted, up and down', () => {
  for (const [text, count, kept] of [
    ['s', 1500, 500],
    ['s'.repeat(256), 200, 101],
  ] as const) {
    const lines = Array.from({ length: count }, (_, sid) => `SUB ${text} ${sid}`);
    const ends = lines.map((_, sid) => `UNSUB ${sid}`);
    const more = after(...lines);
    assert.equal(more.alive, count);
    assert.ok(Math.abs(more.list().length - kept) < 20, `${more.list().length} are kept`);
    assert.equal(after(...lines, ...ends, 'UNSUB 1').alive, 0);
    const again = after(...lines.slice(0, 20), ...ends.slice(0, 20), ...lines);
    assert.equal(again.list().length, more.list().length, 'what is gone leaves its room');
  }
});

test('the lists of all sessions have 16 MiB: thousands of full ones took more than the memory of all sessions', () => {
  const totals = new InspectionTotals();
  const lines = Array.from({ length: 110 }, (_, sid) => `SUB ${'s'.repeat(256)} ${sid}\r\n`).join('');
  const open = (id: number) => {
    const inspected = Inspected.connected('observe');
    totals.add(id, inspected.inspector);
    return inspected.toUpstream(Buffer.from(lines)).inspector.subscriptions;
  };
  const kept = Array.from({ length: 300 }, (_, id) => open(id)).map((one) => one.list().length);
  assert.deepEqual([kept[0], kept[200], kept[290]], [102, 102, 0]);
  assert.equal(totals.numbers().subscriptions, 300 * 110);
  for (let id = 0; id < 300; id++) totals.remove(id);
  assert.equal(totals.numbers().subscriptions, 0);
  assert.equal(open(300).list().length, 102, 'what is gone leaves its room');
});

test('a long subject is kept in part', () => {
  assert.equal(after(`SUB ${'s'.repeat(4000)} 1`).list()[0]?.subject.length, 256);
});

test('one that an enforcer refuses is none', () => {
  const inspected = Inspected.connected('enforce').toUpstream(Buffer.from('SUB a 1\r\nSUB a\0b 2\r\n'));
  assert.equal(inspected.inspector.subscriptions.alive, 1);
});

test('one that the server answers with Invalid Subject is none', () => {
  const refused = ['user..x', 'a.', '.a', '.', 'a.>.b', '>.a'].map((subject, sid) => `SUB ${subject} ${sid}`);
  assert.equal(after(...refused).alive, 0);
  assert.equal(after('SUB a.> 1', 'SUB > 2', 'SUB a>.b 3', 'SUB a.>b.c 4', 'SUB *.* 5').alive, 5);
});

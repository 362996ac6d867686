import assert from 'node:assert/strict';
import { test } from 'node:test';
import { InspectionTotals } from '../../src/inspect/inspection-totals.ts';
import { HeavyHitters } from '../../src/subjects/heavy-hitters.ts';
import { shapeOf } from '../../src/subjects/shape.ts';
import { Subjects } from '../../src/subjects/subjects.ts';
import { Inspected } from '../inspect/inspected.ts';

/** A generator of the same numbers at each run. */
function random(): () => number {
  let state = 1;
  return () => {
    state = (state * 48_271) % 0x7fff_ffff;
    return state / 0x7fff_ffff;
  };
}

class Observed {
  nowMs = 0;
  readonly totals = new InspectionTotals();
  readonly subjects = new Subjects(this.totals, { nowMs: () => this.nowMs, random: random() });

  session(id: number, level: 'observe' | 'enforce' = 'observe'): Inspected {
    const one = Inspected.connected(level);
    this.totals.add(id, one.inspector);
    this.subjects.sessionBegan(id, one.inspector);
    return one;
  }

  rows(): Record<string, { toUpstream: number; toClient: number; sessions: readonly number[] }> {
    const { subjects } = this.subjects.look();
    return Object.fromEntries(
      subjects.map(({ subject, messagesPerSecond, sessions }) => [
        subject,
        { ...messagesPerSecond, sessions },
      ]),
    );
  }
}

const pub = (subject: string, times = 1): Buffer => Buffer.from(`PUB ${subject} 2\r\nhi\r\n`.repeat(times));
const msg = (subject: string): Buffer => Buffer.from(`MSG ${subject} 1 2\r\nhi\r\n`);

test('tokens that look like ids are one', () => {
  for (const [subject, shape] of [
    ['orders.new', 'orders.new'],
    ['orders.1017.paid', 'orders.*.paid'],
    ['user.3f2b8c1d.x', 'user.*.x'],
    ['user.facade.x', 'user.facade.x'],
    ['d.123e4567-e89b-12d3-a456-426614174000', 'd.*'],
    ['_INBOX.AbCdEfGhIjKlMnOpQrStUv.1', '_INBOX.>'],
    ['$JS.ACK.ORDERS.c1.2.3.4.1700000000000.0', '$JS.ACK.ORDERS.c1.*.*.*.*.*'],
    ['a.W7Qk2ZxY0aBcDeFgHiJkLm.b', 'a.*.b'],
    ['a.averyverylongnameofaservice', 'a.averyverylongnameofaservice'],
    ['é.ü', 'é.ü'],
    [Array(40).fill('x').join('.'), `${Array(16).fill('x').join('.')}.>`],
  ] as const)
    assert.equal(shapeOf(subject), shape);
});

test('the heavy ones stay in bounded memory, whatever comes between', () => {
  const hitters = new HeavyHitters(50);
  for (let turn = 0; turn < 20_000; turn++) {
    for (const subject of ['heavy', `light.${turn}`]) {
      const hitter = hitters.add(subject, 1);
      hitter.messages.to_upstream += 1;
    }
  }
  assert.equal(hitters.size, 50);
  const [first] = hitters.top(100);
  assert.deepEqual([first?.subject, first?.messages.to_upstream], ['heavy', 20_000]);
});

test('nothing is looked at before somebody asks, nor after the end', (context) => {
  context.mock.timers.enable({ apis: ['setTimeout'] });
  const observed = new Observed();
  const one = observed.session(1);
  one.toUpstream(pub('a.early', 3));
  assert.deepEqual(observed.rows(), {});
  one.toUpstream(pub('a.seen', 3));
  observed.nowMs = 1000;
  assert.deepEqual(observed.rows(), { 'a.seen': { toUpstream: 3, toClient: 0, sessions: [1] } });
  context.mock.timers.tick(60_000);
  one.toUpstream(pub('a.late', 3));
  assert.deepEqual(observed.rows(), {});
  observed.subjects.close();
});

test('both sides, of sessions at every level and of those that begin later', () => {
  const observed = new Observed();
  const one = observed.session(1);
  observed.subjects.look();
  const two = observed.session(2, 'enforce');
  for (const session of [one, two]) {
    session.toUpstream(pub('orders.17'));
    session.toClient(msg('orders.18'));
    session.toUpstream(Buffer.from('SUB orders.> 1\r\nPING\r\n'));
  }
  two.toUpstream(pub('only.two'));
  // A message that comes in pieces, and the rest of it.
  two.toClient(Buffer.from('MSG cut.me 1 4\r\nab'));
  two.toClient(Buffer.from('cd\r\n'));
  observed.nowMs = 2000;
  const { operations, looked } = observed.subjects.look();
  assert.deepEqual([operations, looked], [10, 6]);
  assert.deepEqual(observed.rows(), {
    'orders.*': { toUpstream: 1, toClient: 1, sessions: [1, 2] },
    'only.two': { toUpstream: 0.5, toClient: 0, sessions: [2] },
    'cut.me': { toUpstream: 0, toClient: 0.5, sessions: [2] },
  });
  assert.equal(one.up.includes('orders.17'), true);
  observed.subjects.close();
});

test('of a flood a bounded part is looked at, and stands for all of it', () => {
  const observed = new Observed();
  const one = observed.session(1);
  observed.subjects.look();
  const reads = 20_000;
  for (let read = 0; read < reads; read++) {
    observed.nowMs += 0.5;
    one.toUpstream(pub('much', 9));
    one.toClient(msg('little'));
    one.toUpstream(pub('long', 100));
  }
  const { operations, looked } = observed.subjects.look();
  assert.equal(operations, reads * 110);
  // 200 in 100 ms, and the first windows, before the rate was known.
  assert.ok(looked > 5000 && looked < 30_000, `${looked} looked at`);
  const { much, little, long } = observed.rows();
  const near = (rate: number | undefined, expected: number): void =>
    assert.ok(Math.abs((rate ?? 0) / expected - 1) < 0.3, `${rate} where ${expected} was expected`);
  near(much?.toUpstream, 18_000);
  near(little?.toClient, 2000);
  near(long?.toUpstream, 200_000);
  observed.subjects.close();
});

test('rates are of the last time: what has stopped fades', () => {
  const observed = new Observed();
  const one = observed.session(1);
  observed.subjects.look();
  for (; observed.nowMs < 100_000; observed.nowMs += 100)
    one.toUpstream(pub(observed.nowMs < 20_000 ? 'before' : 'now'));
  const { before, now } = observed.rows();
  assert.ok((before?.toUpstream ?? 0) < 1, `${before?.toUpstream}`);
  assert.ok((now?.toUpstream ?? 0) > 9, `${now?.toUpstream}`);
  observed.subjects.close();
});

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { Admission, type AdmissionLimits, type AdmissionSlot } from '../../src/listener/admission.ts';
import { KeyRates } from '../../src/listener/key-rates.ts';

const UNLIMITED: AdmissionLimits = {
  sessions: 1_000_000,
  sessionsPerAddress: 0,
  handshakesInFlight: 1_000_000,
  handshakesPerSecond: 1_000_000,
  handshakesPerSecondPerAddress: 0,
  sessionsPerIdentity: 0,
  handshakesPerSecondPerIdentity: 0,
};

type Door = {
  readonly admission: Admission;
  advance(ms: number): void;
  /** 'in', or why not. */
  knock(address?: string): string;
  /** Admits, or fails the test. */
  enter(address?: string): AdmissionSlot;
};

function door(limits: Partial<AdmissionLimits>): Door {
  let nowMs = 1_000_000;
  const admission = new Admission({ ...UNLIMITED, ...limits }, () => nowMs);
  return {
    admission,
    advance: (ms) => {
      nowMs += ms;
    },
    knock: (address = '203.0.113.5') => {
      const verdict = admission.admit(address);
      return verdict.admitted ? 'in' : verdict.outcome;
    },
    enter: (address = '203.0.113.5') => {
      const verdict = admission.admit(address);
      assert.ok(verdict.admitted);
      return verdict.slot;
    },
  };
}

test('a handshake in flight becomes a session, then nothing', () => {
  const { admission, enter } = door({ sessionsPerAddress: 5 });
  const slot = enter();
  assert.deepEqual([admission.handshakesInFlight, admission.sessions], [1, 0]);
  slot.accepted();
  slot.accepted();
  assert.deepEqual([admission.handshakesInFlight, admission.sessions], [0, 1]);
  slot.release();
  slot.release();
  slot.accepted();
  assert.deepEqual([admission.handshakesInFlight, admission.sessions], [0, 0]);
  assert.equal(admission.trackedAddresses.sessions, 0);
});

test('a handshake that ends without a session gives its place back once', () => {
  const { admission, enter, knock } = door({ handshakesInFlight: 1 });
  const slot = enter();
  assert.equal(knock(), 'over_capacity');
  slot.release();
  slot.release();
  assert.equal(admission.handshakesInFlight, 0);
  assert.equal(knock(), 'in');
  assert.equal(knock(), 'over_capacity');
});

test('handshakes in flight count towards the session cap', () => {
  const { enter, knock } = door({ sessions: 2 });
  enter();
  const second = enter();
  assert.equal(knock(), 'over_capacity');
  second.accepted();
  assert.equal(knock(), 'over_capacity');
  second.release();
  assert.equal(knock(), 'in');
});

test('sessions do not count as handshakes in flight', () => {
  const { enter, knock } = door({ handshakesInFlight: 1 });
  enter().accepted();
  enter().accepted();
  assert.equal(knock(), 'in');
});

test('sessions and handshakes of one address count together, other addresses apart', () => {
  const { admission, enter, knock } = door({ sessionsPerAddress: 2 });
  enter('2001:db8:1:2::1').accepted();
  const second = enter('2001:db8:1:2:ffff::2');
  assert.equal(knock('2001:db8:1:2::3'), 'too_many_sessions');
  assert.equal(knock('2001:db8:1:3::3'), 'in');
  assert.equal(admission.trackedAddresses.sessions, 2);
  second.release();
  assert.equal(knock('2001:db8:1:2::3'), 'in');
});

test('the total rate lets twice as many in at once, then the rate', () => {
  const { advance, knock: from } = door({ handshakesPerSecond: 10 });
  let last = 0;
  const knock = (): string => from(`10.0.0.${last++}`);
  for (let count = 0; count < 20; count += 1) assert.equal(knock(), 'in');
  assert.equal(knock(), 'too_many_handshakes');
  advance(99);
  assert.equal(knock(), 'too_many_handshakes');
  advance(1);
  assert.equal(knock(), 'in');
  assert.equal(knock(), 'too_many_handshakes');
  advance(3_600_000);
  for (let count = 0; count < 20; count += 1) assert.equal(knock(), 'in');
  assert.equal(knock(), 'too_many_handshakes');
});

test('one address may have the whole rate, but not the burst of the others', () => {
  const { advance, knock } = door({ handshakesPerSecond: 10 });
  const greedy = '203.0.113.66';
  for (let count = 0; count < 15; count += 1) assert.equal(knock(greedy), 'in');
  assert.equal(knock(greedy), 'too_many_handshakes');
  for (let second = 0; second < 60; second += 1) {
    let taken = 0;
    for (let step = 0; step < 100; step += 1) {
      advance(10);
      if (knock(greedy) === 'in') taken += 1;
      // Another address each second, and five more in each fifth one.
      if (step === 50) assert.equal(knock('203.0.113.7'), 'in');
      if (second % 5 === 0 && step < 5) assert.equal(knock(`198.51.100.${step}`), 'in');
    }
    assert.ok(taken <= 10, `${taken} in one second`);
  }
  advance(60_000);
  let taken = 0;
  for (let step = 0; step < 1000; step += 1) {
    advance(10);
    if (knock(greedy) === 'in') taken += 1;
  }
  assert.ok(taken >= 100 && taken <= 116, `${taken} of 100 in ten seconds, and the burst`);
});

test('one address cannot have all places in flight, of a server that hangs for instance', () => {
  const { admission, enter, knock } = door({ handshakesInFlight: 512 });
  const greedy = '203.0.113.66';
  const slots = Array.from({ length: 384 }, () => enter(greedy));
  assert.equal(knock(greedy), 'too_many_handshakes');
  for (let count = 0; count < 64; count += 1) assert.equal(knock('203.0.113.7'), 'in');
  assert.equal(knock('203.0.113.7'), 'too_many_handshakes', 'its share is an eighth, when few are left');
  for (let count = 0; count < 64; count += 1) assert.equal(knock(`198.51.100.${count}`), 'in');
  assert.equal(knock('198.51.100.99'), 'over_capacity');
  for (const slot of slots) slot.accepted();
  assert.equal(admission.handshakesInFlight, 128);
  assert.equal(knock(greedy), 'in', 'sessions do not count');
});

test('the rate of one address leaves the others alone', () => {
  const { advance, knock } = door({ handshakesPerSecondPerAddress: 2 });
  for (let count = 0; count < 4; count += 1) assert.equal(knock('203.0.113.5'), 'in');
  assert.equal(knock('203.0.113.5'), 'too_many_handshakes');
  assert.equal(knock('::ffff:203.0.113.5'), 'too_many_handshakes');
  assert.equal(knock('203.0.113.6'), 'in');
  advance(500);
  assert.equal(knock('203.0.113.5'), 'in');
  assert.equal(knock('203.0.113.5'), 'too_many_handshakes');
});

test('a rate below one a second still lets one in', () => {
  const { advance, knock } = door({ handshakesPerSecondPerAddress: 0.2 });
  assert.equal(knock(), 'in');
  assert.equal(knock(), 'too_many_handshakes');
  advance(4999);
  assert.equal(knock('203.0.113.6'), 'in');
  assert.equal(knock(), 'too_many_handshakes');
  advance(2);
  assert.equal(knock(), 'in');
});

test('a clock that steps back takes nothing away', () => {
  const { advance, knock } = door({ handshakesPerSecond: 1 });
  assert.equal(knock(), 'in');
  advance(-1000);
  assert.equal(knock(), 'in');
  assert.equal(knock(), 'too_many_handshakes');
});

test('another rate holds at once, with a burst of its own; one that stays goes on where it was', () => {
  let last = 0;
  for (const [key, from] of [
    ['handshakesPerSecond', () => `10.0.0.${last++}`],
    ['handshakesPerSecondPerAddress', () => '10.0.0.1'],
  ] as const) {
    const { admission, knock } = door({ [key]: 2 });
    const lets = (count: number): void => {
      for (let times = 0; times < count; times++) assert.equal(knock(from()), 'in');
      assert.equal(knock(from()), 'too_many_handshakes');
    };
    lets(4);
    admission.configure({ ...UNLIMITED, [key]: 2, sessions: 1000 });
    lets(0);
    admission.configure({ ...UNLIMITED, [key]: 3, sessions: 1000 });
    lets(6);
    admission.configure({ ...UNLIMITED, sessions: 1000 });
    assert.equal(knock(from()), 'in');
  }
});

test('other caps hold at once, and count what is there', () => {
  const { admission, enter, knock } = door({ sessions: 3, sessionsPerAddress: 2 });
  const [slot] = [enter(), enter()];
  assert.equal(knock(), 'too_many_sessions');
  admission.configure({ ...UNLIMITED, sessions: 1 });
  assert.equal(knock('10.0.0.1'), 'over_capacity');
  admission.configure({ ...UNLIMITED, sessions: 3 });
  assert.equal(knock(), 'in');
  assert.equal(knock(), 'over_capacity');
  slot!.release();
  assert.equal(knock(), 'in');
});

test('a refusal costs nobody a token', () => {
  const { enter, knock } = door({
    handshakesInFlight: 1,
    handshakesPerSecond: 1,
    handshakesPerSecondPerAddress: 1,
  });
  const slot = enter();
  for (let count = 0; count < 100; count += 1) assert.equal(knock(), 'over_capacity');
  slot.release();
  assert.equal(knock(), 'in');
});

test('what concerns the address is said before what concerns all', () => {
  const full = door({
    sessions: 1,
    sessionsPerAddress: 1,
    handshakesPerSecond: 0.5,
    handshakesPerSecondPerAddress: 0.5,
  });
  full.enter('203.0.113.5');
  assert.equal(full.knock('203.0.113.5'), 'too_many_sessions');
  assert.equal(full.knock('203.0.113.6'), 'over_capacity');
  const fast = door({ sessions: 1, handshakesPerSecondPerAddress: 0.5 });
  fast.enter('203.0.113.5');
  assert.equal(fast.knock('203.0.113.5'), 'too_many_handshakes');
  assert.equal(fast.knock('203.0.113.6'), 'over_capacity');
});

test('a cap of zero sessions or handshakes lets nobody in', () => {
  assert.equal(door({ sessions: 0 }).knock(), 'over_capacity');
  assert.equal(door({ handshakesInFlight: 0 }).knock(), 'over_capacity');
  assert.equal(door({ handshakesPerSecond: 0 }).knock(), 'too_many_handshakes');
});

test('T21 tables do not grow with the addresses that knock', () => {
  const { admission, advance, knock } = door({
    sessions: 50,
    sessionsPerAddress: 1,
    handshakesPerSecond: 100,
    handshakesPerSecondPerAddress: 1,
  });
  for (let count = 0; count < 100_000; count += 1) {
    knock(`10.${(count >> 16) & 255}.${(count >> 8) & 255}.${count & 255}`);
    if (count % 100 === 0) advance(1);
  }
  assert.equal(admission.handshakesInFlight, 50);
  assert.deepEqual(admission.trackedAddresses, { sessions: 50, rates: 50 });
});

test('the table of rates stays within its bound and forgets the oldest address first', () => {
  const rates = new KeyRates(1, 8);
  for (let count = 0; count < 100; count += 1) {
    const key = `address ${count}`;
    for (let taken = 0; taken < 2; taken += 1) rates.take(key, 0);
    assert.equal(rates.has(key, 0), false);
    assert.ok(rates.size <= 8);
  }
  // The price of the bound: who was pushed out has a full bucket again.
  assert.equal(rates.has('address 91', 0), true);
  assert.equal(rates.has('address 92', 0), false);
});

test('the table of rates shrinks by itself once the addresses stay away', () => {
  const rates = new KeyRates(20, 1000);
  for (let count = 0; count < 1000; count += 1) rates.take(`address ${count}`, 0);
  assert.equal(rates.size, 1000);
  for (let count = 0; count < 1000; count += 1) rates.take('the one that stays', 2000 + count);
  assert.equal(rates.size, 1);
});

test('without a limit for each address nothing is kept for rates', () => {
  const { admission, knock } = door({});
  for (let count = 0; count < 100; count += 1) knock(`10.0.0.${count}`);
  assert.equal(admission.trackedAddresses.rates, 0);
});

describe('identities', () => {
  test('sessions and handshakes of one count together, from wherever they come, and leave no entry', () => {
    const { admission, enter } = door({ sessionsPerIdentity: 2 });
    const first = enter('10.0.0.1');
    const second = enter('10.0.0.2');
    const third = enter('10.0.0.3');
    assert.equal(admission.identify(first, 'alice'), undefined);
    assert.equal(admission.identify(second, 'alice'), undefined);
    first.accepted();
    assert.equal(admission.identify(third, 'alice'), 'too_many_sessions');
    assert.equal(admission.identify(third, 'bob'), undefined);
    assert.equal(admission.trackedIdentities.sessions, 2);
    second.release();
    assert.equal(admission.identify(enter(), 'alice'), undefined);
    for (const slot of [first, second, third]) slot.release();
    assert.equal(admission.trackedIdentities.sessions, 1);
  });

  test('one that is refused counts nowhere, and its slot is given back as any other', () => {
    const { admission, enter } = door({ sessionsPerIdentity: 1, handshakesPerSecondPerIdentity: 1 });
    assert.equal(admission.identify(enter(), 'alice'), undefined);
    const refused = enter();
    assert.equal(admission.identify(refused, 'alice'), 'too_many_sessions');
    refused.release();
    assert.deepEqual(admission.trackedIdentities, { sessions: 1, rates: 1 });
    assert.equal(admission.handshakesInFlight, 1);
  });

  test('a rate lets twice as many through at once, then as many as it says', () => {
    const { admission, advance, enter } = door({ handshakesPerSecondPerIdentity: 1 });
    const ask = (who: string): string | undefined => admission.identify(enter(), who);
    assert.deepEqual(
      [ask('a'), ask('a'), ask('a'), ask('b')],
      [undefined, undefined, 'too_many_handshakes', undefined],
    );
    advance(1000);
    assert.deepEqual([ask('a'), ask('a')], [undefined, 'too_many_handshakes']);
  });

  test('a slot that was released meanwhile, as by a client that left, counts no more', () => {
    const { admission, enter } = door({});
    const slot = enter();
    slot.release();
    admission.identify(slot, 'alice');
    assert.deepEqual(admission.trackedIdentities, { sessions: 0, rates: 0 });
  });

  test('without limits nothing is kept for rates, and sessions count for limits that may come', () => {
    const { admission, enter } = door({});
    admission.identify(enter(), 'alice');
    assert.deepEqual(admission.trackedIdentities, { sessions: 1, rates: 0 });
    admission.configure({ ...UNLIMITED, sessionsPerIdentity: 1 });
    assert.equal(admission.identify(enter(), 'alice'), 'too_many_sessions');
  });
});

test('no sequence of events breaks a cap or leaves anything behind', () => {
  const limits = { sessions: 6, sessionsPerAddress: 3, handshakesInFlight: 4, handshakesPerSecond: 50 };
  const step = fc.oneof(
    fc.record({
      kind: fc.constant('admit' as const),
      address: fc.constantFrom('10.0.0.1', '10.0.0.2', '::1', 'x'),
    }),
    fc.record({ kind: fc.constantFrom('accepted' as const, 'release' as const), index: fc.nat(50) }),
    fc.record({ kind: fc.constant('advance' as const), ms: fc.nat(100) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
      const { admission, advance } = door(limits);
      const slots: { slot: AdmissionSlot; address: string; live: boolean; session: boolean }[] = [];
      for (const one of steps) {
        if (one.kind === 'advance') advance(one.ms);
        else if (one.kind === 'admit') {
          const verdict = admission.admit(one.address);
          if (verdict.admitted)
            slots.push({ slot: verdict.slot, address: one.address, live: true, session: false });
        } else {
          const entry = slots[one.index % (slots.length || 1)];
          if (entry === undefined) continue;
          entry.slot[one.kind]();
          if (one.kind === 'release') entry.live = false;
          else if (entry.live) entry.session = true;
        }
        const live = slots.filter((entry) => entry.live);
        const sessions = live.filter((entry) => entry.session).length;
        assert.equal(admission.sessions, sessions);
        assert.equal(admission.handshakesInFlight, live.length - sessions);
        assert.ok(live.length <= limits.sessions);
        assert.ok(admission.handshakesInFlight <= limits.handshakesInFlight);
        const addresses = Map.groupBy(live, (entry) => entry.address);
        for (const group of addresses.values()) assert.ok(group.length <= limits.sessionsPerAddress);
        assert.equal(admission.trackedAddresses.sessions, addresses.size);
      }
      for (const { slot } of slots) slot.release();
      assert.deepEqual([admission.sessions, admission.handshakesInFlight], [0, 0]);
      assert.equal(admission.trackedAddresses.sessions, 0);
    }),
    { numRuns: 500 },
  );
});

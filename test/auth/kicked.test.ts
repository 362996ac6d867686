import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KickedUsers, MOST_KICKED } from '../../src/auth/kicked.ts';

const who = (user: string, tenant?: string) => ({ user, tenant });

test('a user is kept out until the time is over, of one tenant or of all', () => {
  const kicked = new KickedUsers();
  assert.ok(kicked.keepOut(who('alice', 'acme'), 2000, 1000));
  assert.ok(kicked.keepOut(who('bob'), 2000, 1000));
  assert.deepEqual(
    [who('alice', 'acme'), who('alice', 'other'), who('alice'), who('bob', 'acme'), who('bob'), who('b')].map(
      (one) => kicked.has(one, 1999),
    ),
    [true, false, false, true, true, false],
  );
  assert.equal(kicked.has(who('bob'), 2000), false);
});

test('the later time counts', () => {
  const kicked = new KickedUsers();
  kicked.keepOut(who('alice'), 5000, 0);
  kicked.keepOut(who('alice'), 2000, 0);
  assert.ok(kicked.has(who('alice'), 4999));
  kicked.keepOut(who('alice'), 9000, 0);
  assert.ok(kicked.has(who('alice'), 8999));
});

test('the list is bounded; those whose time is over make room', () => {
  const kicked = new KickedUsers();
  for (let index = 0; index < MOST_KICKED; index++)
    assert.ok(kicked.keepOut(who(String(index)), index === 7 ? 10 : 1000, 0));
  assert.equal(kicked.keepOut(who('more'), 1000, 9), false);
  assert.equal(kicked.keepOut(who('3'), 2000, 9), true, 'one that is there');
  assert.equal(kicked.keepOut(who('more'), 1000, 10), true);
  assert.equal(kicked.size, MOST_KICKED);
});

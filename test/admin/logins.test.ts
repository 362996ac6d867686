import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LOGIN_SECONDS, Logins } from '../../src/admin/logins.ts';

test('a login ends after eight hours, by its own word, or with all others', () => {
  let nowMs = 0;
  const logins = new Logins(() => nowMs);
  const [one, two, three] = [logins.begin(), logins.begin(), logins.begin()];
  assert.equal(new Set([one, two, three]).size, 3);
  assert.ok([one, two, three].every((secret) => logins.has(secret)));
  assert.equal(logins.end(two), true);
  assert.equal(logins.end(two), false);
  assert.deepEqual([logins.has(one), logins.has(two)], [true, false]);
  nowMs = LOGIN_SECONDS * 1000 - 1;
  const late = logins.begin();
  assert.ok(logins.has(one));
  nowMs++;
  assert.deepEqual([logins.has(one), logins.has(late)], [false, true]);
  logins.endAll();
  assert.equal(logins.has(late), false);
});

test('one login more than 64 ends the oldest, and nothing else', () => {
  const logins = new Logins();
  const secrets = Array.from({ length: 65 }, () => logins.begin());
  assert.deepEqual(
    secrets.map((secret) => logins.has(secret)),
    [false, ...Array.from({ length: 64 }, () => true)],
  );
});

test('five wrong tokens a minute, whenever in it', () => {
  let nowMs = 0;
  const logins = new Logins(() => nowMs);
  for (; nowMs < 50_000; nowMs += 10_000) {
    assert.equal(logins.waitMs, 0);
    logins.countWrong();
  }
  assert.equal(logins.waitMs, 10_000);
  nowMs = 60_000;
  assert.equal(logins.waitMs, 0);
  logins.countWrong();
  assert.equal(logins.waitMs, 10_000);
});

test('a clock that steps back prolongs neither a login nor the wait for one', (t) => {
  const { mock } = t.mock.method(Date, 'now');
  const logins = new Logins();
  for (let wrong = 0; wrong < 5; wrong++) logins.countWrong();
  mock.mockImplementation(() => 0);
  assert.ok(logins.waitMs > 0 && logins.waitMs <= 60_000, `${logins.waitMs}`);
  mock.mockImplementation(() => Number.MAX_SAFE_INTEGER);
  assert.ok(logins.waitMs > 0, 'and one that steps on shortens nothing');
});

test('what another process gave out is nothing here', () => {
  assert.equal(new Logins().has(new Logins().begin()), false);
});

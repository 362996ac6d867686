import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { choose, type Order } from '../../src/upstream/choose.ts';
import { Endpoint, type EndpointOwner, RANK } from '../../src/upstream/endpoint.ts';
import { server } from './support.ts';

const NO_OWNER: EndpointOwner = { succeeded() {}, failed() {}, placed() {} };
const endpoint = (address = '10.0.0.1'): Endpoint => new Endpoint({ ...server(address), address }, NO_OWNER);

describe('marking', () => {
  test('the backoff doubles from 0.5 s to 30 s, less a random share of up to a half', () => {
    for (const [chance, waits] of [
      [0, [500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]],
      [1, [250, 500, 1000, 2000, 4000, 8000, 15_000, 15_000]],
    ] as const) {
      const one = endpoint();
      let nowMs = 1000;
      for (const waitMs of waits) {
        one.failed(nowMs, nowMs, chance);
        assert.equal(one.retryAtMs, nowMs + waitMs);
        assert.equal(one.rank(nowMs + waitMs - 1), RANK.failed);
        assert.equal(one.rank(nowMs + waitMs), RANK.good);
        nowMs += waitMs;
      }
      assert.equal(one.state, 'down');
      one.succeeded(false, nowMs);
      assert.deepEqual([one.state, one.rank(nowMs), one.retryAtMs], ['up', RANK.good, 0]);
      one.failed(nowMs, nowMs, 0);
      assert.equal(one.retryAtMs, nowMs + 500, 'a success takes the steps back');
    }
  });

  test('a hundred attempts of one outage are one failure', () => {
    const one = endpoint();
    for (let attempt = 0; attempt < 100; attempt++) one.failed(attempt, 200 + attempt, 0);
    assert.equal(one.retryAtMs, 700);
    one.failed(699, 800, 0);
    assert.equal(one.retryAtMs, 700, 'one that began before the backoff was over tells nothing new');
    one.failed(700, 800, 0);
    assert.equal(one.retryAtMs, 1800);
  });

  test('behind a backoff one attempt goes first', () => {
    const one = endpoint();
    one.failed(0, 0, 0);
    assert.equal(one.rank(500), RANK.good);
    one.pending = 1;
    assert.equal(one.rank(500), RANK.failed);
    one.succeeded(false, 510);
    assert.equal(one.rank(510), RANK.good);
  });

  test('a lame duck is asked again after 30 s, by one', () => {
    const one = endpoint();
    one.succeeded(true, 1000);
    assert.deepEqual(
      [one.state, one.rank(30_999), one.rank(31_000)],
      ['lame_duck', RANK.lameDuck, RANK.good],
    );
    one.pending = 1;
    assert.equal(one.rank(31_000), RANK.lameDuck);
    one.pending = 0;
    one.succeeded(false, 31_000);
    assert.deepEqual([one.state, one.rank(31_000)], ['up', RANK.good]);
  });

  const checks: readonly [string, readonly ('ok' | 'unhealthy' | 'unanswered')[], string, number][] = [
    ['nothing', [], 'untried', RANK.good],
    ['ok', ['ok'], 'up', RANK.good],
    ['a no counts at once', ['ok', 'unhealthy'], 'unhealthy', RANK.unhealthy],
    ['one that is not answered does not', ['ok', 'unanswered'], 'up', RANK.good],
    ['two do', ['ok', 'unanswered', 'unanswered'], 'unhealthy', RANK.unhealthy],
    ['but only in a row', ['unanswered', 'ok', 'unanswered'], 'up', RANK.good],
    ['unhealthy stays so without an answer', ['unhealthy', 'unanswered'], 'unhealthy', RANK.unhealthy],
    ['one ok mends it', ['unhealthy', 'unanswered', 'unanswered', 'ok'], 'up', RANK.good],
  ];
  for (const [name, verdicts, state, rank] of checks) {
    test(`checks: ${name}`, () => {
      const one = endpoint();
      for (const verdict of verdicts) one.checked(verdict);
      assert.deepEqual([one.state, one.rank(0)], [state, rank]);
    });
  }

  test('a check that turns good ends backoff and lame duck; one that was good all along does not', () => {
    const one = endpoint();
    one.checked('ok');
    one.failed(0, 0, 0);
    one.checked('ok');
    assert.deepEqual([one.state, one.rank(0)], ['down', RANK.failed]);
    one.checked('unhealthy');
    one.checked('ok');
    assert.deepEqual([one.state, one.rank(0)], ['up', RANK.good]);
    one.succeeded(true, 0);
    one.checked('unhealthy');
    one.checked('ok');
    assert.deepEqual([one.state, one.rank(0)], ['up', RANK.good]);
  });
});

describe('choosing', () => {
  type Make = (one: Endpoint) => void;
  const good: Make = () => {};
  const unhealthy: Make = (one) => one.checked('unhealthy');
  const failed: Make = (one) => one.failed(0, 0, 0);
  const failedBefore: Make = (one) => one.failed(-100, -100, 0);
  const lame: Make = (one) => one.succeeded(true, 0);
  const busy =
    (sessions: number, pending = 0): Make =>
    (one) => {
      one.sessions = sessions;
      one.pending = pending;
    };

  const rows: readonly [string, Order, number, readonly Make[], readonly number[]][] = [
    ['first: as written', 'first', 0.99, [good, good, good], [0, 1, 2]],
    ['first: what failed comes last', 'first', 0, [failed, good, good], [1, 2, 0]],
    ['classes', 'first', 0, [lame, failed, unhealthy, good], [3, 2, 1, 0]],
    ['all failed: the next to be over first', 'first', 0, [failed, failedBefore, failed], [1, 0, 2]],
    ['all lame: still tried', 'first', 0, [lame, lame], [0, 1]],
    ['least-sessions', 'least-sessions', 0, [busy(3), busy(1), busy(2)], [1, 2, 0]],
    ['least-sessions counts attempts', 'least-sessions', 0, [busy(1, 2), busy(2), busy(4)], [1, 0, 2]],
    [
      'least-sessions, but not on a failed one',
      'least-sessions',
      0,
      [
        (one) => {
          failed(one);
          one.sessions = 0;
        },
        busy(9),
      ],
      [1, 0],
    ],
  ];
  for (const [name, order, chance, makes, expected] of rows) {
    test(name, () => {
      const endpoints = makes.map((make, index) => {
        const one = endpoint(`10.0.0.${index}`);
        make(one);
        return one;
      });
      const tried = new Set<Endpoint>();
      const taken: number[] = [];
      for (;;) {
        const one = choose(endpoints, tried, order, 10, () => chance);
        if (one === undefined) break;
        tried.add(one);
        taken.push(endpoints.indexOf(one));
      }
      assert.deepEqual(taken, expected);
    });
  }

  for (const order of ['random', 'least-sessions'] as const) {
    test(`${order}: equals are equally likely`, () => {
      const endpoints = [0, 1, 2, 3].map((index) => endpoint(`10.0.0.${index}`));
      const counts = [0, 0, 0, 0];
      let seed = 1;
      const random = (): number => {
        seed = (seed * 48_271) % 2_147_483_647;
        return seed / 2_147_483_647;
      };
      for (let round = 0; round < 8000; round++) {
        const one = choose(endpoints, new Set(), order, 0, random)!;
        counts[endpoints.indexOf(one)]!++;
      }
      for (const count of counts) assert.ok(count > 1850 && count < 2150, counts.join());
    });
  }
});

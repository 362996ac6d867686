import assert from 'node:assert/strict';
import { Socket } from 'node:net';
import { describe, test } from 'node:test';
import {
  LEAST_BYTES_PER_SECOND,
  type Look,
  StallWatch,
  type Taken,
  WatchedSide,
} from '../../src/session/stall-watch.ts';

const STALL_MS = 30_000;
const LOOK_MS = STALL_MS / 4;

/** When the side is found stalled, which takes as `takenAt` says; undefined: not within an hour. */
function stalledAt(takenAt: (ms: number) => Taken): number | undefined {
  const watch = new StallWatch(STALL_MS, 0, takenAt(0));
  for (let nowMs = LOOK_MS; nowMs <= 3_600_000; nowMs += LOOK_MS) {
    if (watch.look(nowMs, takenAt(nowMs))) return nowMs;
  }
  return undefined;
}

const steady =
  (bytesPerSecond: number) =>
  (ms: number): Taken => ({ byKernel: 5_000_000, bySide: (bytesPerSecond * ms) / 1000 });

describe('progress, not completion', () => {
  for (const [what, takenAt, expectedMs] of [
    ['a side that takes nothing', steady(0), 30_000],
    [
      'one of which nothing is known, and whose kernel buffer stays full',
      () => ({ byKernel: 7, bySide: undefined }),
      30_000,
    ],
    ['one that reads 5 KB/s', steady(5000), undefined],
    ['one that reads at the least rate', steady(LEAST_BYTES_PER_SECOND), undefined],
    ['one that reads a little less', steady(LEAST_BYTES_PER_SECOND - 1), 120_000],
    ['one that reads one byte a second', steady(1), 120_000],
    ['one that reads for a minute and stops', (ms: number) => steady(5000)(Math.min(ms, 60_000)), 90_000],
    [
      'one that reads for five minutes and stops',
      (ms: number) => steady(5000)(Math.min(ms, 300_000)),
      330_000,
    ],
    [
      'one whose kernel takes a megabyte every 20 seconds, without a word of what it read',
      (ms: number) => ({ byKernel: Math.floor(ms / 20_000) * 1_000_000, bySide: undefined }),
      undefined,
    ],
  ] as const) {
    test(`${what}: ${expectedMs === undefined ? 'lives' : `stalled after ${expectedMs / 1000} s`}`, () => {
      assert.equal(stalledAt(takenAt), expectedMs);
    });
  }
});

describe('a watched side', () => {
  function side(queued: () => number | undefined) {
    const socket = new Socket();
    const clock = { nowMs: 1000 };
    const looks: Look[] = [];
    let asked = 0;
    const queues = {
      unacknowledged: async () => {
        asked++;
        return queued();
      },
    };
    const watched = new WatchedSide(socket, queues, STALL_MS, clock, (look) => looks.push(look));
    return { watched, clock, looks, asked: () => asked };
  }

  test('whose queue in the kernel shrinks makes progress, though nothing new is taken', async () => {
    let queue = 500_000;
    const { watched, clock, looks } = side(() => queue);
    for (let look = 0; look < 8; look++) {
      clock.nowMs += LOOK_MS;
      queue -= 40_000;
      watched.look(1000);
      await Promise.resolve().then(() => {});
    }
    assert.deepEqual(looks[0], { hasStalled: false, madeProgress: false }, 'nothing to compare with');
    assert.deepEqual(new Set(looks.slice(1).map(({ madeProgress }) => madeProgress)), new Set([true]));
    for (let look = 0; look < 4; look++) {
      clock.nowMs += LOOK_MS;
      watched.look(1000);
      await Promise.resolve().then(() => {});
    }
    assert.deepEqual(looks.at(-2), { hasStalled: false, madeProgress: false });
    assert.deepEqual(looks.at(-1), { hasStalled: true, madeProgress: false });
  });

  test('that has drained since the last look costs no reading of the table', async () => {
    const { watched, clock, looks, asked } = side(() => 0);
    watched.look(1000);
    await Promise.resolve().then(() => {});
    clock.nowMs += LOOK_MS;
    watched.look(clock.nowMs - 10);
    assert.equal(asked(), 1);
    assert.equal(looks.length, 2);
  });

  test('about which nobody asks any more is not judged by an answer that comes late', async () => {
    const { watched, looks } = side(() => 0);
    watched.look(1000);
    watched.forget();
    await Promise.resolve().then(() => {});
    assert.deepEqual(looks, []);
  });
});

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { createLog } from '../../src/log.ts';
import { type Holder, Overload } from '../../src/session/overload.ts';
import { LogCapture } from '../support/gateway.ts';

const MiB = 2 ** 20;

/** Sessions that hold what a test says, in an overload of `limitBytes`. */
function setup(limitBytes: number, memory?: { limitBytes: number; usedBytes: number | undefined }) {
  const log = new LogCapture();
  const holders: FakeHolder[] = [];
  const spares: number[] = [];
  const pool = { keepSpares: (bytes: number) => void spares.push(bytes) };
  const overload = new Overload(holders, pool, createLog({ level: 'info', format: 'json' }, log));
  let asked = 0;
  overload.configure(
    limitBytes,
    memory && {
      limitBytes: memory.limitBytes,
      usedBytes: async () => {
        asked++;
        return memory.usedBytes;
      },
    },
  );
  const shed: string[] = [];
  class FakeHolder implements Holder {
    heldBytes = 0;
    readonly heldSinceMs: number;
    readonly #name: string;
    constructor(name: string, heldSinceMs: number, bytes: number) {
      this.#name = name;
      this.heldSinceMs = heldSinceMs;
      holders.push(this);
      this.hold(bytes);
    }
    hold(bytes: number): void {
      this.heldBytes += bytes;
      overload.hold(bytes);
    }
    shed(): void {
      shed.push(this.#name);
      overload.release(this.heldBytes);
      this.heldBytes = 0;
    }
  }
  return { overload, shed, log, spares, asked: () => asked, holder: FakeHolder };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('a limit for what all sessions together have waiting', () => {
  test('up to it nobody ends; above it those that have waited longest, until a tenth is free', async () => {
    const { overload, shed, holder } = setup(10 * MiB);
    new holder('newest', 3000, 4 * MiB);
    new holder('oldest', 1000, 3 * MiB);
    const middle = new holder('middle', 2000, 3 * MiB);
    await turn();
    assert.deepEqual(shed, []);
    middle.hold(1);
    await turn();
    assert.deepEqual(shed, ['oldest']);
    assert.equal(overload.heldBytes, 7 * MiB + 1);
  });

  test('of those that have waited equally long the largest goes first', async () => {
    const { shed, holder } = setup(10 * MiB);
    new holder('small', 1000, MiB);
    new holder('large', 1000, 9 * MiB);
    new holder('last', 2000, MiB);
    await turn();
    assert.deepEqual(shed, ['large']);
  });

  test('who holds nothing is left alone, whatever the total', async () => {
    const { overload, shed, holder } = setup(10 * MiB);
    new holder('idle', 0, 0);
    overload.hold(11 * MiB);
    await turn();
    assert.deepEqual(shed, []);
  });

  test('a flood is one line in the log, not one for each that ends', async () => {
    const { shed, log, spares, holder } = setup(MiB);
    for (let each = 0; each < 1000; each++) {
      new holder(String(each), each, 100_000);
      await turn();
    }
    assert.ok(shed.length > 900, `${shed.length} ended`);
    assert.deepEqual(
      log.lines.map((line) => [line['level'], line['limit'], line['limitBytes']]),
      [['warn', 'buffers', MiB]],
    );
    assert.deepEqual(
      spares.map(Math.round),
      [Math.round(MiB / 10)],
      'what is freed at once is kept for the next',
    );
  });
});

describe('a container that is nearly full', () => {
  test('a quarter of those that hold something end, longest first, though they hold little', async () => {
    const { shed, log, holder } = setup(100 * MiB, { limitBytes: 256 * MiB, usedBytes: 230 * MiB });
    for (let each = 0; each < 32; each++) new holder(String(each), each, 1000);
    await turn();
    assert.deepEqual(shed, ['0', '1', '2', '3', '4', '5', '6', '7']);
    assert.equal(log.lines[0]?.['limit'], 'memory');
  });

  for (const [what, usedBytes] of [
    ['room', 200 * MiB],
    ['no answer', undefined],
  ] as const) {
    test(`with ${what} nobody ends`, async () => {
      const { shed, asked, holder } = setup(100 * MiB, { limitBytes: 256 * MiB, usedBytes });
      for (let each = 0; each < 320; each++) {
        new holder(String(each), each, 1000);
        await turn();
      }
      assert.deepEqual(shed, []);
      assert.equal(asked(), 10, 'once for each 32 that begin to wait');
    });
  }

  test('while it is asked nobody asks again', async () => {
    const { asked, holder } = setup(100 * MiB, { limitBytes: 256 * MiB, usedBytes: 0 });
    for (let each = 0; each < 320; each++) new holder(String(each), each, 1000);
    assert.equal(asked(), 1);
    await turn();
  });
});

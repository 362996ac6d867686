import assert from 'node:assert/strict';
import { randomBytes, randomInt } from 'node:crypto';
import { describe, type TestContext, test } from 'node:test';
import {
  fastestUnmask,
  rotate,
  SIMD_FROM_BYTES,
  SIMD_STEP_BYTES,
  type Unmask,
  unmaskByByte,
  unmaskBySimd,
  unmaskByWord,
} from '../../src/websocket/unmask.ts';

const PAGE = 65_536;
const LONGEST = 300;
/** Both ranges lie somewhere in here, with room on each side. */
const AREA = 1024;
const FROM = 64;
const OUT = 512;
const ALIGNMENTS = 16;
const KEYS = [0, -1, 1, 0x8000_0000 | 0, 0x0102_0304, randomInt(2 ** 32) | 0, randomInt(2 ** 32) | 0];
const SOURCE = randomBytes(AREA);

const memory = new WebAssembly.Memory({ initial: 1, maximum: 1 });
const bytes = Buffer.from(memory.buffer);

type Way = {
  readonly name: string;
  /** Over `store`, behind which lies `memory`. */
  make(store: Buffer, memory: WebAssembly.Memory): Unmask;
  /** Lengths that it is for. */
  readonly from: number;
  /** Bytes behind the end of the payload that it may overwrite. */
  slack(length: number): number;
};

const WAYS: readonly Way[] = [
  { name: 'byte by byte', make: unmaskByByte, from: 0, slack: () => 0 },
  { name: 'by words', make: unmaskByWord, from: 0, slack: () => 0 },
  {
    name: 'by SIMD',
    make: (_, behind) => unmaskBySimd(behind),
    from: 1,
    slack: () => SIMD_STEP_BYTES - 1,
  },
  {
    name: 'the fastest of them',
    make: fastestUnmask,
    from: 0,
    slack: (length) => (length < SIMD_FROM_BYTES ? 0 : SIMD_STEP_BYTES - 1),
  },
];

/** RFC 6455 §5.3, word for word. */
function unmasked(payload: Buffer, key: number): Buffer {
  const mask = Buffer.alloc(4);
  mask.writeInt32LE(key);
  return Buffer.from(payload.map((byte, index) => byte ^ mask[index % 4]!));
}

for (const way of WAYS) {
  describe(way.name, () => {
    const unmask = way.make(bytes, memory);

    test(`lengths up to ${LONGEST} at all alignments: the payload, and nothing else, is written`, () => {
      for (let length = way.from; length <= LONGEST; length++) {
        for (let pair = 0; pair < ALIGNMENTS * ALIGNMENTS; pair++) {
          const from = FROM + (pair % ALIGNMENTS);
          const out = OUT + Math.floor(pair / ALIGNMENTS);
          const key = KEYS[(length + pair) % KEYS.length]!;
          SOURCE.copy(bytes);
          unmask(out, from, length, key);
          const label = `key ${key}, length ${length}, from ${from}, out ${out}`;
          const expected = unmasked(SOURCE.subarray(from, from + length), key);
          assert.ok(bytes.subarray(out, out + length).equals(expected), label);
          assert.ok(bytes.subarray(0, out).equals(SOURCE.subarray(0, out)), `in front: ${label}`);
          const behind = out + length + way.slack(length);
          assert.ok(bytes.subarray(behind, AREA).equals(SOURCE.subarray(behind)), `behind: ${label}`);
        }
      }
    });

    test('a payload cut at any two places is unmasked as the whole', () => {
      const length = 150;
      const source = randomBytes(length);
      const key = randomInt(2 ** 32) | 0;
      const expected = unmasked(source, key);
      for (let first = way.from; first <= length - way.from; first++) {
        for (let second = first + way.from; second <= length - way.from; second++) {
          source.copy(bytes, FROM);
          unmask(OUT, FROM, first, key);
          unmask(OUT + first, FROM + first, second - first, rotate(key, first));
          // As the frame reader does it: from the key of the piece before.
          const rest = rotate(rotate(key, first), second - first);
          unmask(OUT + second, FROM + second, length - second, rest);
          assert.ok(
            bytes.subarray(OUT, OUT + length).equals(expected),
            `key ${key}, cut at ${first} and ${second}`,
          );
        }
      }
    });

    test('64 KiB', () => {
      const large = new WebAssembly.Memory({ initial: 3, maximum: 3 });
      const all = Buffer.from(large.buffer);
      const source = randomBytes(PAGE);
      const key = randomInt(2 ** 32) | 0;
      source.copy(all);
      way.make(all, large)(PAGE, 0, PAGE, key);
      assert.ok(all.subarray(PAGE, 2 * PAGE).equals(unmasked(source, key)), `key ${key}`);
    });
  });
}

test('SIMD stays inside the memory as long as its slack does', () => {
  const simd = unmaskBySimd(memory);
  for (let length = 1; length <= 2 * SIMD_STEP_BYTES; length++) {
    const last = PAGE - (SIMD_STEP_BYTES - 1) - length;
    // Out of bounds would be a RuntimeError.
    simd(0, last, length, 1);
    simd(last, 0, length, 1);
  }
  assert.throws(() => simd(0, PAGE - 1, SIMD_STEP_BYTES, 1), /out of bounds/);
});

test('rotate: by the bytes used, whatever their number', () => {
  for (const key of KEYS) {
    assert.equal(rotate(key, 0), key);
    assert.equal(rotate(key, 4), key);
    assert.equal(rotate(key, 65_536), key);
    for (let count = 0; count < 9; count++) {
      const mask = Buffer.alloc(4);
      mask.writeInt32LE(key);
      const rotated = Buffer.alloc(4);
      rotated.writeInt32LE(rotate(key, count) | 0);
      for (let index = 0; index < 4; index++) assert.equal(rotated[index], mask[(index + count) % 4]);
    }
  }
});

describe('where there is no SIMD, words do', () => {
  const source = randomBytes(200);

  function assertWords(unmask: Unmask, store: Buffer): void {
    store.fill(0xee, 0, AREA);
    source.copy(store, FROM);
    unmask(OUT, FROM, source.length, 0x1234_5678);
    assert.ok(store.subarray(OUT, OUT + source.length).equals(unmasked(source, 0x1234_5678)));
    // SIMD would have written up to the next step.
    assert.ok(store.subarray(OUT + source.length, AREA).every((byte) => byte === 0xee));
  }

  test('no WebAssembly memory', () => {
    const store = Buffer.alloc(AREA);
    assertWords(fastestUnmask(store, undefined), store);
  });

  test('a runtime that refuses the module', (t: TestContext) => {
    t.mock.method(WebAssembly, 'Module', () => {
      throw new Error('SIMD unsupported');
    });
    const other = new WebAssembly.Memory({ initial: 1, maximum: 1 });
    const store = Buffer.from(other.buffer);
    assertWords(fastestUnmask(store, other), store);
  });
});

test('engines of one pool share what was compiled for it', () => {
  assert.equal(fastestUnmask(bytes, memory), fastestUnmask(bytes, memory));
});

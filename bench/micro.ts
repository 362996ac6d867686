import { fork } from 'node:child_process';
import { BufferPool, READ_BYTES } from '../src/bytes/buffer-pool.ts';
import { OPCODES } from '../src/websocket/frame-counters.ts';
import { FrameReader } from '../src/websocket/frame-reader.ts';
import {
  fastestUnmask,
  type Unmask,
  unmaskByByte,
  unmaskBySimd,
  unmaskByWord,
} from '../src/websocket/unmask.ts';
import { maskedFrame } from './load/frames.ts';
import { median } from './statistics.ts';

/**
 * The two inner loops of the data path, in ns: unmasking by length, and reading a chunk of frames. Each figure comes
 * from a process of its own, so that no candidate is compiled for the habits of another. Never to be quoted as speed of
 * the system: all of it happens in the cache.
 */
const LENGTHS = [8, 16, 24, 32, 48, 64, 128, 1024, 4096, 32_768, 65_536];
const WAYS = ['byte', 'word', 'simd', 'chosen'] as const;
const FRAME_LENGTHS = [16, 128, 1024, 32_768];
const SAMPLES = 15;
const SAMPLE_MS = 10;
const KEY = 0x1234_5678;

type Way = (typeof WAYS)[number];
type Case = { readonly kind: 'unmask'; readonly way: Way; readonly length: number } | FrameCase;
type FrameCase = { readonly kind: 'frames'; readonly length: number };

const pool = new BufferPool();

function unmaskOf(way: Way): Unmask {
  if (way === 'byte') return unmaskByByte(pool.bytes);
  if (way === 'word') return unmaskByWord(pool.bytes);
  if (way === 'chosen' || pool.memory === undefined) return fastestUnmask(pool.bytes, pool.memory);
  return unmaskBySimd(pool.memory);
}

/** Median of ns for one run of `work`, which returns something of its result. */
function nanoseconds(work: () => number): number {
  const samples: number[] = [];
  let consumed = 0;
  let runs = 1;
  for (let sample = 0; sample < 2 * SAMPLES; sample++) {
    const startMs = performance.now();
    for (let run = 0; run < runs; run++) consumed += work();
    const elapsedMs = performance.now() - startMs;
    if (sample >= SAMPLES) samples.push((elapsedMs * 1e6) / runs);
    else runs = Math.max(1, Math.round((runs * SAMPLE_MS) / Math.max(elapsedMs, 0.01)));
  }
  if (!Number.isFinite(consumed)) throw new Error('the work was not done');
  return median(samples);
}

function measure(one: Case): number {
  const slot = pool.take();
  if (one.kind === 'unmask') {
    const unmask = unmaskOf(one.way);
    return nanoseconds(() => {
      unmask(slot, 0, one.length, KEY);
      return pool.bytes[slot] ?? 0;
    });
  }
  const frame = maskedFrame(Buffer.alloc(one.length, 'x'), KEY);
  const frames = Math.floor(READ_BYTES / frame.length);
  for (let index = 0; index < frames; index++) frame.copy(pool.bytes, index * frame.length);
  const control = { onPing: () => {}, onPong: () => {} };
  const reader = new FrameReader(
    {
      pool,
      unmask: fastestUnmask(pool.bytes, pool.memory),
      maxFrameBytes: 2 ** 23,
      counters: { clientFrames: new Float64Array(OPCODES.length) },
    },
    control,
  );
  return nanoseconds(() => reader.read(0, frames * frame.length, slot)) / frames;
}

function inOwnProcess(one: Case): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  fork(import.meta.filename, [JSON.stringify(one)])
    .on('message', (message) => resolve(Number(message)))
    .on('error', reject);
  return promise;
}

const [given] = process.argv.slice(2);
if (given !== undefined) process.send?.(measure(JSON.parse(given) as Case));
else {
  console.log(`unmask, ns      ${WAYS.map((way) => way.padStart(9)).join('')}`);
  for (const length of LENGTHS) {
    const cells: string[] = [];
    for (const way of WAYS) cells.push((await inOwnProcess({ kind: 'unmask', way, length })).toFixed(1));
    console.log(`${`${length} bytes`.padStart(14)}  ${cells.map((cell) => cell.padStart(9)).join('')}`);
  }
  console.log('\nread one frame of a 64 KiB chunk, ns');
  for (const length of FRAME_LENGTHS) {
    console.log(
      `${`${length} bytes`.padStart(14)}  ${(await inOwnProcess({ kind: 'frames', length })).toFixed(1).padStart(9)}`,
    );
  }
}

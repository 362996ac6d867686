import { STAMP_RUN_MODULE } from './stamp-run.wasm.ts';

/**
 * Writes messages with a header block each that the fast scan has read: PUB lines without headers become HPUB lines, and
 * payloads are copied or moved. 30 ns a message, where verdicts of a policy take ten times as long.
 *
 * Both read a run from `from` to `end`. What `scan` has returned is the end of a run; the payload of a message that is cut
 * there follows unchanged. `template` is the offset of what a stamp has made (stamp.ts): up to `prefixBytes` what is
 * between subject or reply and the whole size, and then what is after it. All are offsets in the memory.
 */
export type StampRun = {
  /**
   * Writes from `out` on as many messages as have room before `outEnd`. Nothing may overlap. Returns the offset after what
   * it has written; `result` has the one after what it has read, and is valid until the next call.
   */
  readonly stamp: (
    from: number,
    end: number,
    out: number,
    outEnd: number,
    template: number,
    prefixBytes: number,
    suffixBytes: number,
    result: number,
  ) => number;
  /**
   * Writes all of the run where it is, and moves what is after it up to `chunkEnd`. Returns the new end of the chunk, or 0
   * if that would be after `limit`, and then nothing has changed. `by` is 0. It calls itself for each message, so
   * `limit` also bounds the stack that it takes.
   */
  readonly stampInPlace: (
    from: number,
    end: number,
    by: number,
    chunkEnd: number,
    limit: number,
    template: number,
    prefixBytes: number,
    suffixBytes: number,
  ) => number;
  readonly result: Int32Array;
};

const runs = new WeakMap<WebAssembly.Memory, StampRun>();

/** Made once for each memory, which has a fast scan. `result` is the offset of its result, a multiple of 4. */
export function stampRunIn(memory: WebAssembly.Memory, result: number): StampRun {
  const known = runs.get(memory);
  if (known !== undefined) return known;
  const module = new WebAssembly.Module(Buffer.from(STAMP_RUN_MODULE, 'base64'));
  const { exports } = new WebAssembly.Instance(module, { pool: { memory } });
  const run = {
    stamp: exports['stamp'] as StampRun['stamp'],
    stampInPlace: exports['stampInPlace'] as StampRun['stampInPlace'],
    result: new Int32Array(memory.buffer, result, 1),
  };
  runs.set(memory, run);
  return run;
}

import { PLAIN_RUN_MODULE } from './plain-run.wasm.ts';

/**
 * Reads messages whose lines are as all libraries write them: capitals, one blank between arguments of visible ASCII, a
 * size of one to eight digits without leading zeros, CR LF. SIMD over the bytes where they lie: half the time of a loop
 * in JavaScript, which is what keeps observation below 5 % of the pipe (bench/README.md).
 *
 * From `from` to `end`, offsets in the memory: messages that begin with `verb`, four bytes as a little-endian number,
 * have `least` arguments or one more, and a line of at most `maxLineBytes`. Returns the offset after the last one, or
 * after the line of one that is cut in its payload or line end. Whatever is otherwise ends the run before it, for a
 * reader that knows all forms. This is grammar alone: what a message may say is for policies to judge.
 *
 * What was found is in `found` until the next call. May read up to 32 bytes after `end`.
 */
export type PlainRun = {
  /** The bytes must lie in here. */
  readonly memory: ArrayBuffer;
  readonly run: (
    from: number,
    end: number,
    verb: number,
    least: number,
    maxLineBytes: number,
    result: number,
  ) => number;
  /** Messages, a cut one among them; bytes of their payloads; size of the cut one, or -1; where it begins. */
  readonly found: Int32Array;
};

/** What `found` takes of the memory. */
export const FOUND_BYTES = 16;

const runs = new WeakMap<WebAssembly.Memory, PlainRun | undefined>();

/** Made once for each memory; undefined where the runtime or the processor has no SIMD. `result`: a multiple of 4. */
export function plainRunIn(memory: WebAssembly.Memory | undefined, result: number): PlainRun | undefined {
  if (memory === undefined) return undefined;
  if (!runs.has(memory)) runs.set(memory, instantiated(memory, result));
  return runs.get(memory);
}

function instantiated(memory: WebAssembly.Memory, result: number): PlainRun | undefined {
  try {
    const module = new WebAssembly.Module(Buffer.from(PLAIN_RUN_MODULE, 'base64'));
    const { exports } = new WebAssembly.Instance(module, { pool: { memory } });
    const found = new Int32Array(memory.buffer, result, FOUND_BYTES / 4);
    return { memory: memory.buffer, run: exports['run'] as PlainRun['run'], found };
  } catch {
    // The parser's own loop does the same.
    return undefined;
  }
}

import { FAST_SCAN_MODULE } from './fast-scan.wasm.ts';

/**
 * Reads messages whose lines have the form that all libraries write: capitals, one blank between arguments of visible
 * ASCII, a size of one to eight digits without leading zeros, CR LF. SIMD over the bytes where they are: half the time of
 * a loop in JavaScript, which is what keeps observation below 5 % of the pipe (bench/README.md).
 *
 * From `from` to `end`, offsets in the memory: messages that begin with `verb`, four bytes as a little-endian number,
 * have `leastArguments` or one more, and a line of at most `maxLineBytes`. Returns the offset after the last one, or
 * after the line of one that is cut in its payload or line end. Any other form ends the run before it, for a reader that
 * knows all forms. This is grammar alone: what a message may say is for policies to judge.
 *
 * `result` is valid until the next call. May read up to 32 bytes after `end`.
 */
export type FastScan = {
  /** The bytes must be in here. */
  readonly memory: ArrayBuffer;
  readonly scan: (
    from: number,
    end: number,
    verb: number,
    leastArguments: number,
    maxLineBytes: number,
    result: number,
  ) => number;
  /** Messages, a cut one among them; bytes of their payloads; size of the cut one, or -1; where it begins. */
  readonly result: Int32Array;
};

/** What `result` takes of the memory. */
export const RESULT_BYTES = 16;

const scans = new WeakMap<WebAssembly.Memory, FastScan | undefined>();

/**
 * Made once for each memory; undefined where the runtime or the processor has no SIMD. `result` is the offset of its
 * result, a multiple of 4.
 */
export function fastScanIn(memory: WebAssembly.Memory | undefined, result: number): FastScan | undefined {
  if (memory === undefined) return undefined;
  if (!scans.has(memory)) scans.set(memory, instantiated(memory, result));
  return scans.get(memory);
}

function instantiated(memory: WebAssembly.Memory, result: number): FastScan | undefined {
  try {
    const module = new WebAssembly.Module(Buffer.from(FAST_SCAN_MODULE, 'base64'));
    const { exports } = new WebAssembly.Instance(module, { pool: { memory } });
    return {
      memory: memory.buffer,
      scan: exports['scan'] as FastScan['scan'],
      result: new Int32Array(memory.buffer, result, RESULT_BYTES / 4),
    };
  } catch {
    // The parser's own loop does the same.
    return undefined;
  }
}

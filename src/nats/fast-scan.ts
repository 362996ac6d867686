import { FAST_SCAN_MODULE } from './fast-scan.wasm.ts';
import { type KnownSubjects, SUBJECT_LIST_BYTES } from './known-subjects.ts';

/**
 * Reads messages whose lines have the form that all libraries write: capitals, one blank between arguments of visible
 * ASCII, a size of one to eight digits without leading zeros, CR LF. SIMD over the bytes where they are: half the time of
 * a loop in JavaScript, which is what keeps observation below 5 % of the pipe (bench/README.md).
 *
 * From `from` to `end`, offsets in the memory: messages that begin with `verb`, four bytes as a little-endian number,
 * have `leastArguments`, or one more where `moreArguments` is 1, a line of at most `maxLineBytes` and a payload of at
 * most `maxPayloadBytes`; their subjects are in the list at the offset `subjects`, unless that is 0. Returns the offset
 * after the last one, or after the line of one that is cut in its payload or line end. Any other form ends the run before
 * it, for a reader that knows all forms. This is grammar alone: what a message may say is for policies to judge, and
 * `subjects` are those that one has allowed.
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
    moreArguments: 0 | 1,
    maxLineBytes: number,
    maxPayloadBytes: number,
    subjects: number,
    result: number,
  ) => number;
  /** Messages, a cut one among them; bytes of their payloads; size of the cut one, or -1; where it begins. */
  readonly result: Int32Array;
  /** Where a list of subjects is put, and whose is there. */
  readonly list: Buffer;
  listOwner: KnownSubjects | undefined;
};

/** No payload of a message that is scanned is larger: eight digits. */
export const MAX_SCANNED_PAYLOAD_BYTES = 99_999_999;
const RESULT_BYTES = 16;
const SIMD_SLACK_BYTES = 16;
/** What a scan takes of the memory for itself. */
export const SCAN_BYTES = RESULT_BYTES + SUBJECT_LIST_BYTES + SIMD_SLACK_BYTES;

/** Puts the list where the scan reads it; returns its offset. */
export function putSubjects(scan: FastScan, subjects: KnownSubjects): number {
  if (scan.listOwner !== subjects || subjects.isNew) {
    scan.list.set(subjects.list);
    scan.listOwner = subjects;
    subjects.isNew = false;
  }
  return scan.list.byteOffset;
}

const scans = new WeakMap<WebAssembly.Memory, FastScan | undefined>();

/**
 * Made once for each memory; undefined where the runtime or the processor has no SIMD. `place` is the offset of what it
 * takes for itself, a multiple of 4.
 */
export function fastScanIn(memory: WebAssembly.Memory | undefined, place: number): FastScan | undefined {
  if (memory === undefined) return undefined;
  if (!scans.has(memory)) scans.set(memory, instantiated(memory, place));
  return scans.get(memory);
}

function instantiated(memory: WebAssembly.Memory, place: number): FastScan | undefined {
  try {
    const module = new WebAssembly.Module(Buffer.from(FAST_SCAN_MODULE, 'base64'));
    const { exports } = new WebAssembly.Instance(module, { pool: { memory } });
    return {
      memory: memory.buffer,
      scan: exports['scan'] as FastScan['scan'],
      result: new Int32Array(memory.buffer, place, RESULT_BYTES / 4),
      list: Buffer.from(memory.buffer, place + RESULT_BYTES, SUBJECT_LIST_BYTES),
      listOwner: undefined,
    };
  } catch {
    // The parser's own loop does the same.
    return undefined;
  }
}

import type { Operation } from '../nats/operation.ts';
import { rowOf } from '../nats/operations.ts';
import { Stamp } from '../nats/stamp.ts';

/** Where the result goes. */
type Output = {
  write(piece: Buffer): void;
  stamp(stamp: Stamp, run: Buffer): void;
};

/** A part of the piece that is replaced by other bytes, or by itself with stamps. */
type Edit = { readonly start: number; readonly end: number; readonly bytes: Buffer | Stamp };

const NOTHING = Buffer.alloc(0);
const NO_EDITS: readonly Edit[] = [];
const LINE_END_BYTES = 2;

/**
 * Edits one direction of a stream, piece by piece. While a parser reads a piece, operations are replaced or dropped,
 * and lines are inserted. Then `apply` writes the result, and the editor is ready for the next piece.
 *
 * ```
 *   piece    … PUB a 2⏎hi⏎ │ SUB b 1⏎ │ PUB c 9⏎half of a pay     load⏎ │ PING⏎ …
 *   edits                  │ replaced │ dropped ───────────────── ────▶ │
 * ```
 */
export class StreamEditor {
  #edits: Edit[] | undefined;
  /** Bytes still to come of an operation that is dropped. */
  #dropBytes = 0;

  /** Replaces the line of the operation, and the headers held back with it, by `line`; its payload is unchanged. */
  replace({ inPiece }: Operation, line: Buffer): void {
    this.#add({ start: inPiece.start, end: inPiece.end, bytes: line });
  }

  /** Drops the operation with its payload and line end, in pieces of any size. */
  drop({ verb, inPiece, payloadBytes, headers }: Operation): void {
    const payload = rowOf(verb).hasPayload ? payloadBytes - headers.length + LINE_END_BYTES : 0;
    this.#add({ start: inPiece.start, end: inPiece.end + payload, bytes: NOTHING });
  }

  /** Each message of a run that the fast scan has read gets the stamp. */
  stamp(stamp: Stamp, start: number, end: number): void {
    this.#add({ start, end, bytes: stamp });
  }

  /** `at`: the offset at which an operation ends. */
  insert(at: number, line: Buffer): void {
    const edits = this.#edits ?? [];
    const after = edits.findIndex(({ start }) => start >= at);
    edits.splice(after === -1 ? edits.length : after, 0, { start: at, end: at, bytes: line });
    this.#edits = edits;
  }

  #add(edit: Edit): void {
    if (this.#edits === undefined) this.#edits = [edit];
    else this.#edits.push(edit);
  }

  /** The piece passes unchanged. */
  get isIdle(): boolean {
    return this.#edits === undefined && this.#dropBytes === 0;
  }

  /**
   * Where one run with stamps is all that changes: what `inPlace` makes of it, and `apply` must not be called then.
   * undefined: there is more to do, or `inPlace` has not done it.
   */
  stampOnly(inPlace: (stamp: Stamp, start: number, end: number) => Buffer | undefined): Buffer | undefined {
    const [edit, more] = this.#edits ?? NO_EDITS;
    if (edit === undefined || more !== undefined || this.#dropBytes > 0) return undefined;
    if (!(edit.bytes instanceof Stamp)) return undefined;
    const stamped = inPlace(edit.bytes, edit.start, edit.end);
    if (stamped !== undefined) this.#edits = undefined;
    return stamped;
  }

  /** Writes what leaves of the first `passed` bytes of the piece, in order. */
  apply(piece: Buffer, passed: number, output: Output): void {
    const edits = this.#edits ?? NO_EDITS;
    this.#edits = undefined;
    let at = Math.min(this.#dropBytes, passed);
    this.#dropBytes -= at;
    for (const { start, end, bytes } of edits) {
      // An edit after the last byte that may pass does not pass either.
      if (start >= passed && end > start) break;
      if (start > at) output.write(piece.subarray(at, start));
      if (bytes instanceof Stamp) output.stamp(bytes, piece.subarray(start, end));
      else output.write(bytes);
      at = end;
    }
    if (passed > at) output.write(piece.subarray(at, passed));
    else this.#dropBytes += at - passed;
  }
}

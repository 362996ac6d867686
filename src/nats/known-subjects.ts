import type { Span } from './operation.ts';

const BLANK = 0x20;
/** Of one list: room for five to twenty usual subjects. In a longer one the search would cost more than it spares. */
export const SUBJECT_LIST_BYTES = 256;
/** Nothing is allocated for who never publishes. */
const EMPTY = Buffer.alloc(1);

/**
 * Subjects that one reader has seen and need not look at again: a list in the form that `fast-scan.wat` reads. An entry is
 * its length, the subject and a blank; a 0 ends the list.
 */
export class KnownSubjects {
  list = EMPTY;
  /** The list has changed since a scan has read it. */
  isNew = false;
  #end = 0;

  has(bytes: Buffer, { start, length }: Span): boolean {
    const { list } = this;
    for (let at = 0, size = list[0] as number; size > 0; at += size + 1, size = list[at] as number) {
      if (size !== length + 1) continue;
      let same = 0;
      while (same < length && list[at + 1 + same] === bytes[start + same]) same++;
      if (same === length) return true;
    }
    return false;
  }

  /** Adds one that is not in the list. Where there is no room for it the list begins anew. */
  add(bytes: Buffer, { start, length }: Span): void {
    const size = length + 2;
    if (size >= SUBJECT_LIST_BYTES) return;
    if (this.list === EMPTY) this.list = Buffer.alloc(SUBJECT_LIST_BYTES);
    if (this.#end + size >= SUBJECT_LIST_BYTES) this.#end = 0;
    const { list } = this;
    let at = this.#end;
    list[at++] = length + 1;
    // A call of `copy` takes longer for so few bytes.
    for (let from = start; from < start + length; from++) list[at++] = bytes[from] as number;
    list[at++] = BLANK;
    list[at] = 0;
    this.#end = at;
    this.isNew = true;
  }
}

/** Messages without headers that their reader need not look at, since it did at others that are the same for it. */
export type KnownMessages = {
  readonly subjects: KnownSubjects;
  readonly maxPayloadBytes: number;
  /** Also those that ask for a reply, wherever they want it. */
  readonly withReply: boolean;
};

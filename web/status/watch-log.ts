import type { FrameEnd, WatchedEvent, WatchedOperation, WatchNote } from '../../src/live/format.ts';

/** Events that are kept, and rows that are shown. */
const MOST_KEPT = 2000;
export const MOST_SHOWN = 300;

export type Row = WatchedOperation | WatchNote;

/** What a filter looks at: a verb, or any part of a subject, reply or text. */
export function fits(row: Row, words: readonly string[]): boolean {
  if (!('op' in row)) return words.length === 0;
  const text = `${row.op} ${row.subj ?? ''} ${row.reply ?? ''} ${row.text ?? ''}`.toLowerCase();
  return words.every((word) => text.includes(word));
}

/** The last events of a watched session. */
export class WatchLog {
  #rows: Row[] = [];
  readonly #byId = new Map<number, WatchedOperation>();
  /** Operations that have caused an -ERR. */
  readonly blamed = new Set<number>();
  missed = 0;
  errors = 0;
  #startedAt: string | undefined;

  /** The log of the watch that began then. After a break that can be another one, whose ids and times begin anew. */
  of(startedAt: string): WatchLog {
    this.#startedAt ??= startedAt;
    if (this.#startedAt === startedAt) return this;
    const log = new WatchLog().of(startedAt);
    log.add([{ t: 0, d: 'g', note: 'another watch begins: the connection was lost for too long' }]);
    return log;
  }

  add(events: readonly WatchedEvent[]): void {
    for (const event of events) {
      if ('of' in event) this.#end(event);
      else this.#keep(event);
    }
    const tooMany = this.#rows.length - MOST_KEPT;
    if (tooMany <= 0) return;
    for (const row of this.#rows.splice(0, tooMany)) {
      if (!('op' in row)) continue;
      this.#byId.delete(row.id);
      this.blamed.delete(row.id);
    }
  }

  operation(id: number): WatchedOperation | undefined {
    return this.#byId.get(id);
  }

  /** The last that fit, the oldest first. */
  shown(words: readonly string[]): readonly Row[] {
    return this.#rows.filter((row) => fits(row, words)).slice(-MOST_SHOWN);
  }

  /** `rows` if this operation is among them, else what was said up to it and a little after. */
  around(id: number, rows: readonly Row[]): readonly Row[] {
    if (rows.some((row) => 'op' in row && row.id === id)) return rows;
    const at = this.#rows.findIndex((row) => 'op' in row && row.id === id);
    return at < 0 ? rows : this.#rows.slice(Math.max(0, at - MOST_SHOWN / 2), at + MOST_SHOWN / 2);
  }

  /** The first -ERR after this operation; after the last one the first again. */
  nextError(after: number): number | undefined {
    const errors = this.#rows.filter(isError);
    return (errors.find(({ id }) => id > after) ?? errors[0])?.id;
  }

  #keep(row: Row): void {
    this.#rows.push(row);
    if (!('op' in row)) {
      this.missed += row.missed ?? 0;
      return;
    }
    this.#byId.set(row.id, row);
    if (!isError(row)) return;
    this.errors++;
    if (row.cause !== undefined) this.blamed.add(row.cause);
  }

  #end({ fEnd, of }: FrameEnd): void {
    const row = this.#byId.get(of);
    if (row !== undefined && row.f !== fEnd) row.fEnd = fEnd;
  }
}

export const isError = (row: Row): row is WatchedOperation => 'op' in row && row.op === '-ERR';

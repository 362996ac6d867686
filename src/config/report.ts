/**
 * One report for all that is wrong: problems and warnings are collected with their place and come out in the
 * order of the file, then of the flags and variables.
 */
import type { FileSeen } from './files.ts';
import { escapeControls } from './text.ts';

export type Problem = {
  /** `file:line:column`, or the flag (`--origin`), or the variable (`NATSGATE_LISTEN`). */
  readonly where: string;
  /** The key as the user wrote its path, such as `upstream.connectTimeout`; '' for what belongs to no key. */
  readonly key: string;
  /** `what is wrong; what to write`, without the value of any secret. */
  readonly text: string;
};

/** Where a value was written; `order` sorts places, in a file by offset. */
export type Place = { readonly where: string; readonly order: number };

/** Makes places of offsets into one file. Lines and columns count from 1, columns in UTF-16 units. */
export function placesIn(file: string, text: string): (offset: number) => Place {
  const starts = [0];
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) starts.push(at + 1);
  return (offset) => {
    let [line, after] = [0, starts.length];
    while (after - line > 1) {
      const middle = (line + after) >> 1;
      if ((starts[middle] ?? 0) <= offset) line = middle;
      else after = middle;
    }
    const column = offset - (starts[line] ?? 0);
    return { where: `${file}:${line + 1}:${column + 1}`, order: offset };
  };
}

/** Places outside the file come after it. No file is longer than this. */
export const AFTER_FILE = 1e9;

export class Report {
  readonly #problems: (Problem & { order: number })[] = [];
  readonly #warnings: (Problem & { order: number })[] = [];
  /** Every file that was looked into, also where it could not be read: a reload watches them. */
  readonly files: FileSeen[] = [];

  problem(place: Place, key: string, text: string): void {
    this.#problems.push({ where: place.where, key, text, order: place.order });
  }

  warning(place: Place, key: string, text: string): void {
    this.#warnings.push({ where: place.where, key, text, order: place.order });
  }

  get failed(): boolean {
    return this.#problems.length > 0;
  }

  get problems(): readonly Problem[] {
    return sorted(this.#problems);
  }

  get warnings(): readonly Problem[] {
    return sorted(this.#warnings);
  }
}

function sorted(found: readonly (Problem & { order: number })[]): readonly Problem[] {
  return found
    .toSorted((a, b) => a.order - b.order)
    .map(({ where, key, text }) => ({ where: escapeControls(where), key, text }));
}

/**
 * What is wrong with a configuration. The code is stable, and tests compare code and place; the text may be improved
 * at any time.
 */
import { printable } from '../printable.ts';
import type { FileSeen } from './files.ts';

export type Problem = {
  /** Stable name of the kind of problem, such as `unknown_key`. */
  readonly code: string;
  /** `file:line:column`, or the flag (`--origin`), or the variable (`NATSGATE_LISTEN`). */
  readonly where: string;
  /** The key as the user wrote its path, such as `upstream.connectTimeout`. */
  readonly key: string;
  /** `what is wrong; what to write`, without the value of any secret. */
  readonly text: string;
};

/** Where something was written. Places sort by `order`: offsets in the file, then flags and variables. */
export type Place = { readonly where: string; readonly order: number };

/** Orders places outside the file after it. No file is longer than this. */
export const AFTER_FILE = 1e9;

/** The key of problems that belong to none. */
export const WHOLE_FILE = '';

/** A file of something else entirely has thousands. */
const MAX_REPORTED = 100;

type Sorted = Problem & { readonly order: number };

export class Report {
  readonly #problems: Sorted[] = [];
  readonly #warnings: Sorted[] = [];
  /** Every file that was read, also where that failed: a reload watches them. */
  readonly files: FileSeen[] = [];

  problem(code: string, { where, order }: Place, key: string, text: string): void {
    this.#problems.push({ code, where, key, text, order });
  }

  warning(code: string, { where, order }: Place, key: string, text: string): void {
    this.#warnings.push({ code, where, key, text, order });
  }

  /** Whether this was said already, of whatever place. */
  knows(code: string, text: string): boolean {
    const isIt = (one: Problem): boolean => one.code === code && one.text === text;
    return this.#problems.some(isIt) || this.#warnings.some(isIt);
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

function sorted(found: readonly Sorted[]): readonly Problem[] {
  return found
    .toSorted((a, b) => a.order - b.order)
    .slice(0, MAX_REPORTED)
    .map(({ code, where, key, text }) => ({ code, where: printable(where), key, text }));
}

/** Warnings that no problem explains away: a misspelt variable may be the cause of the problems. */
export const urgentWarnings = (warnings: readonly Problem[]): readonly Problem[] =>
  warnings.filter(({ key }) => key === WHOLE_FILE);

/** `file:line:column: key: what is wrong; what to write`, one line whatever the input held. */
export function formatProblem({ where, key, text }: Problem): string {
  return printable([where, key, text].filter((part) => part !== '').join(': '));
}

/** What was written, in the file, by flag or by variable: plain values, and where each of them came from. */
import { type Path, pathText } from './path.ts';
import type { Place } from './problems.ts';

export type WrittenMap = { [key: string]: unknown };

/** One value as it was written. */
export type Note = {
  /** Of the value; of a map or nothing, that of the key. */
  readonly place: Place;
  readonly keyPlace?: Place | undefined;
  /** The names of the variables that its text came from: messages show these instead. */
  readonly names?: string | undefined;
};

export type Located = Note & {
  /** The path as the user wrote it: without the key that a short form implies. */
  readonly key: string;
  /** The value itself was written; otherwise this is the nearest thing around the gap. */
  readonly exact: boolean;
  /** As written; undefined where nothing was. */
  readonly value: unknown;
};

/**
 * Values are text, `null` where nothing follows the key, lists and maps (without prototype). Short forms are as the
 * user wrote them: a path in long form leads to the value that the short form has.
 */
export class Written {
  readonly root: WrittenMap = Object.create(null) as WrittenMap;
  /** Names of the variables that the file refers to. */
  readonly variables = new Set<string>();
  readonly #notes = new Map<string, Note>();

  note(path: Path, note: Note): void {
    this.#notes.set(keyOf(path), note);
  }

  /** The value under `path` came from these variables. */
  addNames(path: Path, names: string): void {
    const note = this.#notes.get(keyOf(path));
    if (note !== undefined) this.#notes.set(keyOf(path), { ...note, names });
  }

  /** Where the value under `path`, which is in long form, was written; or what is around the place where it would be. */
  locate(path: Path): Located {
    let here: unknown = this.root;
    let note = this.#notes.get(keyOf([])) ?? { place: { where: '', order: 0 } };
    const at: (string | number)[] = [];
    let exact = true;
    for (const step of path) {
      const inner: unknown = exact ? childOf(here, step) : undefined;
      // A short form: the value takes the place of its section, or of its list.
      if (inner === undefined && exact && isShortFor(here, step)) continue;
      at.push(step);
      exact &&= inner !== undefined;
      here = inner;
      note = this.#notes.get(keyOf(at)) ?? note;
    }
    // A value in a list has the key of the list, a route its number.
    const isEntry = typeof at.at(-1) === 'number' && !isMap(here);
    return { ...note, key: pathText(isEntry ? at.slice(0, -1) : at), exact, value: exact ? here : undefined };
  }
}

export const isMap = (value: unknown): value is WrittenMap =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const isShortFor = (value: unknown, step: string | number): boolean =>
  typeof value === 'string' || (Array.isArray(value) && typeof step === 'string');

function childOf(value: unknown, step: string | number): unknown {
  if (typeof step === 'number') return Array.isArray(value) ? value[step] : undefined;
  return isMap(value) && Object.hasOwn(value, step) ? value[step] : undefined;
}

const keyOf = (path: Path): string => JSON.stringify(path);

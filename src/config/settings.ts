/** A configuration by the keys of its file: what a reload compares, and reports as changed. */
import type { FileSeen } from './files.ts';
import { knownKeys } from './json-schema.ts';
import { keyAt, type Listed, listed, textAt } from './listing.ts';
import { type Path, pathText } from './path.ts';
import { isInherited } from './routes.ts';
import type { Values } from './schema.ts';
import { routeName } from './sections/route.ts';
import { plain } from './text.ts';
import { isMap, type Written } from './written.ts';

export type Setting = {
  /** Equal where the meaning is (60s and 1m); '' when there is no value. */
  readonly value: string;
  /** Digest of the file that the value names, or ''. */
  readonly content: string;
  /** As it was written, without anything that came from a variable or is in a file. */
  readonly shown: string;
  /** The entries of a list, each as it was written. */
  readonly entries?: readonly string[];
  readonly listed: Listed & {
    /** A route has it from the top. */
    readonly isInherited: boolean;
  };
};

/** By the long path of the key, such as `upstream.connectTimeout`. */
export type Settings = ReadonlyMap<string, Setting>;

export type Change = { readonly key: string; readonly from: string; readonly to: string };

/** Longer lists are described by what was added and removed. */
const MAX_LIST_LENGTH = 300;
const MAX_ENTRIES_NAMED = 5;
const INHERITED = 'as at the top';

/** Every key with its value. */
export function settingsOf(values: Values, written: Written, files: readonly FileSeen[]): Settings {
  const settings = new Map<string, Setting>();
  const add = (path: Path, preset: unknown): void => {
    const value = valueAt(values, path);
    const key = settingKey(path, values);
    settings.set(key, {
      value: value === undefined ? '' : JSON.stringify(value),
      content: contentOf(key, files),
      ...shownAs(value, path, preset, written),
      listed: isInherited(written, path)
        ? { ...inherited(path, settings), isInherited: true }
        : { ...listed(value, path, preset, written), isInherited: false },
    });
  };
  const names = values.routes.map(routeName);
  const list = `[${names.join(', ')}]`;
  const isDefault = names.length === 0;
  const at = isDefault ? undefined : written.locate(['routes']).place.where;
  settings.set('routes', {
    value: list,
    content: '',
    shown: list,
    entries: names,
    listed: { value: names, isDefault, at, isInherited: false },
  });
  for (const { path, isSection, inList, preset } of knownKeys()) {
    const [section = '', ...rest] = path.split('.');
    if (isSection || inList) continue;
    if (section !== 'routes') add([section, ...rest], preset);
    else for (const index of names.keys()) add([section, index, ...rest], preset);
  }
  return settings;
}

/** What the top says of a key of a route; it comes before the routes. */
const inherited = ([, , ...path]: Path, settings: Settings): Listed =>
  settings.get(pathText(path))?.listed ?? { value: null, isDefault: true, at: undefined };

/** Of the file that the value names, or of those that the maps in it name. */
const contentOf = (key: string, files: readonly FileSeen[]): string =>
  files
    .filter((file) => file.key === key || file.key?.startsWith(`${key}[`) === true)
    .map(({ digest }) => digest)
    .join();

const valueAt = (values: unknown, path: Path): unknown =>
  path.reduce<unknown>(
    (value, step) => (typeof value === 'object' && value !== null ? Reflect.get(value, step) : undefined),
    values,
  );

/** The key of a setting. A route is known by its name, so one that moves in the list is still the same. */
export function settingKey(path: Path, { routes }: Pick<Values, 'routes'>): string {
  const [list, index, ...rest] = path;
  const route = list === 'routes' && typeof index === 'number' ? routes[index] : undefined;
  return route === undefined ? pathText(path) : pathText([`routes[${routeName(route)}]`, ...rest]);
}

/** What differs, in the order of the keys. A route that came or went is one change, as is a key that all inherit. */
export function changesBetween(before: Settings, after: Settings): readonly Change[] {
  const changes: Change[] = [];
  for (const [key, to] of after) {
    const from = before.get(key);
    if (from === undefined || (from.value === to.value && from.content === to.content)) continue;
    if (from.shown === INHERITED && to.shown === INHERITED) continue;
    changes.push({ key, ...described(from, to) });
  }
  return changes;
}

function described(from: Setting, to: Setting): { readonly from: string; readonly to: string } {
  if (from.shown.length > MAX_LIST_LENGTH || to.shown.length > MAX_LIST_LENGTH) {
    const [before, after] = [from.entries ?? [], to.entries ?? []];
    const added = named('added', after.filter(notIn(before)));
    const removed = named('removed', before.filter(notIn(after)));
    return { from: `${before.length} entries`, to: `${after.length} entries${added}${removed}` };
  }
  // The same words for another value: a file with another content, or a variable's.
  return { from: from.shown, to: from.shown === to.shown ? `${to.shown} (new content)` : to.shown };
}

const notIn = (others: readonly string[]): ((entry: string) => boolean) => {
  const known = new Set(others);
  return (entry) => !known.has(entry);
};

function named(what: string, entries: readonly string[]): string {
  if (entries.length === 0) return '';
  const more = entries.length - MAX_ENTRIES_NAMED;
  return `; ${what} ${entries.slice(0, MAX_ENTRIES_NAMED).join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}

function shownAs(
  value: unknown,
  path: Path,
  preset: unknown,
  written: Written,
): Pick<Setting, 'shown' | 'entries'> {
  if (isInherited(written, path)) return { shown: INHERITED };
  const { exact, value: raw } = keyAt(path, written);
  if (Array.isArray(raw) && raw.some(isMap))
    return { shown: raw.length === 1 ? '1 entry' : `${raw.length} entries` };
  if (Array.isArray(value)) {
    const count = exact ? (Array.isArray(raw) ? raw.length : 1) : 0;
    const entries = Array.from({ length: count }, (_, index) => textAt([...path, index], written));
    return { shown: `[${entries.join(', ')}]`, entries };
  }
  if (exact && isMap(raw)) {
    const entries = Object.keys(raw).map((key) => `${plain(key)}: ${textAt([...path, key], written)}`);
    return { shown: `{${entries.join(', ')}}` };
  }
  if (exact && typeof raw === 'string') return { shown: textAt(path, written) };
  return {
    shown:
      preset === undefined || (value === undefined && path[1] === 'tls') ? 'none' : `${preset} (default)`,
  };
}

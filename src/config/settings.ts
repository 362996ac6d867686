/** A configuration by the keys of its file: what a reload compares, and says about what has changed. */

import { routeName } from './build.ts';
import type { FileSeen } from './files.ts';
import { KEYS, type KeyShape, ROUTE_KEYS, type Values } from './schema.ts';
import { plain } from './text.ts';
import { joined, locate, type Node } from './tree.ts';
import type { Path } from './validate.ts';

export type Setting = {
  /** Equal where the meaning is (60s and 1m); '' when there is no value. */
  readonly value: string;
  /** Digest of the file that the value names, or ''. */
  readonly content: string;
  /** As it was written, without anything that came from a variable or stands in a file. */
  readonly shown: string;
  /** The entries of a list, each as it was written. */
  readonly entries?: readonly string[];
};

/** By the long path of the key, such as `upstream.connectTimeout`. */
export type Settings = ReadonlyMap<string, Setting>;

export type Change = { readonly key: string; readonly from: string; readonly to: string };

/** Longer lists are told by what came and what went. */
const MAX_LIST_LENGTH = 300;
const MAX_ENTRIES_NAMED = 5;

/** Every key with its value; `values` are those of the schema, `root` what was written, in long form. */
export function settingsOf(values: Values, root: Node, files: readonly FileSeen[]): Settings {
  const settings = new Map<string, Setting>();
  const walk = (inner: KeyShape, value: unknown, path: Path, absent: boolean): void => {
    const isRoutes = inner.kind === 'list' && inner.item !== undefined;
    if (inner.kind === 'section') {
      for (const [key, one] of inner.keys) {
        const section = value as Record<string, unknown> | undefined;
        walk(one, section?.[key], [...path, key], section === undefined);
      }
    } else if (isRoutes) {
      const names = values.routes.map(routeName);
      const shown = `[${names.join(', ')}]`;
      settings.set(settingKey(path, values), { value: shown, content: '', shown, entries: names });
      for (const [index, route] of values.routes.entries()) walk(ROUTE_KEYS, route, [...path, index], false);
    } else {
      const key = settingKey(path, values);
      const { node, inherited } = locate(root, path);
      settings.set(key, {
        value: value === undefined ? '' : JSON.stringify(value),
        content: files.find((file) => file.key === key)?.digest ?? '',
        ...(inherited ? { shown: INHERITED } : shown(inner, node, absent)),
      });
    }
  };
  walk(KEYS, values, [], false);
  return settings;
}

/** The key of a setting. A route goes by its name, so that one that moves in the list is still the same. */
export function settingKey(path: Path, { routes }: Pick<Values, 'routes'>): string {
  return path.reduce<string>((key, step) => {
    if (typeof step === 'string') return joined(key, step);
    const route = routes[step];
    return `${key}[${route === undefined ? step : routeName(route)}]`;
  }, '');
}

const INHERITED = 'as at the top';

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

function shown(
  shape: KeyShape,
  written: Node | undefined,
  absent: boolean,
): { readonly shown: string; readonly entries?: readonly string[] } {
  if (shape.kind === 'list') {
    const entries = written?.kind === 'list' ? written.items.map(text) : [];
    return { shown: `[${entries.join(', ')}]`, entries };
  }
  if (written?.kind === 'text') return { shown: text(written) };
  const preset = shape.kind === 'value' ? shape.preset : undefined;
  return { shown: absent || preset === undefined ? 'none' : `${preset} (default)` };
}

/** What came from a variable is shown by the name of the variable. */
const text = (node: Node): string => (node.kind === 'text' ? (node.names ?? plain(node.text)) : '');

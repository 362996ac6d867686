/**
 * What was written, as a tree of places: every node knows where it stands, so that every problem can say it.
 * Short forms become long ones here, unknown keys are found, and the plain values for the schema are taken out.
 */
import type { Place, Report } from './report.ts';
import type { KeyShape } from './schema.ts';
import { strangeCharacter } from './strange-character.ts';
import { nearest } from './suggest.ts';
import { plain } from './text.ts';

export type Node =
  /** `names` stands for the text in messages when the text came from variables. */
  | {
      readonly kind: 'text';
      readonly text: string;
      readonly names: string | undefined;
      readonly place: Place;
    }
  | { readonly kind: 'empty'; readonly place: Place }
  | { readonly kind: 'list'; readonly items: readonly Node[]; readonly place: Place }
  | MapNode
  /** Something wrong stood here and is already reported; nothing more is said about it. */
  | { readonly kind: 'broken'; readonly place: Place };

export type MapNode = {
  readonly kind: 'map';
  readonly entries: readonly Entry[];
  readonly place: Place;
};

export type Entry = {
  readonly key: string;
  readonly place: Place;
  readonly value: Node;
  /** Not written by the user: put in for a short form. It does not appear in the path of a message. */
  readonly implied?: true;
  /** Stands elsewhere too, and whatever is wrong with it is said there. */
  readonly inherited?: true;
};

/** More keys than any configuration has. */
const MAX_KEYS = 2000;

/**
 * The tree in long form: `listen: x` becomes `listen: {address: x}`, and an entry where a list is due becomes a
 * list of one. Unknown and repeated keys are reported and left out.
 */
export function longForm(node: Node, shape: KeyShape, path: string, report: Report, root: KeyShape): Node {
  if (shape.kind === 'value' || node.kind === 'broken' || node.kind === 'empty') return node;
  if (shape.kind === 'list') {
    if (shape.item !== undefined) return longItems(node, shape.item, path, report, root);
    if (node.kind === 'text') return { kind: 'list', items: [node], place: node.place };
    if (node.kind === 'map') return node;
    const items = node.items.filter((item) => item.kind !== 'broken');
    // A list of nothing but broken entries is not an empty list.
    return items.length === 0 && node.items.length > 0
      ? { kind: 'broken', place: node.place }
      : { ...node, items };
  }
  if (node.kind === 'map') return knownEntries(node, shape, path, report, root);
  if (shape.short === undefined) return node;
  const inner = shape.keys.get(shape.short) ?? { kind: 'value' };
  const value = longForm(node, inner, path, report, root);
  return {
    kind: 'map',
    entries: [{ key: shape.short, place: node.place, value, implied: true }],
    place: node.place,
  };
}

/** A list of sections keeps its broken entries: each is found by its number. */
function longItems(node: Node, item: KeyShape, path: string, report: Report, root: KeyShape): Node {
  if (node.kind !== 'list') return node;
  const items = node.items.map((one, index) => longForm(one, item, numbered(path, index), report, root));
  return { ...node, items };
}

/** The values alone, in objects without prototype; broken nodes are left out. */
export function plainValue(node: Node): unknown {
  switch (node.kind) {
    case 'text':
      return node.text;
    case 'empty':
      return null;
    case 'broken':
      return undefined;
    case 'list':
      return node.items.map(plainValue);
    case 'map': {
      const object = Object.create(null) as Record<string, unknown>;
      for (const { key, value } of node.entries) {
        if (value.kind !== 'broken') object[key] = plainValue(value);
      }
      return object;
    }
  }
}

export type Located = {
  /** undefined: nothing was written there. */
  readonly node: Node | undefined;
  /** Of the node, or of the nearest node around the gap. */
  readonly place: Place;
  /** The path as the user wrote it (or would have). */
  readonly key: string;
  /** Something on the way there stands elsewhere too. */
  readonly inherited: boolean;
};

/** Finds the node under a path of keys and indexes in long form. */
export function locate(root: Node, path: readonly (string | number)[]): Located {
  let node: Node | undefined = root;
  let place = root.place;
  let key = '';
  let inherited = false;
  for (const step of path) {
    if (node?.kind === 'broken') break;
    if (typeof step === 'number') {
      node = node?.kind === 'list' ? node.items[step] : undefined;
      if (node?.kind === 'map') key = numbered(key, step);
      place = node?.place ?? place;
      continue;
    }
    const entries: readonly Entry[] = node?.kind === 'map' ? node.entries : [];
    const entry = entries.find((candidate) => candidate.key === step);
    if (entry?.implied !== true) key = joined(key, step);
    inherited ||= entry?.inherited === true;
    node = entry?.value;
    // What is missing or wrong in a map as a whole is best shown at the key above it.
    if (entry !== undefined)
      place = node?.kind === 'text' || node?.kind === 'list' ? node.place : entry.place;
  }
  return { node, place, key, inherited };
}

/** Entries are counted from 0, as tools for YAML do. */
export const numbered = (path: string, index: number): string => `${path}[${index}]`;

export function joined(path: string, key: string): string {
  return path === '' ? key : `${path}.${key}`;
}

function knownEntries(
  node: MapNode,
  shape: Extract<KeyShape, { kind: 'section' }>,
  path: string,
  report: Report,
  root: KeyShape,
): Node {
  if (node.entries.length > MAX_KEYS) {
    report.problem(node.place, path, `the map has more than ${MAX_KEYS} keys; write only known ones`);
    return { kind: 'broken', place: node.place };
  }
  const entries = new Map<string, Entry>();
  const seen = new Set<string>();
  for (const entry of node.entries) {
    const here = joined(path, plain(entry.key));
    const inner = shape.keys.get(entry.key);
    if (inner === undefined) {
      report.problem(entry.place, here, unknownKey(entry.key, shape, path, root));
    } else if (seen.has(entry.key)) {
      report.problem(entry.place, here, 'the key stands here a second time; write it once');
    } else if (!isAbsent(entry.value, inner, path)) {
      entries.set(entry.key, { ...entry, value: longForm(entry.value, inner, here, report, root) });
    }
    seen.add(entry.key);
  }
  return { ...node, entries: [...entries.values()] };
}

/** Keys are commented out one by one, until the one above them has nothing left. A route then inherits. */
function isAbsent(value: Node, shape: KeyShape, path: string): boolean {
  if (value.kind !== 'empty' || shape.kind === 'value') return false;
  return shape.optional === true || (shape.kind === 'section' && path !== '');
}

function unknownKey(
  key: string,
  shape: Extract<KeyShape, { kind: 'section' }>,
  path: string,
  root: KeyShape,
): string {
  const strange = strangeCharacter(key);
  if (strange !== undefined) return `the key holds ${strange.name}; write ${strange.write} in its place`;
  const meant = nearest(key, shape.keys.keys());
  if (meant !== undefined) return `not a known key; did you mean ${meant}?`;
  if (path !== '' && root.kind === 'section' && root.keys.has(key)) {
    return `not a key of ${path}, but of the file; write it without indentation`;
  }
  const elsewhere = pathsOf(root, '').find((known) => known.endsWith(`.${key}`));
  if (elsewhere !== undefined) return `not a known key here; did you mean ${elsewhere}?`;
  const known = [...shape.keys.keys()].join(', ');
  return `not a known key; write one of ${known}${path === '' ? '' : ` in ${path}`}, or remove it`;
}

function pathsOf(shape: KeyShape, path: string): string[] {
  if (shape.kind !== 'section') return [path];
  return [path, ...[...shape.keys].flatMap(([key, inner]) => pathsOf(inner, joined(path, key)))];
}

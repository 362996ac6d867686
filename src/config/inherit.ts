/** Routes: what one does not say itself, it has from the keys at the top. */
import { type KeyShape, ROUTE_KEYS } from './schema.ts';
import { type Entry, joined, type MapNode, type Node } from './tree.ts';

/** Most of its keys speak of its own servers. */
const WHOLE = ['upstream'];
/** At the top it counts the sessions of all routes. */
const NEVER = ['limits.sessions'];
/** Absent at the top they are missed there, and need not be missed in each route. */
const REQUIRED = ['origins', 'upstream'];

/** `root`, which is in long form, with every route complete but for the defaults. */
export function withInheritance(root: MapNode): MapNode {
  const entries = root.entries.map((entry) =>
    entry.key === 'routes' && entry.value.kind === 'list'
      ? {
          ...entry,
          value: { ...entry.value, items: entry.value.items.map((route) => inherited(route, root)) },
        }
      : entry,
  );
  return { ...root, entries };
}

function inherited(route: Node, root: MapNode): Node {
  if (route.kind !== 'map') return route;
  const filled = laidOver(root, route, ROUTE_KEYS, '');
  const absent = REQUIRED.filter((key) => !filled.entries.some((entry) => entry.key === key));
  const broken = absent.map(
    (key): Entry => ({
      key,
      place: route.place,
      value: { kind: 'broken', place: route.place },
      inherited: true,
    }),
  );
  return { ...filled, entries: [...filled.entries, ...broken] };
}

/** `own` with the keys of `shape` that only `below` has. */
function laidOver(below: MapNode, own: MapNode, shape: KeyShape, path: string): MapNode {
  if (shape.kind !== 'section') return own;
  const entries = [...own.entries];
  for (const [key, inner] of shape.keys) {
    const here = joined(path, key);
    const theirs = NEVER.includes(here) ? undefined : below.entries.find((entry) => entry.key === key);
    if (theirs === undefined) continue;
    const index = entries.findIndex((entry) => entry.key === key);
    const mine = entries[index];
    if (mine === undefined) entries.push(restricted({ ...theirs, inherited: true }, inner, here));
    else if (mine.value.kind === 'map' && theirs.value.kind === 'map' && !WHOLE.includes(here))
      entries[index] = { ...mine, value: laidOver(theirs.value, mine.value, inner, here) };
  }
  return { ...own, entries };
}

/** Without the keys that a route does not have. */
function restricted(entry: Entry, shape: KeyShape, path: string): Entry {
  if (entry.value.kind !== 'map' || shape.kind !== 'section') return entry;
  const entries = entry.value.entries.filter(
    ({ key }) => shape.keys.has(key) && !NEVER.includes(joined(path, key)),
  );
  return { ...entry, value: { ...entry.value, entries } };
}

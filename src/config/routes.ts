/** Routes: what one does not say itself, it inherits from the keys at the top. */
import type { Config } from './config.ts';
import { longForm } from './keys.ts';
import type { Path } from './path.ts';
import { SHORT_KEYS } from './schema.ts';
import { INHERITED_COMPRESSION } from './sections/compression.ts';
import { INHERITED_LIMITS } from './sections/limits.ts';
import type { RouteConfig } from './sections/route.ts';
import { isMap, type Written, type WrittenMap } from './written.ts';

/** The name of the route that the keys at the top describe. */
export const DEFAULT_ROUTE = 'default';

/** Sections whose keys are inherited one by one; undefined: all of them. The others are inherited whole, or not at all. */
const MERGED: Readonly<Record<string, readonly string[] | undefined>> = {
  origins: undefined,
  info: undefined,
  compression: INHERITED_COMPRESSION,
  limits: INHERITED_LIMITS,
};
const WHOLE = ['upstream', 'connect', 'auth', 'policy', 'inspect', 'rates'];

/** All that was written, with every route completed from the top. Nothing has been checked yet. */
export function withInheritance({ root }: Written): WrittenMap {
  const { routes } = root;
  if (!Array.isArray(routes)) return root;
  return { ...root, routes: routes.map((route) => (isMap(route) ? completed(route, root) : route)) };
}

function completed(route: WrittenMap, top: WrittenMap): WrittenMap {
  // A key without anything below it is inherited as if it were not there.
  const merged: WrittenMap = Object.fromEntries(Object.entries(route).filter(([, value]) => value !== null));
  for (const key of WHOLE) if (merged[key] === undefined && top[key] !== undefined) merged[key] = top[key];
  for (const [key, inherited] of Object.entries(MERGED)) {
    const [own, above] = [long(key, merged[key]), long(key, top[key])];
    if (!isMap(above)) merged[key] = own ?? above;
    else if (own === undefined || isMap(own)) merged[key] = { ...picked(above, inherited), ...own };
    if (merged[key] === undefined) delete merged[key];
  }
  return merged;
}

const long = (key: string, raw: unknown): unknown => longForm(raw, SHORT_KEYS[key]);

const picked = (map: WrittenMap, keys: readonly string[] | undefined): WrittenMap =>
  keys === undefined ? map : Object.fromEntries(Object.entries(map).filter(([key]) => keys.includes(key)));

/** Whether this path below `routes` has its value, or its absence, from the top; problems are reported there. */
export function isInherited(written: Written, path: Path): boolean {
  const [routes, index, section, ...rest] = path;
  if (routes !== 'routes' || typeof index !== 'number' || section === undefined) return false;
  const { value } = written.locate([routes, index, section]);
  const own = value !== undefined && value !== null;
  if (WHOLE.includes(String(section))) return !own;
  if (!Object.hasOwn(MERGED, section)) return false;
  if (!own) return true;
  return !written.locate(path).exact && written.locate([section, ...rest]).exact;
}

/** All routes, the default one first. */
export function routesOf(config: Config): readonly RouteConfig[] {
  const { origins, upstream, connect, auth, policy, compression, inspect, info, rates } = config;
  const { maxFrameBytes, maxSentFrameBytes, maxControlLineBytes, sessionAgeMs } = config.limits;
  const limits = { sessions: 0, maxFrameBytes, maxSentFrameBytes, maxControlLineBytes, sessionAgeMs };
  const maybe = {
    ...(auth === undefined ? {} : { auth }),
    ...(policy === undefined ? {} : { policy }),
    ...(rates === undefined ? {} : { rates }),
  };
  const served = { origins, upstream, connect, ...maybe, compression, inspect, info, limits };
  const first = { name: DEFAULT_ROUTE, host: undefined, path: '/', subprotocols: [], ...served };
  return [first, ...config.routes];
}

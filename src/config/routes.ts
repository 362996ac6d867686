import type { Config, RouteConfig } from './config.ts';

/** The name of the route that the keys at the top describe. */
export const DEFAULT_ROUTE = 'default';

/** All routes, the default one first. */
export function routesOf(config: Config): readonly RouteConfig[] {
  const { origins, upstream, compression, inspect, info, limits } = config;
  const served = { origins, upstream, compression, inspect, info, limits: { ...limits, sessions: 0 } };
  const first = { name: DEFAULT_ROUTE, host: undefined, path: '/', subprotocols: [], ...served };
  return [first, ...config.routes];
}

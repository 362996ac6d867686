import type { Config, RouteConfig } from './config.ts';

/** The name of the route that the keys at the top describe. */
export const DEFAULT_ROUTE = 'default';

/** All routes, the default one first. */
export function routesOf(config: Config): readonly RouteConfig[] {
  const { origins, upstream, compression, inspect, info } = config;
  const { maxFrameBytes, maxSentFrameBytes, maxControlLineBytes, sessionAgeMs } = config.limits;
  const limits = { sessions: 0, maxFrameBytes, maxSentFrameBytes, maxControlLineBytes, sessionAgeMs };
  const served = { origins, upstream, compression, inspect, info, limits };
  const first = { name: DEFAULT_ROUTE, host: undefined, path: '/', subprotocols: [], ...served };
  return [first, ...config.routes];
}

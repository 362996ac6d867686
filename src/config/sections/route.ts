import * as z from 'zod';
import type { PolicyRules } from '../../policy/rules.ts';
import { list, optional, preset, type ValuesOf } from '../keys.ts';
import { hostName, requestPath, subprotocol } from '../urls.ts';
import { type AuthConfig, auth } from './auth.ts';
import type { Check } from './check.ts';
import { type CompressionConfig, routeCompression } from './compression.ts';
import { type ConnectConfig, connect } from './connect.ts';
import { type InfoConfig, type InspectLevel, info, inspect } from './inspect.ts';
import { type RouteLimits, routeLimits } from './limits.ts';
import { origins } from './origins.ts';
import { policy } from './policy.ts';
import { type RatesConfig, rates } from './rates.ts';
import { type UpstreamConfig, upstream } from './upstream.ts';

const EXPECTED = 'its keys, at least path or host, such as path: /mqtt';

/** What a route may say otherwise than the top; `routes.ts` fills in what it does not say. */
export const route = z.strictObject(
  {
    host: optional('Name in Host that requests for this route carry; without it, any.', hostName),
    path: preset('Path that requests for this route have, compared as it is.', requestPath, '/', {
      pattern: '^/|\\$\\{',
    }),
    subprotocols: list(
      'Subprotocols that are spoken here; the first that a client offers is confirmed.',
      subprotocol,
    ),
    origins,
    upstream,
    connect,
    auth,
    policy,
    compression: routeCompression,
    inspect,
    info,
    limits: routeLimits,
    rates,
  },
  { error: (issue) => (issue.code === 'unrecognized_keys' ? undefined : EXPECTED) },
);
export type RouteValues = ValuesOf<typeof route>;

/** What a host or a path is served with. */
export type RouteConfig = Pick<RouteValues, 'host' | 'path' | 'subprotocols' | 'origins'> & {
  /**
   * `default` for the keys at the top, else host and path as they were written. It is a label, and a reload finds the
   * route by it.
   */
  readonly name: string;
  /** The very object at the top, where the route has none of its own. */
  readonly upstream: UpstreamConfig;
  readonly connect: ConnectConfig;
  /** Likewise; absent: nobody is asked who they are. */
  readonly auth?: AuthConfig;
  /** Likewise; absent: clients may say all that the server lets them. */
  readonly policy?: PolicyRules;
  readonly compression: CompressionConfig;
  readonly inspect: InspectLevel;
  readonly info: InfoConfig;
  readonly limits: RouteLimits;
  /** Absent: clients may be as fast as they can. */
  readonly rates?: RatesConfig;
};

/** Host and path as written. A path begins with a slash, so no two routes have the same name. */
export const routeName = ({ host = '', path }: Pick<RouteValues, 'host' | 'path'>): string =>
  `${host}${path}`;

/** A route must differ from the default one and from those `before` it. */
export function checkRoutePlace(
  { host, path }: RouteValues,
  before: readonly RouteValues[],
  { problem, written }: Check,
): void {
  const key = written(['host'], ['path']);
  if (host === undefined && path === '/') {
    problem(
      'route_is_default',
      key,
      'the keys at the top already serve path /; give this route another path, or a host',
    );
  } else if (before.some((other) => other.host === host && other.path === path)) {
    problem(
      'route_repeated',
      key,
      'a route before this one has the same host and path; write another, or one route',
    );
  }
}

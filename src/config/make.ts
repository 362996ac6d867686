/** From checked values to the configuration as the gateway reads it: names with units, one frozen object. */
import type { Config } from './config.ts';
import { resolveFrom } from './files.ts';
import type { References, UpstreamReferences } from './references.ts';
import type { Values } from './schema.ts';
import { adminConfig } from './sections/admin.ts';
import { compressionConfig } from './sections/compression.ts';
import { drainConfig } from './sections/drain.ts';
import { infoConfig, inspectLevel } from './sections/inspect.ts';
import { limitsConfig, routeLimitsConfig } from './sections/limits.ts';
import { listenConfig } from './sections/listen.ts';
import { type RouteValues, routeName } from './sections/route.ts';
import { timeoutsConfig } from './sections/timeouts.ts';
import { upstreamConfig } from './sections/upstream.ts';

export function makeConfig(values: Values, references: References, file: string | undefined): Config {
  const resolve = (name: string): string => resolveFrom(file, name);
  const { concurrency } = values.compression;
  const served = (one: Served, references: UpstreamReferences) => ({
    origins: one.origins,
    upstream: upstreamConfig(one.upstream, references, resolve),
    compression: compressionConfig(one.compression, concurrency),
    inspect: inspectLevel(one),
    info: infoConfig(one.info),
  });
  const top = served(values, references.upstream);
  return frozen<Config>({
    listen: listenConfig(values.listen, references.material, resolve),
    admin: adminConfig(values.admin, references.token),
    engine: values.engine,
    ...top,
    limits: limitsConfig(values.limits),
    timeouts: timeoutsConfig(values.timeouts),
    drain: drainConfig(values.drain),
    log: values.log,
    routes: values.routes.map((route, index) => {
      const own = references.routes[index];
      const made = served(route, own ?? references.upstream);
      return {
        name: routeName(route),
        host: route.host,
        path: route.path,
        subprotocols: route.subprotocols,
        ...made,
        upstream: own === undefined ? top.upstream : made.upstream,
        limits: routeLimitsConfig(route.limits),
      };
    }),
  });
}

type Served = Pick<RouteValues, 'origins' | 'upstream' | 'compression' | 'inspect' | 'info'>;

function frozen<T>(value: T): T {
  if (typeof value === 'object' && value !== null) {
    for (const inner of Object.values(value)) frozen(inner);
    Object.freeze(value);
  }
  return value;
}

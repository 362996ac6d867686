/** From checked values to the configuration as the gateway reads it: names with units, one frozen object. */
import type { Config } from './config.ts';
import type { Path } from './path.ts';
import type { Values } from './schema.ts';
import { adminConfig } from './sections/admin.ts';
import { authConfig } from './sections/auth.ts';
import { capturesConfig } from './sections/captures.ts';
import type { Files } from './sections/check.ts';
import { compressionConfig } from './sections/compression.ts';
import { connectConfig } from './sections/connect.ts';
import { drainConfig } from './sections/drain.ts';
import { infoConfig, inspectLevel } from './sections/inspect.ts';
import { limitsConfig, routeLimitsConfig } from './sections/limits.ts';
import { listenConfig } from './sections/listen.ts';
import { policyConfig } from './sections/policy.ts';
import { ratesConfig } from './sections/rates.ts';
import { type RouteValues, routeName } from './sections/route.ts';
import { timeoutsConfig } from './sections/timeouts.ts';
import { upstreamConfig } from './sections/upstream.ts';

/** `inherits`: the route with this number has this section of the top. What is wrong with a file is in the report. */
export async function makeConfig(
  values: Values,
  inherits: (route: number, section: 'upstream' | 'connect' | 'auth' | 'policy' | 'rates') => boolean,
  filesAt: (below: Path) => Files,
): Promise<Config> {
  const { concurrency } = values.compression;
  const served = (one: Served) => ({
    origins: one.origins,
    compression: compressionConfig(one.compression, concurrency),
    inspect: inspectLevel(one),
    info: infoConfig(one.info),
  });
  const files = filesAt([]);
  const listen = await listenConfig(values.listen, files);
  const upstream = await upstreamConfig(values.upstream, files);
  const connect = await connectConfig(values.connect, files);
  const auth = await authConfig(values.auth, files);
  const policy = policyConfig(values.policy);
  const rates = ratesConfig(values.rates);
  const admin = await adminConfig(values.admin, files);
  const routes: Config['routes'][number][] = [];
  for (const [index, route] of values.routes.entries()) {
    const own = filesAt(['routes', index]);
    const allowed = inherits(index, 'policy') ? policy : policyConfig(route.policy);
    const asked = inherits(index, 'auth') ? auth : await authConfig(route.auth, own);
    const limited = inherits(index, 'rates') ? rates : ratesConfig(route.rates);
    routes.push({
      name: routeName(route),
      host: route.host,
      path: route.path,
      subprotocols: route.subprotocols,
      ...served(route),
      upstream: inherits(index, 'upstream') ? upstream : await upstreamConfig(route.upstream, own),
      connect: inherits(index, 'connect') ? connect : await connectConfig(route.connect, own),
      ...(asked === undefined ? {} : { auth: asked }),
      ...(allowed === undefined ? {} : { policy: allowed }),
      limits: routeLimitsConfig(route.limits),
      ...(limited === undefined ? {} : { rates: limited }),
    });
  }
  return frozen<Config>({
    listen,
    admin,
    engine: values.engine,
    ...served(values),
    upstream,
    connect,
    ...(auth === undefined ? {} : { auth }),
    ...(policy === undefined ? {} : { policy }),
    limits: limitsConfig(values.limits),
    ...(rates === undefined ? {} : { rates }),
    timeouts: timeoutsConfig(values.timeouts),
    drain: drainConfig(values.drain),
    captures: capturesConfig(values.captures, files),
    log: values.log,
    routes,
  });
}

type Served = Pick<
  RouteValues,
  'origins' | 'upstream' | 'connect' | 'auth' | 'policy' | 'compression' | 'inspect' | 'info' | 'rates'
>;

function frozen<T>(value: T): T {
  if (typeof value === 'object' && value !== null) {
    for (const inner of Object.values(value)) frozen(inner);
    Object.freeze(value);
  }
  return value;
}

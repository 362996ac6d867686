/** What keys must be in relation to one another. Every single value is right by now. */
import type { Path } from './path.ts';
import type { Report } from './problems.ts';
import { isInherited } from './routes.ts';
import type { Values } from './schema.ts';
import { checkAdmin } from './sections/admin.ts';
import { checkAuth } from './sections/auth-check.ts';
import { checkCaptures } from './sections/captures.ts';
import type { Check } from './sections/check.ts';
import { checkCompression } from './sections/compression.ts';
import { checkConnect } from './sections/connect-check.ts';
import { checkDrain } from './sections/drain.ts';
import { checkInspect } from './sections/inspect.ts';
import { checkFrameBytes, checkLimits } from './sections/limits.ts';
import { checkListen } from './sections/listen.ts';
import { checkOrigins } from './sections/origins.ts';
import { checkPolicy } from './sections/policy-check.ts';
import { checkRates } from './sections/rates.ts';
import { checkRoutePlace, type RouteValues } from './sections/route.ts';
import { checkTimeouts } from './sections/timeouts.ts';
import { checkUpstream } from './sections/upstream.ts';
import { quote } from './text.ts';
import type { Written } from './written.ts';

export function checkRelations(values: Values, written: Written, report: Report): void {
  const top = checkAt([], written, report);
  checkListen(
    values.listen,
    values.admin.address,
    values.routes.map(({ path }) => path),
    top,
  );
  checkAdmin(values.admin, top);
  checkTimeouts(values.timeouts, top);
  checkDrain(values.drain, values.timeouts.close, top);
  checkCaptures(values.captures, top);
  checkLimits(
    values.limits,
    [values, ...values.routes].some(({ auth }) => auth !== undefined),
    top,
  );
  checkServed(values, { ...values, host: undefined, subprotocols: [] }, top);
  for (const [index, route] of values.routes.entries()) {
    const check = checkAt(['routes', index], written, report);
    checkServed(values, route, check);
    checkRoutePlace(route, values.routes.slice(0, index), check);
  }
}

type Served = Pick<
  RouteValues,
  | 'host'
  | 'subprotocols'
  | 'origins'
  | 'upstream'
  | 'connect'
  | 'auth'
  | 'policy'
  | 'inspect'
  | 'info'
  | 'compression'
  | 'rates'
> & {
  readonly limits: Pick<RouteValues['limits'], 'frameBytes' | 'sentFrameBytes'>;
};

/** What a route is served with. */
function checkServed({ listen, timeouts }: Values, route: Served, check: Check): void {
  checkOrigins(route.origins, listen.hosts.length > 0 || route.host !== undefined, check);
  checkUpstream(route.upstream, timeouts.handshake, check);
  checkConnect(route.connect, route, check);
  checkAuth(route.auth, { ...route, handshakeMs: timeouts.handshake }, check);
  checkPolicy(route.policy, route.auth, check);
  checkInspect(route, check);
  checkRates(route.rates, route.auth !== undefined, check);
  checkCompression(route.compression, route.limits, check);
  checkFrameBytes(route.limits, route.upstream.servers[0]?.opaque === true, check);
}

/** For the part of the configuration `below` this path. */
export function checkAt(below: Path, written: Written, report: Report): Check {
  const at = (path: Path): Path => [...below, ...path];
  const isWritten = (path: Path): boolean => written.locate(at(path)).exact;
  const say =
    (level: 'problem' | 'warning') =>
    (code: string, path: Path, text: string): void => {
      // What a route inherits was judged at the top. It may contradict what only the route has, though.
      if (isInherited(written, at(path)) && report.knows(code, text)) return;
      const { place, key } = written.locate(at(path));
      report[level](code, place, key, text);
    };
  return {
    problem: say('problem'),
    warning: say('warning'),
    isWritten,
    shown: (path, text) => written.locate(at(path)).names ?? quote(text),
    written: (first, second) => (isWritten(first) ? first : second),
  };
}

/** What a reload leaves as it is until a restart; everything else can change while the gateway runs. */
import type { Config, ServerTls } from './config.ts';
import type { Change, Settings } from './settings.ts';

const CERTIFICATE = 'listen.tls.certFile';
const CLIENT_CA = 'listen.tls.clientCaFile';
const ADMIN_CERTIFICATE = 'admin.tls.certFile';

/**
 * `values`: sockets that listen stay where they are, ws takes the number of its zlib threads once, and the
 * files of captures are found at the start. `switches`: Node
 * decides when it makes the server whether there is TLS, and whether clients are asked for certificates, and the probes
 * of a running pod keep the scheme that they began with; another value reloads. The chart rolls its pods by the same list (scripts/chart/facts.ts).
 */
export const RESTART_KEYS = {
  values: ['listen.address', 'admin.address', 'compression.concurrency', 'captures.directory'],
  switches: [CERTIFICATE, CLIENT_CA, ADMIN_CERTIFICATE],
} as const satisfies Record<string, readonly string[]>;

/** Those of the changes that a running process cannot make. */
export function needRestart(
  changes: readonly Change[],
  before: Settings,
  after: Settings,
): readonly Change[] {
  const isSet = (settings: Settings, key: string): boolean => settings.get(key)?.value !== '';
  const isSwitched = (key: string): boolean => isSet(before, key) !== isSet(after, key);
  const fixed: readonly string[] = RESTART_KEYS.values;
  const sections = [CERTIFICATE, ADMIN_CERTIFICATE].filter(isSwitched).map(sectionOf);
  // When client certificates are switched on or off, the server's certificate is still renewed.
  const one = isSwitched(CLIENT_CA) ? CLIENT_CA : undefined;
  return changes.filter(
    ({ key }) => fixed.includes(key) || key === one || sections.some((switched) => key.startsWith(switched)),
  );
}

/** With the dot at its end. */
const sectionOf = (key: string): string => key.slice(0, key.lastIndexOf('.') + 1);

/** `next` with what waits for a restart as it is in `running`: the very same objects. */
export function runnable(next: Config, running: Config, waiting: readonly Change[]): Config {
  const waits = (key: string): boolean => waiting.some((change) => change.key === key);
  const tls = waits(CERTIFICATE)
    ? running.listen.tls
    : waits(CLIENT_CA)
      ? withAuthoritiesOf(running.listen.tls, next.listen.tls)
      : next.listen.tls;
  const { concurrency } = running.compression;
  return {
    ...next,
    listen: { ...next.listen, address: running.listen.address, tls },
    admin: {
      ...next.admin,
      address: running.admin.address,
      tls: waits(ADMIN_CERTIFICATE) ? running.admin.tls : next.admin.tls,
    },
    compression: { ...next.compression, concurrency },
    captures: { ...next.captures, directory: running.captures.directory },
    routes: next.routes.map((route) => ({
      ...route,
      compression: { ...route.compression, concurrency },
    })),
  };
}

/** The certificate of `next`, and of clients what is asked now. */
function withAuthoritiesOf(
  running: ServerTls | undefined,
  next: ServerTls | undefined,
): ServerTls | undefined {
  if (running === undefined || next === undefined) return running;
  const { cert, key } = next.material().pem;
  const { ca } = running.material().pem;
  const material = {
    pem: { ...(cert && { cert }), ...(key && { key }), ...(ca && { ca }) },
    chainEndsAt: next.material().chainEndsAt,
    authoritiesEndAt: running.material().authoritiesEndAt,
  };
  return { ...next, clientCaFile: running.clientCaFile, material: () => material };
}

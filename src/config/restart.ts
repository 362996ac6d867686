/** What a reload leaves as it is until a restart; everything else can change while the gateway runs. */
import type { Config } from './config.ts';
import type { Change, Settings } from './settings.ts';

/**
 * `values`: sockets that listen stay where they are, and ws takes the number of its zlib threads once. `switches`: Node
 * decides when it makes the server whether there is TLS, and whether clients are asked for certificates; another value
 * reloads. The chart rolls its pods by the same list (scripts/chart/facts.ts).
 */
export const RESTART_KEYS = {
  values: ['listen.address', 'admin.address', 'compression.concurrency'],
  switches: ['listen.tls.certFile', 'listen.tls.clientCaFile'],
} as const satisfies Record<string, readonly string[]>;

/** Those of the changes that a running process cannot make. */
export function needRestart(
  changes: readonly Change[],
  before: Settings,
  after: Settings,
): readonly Change[] {
  const isSet = (settings: Settings, key: string): boolean => settings.get(key)?.value !== '';
  const fixed: readonly string[] = RESTART_KEYS.values;
  const switched = RESTART_KEYS.switches.some((key) => isSet(before, key) !== isSet(after, key));
  return changes.filter(({ key }) => fixed.includes(key) || (switched && key.startsWith('listen.tls.')));
}

/** `next` with what waits for a restart as it is in `running`: the very same objects. */
export function runnable(next: Config, running: Config, waiting: readonly Change[]): Config {
  const tls = waiting.some(({ key }) => key.startsWith('listen.tls.')) ? running.listen.tls : next.listen.tls;
  const { concurrency } = running.compression;
  return {
    ...next,
    listen: { ...next.listen, address: running.listen.address, tls },
    admin: { ...next.admin, address: running.admin.address },
    compression: { ...next.compression, concurrency },
    routes: next.routes.map((route) => ({
      ...route,
      compression: { ...route.compression, concurrency },
    })),
  };
}

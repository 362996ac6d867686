import { knownKeys } from '../../src/config/json-schema.ts';
import { RESTART_KEYS } from '../../src/config/restart.ts';

/**
 * The text of files/gateway.json: what templates must know of the gateway, so that no list of it is written twice.
 * `restart.values`: keys whose change needs a restart; `restart.switches`: keys that need one when they come or go.
 */
export function factsText(): string {
  const presets = knownKeys().filter(
    ({ path, inList, preset }) =>
      typeof preset !== 'object' && !inList && !path.startsWith('routes.') && preset !== undefined,
  );
  const defaults = Object.fromEntries(presets.map(({ path, preset }) => [path, String(preset)]));
  return `${JSON.stringify({ defaults, restart: RESTART_KEYS }, undefined, 2)}\n`;
}

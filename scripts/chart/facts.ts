import { RESTART_KEYS } from '../../src/config/restart.ts';
import { KEYS, type KeyShape } from '../../src/config/schema.ts';

/**
 * The text of files/gateway.json: what templates must know of the gateway, so that no list of it is written twice.
 * `restart.values`: keys whose change needs a restart; `restart.switches`: keys that need one when they come or go.
 */
export function factsText(): string {
  const facts = { defaults: Object.fromEntries(presets(KEYS, '')), restart: RESTART_KEYS };
  return `${JSON.stringify(facts, undefined, 2)}\n`;
}

function presets(shape: KeyShape, path: string): [string, string][] {
  if (shape.kind === 'value') return shape.preset === undefined ? [] : [[path, shape.preset]];
  if (shape.kind !== 'section') return [];
  return [...shape.keys].flatMap(([key, inner]) => presets(inner, path === '' ? key : `${path}.${key}`));
}

import { createHash } from 'node:crypto';
import type { Config } from './config.ts';

/** Eight hex digits that change with the configuration. The token is left out: a short hash could be searched. */
export function fingerprint(config: Config): string {
  const visible = { ...config, admin: { ...config.admin, token: undefined } };
  return createHash('sha256').update(JSON.stringify(visible)).digest('hex').slice(0, 8);
}

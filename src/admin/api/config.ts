import { json, refuse } from '../../private-http/answer.ts';
import type { Routes } from '../../private-http/exchange.ts';

export type ConfigSource = {
  /** What runs, to be shown as it is; undefined: there is nothing that it was read from. */
  configuration(): object | undefined;
};

/** /api/config: every key of the running configuration, and where it was written. */
export function addConfig(routes: Routes, source: ConfigSource): void {
  routes.get('/api/config', (exchange) => {
    const configuration = source.configuration();
    return configuration === undefined
      ? refuse(exchange, 501, 'no_source', 'this gateway was given its configuration as an object.')
      : json(exchange, configuration);
  });
}

import { json, refuse } from '../../private-http/answer.ts';
import type { Routes } from '../../private-http/exchange.ts';

export type ReloadSource = {
  /** What became of it, to be shown as it is; undefined: there is nothing to reload from. */
  reload(trigger: 'api'): Promise<{ readonly outcome: string } | undefined>;
};

/** /api/reload: reads the configuration again. */
export function addReload(routes: Routes, source: ReloadSource): void {
  routes.post('/api/reload', async (exchange) => {
    const report = await source.reload('api');
    if (report === undefined)
      return refuse(exchange, 501, 'no_source', 'this gateway has nothing to reload from.');
    return json(exchange, report, { status: report.outcome === 'refused' ? 422 : 200 });
  });
}

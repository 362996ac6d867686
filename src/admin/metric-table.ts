import { CLIENT_METRICS } from './table/clients.ts';
import { GATEWAY_METRICS } from './table/gateway.ts';
import { INSPECTION_METRICS } from './table/inspection.ts';
import type { Metric } from './table/metric.ts';
import { TOKEN_METRICS } from './table/tokens.ts';
import { TRAFFIC_METRICS } from './table/traffic.ts';
import { UPSTREAM_METRICS } from './table/upstreams.ts';

/** All metrics but the histograms. Label values are closed sets, so the number of series never follows clients. */
export const METRICS: readonly Metric[] = [
  ...CLIENT_METRICS,
  ...TOKEN_METRICS,
  ...TRAFFIC_METRICS,
  ...UPSTREAM_METRICS,
  ...INSPECTION_METRICS,
  ...GATEWAY_METRICS,
];

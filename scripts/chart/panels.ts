/** What a panel of the dashboard is, and the parts that queries share. */
export type Query = readonly [expr: string, legend: string];
export type Panel = {
  readonly title: string;
  readonly about: string;
  readonly unit: string;
  readonly kind?: 'timeseries' | 'stat' | 'heatmap' | 'table';
  readonly width?: number;
  /** Asked once for the end of the time range, not for each point of it: for ranges of weeks, and for tables. */
  readonly instant?: true;
  readonly queries: readonly Query[];
};
export type Row = { readonly title: string; readonly open?: true; readonly panels: readonly Panel[] };

/** Matchers of recorded series, which have no instance; with it, those of all others. */
export const RECORDED = 'cluster=~"$cluster",namespace=~"$namespace",job=~"$job"';
export const SERIES = `${RECORDED},instance=~"$instance"`;

export const gauge = (metric: string, more = ''): string =>
  `${metric}{${SERIES}${more === '' ? '' : `,${more}`}}`;
export const rate = (metric: string, more = ''): string => `rate(${gauge(metric, more)}[$__rate_interval])`;
export const increase = (metric: string, more = '', range = '$__rate_interval'): string =>
  `increase(${gauge(metric, more)}[${range}])`;

/** One line for each pod. */
export const byPod = (expr: string): Query[] => [[expr, '{{pod}}']];
/** The sum over all pods for each value of these labels. */
export const sumBy = (labels: readonly string[], expr: string): Query[] => [
  [`sum by (${labels.join(', ')}) (${expr})`, labels.map((label) => `{{${label}}}`).join(' ')],
];
export const quantiles = (metric: string): Query[] =>
  [0.5, 0.95, 0.99].map((q) => [
    `histogram_quantile(${q}, sum by (le) (${rate(`${metric}_bucket`)}))`,
    `p${q * 100}`,
  ]);
export const heat = (metric: string): Query[] => sumBy(['le'], rate(`${metric}_bucket`));

/** Outcomes of handshakes that a healthy gateway would have accepted, and with those that it has. */
export const FAULTS = 'outcome=~"over_capacity|authorizer_unavailable|upstream_[a-z_]+|internal_error"';
export const ANSWERED =
  'outcome=~"accepted|draining|over_capacity|authorizer_unavailable|upstream_[a-z_]+|internal_error"';

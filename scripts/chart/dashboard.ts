/**
 * The Grafana dashboard, from a table of panels: what is the same for all of them (selectors, sizes, ids) is said
 * once. `scripts/write-schema.ts` writes it; test/helm/dashboard.test.ts looks at the result.
 */
type Query = readonly [expr: string, legend: string];
type Panel = {
  readonly title: string;
  readonly about: string;
  readonly unit: string;
  readonly kind?: 'timeseries' | 'stat' | 'heatmap' | 'table';
  readonly width?: number;
  readonly queries: readonly Query[];
};
type Row = { readonly title: string; readonly panels: readonly Panel[] };

/** Stands in each query; becomes the matchers of the variables. */
const S = 'cluster=~"$cluster",namespace=~"$namespace",job=~"$job",instance=~"$instance"';
const RATE = '$__rate_interval';
const rate = (metric: string, more = '') => `rate(${metric}{${S}${more === '' ? '' : `,${more}`}}[${RATE}])`;
const quantiles = (metric: string): Query[] =>
  [0.5, 0.95, 0.99].map((q) => [
    `histogram_quantile(${q}, sum by (le) (${rate(`${metric}_bucket`)}))`,
    `p${q * 100}`,
  ]);
const heat = (metric: string): Query[] => [[`sum by (le) (${rate(`${metric}_bucket`)})`, '{{le}}']];
const FAULTS = 'outcome=~"over_capacity|upstream_[a-z_]+|internal_error|authorizer_unavailable"';
const CLIENT_FAULTS_LEFT_OUT =
  'outcome=~"accepted|draining|over_capacity|upstream_[a-z_]+|internal_error|authorizer_unavailable"';

const ROWS: readonly Row[] = [
  {
    title: 'Overview',
    panels: [
      {
        title: 'Ready pods',
        about: 'Pods that welcome new sessions.',
        unit: 'short',
        kind: 'stat',
        width: 4,
        queries: [[`sum(natsgate_ready{${S}})`, 'ready']],
      },
      {
        title: 'Sessions',
        about: 'Open WebSocket sessions.',
        unit: 'short',
        kind: 'stat',
        width: 4,
        queries: [[`sum(natsgate_connections_active{${S}})`, 'sessions']],
      },
      {
        title: 'Taken',
        about: 'Share of the session limit that is taken.',
        unit: 'percentunit',
        kind: 'stat',
        width: 4,
        queries: [
          [`sum(natsgate_connections_active{${S}}) / (sum(natsgate_connections_limit{${S}}) > 0)`, 'taken'],
        ],
      },
      {
        title: 'Handshakes that succeed',
        about: 'Of those that a healthy gateway would accept.',
        unit: 'percentunit',
        kind: 'stat',
        width: 4,
        queries: [
          [
            `1 - sum(${rate('natsgate_handshakes_total', FAULTS)}) / (sum(${rate('natsgate_handshakes_total', CLIENT_FAULTS_LEFT_OUT)}) > 0)`,
            'success',
          ],
        ],
      },
      {
        title: 'Ends',
        about: 'Sessions that end, for any reason.',
        unit: 'ops',
        kind: 'stat',
        width: 4,
        queries: [[`sum(${rate('natsgate_sessions_closed_total')})`, 'ends']],
      },
      {
        title: 'Throughput',
        about: 'NATS bytes carried, both ways.',
        unit: 'Bps',
        kind: 'stat',
        width: 4,
        queries: [[`sum(${rate('natsgate_transfer_bytes_total')})`, 'bytes']],
      },
      {
        title: 'Versions',
        about: 'What runs where.',
        unit: 'short',
        kind: 'table',
        width: 24,
        queries: [[`natsgate_build_info{${S}}`, '{{pod}}']],
      },
    ],
  },
  {
    title: 'Handshakes',
    panels: [
      {
        title: 'Handshakes by outcome',
        about: 'Every outcome is explained in docs/close-reasons.md.',
        unit: 'ops',
        width: 12,
        queries: [[`sum by (outcome) (${rate('natsgate_handshakes_total')}) > 0`, '{{outcome}}']],
      },
      {
        title: 'Handshake latency',
        about: 'From the connection to the answer, accepted or refused.',
        unit: 's',
        width: 12,
        queries: quantiles('natsgate_handshake_duration_seconds'),
      },
      {
        title: 'Handshake latency, heatmap',
        about: 'The same as a distribution.',
        unit: 's',
        kind: 'heatmap',
        width: 12,
        queries: heat('natsgate_handshake_duration_seconds'),
      },
      {
        title: 'TLS handshakes that fail',
        about: 'Only where TLS ends in the pod.',
        unit: 'ops',
        width: 6,
        queries: [
          [`sum by (outcome) (${rate('natsgate_tls_handshakes_total', 'outcome!="ok"')})`, '{{outcome}}'],
        ],
      },
      {
        title: 'HTTP answers',
        about: 'Answers other than 101.',
        unit: 'ops',
        width: 6,
        queries: [[`sum by (code) (${rate('natsgate_http_requests_total')}) > 0`, '{{code}}']],
      },
    ],
  },
  {
    title: 'Sessions',
    panels: [
      {
        title: 'Sessions of each pod',
        about: 'Scaling out moves no session that is open.',
        unit: 'short',
        width: 8,
        queries: [[`natsgate_connections_active{${S}}`, '{{instance}}']],
      },
      {
        title: 'Sessions that open and end',
        about: 'A gap between both is growth.',
        unit: 'ops',
        width: 8,
        queries: [
          [`sum(${rate('natsgate_handshakes_total', 'outcome="accepted"')})`, 'open'],
          [`sum(${rate('natsgate_sessions_closed_total')})`, 'end'],
        ],
      },
      {
        title: 'Ends by reason',
        about: 'Who ended them and why, see docs/close-reasons.md.',
        unit: 'ops',
        width: 8,
        queries: [
          [
            `sum by (initiator, reason) (${rate('natsgate_sessions_closed_total')}) > 0`,
            '{{initiator}} {{reason}}',
          ],
        ],
      },
      {
        title: 'Close codes',
        about: 'Close frames sent and received.',
        unit: 'ops',
        width: 8,
        queries: [
          [`sum by (direction, code) (${rate('natsgate_close_frames_total')}) > 0`, '{{direction}} {{code}}'],
        ],
      },
      {
        title: 'Length of sessions',
        about: 'Of those that ended.',
        unit: 's',
        kind: 'heatmap',
        width: 8,
        queries: heat('natsgate_session_duration_seconds'),
      },
      {
        title: 'Oldest session',
        about: 'Age of the session that has been open longest.',
        unit: 's',
        width: 8,
        queries: [[`time() - natsgate_session_oldest_start_timestamp_seconds{${S}}`, '{{instance}}']],
      },
    ],
  },
  {
    title: 'Traffic',
    panels: [
      {
        title: 'Bytes',
        about: 'NATS bytes in each direction.',
        unit: 'Bps',
        width: 6,
        queries: [[`sum by (direction) (${rate('natsgate_transfer_bytes_total')})`, '{{direction}}']],
      },
      {
        title: 'Frames',
        about: 'WebSocket frames by opcode.',
        unit: 'ops',
        width: 6,
        queries: [
          [`sum by (direction, opcode) (${rate('natsgate_frames_total')}) > 0`, '{{direction}} {{opcode}}'],
        ],
      },
      {
        title: 'Mean frame',
        about: 'Bytes of a binary frame.',
        unit: 'bytes',
        width: 6,
        queries: [
          [
            `sum by (direction) (${rate('natsgate_transfer_bytes_total')}) / (sum by (direction) (${rate('natsgate_frames_total', 'opcode="binary"')}) > 0)`,
            '{{direction}}',
          ],
        ],
      },
      {
        title: 'Wire to payload',
        about: 'Below 1 is what compression saves, above it what framing costs.',
        unit: 'percentunit',
        width: 6,
        queries: [
          [
            `sum by (direction) (${rate('natsgate_wire_bytes_total')}) / (sum by (direction) (${rate('natsgate_transfer_bytes_total')}) > 0)`,
            '{{direction}}',
          ],
        ],
      },
      {
        title: 'Ping round trip',
        about: 'WebSocket ping to pong: the network between gateway and client.',
        unit: 's',
        width: 12,
        queries: quantiles('natsgate_ping_rtt_seconds'),
      },
      {
        title: 'Refused input',
        about: 'Frames and messages that were refused.',
        unit: 'ops',
        width: 12,
        queries: [[`sum by (reason) (${rate('natsgate_rejected_messages_total')})`, '{{reason}}']],
      },
    ],
  },
  {
    title: 'Backpressure',
    panels: [
      {
        title: 'Paused sessions',
        about: 'Side upstream: slow clients. Side client: a slow server.',
        unit: 'short',
        width: 8,
        queries: [[`sum by (side) (natsgate_backpressure_paused_sessions{${S}})`, '{{side}}']],
      },
      {
        title: 'Pauses',
        about: 'Times that reading was paused.',
        unit: 'ops',
        width: 8,
        queries: [[`sum by (side) (${rate('natsgate_backpressure_pauses_total')})`, '{{side}}']],
      },
      {
        title: 'Buffered bytes',
        about: 'Bytes waiting in the process.',
        unit: 'bytes',
        width: 8,
        queries: [[`sum by (side) (natsgate_buffered_bytes{${S}})`, '{{side}}']],
      },
    ],
  },
  {
    title: 'Upstream',
    panels: [
      {
        title: 'Dials by outcome',
        about: 'TCP connects to nats-server.',
        unit: 'ops',
        width: 8,
        queries: [[`sum by (outcome) (${rate('natsgate_upstream_connects_total')})`, '{{outcome}}']],
      },
      {
        title: 'Dial time',
        about: 'Of a TCP connect.',
        unit: 's',
        width: 8,
        queries: quantiles('natsgate_upstream_connect_duration_seconds'),
      },
      {
        title: 'Time to INFO',
        about: 'From the connect to the first byte.',
        unit: 's',
        width: 8,
        queries: quantiles('natsgate_upstream_first_byte_seconds'),
      },
      {
        title: 'Connections by server',
        about: 'Connections to nats-server that carry a session; together equal to the sessions.',
        unit: 'short',
        width: 8,
        queries: [[`sum by (server) (natsgate_upstream_connections_active{${S}})`, '{{server}}']],
      },
      {
        title: 'Servers that are chosen',
        about:
          'Pods that place new sessions on the server by choice; below their number, some find it unhealthy.',
        unit: 'short',
        width: 8,
        queries: [[`sum by (server) (natsgate_upstream_healthy{${S}})`, '{{server}}']],
      },
      {
        title: 'Attempts that fail',
        about: 'Of a connect up to INFO, by server.',
        unit: 'ops',
        width: 8,
        queries: [
          [
            `sum by (server, outcome) (${rate('natsgate_upstream_dials_total', 'outcome!="ok"')}) > 0`,
            '{{server}} {{outcome}}',
          ],
        ],
      },
      {
        title: '-ERR of nats-server',
        about: 'In inspected sessions (inspect: observe or enforce), by kind.',
        unit: 'ops',
        width: 12,
        queries: [[`sum by (kind) (${rate('natsgate_nats_errors_total')})`, '{{kind}}']],
      },
      {
        title: 'Lame ducks',
        about: 'Notices of servers that are about to leave.',
        unit: 'short',
        width: 12,
        queries: [[`sum by (server) (increase(natsgate_nats_lame_duck_total{${S}}[${RATE}]))`, '{{server}}']],
      },
    ],
  },
  {
    title: 'Runtime',
    panels: [
      {
        title: 'CPU',
        about: 'Cores in use.',
        unit: 'short',
        width: 8,
        queries: [[rate('process_cpu_seconds_total'), '{{instance}}']],
      },
      {
        title: 'Memory',
        about: 'Resident, heap and outside the heap (socket buffers).',
        unit: 'bytes',
        width: 8,
        queries: [
          [`process_resident_memory_bytes{${S}}`, 'resident {{instance}}'],
          [`nodejs_heap_size_used_bytes{${S}}`, 'heap {{instance}}'],
          [`nodejs_external_memory_bytes{${S}}`, 'external {{instance}}'],
        ],
      },
      {
        title: 'Garbage collection',
        about: 'Share of time.',
        unit: 'percentunit',
        width: 8,
        queries: [
          [`sum by (instance, kind) (${rate('nodejs_gc_duration_seconds_sum')})`, '{{instance}} {{kind}}'],
        ],
      },
      {
        title: 'Event loop, busy',
        about: 'Share of time; at 1 every session waits.',
        unit: 'percentunit',
        width: 8,
        queries: [[`natsgate_eventloop_utilization_ratio{${S}}`, '{{instance}}']],
      },
      {
        title: 'Event loop, late',
        about: '99th percentile of the last 10 s.',
        unit: 's',
        width: 8,
        queries: [[`natsgate_eventloop_delay_p99_seconds{${S}}`, '{{instance}}']],
      },
      {
        title: 'File descriptors',
        about: 'Open, of those that are allowed.',
        unit: 'percentunit',
        width: 8,
        queries: [[`process_open_fds{${S}} / (process_max_fds{${S}} > 0)`, '{{instance}}']],
      },
    ],
  },
  {
    title: 'Service level',
    panels: [
      {
        title: 'Budget left',
        about: 'Of 30 days, at 99.9 % of handshakes; needs the recording rules.',
        unit: 'percentunit',
        kind: 'stat',
        width: 8,
        queries: [
          [
            '1 - avg_over_time(natsgate:handshake_faults:ratio_rate1h{namespace=~"$namespace",job=~"$job"}[30d]) / 0.001',
            '{{job}}',
          ],
        ],
      },
      {
        title: 'Burn rate',
        about: 'Times faster than the budget allows; 14.4 pages.',
        unit: 'short',
        width: 16,
        queries: [
          ['natsgate:handshake_faults:ratio_rate5m{namespace=~"$namespace",job=~"$job"} / 0.001', '5m'],
          ['natsgate:handshake_faults:ratio_rate1h{namespace=~"$namespace",job=~"$job"} / 0.001', '1h'],
          ['natsgate:handshake_faults:ratio_rate6h{namespace=~"$namespace",job=~"$job"} / 0.001', '6h'],
          ['natsgate:handshake_faults:ratio_rate3d{namespace=~"$namespace",job=~"$job"} / 0.001', '3d'],
        ],
      },
    ],
  },
  {
    title: 'Lifecycle',
    panels: [
      {
        title: 'Configuration',
        about: 'The hash that runs; two at once are a rollout or a reload that failed.',
        unit: 'short',
        kind: 'table',
        width: 8,
        queries: [[`natsgate_config_info{${S}}`, '{{hash}}']],
      },
      {
        title: 'Certificate, days left',
        about: 'Only where TLS ends in the pod.',
        unit: 'd',
        kind: 'stat',
        width: 4,
        queries: [
          [
            `min by (role) (natsgate_tls_certificate_not_after_timestamp_seconds{${S}} - time()) / 86400`,
            '{{role}}',
          ],
        ],
      },
      {
        title: 'Draining',
        about: 'Pods that say goodbye.',
        unit: 'short',
        width: 4,
        queries: [[`sum(natsgate_draining{${S}})`, 'draining']],
      },
      {
        title: 'Cut by drains',
        about: 'Sessions cut at the drain deadline.',
        unit: 'short',
        width: 4,
        queries: [[`sum(increase(natsgate_drain_forced_closes_total{${S}}[${RATE}]))`, 'cut']],
      },
      {
        title: 'Reloads',
        about: 'Of the configuration, by outcome; a refused one changes nothing.',
        unit: 'short',
        width: 12,
        queries: [
          [`sum by (outcome) (increase(natsgate_config_reloads_total{${S}}[${RATE}]))`, '{{outcome}}'],
        ],
      },
      {
        title: 'Age of the process',
        about: 'A fall is a restart.',
        unit: 's',
        width: 12,
        queries: [[`time() - process_start_time_seconds{${S}}`, '{{instance}}']],
      },
    ],
  },
];

/** The text of files/dashboards/natsgate.json. */
export function dashboardText(): string {
  let id = 0;
  let y = 0;
  const panels: object[] = [];
  for (const row of ROWS) {
    panels.push({
      id: ++id,
      type: 'row',
      title: row.title,
      collapsed: false,
      gridPos: { x: 0, y: y++, w: 24, h: 1 },
      panels: [],
    });
    let x = 0;
    let height = 0;
    for (const panel of row.panels) {
      const { kind = 'timeseries', width = 8 } = panel;
      const high = kind === 'stat' ? 4 : kind === 'table' ? 5 : 8;
      if (x + width > 24) {
        y += height;
        x = 0;
        height = 0;
      }
      panels.push(panelJson(++id, panel, kind, { x, y, w: width, h: high }));
      x += width;
      height = Math.max(height, high);
    }
    y += height;
  }
  return `${JSON.stringify(dashboard(panels), undefined, 1)}\n`;
}

const SOURCE = { type: 'prometheus', uid: '$datasource' };

function panelJson(id: number, panel: Panel, kind: string, gridPos: object): object {
  const instant = kind === 'table';
  return {
    id,
    type: kind,
    title: panel.title,
    description: panel.about,
    datasource: SOURCE,
    gridPos,
    fieldConfig: { defaults: { unit: panel.unit }, overrides: [] },
    options: kind === 'timeseries' ? { legend: { displayMode: 'list' }, tooltip: { mode: 'multi' } } : {},
    targets: panel.queries.map(([expr, legendFormat], index) => ({
      refId: String.fromCharCode(65 + index),
      datasource: SOURCE,
      expr,
      legendFormat,
      ...(instant ? { instant: true, format: 'table' } : {}),
      ...(kind === 'heatmap' ? { format: 'heatmap' } : {}),
    })),
  };
}

function dashboard(panels: readonly object[]): object {
  const variable = (name: string, query: string) => ({
    name,
    label: name,
    type: 'query',
    datasource: SOURCE,
    query: { query, refId: name },
    definition: query,
    refresh: 2,
    includeAll: true,
    multi: true,
    allValue: '.*',
    current: { text: 'All', value: '$__all' },
    sort: 1,
  });
  return {
    uid: 'natsgate',
    title: 'natsgate',
    description: 'WebSocket sessions in front of NATS.',
    tags: ['nats', 'websocket'],
    editable: false,
    schemaVersion: 39,
    version: 1,
    timezone: 'browser',
    refresh: '30s',
    time: { from: 'now-3h', to: 'now' },
    graphTooltip: 1,
    templating: {
      list: [
        {
          name: 'datasource',
          label: 'datasource',
          type: 'datasource',
          query: 'prometheus',
          refresh: 1,
          current: {},
        },
        variable('cluster', 'label_values(natsgate_build_info, cluster)'),
        variable('namespace', 'label_values(natsgate_build_info{cluster=~"$cluster"}, namespace)'),
        variable('job', 'label_values(natsgate_build_info{namespace=~"$namespace"}, job)'),
        variable(
          'instance',
          'label_values(natsgate_build_info{namespace=~"$namespace",job=~"$job"}, instance)',
        ),
      ],
    },
    annotations: {
      list: [
        {
          name: 'Restarts',
          datasource: SOURCE,
          enable: true,
          iconColor: 'orange',
          expr: `changes(process_start_time_seconds{${S}}[2m]) > 0`,
          titleFormat: 'restart of {{instance}}',
        },
        {
          name: 'Alerts',
          datasource: SOURCE,
          enable: true,
          iconColor: 'red',
          expr: 'ALERTS{alertname=~"Natsgate.*",alertstate="firing",namespace=~"$namespace"}',
          titleFormat: '{{alertname}}',
        },
      ],
    },
    links: [],
    panels,
  };
}

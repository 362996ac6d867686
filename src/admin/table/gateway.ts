import { by, type Metric, one } from './metric.ts';

/** The gateway as a whole: what it runs, its configuration, and how it does. */
export const GATEWAY_METRICS: readonly Metric[] = [
  {
    name: 'natsgate_admin_connections_dropped_total',
    kind: 'counter',
    help: 'Connections of the admin port that ended without their answer.',
    labels: ['reason'],
    samples: (s) => by('reason', s.adminDrops),
  },
  {
    name: 'natsgate_log_lines_dropped_total',
    kind: 'counter',
    help: 'Log lines lost because their reader was slow or gone.',
    labels: [],
    samples: (s) => one(s.droppedLogLines),
  },
  {
    name: 'natsgate_engine_info',
    kind: 'gauge',
    help: '1 for the engine that reads and writes frames, 0 for the other.',
    labels: ['engine'],
    samples: ({ running: { isCutThrough } }) =>
      by('engine', { 'cut-through': Number(isCutThrough), buffered: Number(!isCutThrough) }),
  },
  {
    name: 'natsgate_engine_fallback',
    kind: 'gauge',
    help: '1 when the buffered engine took over because cut-through does not work here.',
    labels: [],
    samples: ({ running }) => one(Number(running.config.engine === 'cut-through' && !running.isCutThrough)),
  },
  {
    name: 'natsgate_config_info',
    kind: 'gauge',
    help: 'Hash of the running configuration; always 1.',
    labels: ['hash'],
    samples: (s) => [[{ hash: s.configuration.hash }, 1]],
  },
  {
    name: 'natsgate_config_reloads_total',
    kind: 'counter',
    help: 'Reloads of the configuration by outcome.',
    labels: ['outcome'],
    samples: (s) => by('outcome', s.configuration.reloads),
  },
  {
    name: 'natsgate_config_last_reload_success',
    kind: 'gauge',
    help: '1 unless the last reload was refused.',
    labels: [],
    samples: ({ configuration }) => one(Number(configuration.lastReload?.outcome !== 'refused')),
  },
  {
    name: 'natsgate_config_last_reload_success_timestamp_seconds',
    kind: 'gauge',
    help: 'When the configuration was last read and not refused.',
    labels: [],
    samples: (s) => one(s.configuration.lastSuccessSeconds),
  },
  {
    name: 'natsgate_config_restart_needed',
    kind: 'gauge',
    help: '1 while the configuration asks for what only a restart brings.',
    labels: [],
    samples: (s) => one(Number(s.configuration.restartNeeded.length > 0)),
  },
  {
    name: 'natsgate_tls_certificate_not_after_timestamp_seconds',
    kind: 'gauge',
    help: 'When the first certificate of a file expires.',
    labels: ['role'],
    samples: (s) => by('role', s.configuration.certificateEnds),
  },
  {
    name: 'natsgate_ready',
    kind: 'gauge',
    help: '1 while new sessions are welcome.',
    labels: [],
    samples: (s) => one(Number(s.ready)),
  },
  {
    name: 'natsgate_draining',
    kind: 'gauge',
    help: '1 while sessions are being closed for a shutdown.',
    labels: [],
    samples: (s) => one(Number(s.state === 'draining')),
  },
  {
    name: 'natsgate_build_info',
    kind: 'gauge',
    help: 'What is running; always 1.',
    labels: ['version', 'revision', 'node_version'],
    samples: ({ build: { version = '', revision = '', node = '' } }) => [
      [{ version, revision, node_version: node }, 1],
    ],
  },
  {
    name: 'natsgate_eventloop_utilization_ratio',
    kind: 'gauge',
    help: 'Share of the last 10 s in which the event loop was busy.',
    labels: [],
    samples: (s) => one(s.loop.utilization),
  },
  {
    name: 'natsgate_eventloop_delay_p99_seconds',
    kind: 'gauge',
    help: 'Delay of the event loop in the last 10 s, 99th percentile.',
    labels: [],
    samples: (s) => one(s.loop.delayP99Seconds),
  },
];

import { byPod, gauge, increase, quantiles, type Row, rate, sumBy } from './panels.ts';

const DIALS = 'natsgate_upstream_dials_total';

/** What is behind the sessions: nats-server, the process, its configuration. */
export const PROCESS_ROWS: readonly Row[] = [
  {
    title: 'Upstream',
    panels: [
      {
        title: 'Dials by outcome',
        about: 'Attempts up to INFO: a server that takes connections and says nothing is upstream_timeout.',
        unit: 'ops',
        width: 8,
        queries: sumBy(['outcome'], rate(DIALS)),
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
        queries: sumBy(['server'], gauge('natsgate_upstream_connections_active')),
      },
      {
        title: 'Servers that are chosen',
        about:
          'Pods that place new sessions on the server by choice; below their number, some find it unhealthy.',
        unit: 'short',
        width: 8,
        queries: sumBy(['server'], gauge('natsgate_upstream_healthy')),
      },
      {
        title: 'Attempts that fail',
        about: 'Of a connect up to INFO, by server.',
        unit: 'ops',
        width: 8,
        queries: [
          [`sum by (server, outcome) (${rate(DIALS, 'outcome!="ok"')}) > 0`, '{{server}} {{outcome}}'],
        ],
      },
      {
        title: 'Health checks',
        about: 'Of upstream.health, where it is set.',
        unit: 'ops',
        width: 8,
        queries: sumBy(['server', 'outcome'], rate('natsgate_upstream_health_checks_total')),
      },
      {
        title: '-ERR of nats-server',
        about: 'In inspected sessions (inspect: observe or enforce), by kind.',
        unit: 'ops',
        width: 8,
        queries: sumBy(['kind'], rate('natsgate_nats_errors_total')),
      },
      {
        title: 'Lame ducks',
        about: 'Notices of servers that are about to leave.',
        unit: 'short',
        width: 8,
        queries: sumBy(['server'], increase('natsgate_nats_lame_duck_total')),
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
        queries: byPod(rate('process_cpu_seconds_total')),
      },
      {
        title: 'Memory',
        about: 'Resident, heap and outside the heap (socket buffers).',
        unit: 'bytes',
        width: 8,
        queries: [
          [gauge('process_resident_memory_bytes'), 'resident {{pod}}'],
          [gauge('nodejs_heap_size_used_bytes'), 'heap {{pod}}'],
          [gauge('nodejs_external_memory_bytes'), 'external {{pod}}'],
        ],
      },
      {
        title: 'Garbage collection',
        about: 'Share of time.',
        unit: 'percentunit',
        width: 8,
        queries: sumBy(['pod', 'kind'], rate('nodejs_gc_duration_seconds_sum')),
      },
      {
        title: 'Event loop, busy',
        about: 'Share of time; at 1 every session waits.',
        unit: 'percentunit',
        width: 8,
        queries: byPod(gauge('natsgate_eventloop_utilization_ratio')),
      },
      {
        title: 'Event loop, late',
        about: '99th percentile of the last 10 s.',
        unit: 's',
        width: 8,
        queries: byPod(gauge('natsgate_eventloop_delay_p99_seconds')),
      },
      {
        title: 'Engine fallback',
        about: 'Pods on the slow engine, because cut-through does not work with their Node or ws.',
        unit: 'short',
        kind: 'stat',
        width: 8,
        queries: [[`sum(${gauge('natsgate_engine_fallback')})`, 'pods']],
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
        queries: [[gauge('natsgate_config_info'), '{{hash}}']],
      },
      {
        title: 'Certificates, days left',
        about: 'By role: for clients, for nats-server, and the authorities of both.',
        unit: 'd',
        kind: 'stat',
        width: 4,
        queries: [
          [
            `min by (role) (${gauge('natsgate_tls_certificate_not_after_timestamp_seconds')} - time()) / 86400`,
            '{{role}}',
          ],
        ],
      },
      {
        title: 'Restart needed',
        about: 'Pods whose configuration asks for something that only a restart brings.',
        unit: 'short',
        kind: 'stat',
        width: 4,
        queries: [[`sum(${gauge('natsgate_config_restart_needed')})`, 'pods']],
      },
      {
        title: 'Draining',
        about: 'Pods that are closing their sessions.',
        unit: 'short',
        width: 4,
        queries: [[`sum(${gauge('natsgate_draining')})`, 'draining']],
      },
      {
        title: 'Cut by drains',
        about: 'Sessions cut at the drain deadline.',
        unit: 'short',
        width: 4,
        queries: [[`sum(${increase('natsgate_drain_forced_closes_total')})`, 'cut']],
      },
      {
        title: 'Reloads',
        about: 'Of the configuration, by outcome; a refused one changes nothing.',
        unit: 'short',
        width: 12,
        queries: sumBy(['outcome'], increase('natsgate_config_reloads_total')),
      },
      {
        title: 'Age of the process',
        about: 'A fall is a restart.',
        unit: 's',
        width: 12,
        queries: byPod(`time() - ${gauge('process_start_time_seconds')}`),
      },
    ],
  },
];

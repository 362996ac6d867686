import { ANSWERED, byPod, FAULTS, gauge, increase, RECORDED, type Row, rate } from './panels.ts';

const HANDSHAKES = 'natsgate_handshakes_total';
const ENDS = 'natsgate_sessions_closed_total';
const burnRate = (window: string): readonly [string, string] => [
  `natsgate:handshake_faults:ratio_rate${window}{${RECORDED}} / $budget`,
  `${window} {{job}}`,
];

/** What somebody looks at first. */
export const OVERVIEW_ROWS: readonly Row[] = [
  {
    title: 'Overview',
    open: true,
    panels: [
      {
        title: 'Ready pods',
        about: 'Pods that welcome new sessions.',
        unit: 'short',
        kind: 'stat',
        width: 4,
        queries: [[`sum(${gauge('natsgate_ready')})`, 'ready']],
      },
      {
        title: 'Sessions',
        about: 'Open WebSocket sessions.',
        unit: 'short',
        kind: 'stat',
        width: 4,
        queries: [[`sum(${gauge('natsgate_connections_active')})`, 'sessions']],
      },
      {
        title: 'Taken',
        about: 'Share of the session limit that is taken.',
        unit: 'percentunit',
        kind: 'stat',
        width: 4,
        queries: [
          [
            `sum(${gauge('natsgate_connections_active')}) / (sum(${gauge('natsgate_connections_limit')}) > 0)`,
            'taken',
          ],
        ],
      },
      {
        title: 'Handshakes that succeed',
        about: 'Of those that a healthy gateway would accept.',
        unit: 'percentunit',
        kind: 'stat',
        width: 4,
        queries: [
          [`1 - sum(${rate(HANDSHAKES, FAULTS)}) / (sum(${rate(HANDSHAKES, ANSWERED)}) > 0)`, 'success'],
        ],
      },
      {
        title: 'Ends',
        about: 'Sessions that end, for any reason.',
        unit: 'ops',
        kind: 'stat',
        width: 4,
        queries: [[`sum(${rate(ENDS)})`, 'ends']],
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
        queries: byPod(gauge('natsgate_build_info')),
      },
    ],
  },
  {
    title: 'Service level',
    open: true,
    panels: [
      {
        title: 'Budget left',
        about:
          'Of the error budget of 30 days: handshakes that failed by our fault, of all that a healthy gateway would accept. Of fewer days where Prometheus keeps fewer.',
        unit: 'percentunit',
        kind: 'stat',
        width: 8,
        instant: true,
        queries: [
          [
            `1 - sum by (namespace, job) (${increase(HANDSHAKES, FAULTS, '30d')}) / (sum by (namespace, job) (${increase(HANDSHAKES, ANSWERED, '30d')}) > 0) / $budget`,
            '{{namespace}} {{job}}',
          ],
        ],
      },
      {
        title: 'Burn rate',
        about: 'Times faster than the budget allows; 14.4 pages. Needs the recording rules.',
        unit: 'short',
        width: 16,
        queries: ['5m', '1h', '6h', '3d'].map(burnRate),
      },
    ],
  },
];

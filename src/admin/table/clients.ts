import { CLOSE_REASONS, type CloseReason } from '../../close-reason.ts';
import type { RouteSnapshot, Snapshot } from '../../snapshot.ts';
import { by, bytesOf, type Labels, LISTENER, type Metric, one, type Sample } from './metric.ts';

/** Connections of clients: by route, by how they began and how they ended. */
export const CLIENT_METRICS: readonly Metric[] = [
  {
    name: 'natsgate_connections_active',
    kind: 'gauge',
    help: 'Open WebSocket sessions.',
    labels: ['listener'],
    samples: (s) => one(s.sessions.active, LISTENER),
  },
  {
    name: 'natsgate_connections_limit',
    kind: 'gauge',
    help: 'Most sessions that are let in.',
    labels: ['listener'],
    samples: (s) => one(s.sessions.limit, LISTENER),
  },
  {
    name: 'natsgate_route_connections_active',
    kind: 'gauge',
    help: 'Open WebSocket sessions of the route.',
    labels: ['route'],
    samples: (s) => byRoute(s, ({ sessions }, labels) => [[labels, sessions]]),
  },
  {
    name: 'natsgate_route_handshakes_total',
    kind: 'counter',
    help: 'Opening handshakes whose route was found, by the class of their outcome.',
    labels: ['route', 'outcome_class'],
    samples: (s) => byRoute(s, ({ handshakes }, labels) => by('outcome_class', handshakes, labels)),
  },
  {
    name: 'natsgate_route_transfer_bytes_total',
    kind: 'counter',
    help: 'Bytes carried by the route.',
    labels: ['route', 'direction'],
    samples: (s) => byRoute(s, ({ traffic }, labels) => by('direction', bytesOf(traffic), labels)),
  },
  {
    name: 'natsgate_handshakes_in_progress',
    kind: 'gauge',
    help: 'Opening handshakes not answered yet.',
    labels: ['listener'],
    samples: (s) => one(s.admission.handshakesInFlight, LISTENER),
  },
  {
    name: 'natsgate_handshakes_total',
    kind: 'counter',
    help: 'Opening handshakes by outcome (docs/close-reasons.md).',
    labels: ['listener', 'outcome'],
    samples: (s) => by('outcome', s.counters.handshakes, LISTENER),
  },
  {
    name: 'natsgate_http_requests_total',
    kind: 'counter',
    help: 'HTTP answers other than 101, by status code.',
    labels: ['listener', 'code'],
    samples: (s) => by('code', s.counters.httpAnswers, LISTENER),
  },
  {
    name: 'natsgate_tls_handshakes_total',
    kind: 'counter',
    help: 'TLS handshakes with clients.',
    labels: ['listener', 'outcome'],
    tlsOnly: true,
    samples: (s) => by('outcome', s.counters.tlsHandshakes, LISTENER),
  },
  {
    name: 'natsgate_pending_connections',
    kind: 'gauge',
    help: 'Connections without a whole request yet, or answered and not closed.',
    labels: [],
    samples: (s) => one(s.pendingConnections),
  },
  {
    name: 'natsgate_connections_dropped_total',
    kind: 'counter',
    help: 'Connections closed unanswered, because too many were open.',
    labels: ['reason'],
    samples: (s) => by('reason', s.counters.droppedConnections),
  },
  {
    name: 'natsgate_session_oldest_start_timestamp_seconds',
    kind: 'gauge',
    help: 'Start of the oldest open session; absent while there is none.',
    labels: ['listener'],
    samples: (s) => one(s.sessions.oldestStartSeconds, LISTENER),
  },
  {
    name: 'natsgate_sessions_closed_total',
    kind: 'counter',
    help: 'Finished sessions by who ended them and why (docs/close-reasons.md).',
    labels: ['listener', 'initiator', 'reason'],
    samples: (s) =>
      Object.entries(CLOSE_REASONS).map(([reason, { initiator }]) => [
        { ...LISTENER, initiator, reason },
        s.counters.ends[reason as CloseReason],
      ]),
  },
  {
    name: 'natsgate_close_frames_total',
    kind: 'counter',
    help: 'Close frames by code.',
    labels: ['direction', 'code'],
    samples: ({ counters: { closeFrames } }) => [
      ...by('code', closeFrames.sent, { direction: 'sent' }),
      ...by('code', closeFrames.received, { direction: 'received' }),
    ],
  },
  {
    name: 'natsgate_rejected_messages_total',
    kind: 'counter',
    help: 'Client input that was refused.',
    labels: ['reason'],
    samples: (s) => by('reason', s.counters.rejections),
  },
  {
    name: 'natsgate_drain_forced_closes_total',
    kind: 'counter',
    help: 'Sessions cut at the drain deadline.',
    labels: [],
    samples: (s) => one(s.counters.drainCuts),
  },
];

const byRoute = (
  { routes }: Snapshot,
  read: (route: RouteSnapshot, labels: Labels) => readonly Sample[],
): readonly Sample[] => routes.flatMap((route) => read(route, { route: route.name }));

import type { ServerSnapshot, Snapshot } from '../../snapshot.ts';
import { SERVER_STATES } from '../../upstream/endpoint.ts';
import { by, type Labels, type Metric, type Sample } from './metric.ts';

/** Upstreams, and each server of them. */
export const UPSTREAM_METRICS: readonly Metric[] = [
  {
    name: 'natsgate_upstream_connections_active',
    kind: 'gauge',
    help: 'Connections to nats-server that carry a session.',
    labels: ['upstream', 'server'],
    samples: (s) => byServer(s, ({ sessions }, labels) => [[labels, sessions]]),
  },
  {
    name: 'natsgate_upstream_healthy',
    kind: 'gauge',
    help: '1 while new sessions are placed there by choice.',
    labels: ['upstream', 'server'],
    samples: (s) =>
      byServer(s, ({ state }, labels) => [[labels, Number(state === 'up' || state === 'untried')]]),
  },
  {
    name: 'natsgate_upstream_server_state',
    kind: 'gauge',
    help: '1 for the state that the server is in, 0 for the others.',
    labels: ['upstream', 'server', 'state'],
    samples: (s) =>
      byServer(s, (server, labels) =>
        SERVER_STATES.map((state) => [{ ...labels, state }, Number(state === server.state)]),
      ),
  },
  {
    name: 'natsgate_upstream_addresses',
    kind: 'gauge',
    help: 'Addresses of the server.',
    labels: ['upstream', 'server'],
    samples: (s) => byServer(s, ({ addresses }, labels) => [[labels, addresses]]),
  },
  {
    name: 'natsgate_upstream_dials_total',
    kind: 'counter',
    help: 'Attempts to get the INFO of a server, by outcome.',
    labels: ['upstream', 'server', 'outcome'],
    samples: (s) => byServer(s, ({ dials }, labels) => by('outcome', dials, labels)),
  },
  {
    name: 'natsgate_upstream_backoff_seconds',
    kind: 'gauge',
    help: 'Time until the server is tried again as one among others.',
    labels: ['upstream', 'server'],
    samples: (s) => byServer(s, ({ retryInMs }, labels) => [[labels, retryInMs / 1000]]),
  },
  {
    name: 'natsgate_upstream_health_checks_total',
    kind: 'counter',
    help: 'Health checks by outcome.',
    labels: ['upstream', 'server', 'outcome'],
    samples: (s) => byServer(s, ({ healthChecks }, labels) => by('outcome', healthChecks, labels)),
  },
  {
    name: 'natsgate_upstream_lookups_total',
    kind: 'counter',
    help: 'Lookups of the name by outcome.',
    labels: ['upstream', 'server', 'outcome'],
    samples: (s) => byServer(s, ({ lookups }, labels) => by('outcome', lookups, labels)),
  },
  {
    name: 'natsgate_nats_lame_duck_total',
    kind: 'counter',
    help: 'Times that an INFO of a server said lame duck.',
    labels: ['upstream', 'server'],
    samples: (s) => byServer(s, ({ lameDucks }, labels) => [[labels, lameDucks]]),
  },
  {
    name: 'natsgate_upstream_connects_total',
    kind: 'counter',
    help: 'TCP connects to nats-server by outcome.',
    labels: ['upstream', 'outcome'],
    samples: ({ counters }) =>
      [...counters.connects].flatMap(([upstream, counts]) => by('outcome', counts, { upstream })),
  },
];

const byServer = (
  { servers }: Snapshot,
  read: (server: ServerSnapshot, labels: Labels) => readonly Sample[],
): readonly Sample[] =>
  servers.flatMap((server) => read(server, { upstream: server.upstream, server: server.name }));

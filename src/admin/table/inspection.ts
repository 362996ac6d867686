import { by, byDirection, LISTENER, type Metric, one } from './metric.ts';

/** What was read of NATS in inspected sessions. */
export const INSPECTION_METRICS: readonly Metric[] = [
  {
    name: 'natsgate_nats_inspected_sessions',
    kind: 'gauge',
    help: 'Open sessions whose NATS protocol is read.',
    labels: ['listener'],
    samples: (s) => one(s.inspection.sessions, LISTENER),
  },
  {
    name: 'natsgate_nats_operations_total',
    kind: 'counter',
    help: 'NATS operations of inspected sessions.',
    labels: ['listener', 'direction', 'verb'],
    samples: (s) => byDirection('verb', s.inspection.operations, LISTENER),
  },
  {
    name: 'natsgate_nats_payload_bytes_total',
    kind: 'counter',
    help: 'Payload and header bytes of the messages of inspected sessions.',
    labels: ['listener', 'direction'],
    samples: (s) => by('direction', s.inspection.payloadBytes, LISTENER),
  },
  {
    name: 'natsgate_nats_subscriptions_active',
    kind: 'gauge',
    help: 'Subscriptions of inspected sessions.',
    labels: ['listener'],
    samples: (s) => one(s.inspection.subscriptions, LISTENER),
  },
  {
    name: 'natsgate_nats_errors_total',
    kind: 'counter',
    help: '-ERR lines of nats-server in inspected sessions.',
    labels: ['kind'],
    samples: (s) => by('kind', s.counters.serverErrors),
  },
  {
    name: 'natsgate_nats_parser_stops_total',
    kind: 'counter',
    help: 'Directions of inspected sessions that could not be read on.',
    labels: ['direction', 'problem'],
    samples: (s) => byDirection('problem', s.counters.parserStops),
  },
  {
    name: 'natsgate_policy_verdicts_total',
    kind: 'counter',
    help: 'Operations that a policy refused, or would refuse while it observes.',
    labels: ['role', 'rule', 'verdict'],
    samples: (s) =>
      [...s.counters.roles].flatMap(([role, counts]) =>
        Object.entries(counts).flatMap(([verdict, rules]) => by('rule', rules, { role, verdict })),
      ),
  },
];

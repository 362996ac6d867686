import type { Initiator } from '../../close-reason.ts';
import type { OutcomeClass } from '../../handshake-outcome.ts';
import { type Labels, LISTENER } from './metric.ts';

/** A metric of durations, in seconds, which are counted as they happen. */
export type HistogramRow = {
  readonly help: string;
  readonly labels: readonly string[];
  readonly buckets: readonly number[];
  /** Label sets that are there from the start. Those of an upstream come and go with it. */
  readonly series: readonly Labels[];
};

const HANDSHAKE_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const VERIFICATION_SECONDS = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.25, 1, 2.5];
const DIAL_SECONDS = [0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];
const SESSION_SECONDS = [1, 5, 15, 60, 300, 900, 3600, 14_400, 28_800, 86_400, 259_200, 604_800];
const WEBHOOK_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
const PING_SECONDS = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];

const OUTCOME_CLASSES: readonly OutcomeClass[] = ['accepted', 'client_fault', 'server_fault'];
const INITIATORS: readonly Initiator[] = ['client', 'upstream', 'gateway'];

export const HISTOGRAMS = {
  natsgate_handshake_duration_seconds: {
    help: 'Connection accepted to handshake answered.',
    labels: ['listener', 'outcome_class'],
    buckets: HANDSHAKE_SECONDS,
    series: OUTCOME_CLASSES.map((outcome_class) => ({ ...LISTENER, outcome_class })),
  },
  natsgate_session_duration_seconds: {
    help: 'Lifetime of finished sessions.',
    labels: ['listener', 'initiator'],
    buckets: SESSION_SECONDS,
    series: INITIATORS.map((initiator) => ({ ...LISTENER, initiator })),
  },
  natsgate_ping_rtt_seconds: {
    help: 'WebSocket ping to pong.',
    labels: ['listener'],
    buckets: PING_SECONDS,
    series: [LISTENER],
  },
  natsgate_nats_rtt_seconds: {
    help: 'NATS PING of a client to the PONG of nats-server, in inspected sessions.',
    labels: ['listener'],
    buckets: PING_SECONDS,
    series: [LISTENER],
  },
  natsgate_auth_webhook_duration_seconds: {
    help: 'Question to auth.webhook to its answer, the wait for a place included.',
    labels: [],
    buckets: WEBHOOK_SECONDS,
    series: [{}],
  },
  natsgate_auth_verification_duration_seconds: {
    help: 'Verifying a token that was not remembered, waits for keys and for other tokens included.',
    labels: [],
    buckets: VERIFICATION_SECONDS,
    series: [{}],
  },
  natsgate_upstream_connect_duration_seconds: {
    help: 'TCP connect to nats-server.',
    labels: ['upstream'],
    buckets: DIAL_SECONDS,
    series: [],
  },
  natsgate_upstream_first_byte_seconds: {
    help: 'TCP connection to nats-server made to the first byte of its INFO.',
    labels: ['upstream'],
    buckets: DIAL_SECONDS,
    series: [],
  },
} as const satisfies Record<string, HistogramRow>;

export type HistogramName = keyof typeof HISTOGRAMS;

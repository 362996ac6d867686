import { type AuthDetail, type GrantedDetail, verdictOf } from '../../auth/details.ts';
import { by, type Metric, one } from './metric.ts';

/** Who clients are, where that is asked. */
export const TOKEN_METRICS: readonly Metric[] = [
  {
    name: 'natsgate_auth_verdicts_total',
    kind: 'counter',
    help: 'Handshakes by what became of the question who the client is (docs/close-reasons.md).',
    labels: ['verdict', 'detail'],
    samples: ({ counters: { authVerdicts } }) =>
      Object.entries(authVerdicts).map(([detail, count]) => [
        { verdict: verdictOf(detail as AuthDetail | GrantedDetail), detail },
        count,
      ]),
  },
  {
    name: 'natsgate_auth_explanations_total',
    kind: 'counter',
    help: 'Requests of pages that asked what an upgrade would be answered, by the class of the outcome.',
    labels: ['outcome_class'],
    samples: (s) => by('outcome_class', s.counters.explanations),
  },
  {
    name: 'natsgate_auth_key_fetches_total',
    kind: 'counter',
    help: 'Fetches of the keys of issuers, by outcome.',
    labels: ['outcome'],
    samples: (s) => by('outcome', s.counters.keyFetches),
  },
  {
    name: 'natsgate_auth_webhook_requests_total',
    kind: 'counter',
    help: 'Questions to auth.webhook, by outcome.',
    labels: ['outcome'],
    samples: (s) => by('outcome', s.counters.webhookRequests),
  },
  {
    name: 'natsgate_auth_keys_age_seconds',
    kind: 'gauge',
    help: 'Time since the oldest keys of an issuer were fetched; absent while there are none.',
    labels: [],
    samples: (s) => one(s.keysAgeSeconds),
  },
  {
    name: 'natsgate_connect_logins_refused_total',
    kind: 'counter',
    help: 'Logins of the gateway itself (connect) that nats-server refused.',
    labels: [],
    samples: (s) => one(s.counters.ownLoginsRefused),
  },
];

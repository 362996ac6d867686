import { byPod, gauge, heat, quantiles, type Row, rate, sumBy } from './panels.ts';

const HANDSHAKES = 'natsgate_handshakes_total';
const ENDS = 'natsgate_sessions_closed_total';

/** What clients see: handshakes, limits, sessions. */
export const CLIENT_ROWS: readonly Row[] = [
  {
    title: 'Handshakes',
    open: true,
    panels: [
      {
        title: 'Handshakes by outcome',
        about: 'Every outcome is explained in docs/close-reasons.md.',
        unit: 'ops',
        width: 12,
        queries: [[`sum by (outcome) (${rate(HANDSHAKES)}) > 0`, '{{outcome}}']],
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
        queries: sumBy(['outcome'], rate('natsgate_tls_handshakes_total', 'outcome!="ok"')),
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
    title: 'Limits',
    panels: [
      {
        title: 'Refused by limits',
        about: '429: limits of rate or address. 503 over_capacity: the pod is full.',
        unit: 'ops',
        width: 8,
        queries: sumBy(['outcome'], rate(HANDSHAKES, 'outcome=~"too_many_[a-z]+|over_capacity"')),
      },
      {
        title: 'Connections dropped',
        about: 'Closed unanswered, because too many were open; those of the admin port also for silence.',
        unit: 'ops',
        width: 8,
        queries: [
          ...sumBy(['reason'], rate('natsgate_connections_dropped_total')),
          [`sum by (reason) (${rate('natsgate_admin_connections_dropped_total')})`, 'admin {{reason}}'],
        ],
      },
      {
        title: 'Ends that the gateway decided',
        about:
          'Overload, slow or silent clients, rates, violations; without drains and sessions that reached their age.',
        unit: 'ops',
        width: 8,
        queries: sumBy(['reason'], rate(ENDS, 'initiator="gateway",reason!~"draining|session_expired"')),
      },
      {
        title: 'Before a session',
        about: 'Connections without a whole request yet, and handshakes that are not answered yet.',
        unit: 'short',
        width: 8,
        queries: [
          [gauge('natsgate_pending_connections'), 'pending {{pod}}'],
          [gauge('natsgate_handshakes_in_progress'), 'handshakes {{pod}}'],
        ],
      },
      {
        title: 'File descriptors',
        about: 'Open, of those that are allowed.',
        unit: 'percentunit',
        width: 8,
        queries: byPod(`${gauge('process_open_fds')} / (${gauge('process_max_fds')} > 0)`),
      },
      {
        title: 'Log lines dropped',
        about: 'Lost because their reader was slow or gone.',
        unit: 'ops',
        width: 8,
        queries: byPod(rate('natsgate_log_lines_dropped_total')),
      },
    ],
  },
  {
    title: 'Login',
    panels: [
      {
        title: 'Verdicts',
        about: 'What became of the question who a client is. Details are explained in docs/close-reasons.md.',
        unit: 'ops',
        width: 12,
        queries: [
          [
            `sum by (verdict, detail) (${rate('natsgate_auth_verdicts_total')}) > 0`,
            '{{verdict}} {{detail}}',
          ],
        ],
      },
      {
        title: 'Verification of a token',
        about: 'Of those that were not remembered; waits for keys and for other tokens included.',
        unit: 's',
        width: 6,
        queries: quantiles('natsgate_auth_verification_duration_seconds'),
      },
      {
        title: 'Tokens that were remembered',
        about: 'Share of good tokens that needed no verification, since they were verified a moment ago.',
        unit: 'percentunit',
        width: 6,
        queries: [
          [
            `sum(${rate('natsgate_auth_verdicts_total', 'detail="cached"')}) / (sum(${rate('natsgate_auth_verdicts_total', 'detail=~"cached|verified"')}) > 0)`,
            'remembered',
          ],
        ],
      },
      {
        title: 'Age of keys',
        about: 'Since the oldest keys of an issuer were fetched.',
        unit: 's',
        width: 6,
        queries: byPod(gauge('natsgate_auth_keys_age_seconds')),
      },
      {
        title: 'Fetches of keys',
        about: 'By outcome.',
        unit: 'ops',
        width: 6,
        queries: sumBy(['outcome'], rate('natsgate_auth_key_fetches_total')),
      },
      {
        title: 'Questions of pages',
        about: 'Why an upgrade would be refused (auth.explain), by the class of the answer.',
        unit: 'ops',
        width: 6,
        queries: sumBy(['outcome_class'], rate('natsgate_auth_explanations_total')),
      },
      {
        title: 'Logins of ours refused',
        about: 'nats-server does not take the login that connect has for clients.',
        unit: 'ops',
        width: 6,
        queries: byPod(rate('natsgate_connect_logins_refused_total')),
      },
    ],
  },
  {
    title: 'Policy and rates',
    panels: [
      {
        title: 'Refused by policy',
        about: 'Operations by role; would_deny: a policy that observes would refuse them.',
        unit: 'ops',
        width: 8,
        queries: sumBy(['role', 'verdict'], rate('natsgate_policy_verdicts_total')),
      },
      {
        title: 'Refusals by rule',
        about: 'Rules are explained in docs/policy.md.',
        unit: 'ops',
        width: 8,
        queries: sumBy(['rule'], rate('natsgate_policy_verdicts_total')),
      },
      {
        title: 'Rates exceeded',
        about: 'Delays that began, operations that were refused (error), sessions that ended (close).',
        unit: 'ops',
        width: 8,
        queries: sumBy(['scope', 'action'], rate('natsgate_rate_limited_total')),
      },
      {
        title: 'Delayed sessions',
        about: 'Not read from now, because they are above a rate.',
        unit: 'short',
        width: 8,
        queries: byPod(gauge('natsgate_rate_delayed_sessions')),
      },
      {
        title: 'Time of delays',
        about: 'Seconds of delay in each second, by whose rate it was; delays that are over.',
        unit: 's',
        width: 8,
        queries: sumBy(['scope'], rate('natsgate_rate_delay_seconds_total')),
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
        queries: byPod(gauge('natsgate_connections_active')),
      },
      {
        title: 'Sessions that open and end',
        about: 'A gap between both is growth.',
        unit: 'ops',
        width: 8,
        queries: [
          [`sum(${rate(HANDSHAKES, 'outcome="accepted"')})`, 'open'],
          [`sum(${rate(ENDS)})`, 'end'],
        ],
      },
      {
        title: 'Ends by reason',
        about: 'Who ended them and why, see docs/close-reasons.md.',
        unit: 'ops',
        width: 8,
        queries: [[`sum by (initiator, reason) (${rate(ENDS)}) > 0`, '{{initiator}} {{reason}}']],
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
        queries: byPod(`time() - ${gauge('natsgate_session_oldest_start_timestamp_seconds')}`),
      },
    ],
  },
];

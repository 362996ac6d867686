import { CLUSTER_CASES } from './alert-cases-cluster.ts';

/** Series of one release, one value a minute, as promtool writes them. `{S` becomes its matchers, `{P` its pod's. */
export type Series = Readonly<Record<string, string>>;
export type AlertCase = {
  /** Minutes after which the alert must fire, or still be silent. */
  readonly at: number;
  readonly firing: readonly Series[];
  readonly silent: readonly Series[];
};

const outcomes = (accepted: string, failed: string, more = ''): Series => ({
  [`natsgate_handshakes_total{S${more},outcome="accepted"}`]: accepted,
  [`natsgate_handshakes_total{S${more},outcome="upstream_timeout"}`]: failed,
  // A client's own fault and a drain are no fault of ours.
  [`natsgate_handshakes_total{S${more},outcome="origin_not_listed"}`]: '0+1000x600',
});
/** Of 10000 handshakes a minute so many fail. */
const burning = (failed: number, silent: number, at: number): AlertCase => ({
  at,
  firing: [
    outcomes(`0+${10_000 - failed}x600`, `0+${failed}x600`),
    // A ruler that sees two clusters: the healthy one, much larger, hides nothing.
    {
      ...outcomes(`0+${10_000 - failed}x600`, `0+${failed}x600`, ',cluster="a"'),
      ...outcomes('0+9000000x600', '0x600', ',cluster="b"'),
    },
  ],
  silent: [outcomes(`0+${10_000 - silent}x600`, `0+${silent}x600`)],
});
const full = (active: number, calm: number): AlertCase => ({
  at: 20,
  firing: [{ 'natsgate_connections_active{S}': `${active}x60`, 'natsgate_connections_limit{S}': '1000x60' }],
  silent: [
    {
      'natsgate_connections_active{S}': `${calm}x60`,
      'natsgate_connections_limit{S}': '1000x60',
      // A limit of 0 means none: nothing is divided by it.
      'natsgate_connections_active{S,listener="other"}': '5x60',
      'natsgate_connections_limit{S,listener="other"}': '0x60',
    },
  ],
});
/** So many open sessions; in minute 61 so many are ended by nats-server, of which some had lived for less than 5 s. */
const ended = (open: number, by: number, young: number, le = '5'): Series => ({
  'natsgate_connections_active{S}': `${open}x80`,
  'natsgate_session_duration_seconds_count{S,initiator="upstream"}': `0x60 ${by}x20`,
  [`natsgate_session_duration_seconds_bucket{S,initiator="upstream",le="${le}"}`]: `0x60 ${young}x20`,
  'natsgate_sessions_closed_total{S,initiator="gateway",reason="internal_error"}': '0x80',
});
const LAME_DUCK = 'natsgate_nats_lame_duck_total{S,upstream="default",server="nats:4222"}';
const dials = (failed: string, ok: string): Series => ({
  'natsgate_upstream_dials_total{S,upstream="default",server="nats:4222",outcome="upstream_timeout"}': failed,
  'natsgate_upstream_dials_total{S,upstream="default",server="nats:4222",outcome="ok"}': ok,
});
/** Of 1000 dials a minute so many had their INFO after half a second. */
const infoWithinHalfASecond = (fast: number): Series =>
  Object.fromEntries(
    Object.entries({ '0.5': fast, '1': 1000, '+Inf': 1000 }).map(([le, count]) => [
      `natsgate_upstream_first_byte_seconds_bucket{S,upstream="default",le="${le}"}`,
      `0+${count}x60`,
    ]),
  );
const limited = (accepted: string, refused: string, outcome = 'too_many_handshakes'): Series => ({
  'natsgate_handshakes_total{S,outcome="accepted"}': accepted,
  // Strangers that are refused for another reason change nothing.
  'natsgate_handshakes_total{S,outcome="origin_not_listed"}': '0+90000x60',
  [`natsgate_handshakes_total{S,outcome="${outcome}"}`]: refused,
});

const logins = (granted: string, unavailable: string, detail = 'keys_stale'): Series => ({
  'natsgate_auth_verdicts_total{S,verdict="granted",detail="cached"}': granted,
  [`natsgate_auth_verdicts_total{S,verdict="unavailable",detail="${detail}"}`]: unavailable,
  'natsgate_auth_verdicts_total{S,verdict="refused",detail="token_signature"}': '0+90000x60',
});

export const ALERT_CASES: Readonly<Record<string, AlertCase>> = {
  ...CLUSTER_CASES,
  NatsgateHandshakeBurnFast: burning(200, 100, 90),
  NatsgateHandshakeBurn: burning(80, 50, 400),
  NatsgateHandshakeBurnSlow: burning(40, 20, 180),
  NatsgateHandshakeBurnCreeping: burning(20, 5, 420),
  NatsgateNotReady: {
    at: 15,
    firing: [{ 'natsgate_ready{S}': '0x30', 'natsgate_draining{S}': '0x30' }],
    silent: [{ 'natsgate_ready{S}': '0x30', 'natsgate_draining{S}': '1x30' }],
  },
  NatsgateConnectionSaturation: full(810, 800),
  NatsgateConnectionSaturationCritical: full(960, 950),
  NatsgateUpstreamUnavailable: {
    at: 10,
    // A server that hangs: every TCP connect goes well, and no INFO comes.
    firing: [
      {
        ...dials('0+60x30', '0+50x30'),
        'natsgate_upstream_connects_total{S,upstream="default",outcome="ok"}': '0+110x30',
      },
    ],
    silent: [dials('0+50x30', '0+60x30')],
  },
  NatsgateUpstreamConnectSlow: {
    at: 30,
    firing: [infoWithinHalfASecond(900)],
    silent: [infoWithinHalfASecond(1000)],
  },
  NatsgateMassDisconnect: {
    at: 64,
    firing: [
      ended(1000, 300, 50),
      // As Prometheus 3 writes the bound.
      ended(1000, 300, 50, '5.0'),
      ...['internal_error', 'overload'].map((reason) => ({
        ...ended(1000, 0, 0),
        [`natsgate_sessions_closed_total{S,initiator="gateway",reason="${reason}"}`]: '0x60 300x20',
      })),
    ],
    silent: [
      ended(10_000, 1000, 0),
      // A planned restart: nats-server said that it would go.
      { ...ended(400, 400, 0), [LAME_DUCK]: '0x55 1x30' },
      // Failed logins, two a second.
      ended(400, 600, 600),
      ended(400, 600, 600, '5.0'),
      // A stranger who sends text frames.
      {
        ...ended(400, 0, 0),
        'natsgate_sessions_closed_total{S,initiator="gateway",reason="not_binary"}': '0+120x80',
        'natsgate_session_duration_seconds_count{S,initiator="gateway"}': '0+120x80',
      },
      // A rollout.
      {
        ...ended(400, 0, 0),
        'natsgate_sessions_closed_total{S,initiator="gateway",reason="draining"}': '0x60 400x20',
        'natsgate_session_duration_seconds_count{S,initiator="gateway"}': '0x60 400x20',
      },
      // A handful.
      ended(10, 10, 0),
    ],
  },
  NatsgatePingTimeoutSurge: {
    at: 20,
    firing: [
      { 'natsgate_sessions_closed_total{S,initiator="gateway",reason="client_unresponsive"}': '0+66x40' },
    ],
    silent: [
      { 'natsgate_sessions_closed_total{S,initiator="gateway",reason="client_unresponsive"}': '0+54x40' },
    ],
  },
  NatsgateHandshakesLimited: {
    at: 20,
    firing: [
      limited('0+940x60', '0+60x60'),
      limited('0+940x60', '0+60x60', 'too_many_sessions'),
      // After a mass reconnect: nobody else gets in.
      limited('0x60', '0+3000x60'),
    ],
    silent: [limited('0+960x60', '0+40x60'), limited('0+4x60', '0+1x60')],
  },
  NatsgateAuthKeysStale: {
    at: 10,
    firing: [{ 'natsgate_auth_keys_age_seconds{S}': '1810+60x30' }],
    silent: [
      // Fetched each ten minutes, and a little later.
      { 'natsgate_auth_keys_age_seconds{S}': '1300+60x9 0+60x30' },
      // Nobody is asked, or there are no keys yet.
      { 'natsgate_auth_keys_age_seconds{S}': '_x30' },
    ],
  },
  NatsgateAuthorizerUnavailable: {
    at: 15,
    firing: [
      logins('0+94x30', '0+6x30'),
      // Nobody gets in, and the strangers who are refused all the while change nothing.
      logins('0x30', '0+60x30'),
      logins('0+94x30', '0+6x30', 'authorizer_busy'),
    ],
    silent: [logins('0+96x30', '0+4x30'), logins('0x30', '0+1x30'), logins('0+60x30', '0x30')],
  },
  NatsgateConnectLoginRefused: {
    at: 15,
    firing: [{ 'natsgate_connect_logins_refused_total{S}': '0+3x30' }],
    silent: [
      { 'natsgate_connect_logins_refused_total{S}': '0+1x30' },
      // While a password is exchanged.
      { 'natsgate_connect_logins_refused_total{S}': '0x7 40x30' },
    ],
  },
  NatsgateBackpressureSustained: {
    at: 20,
    firing: [{ 'natsgate_backpressure_paused_sessions{S,side="upstream"}': '51x40' }],
    silent: [
      {
        'natsgate_backpressure_paused_sessions{S,side="upstream"}': '50x40',
        'natsgate_backpressure_paused_sessions{S,side="client"}': '99x40',
      },
    ],
  },
  NatsgatePolicyRefusals: {
    at: 25,
    firing: [
      { 'natsgate_policy_verdicts_total{S,role="default",rule="publish_allow",verdict="denied"}': '0+66x40' },
    ],
    silent: [
      {
        'natsgate_policy_verdicts_total{S,role="default",rule="publish_allow",verdict="denied"}': '0+54x40',
        // Of another role, and what would only be refused.
        'natsgate_policy_verdicts_total{S,role="other",rule="publish_allow",verdict="denied"}': '0+54x40',
        'natsgate_policy_verdicts_total{S,role="default",rule="publish_allow",verdict="would_deny"}':
          '0+9000x40',
      },
    ],
  },
  NatsgateRatesExceeded: {
    at: 25,
    firing: [
      { 'natsgate_rate_delayed_sessions{S}': '21x40' },
      {
        'natsgate_rate_delayed_sessions{S}': '0x40',
        'natsgate_rate_limited_total{S,scope="session",kind="messages",action="error"}': '0+66x40',
      },
      { 'natsgate_rate_limited_total{S,scope="identity",kind="bytes",action="close"}': '0+66x40' },
    ],
    silent: [
      {
        'natsgate_rate_delayed_sessions{S}': '20x40',
        'natsgate_rate_limited_total{S,scope="session",kind="messages",action="error"}': '0+54x40',
        'natsgate_rate_limited_total{S,scope="session",kind="bytes",action="delay"}': '0+9000x40',
      },
    ],
  },
  NatsgateEventLoopSaturated: {
    at: 15,
    firing: [
      {
        'natsgate_eventloop_utilization_ratio{S}': '0.5x30',
        'natsgate_eventloop_delay_p99_seconds{S}': '0.11x30',
      },
    ],
    silent: [
      {
        'natsgate_eventloop_utilization_ratio{S}': '0.9x30',
        'natsgate_eventloop_delay_p99_seconds{S}': '0.1x30',
      },
    ],
  },
  NatsgateConfigReloadFailed: {
    at: 10,
    firing: [{ 'natsgate_config_last_reload_success{S}': '0x30' }],
    silent: [{ 'natsgate_config_last_reload_success{S}': '1x30' }],
  },
  NatsgateConfigRestartNeeded: {
    at: 35,
    firing: [{ 'natsgate_config_restart_needed{S}': '1x60' }],
    // The pods roll: the old one goes within the half hour.
    silent: [
      { 'natsgate_config_restart_needed{S}': '1x20 _x60' },
      { 'natsgate_config_restart_needed{S}': '0x60' },
    ],
  },
  NatsgateEngineFallback: {
    at: 20,
    firing: [{ 'natsgate_engine_fallback{S}': '1x30' }],
    silent: [{ 'natsgate_engine_fallback{S}': '0x30' }],
  },
  NatsgateDrainForcedCloses: {
    at: 10,
    // The last scrape before the process ends is enough.
    firing: [
      { 'natsgate_drain_forced_closes_total{S}': '0x5 3 _x20' },
      { 'natsgate_drain_forced_closes_total{S}': '0x5 3x20' },
    ],
    silent: [{ 'natsgate_drain_forced_closes_total{S}': '3x30' }],
  },
};

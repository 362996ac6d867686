/** Series of one release, one value a minute, as promtool writes them. `S` becomes its matchers. */
export type Series = Readonly<Record<string, string>>;
export type AlertCase = {
  /** Minutes after which the alert must fire, or still be silent. */
  readonly at: number;
  readonly firing: Series;
  readonly silent: Series;
};

const outcomes = (accepted: string, failed: string): Series => ({
  'natsgate_handshakes_total{S,outcome="accepted"}': accepted,
  'natsgate_handshakes_total{S,outcome="upstream_timeout"}': failed,
  // A client's own fault and a drain are no fault of ours.
  'natsgate_handshakes_total{S,outcome="origin_not_listed"}': '0+1000x600',
});
/** Of 10000 handshakes a minute so many fail. */
const burning = (failed: number, silent: number, at: number): AlertCase => ({
  at,
  firing: outcomes(`0+${10_000 - failed}x600`, `0+${failed}x600`),
  silent: outcomes(`0+${10_000 - silent}x600`, `0+${silent}x600`),
});
const full = (active: number, calm: number): AlertCase => ({
  at: 20,
  firing: { 'natsgate_connections_active{S}': `${active}x60`, 'natsgate_connections_limit{S}': '1000x60' },
  silent: {
    'natsgate_connections_active{S}': `${calm}x60`,
    'natsgate_connections_limit{S}': '1000x60',
    // A limit of 0 means none: nothing is divided by it.
    'natsgate_connections_active{S,listener="other"}': '5x60',
    'natsgate_connections_limit{S,listener="other"}': '0x60',
  },
});
const expiring = (days: number, calm: number): AlertCase => ({
  at: 90,
  firing: { 'natsgate_tls_certificate_not_after_timestamp_seconds{S,role="server"}': `${days * 86_400}x120` },
  silent: { 'natsgate_tls_certificate_not_after_timestamp_seconds{S,role="server"}': `${calm * 86_400}x120` },
});
const POD = 'namespace="edge",pod="rel-natsgate-7d9f-x",container="natsgate"';
const HPA = 'namespace="edge",horizontalpodautoscaler="rel-natsgate"';

export const ALERT_CASES: Readonly<Record<string, AlertCase>> = {
  NatsgateHandshakeBurnFast: burning(200, 100, 90),
  NatsgateHandshakeBurn: burning(80, 50, 400),
  NatsgateHandshakeBurnSlow: burning(40, 20, 180),
  NatsgateHandshakeBurnCreeping: burning(20, 5, 420),
  NatsgateDown: { at: 10, firing: { 'up{S}': '0x30' }, silent: { 'up{S}': '1x30' } },
  NatsgateNotReady: {
    at: 15,
    firing: { 'natsgate_ready{S}': '0x30', 'natsgate_draining{S}': '0x30' },
    silent: { 'natsgate_ready{S}': '0x30', 'natsgate_draining{S}': '1x30' },
  },
  NatsgateConnectionSaturation: full(810, 800),
  NatsgateConnectionSaturationCritical: full(960, 950),
  NatsgateUpstreamUnavailable: {
    at: 10,
    firing: {
      'natsgate_upstream_connects_total{S,upstream="default",outcome="refused"}': '0+60x30',
      'natsgate_upstream_connects_total{S,upstream="default",outcome="ok"}': '0+50x30',
    },
    silent: {
      'natsgate_upstream_connects_total{S,upstream="default",outcome="refused"}': '0+50x30',
      'natsgate_upstream_connects_total{S,upstream="default",outcome="ok"}': '0+60x30',
    },
  },
  NatsgateUpstreamConnectSlow: {
    at: 30,
    firing: {
      'natsgate_upstream_first_byte_seconds_bucket{S,upstream="default",le="0.5"}': '0+90x60',
      'natsgate_upstream_first_byte_seconds_bucket{S,upstream="default",le="1"}': '0+100x60',
      'natsgate_upstream_first_byte_seconds_bucket{S,upstream="default",le="+Inf"}': '0+100x60',
    },
    silent: {
      'natsgate_upstream_first_byte_seconds_bucket{S,upstream="default",le="0.5"}': '0+100x60',
      'natsgate_upstream_first_byte_seconds_bucket{S,upstream="default",le="1"}': '0+100x60',
      'natsgate_upstream_first_byte_seconds_bucket{S,upstream="default",le="+Inf"}': '0+100x60',
    },
  },
  NatsgateMassDisconnect: {
    at: 66,
    firing: {
      'natsgate_sessions_closed_total{S,initiator="upstream",reason="upstream_reset"}': '0+6x60 960+600x20',
    },
    silent: {
      'natsgate_sessions_closed_total{S,initiator="upstream",reason="upstream_reset"}': '0+120x80',
      // A rollout is none of it.
      'natsgate_sessions_closed_total{S,initiator="gateway",reason="draining"}': '0+6x60 9600+6000x20',
    },
  },
  NatsgatePingTimeoutSurge: {
    at: 20,
    firing: {
      'natsgate_sessions_closed_total{S,initiator="gateway",reason="client_unresponsive"}': '0+66x40',
    },
    silent: {
      'natsgate_sessions_closed_total{S,initiator="gateway",reason="client_unresponsive"}': '0+54x40',
    },
  },
  NatsgateBackpressureSustained: {
    at: 20,
    firing: { 'natsgate_backpressure_paused_sessions{S,side="upstream"}': '51x40' },
    silent: {
      'natsgate_backpressure_paused_sessions{S,side="upstream"}': '50x40',
      'natsgate_backpressure_paused_sessions{S,side="client"}': '99x40',
    },
  },
  NatsgateEventLoopSaturated: {
    at: 15,
    firing: {
      'natsgate_eventloop_utilization_ratio{S}': '0.5x30',
      'natsgate_eventloop_delay_p99_seconds{S}': '0.11x30',
    },
    silent: {
      'natsgate_eventloop_utilization_ratio{S}': '0.9x30',
      'natsgate_eventloop_delay_p99_seconds{S}': '0.1x30',
    },
  },
  NatsgateMemoryNearLimit: {
    at: 15,
    firing: {
      [`container_memory_working_set_bytes{${POD}}`]: '250x30',
      [`kube_pod_container_resource_limits{${POD},resource="memory"}`]: '256x30',
    },
    silent: {
      [`container_memory_working_set_bytes{${POD}}`]: '200x30',
      [`kube_pod_container_resource_limits{${POD},resource="memory"}`]: '256x30',
    },
  },
  NatsgateFdNearLimit: {
    at: 15,
    firing: { 'process_open_fds{S}': '81x30', 'process_max_fds{S}': '100x30' },
    silent: { 'process_open_fds{S}': '80x30', 'process_max_fds{S}': '100x30' },
  },
  NatsgateCertificateExpiring: expiring(13, 15),
  NatsgateCertificateExpiringCritical: expiring(2, 4),
  NatsgateConfigReloadFailed: {
    at: 10,
    firing: { 'natsgate_config_last_reload_success{S}': '0x30' },
    silent: { 'natsgate_config_last_reload_success{S}': '1x30' },
  },
  NatsgateDrainForcedCloses: {
    at: 10,
    firing: { 'natsgate_drain_forced_closes_total{S}': '0x5 3x20' },
    silent: { 'natsgate_drain_forced_closes_total{S}': '3x30' },
  },
  NatsgateRestartLoop: {
    at: 30,
    firing: { 'process_start_time_seconds{S}': '1x5 2x5 3x5 4x5 5x30' },
    silent: { 'process_start_time_seconds{S}': '1x5 2x5 3x5 4x60' },
  },
  NatsgateHpaAtMax: {
    at: 40,
    firing: {
      [`kube_horizontalpodautoscaler_status_current_replicas{${HPA}}`]: '10x60',
      [`kube_horizontalpodautoscaler_spec_max_replicas{${HPA}}`]: '10x60',
    },
    silent: {
      [`kube_horizontalpodautoscaler_status_current_replicas{${HPA}}`]: '9x60',
      [`kube_horizontalpodautoscaler_spec_max_replicas{${HPA}}`]: '10x60',
    },
  },
  NatsgateTooManySeries: {
    at: 20,
    firing: { 'scrape_samples_post_metric_relabeling{S}': '2001x40' },
    silent: { 'scrape_samples_post_metric_relabeling{S}': '2000x40' },
  },
};

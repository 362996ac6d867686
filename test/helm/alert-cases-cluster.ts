import type { AlertCase, Series } from './alert-cases.ts';

const daysLeft = (role: string, count: number): Series => ({
  [`natsgate_tls_certificate_not_after_timestamp_seconds{S,role="${role}"}`]: `${count * 86_400}x120`,
});
const memory = (
  used: string,
  limits = 'kube_pod_container_resource_limits{P,resource="memory"}',
): Series => ({
  'container_memory_working_set_bytes{P}': used,
  [limits]: '256x30',
});
const HPA = 'namespace="edge",horizontalpodautoscaler="rel-natsgate"';
/** As two kube-state-metrics tell it, one of which was restarted. */
const pods = (current: number, most: number): Series =>
  Object.fromEntries(
    ['a', 'b'].flatMap((instance) => [
      [
        `kube_horizontalpodautoscaler_status_current_replicas{${HPA},instance="${instance}"}`,
        `${current}x60`,
      ],
      [`kube_horizontalpodautoscaler_spec_max_replicas{${HPA},instance="${instance}"}`, `${most}x60`],
    ]),
  );

/** Alerts on what Prometheus, cAdvisor and kube-state-metrics say of the gateway, on its process and its files. */
export const CLUSTER_CASES: Readonly<Record<string, AlertCase>> = {
  NatsgateDown: {
    at: 10,
    firing: [
      { 'up{S,pod="a"}': '0x30', 'up{S,pod="b"}': '0x30' },
      // No target at all.
      { 'up{job="another"}': '1x30' },
    ],
    silent: [{ 'up{S,pod="a"}': '0x30', 'up{S,pod="b"}': '1x30' }],
  },
  NatsgateTargetDown: {
    at: 20,
    firing: [{ 'up{S,pod="a"}': '0x30', 'up{S,pod="b"}': '1x30' }],
    silent: [{ 'up{S,pod="a"}': '1x8 0x30', 'up{S,pod="b"}': '1x30' }],
  },
  NatsgateMemoryNearLimit: {
    at: 15,
    firing: [
      memory('250x30'),
      // A native sidecar is an init container to kube-state-metrics.
      memory('250x30', 'kube_pod_init_container_resource_limits{P,resource="memory"}'),
      {
        ...memory('250x30', 'kube_pod_container_resource_limits{P,resource="memory",instance="a"}'),
        ...memory('250x30', 'kube_pod_container_resource_limits{P,resource="memory",instance="b"}'),
      },
    ],
    silent: [
      memory('200x30'),
      memory('200x30', 'kube_pod_init_container_resource_limits{P,resource="memory"}'),
      // Of another release, whose name begins like this one's.
      {
        'container_memory_working_set_bytes{namespace="edge",pod="rel-natsgate-canary-7d9f-xxxxx",container="natsgate"}':
          '250x30',
        'kube_pod_container_resource_limits{namespace="edge",pod="rel-natsgate-canary-7d9f-xxxxx",container="natsgate",resource="memory"}':
          '256x30',
      },
    ],
  },
  NatsgateFdNearLimit: {
    at: 15,
    firing: [{ 'process_open_fds{S}': '81x30', 'process_max_fds{S}': '100x30' }],
    silent: [{ 'process_open_fds{S}': '80x30', 'process_max_fds{S}': '100x30' }],
  },
  NatsgateCertificateExpiring: {
    at: 90,
    firing: ['server', 'client_ca', 'upstream_client', 'upstream_ca'].map((role) => ({
      ...daysLeft('another', 15),
      ...daysLeft(role, 13),
    })),
    silent: [{ ...daysLeft('server', 15), ...daysLeft('upstream_client', 15) }],
  },
  NatsgateCertificateExpiringCritical: {
    at: 90,
    firing: ['server', 'upstream_client'].map((role) => ({
      ...daysLeft('another', 4),
      ...daysLeft(role, 2),
    })),
    // An old authority beside its successor is no reason to wake somebody.
    silent: [daysLeft('server', 4), { ...daysLeft('client_ca', 2), ...daysLeft('upstream_ca', 2) }],
  },
  NatsgateRestartLoop: {
    at: 30,
    firing: [{ 'process_start_time_seconds{S}': '1x5 2x5 3x5 4x5 5x30' }],
    silent: [{ 'process_start_time_seconds{S}': '1x5 2x5 3x5 4x60' }],
  },
  NatsgateHpaAtMax: { at: 40, firing: [pods(10, 10)], silent: [pods(9, 10)] },
  NatsgateTooManySeries: {
    at: 20,
    firing: [{ 'scrape_samples_post_metric_relabeling{S}': '2001x40' }],
    silent: [{ 'scrape_samples_post_metric_relabeling{S}': '2000x40' }],
  },
};

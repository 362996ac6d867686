import { join } from 'node:path';
import { Certificate } from '@kubernetes-models/cert-manager/cert-manager.io/v1';
import {
  BackendTLSPolicy,
  HTTPRoute,
  TLSRoute,
} from '@kubernetes-models/gateway-api/gateway.networking.k8s.io/v1';
import { TCPRoute } from '@kubernetes-models/gateway-api/gateway.networking.k8s.io/v1alpha2';
import { GrafanaDashboard } from '@kubernetes-models/grafana-operator/grafana.integreatly.org/v1beta1';
import { ScaledObject } from '@kubernetes-models/keda/keda.sh/v1alpha1';
import {
  PodMonitor,
  PrometheusRule,
  ServiceMonitor,
} from '@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1';
import { Deployment, StatefulSet } from 'kubernetes-models/apps/v1';
import { HorizontalPodAutoscaler } from 'kubernetes-models/autoscaling/v2';
import { Ingress, NetworkPolicy } from 'kubernetes-models/networking.k8s.io/v1';
import { PodDisruptionBudget } from 'kubernetes-models/policy/v1';
import { ConfigMap, Pod, Secret, Service, ServiceAccount } from 'kubernetes-models/v1';
import type { Manifest } from '../support/helm.ts';

/** Kind → class that validates it, and the module from which its TypeScript interface comes. */
const KINDS = {
  BackendTLSPolicy: [BackendTLSPolicy, '@kubernetes-models/gateway-api/gateway.networking.k8s.io/v1'],
  Certificate: [Certificate, '@kubernetes-models/cert-manager/cert-manager.io/v1'],
  ConfigMap: [ConfigMap, 'kubernetes-models/v1'],
  Deployment: [Deployment, 'kubernetes-models/apps/v1'],
  GrafanaDashboard: [GrafanaDashboard, '@kubernetes-models/grafana-operator/grafana.integreatly.org/v1beta1'],
  HTTPRoute: [HTTPRoute, '@kubernetes-models/gateway-api/gateway.networking.k8s.io/v1'],
  HorizontalPodAutoscaler: [HorizontalPodAutoscaler, 'kubernetes-models/autoscaling/v2'],
  Ingress: [Ingress, 'kubernetes-models/networking.k8s.io/v1'],
  NetworkPolicy: [NetworkPolicy, 'kubernetes-models/networking.k8s.io/v1'],
  Pod: [Pod, 'kubernetes-models/v1'],
  PodDisruptionBudget: [PodDisruptionBudget, 'kubernetes-models/policy/v1'],
  PodMonitor: [PodMonitor, '@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1'],
  PrometheusRule: [PrometheusRule, '@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1'],
  ScaledObject: [ScaledObject, '@kubernetes-models/keda/keda.sh/v1alpha1'],
  Secret: [Secret, 'kubernetes-models/v1'],
  Service: [Service, 'kubernetes-models/v1'],
  ServiceAccount: [ServiceAccount, 'kubernetes-models/v1'],
  ServiceMonitor: [ServiceMonitor, '@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1'],
  StatefulSet: [StatefulSet, 'kubernetes-models/apps/v1'],
  TCPRoute: [TCPRoute, '@kubernetes-models/gateway-api/gateway.networking.k8s.io/v1alpha2'],
  TLSRoute: [TLSRoute, '@kubernetes-models/gateway-api/gateway.networking.k8s.io/v1'],
} as const;

/** Versions with the same fields as the one in the table, which the package does not carry or which are older. */
const SAME_FIELDS: Readonly<Record<string, string>> = {
  'BackendTLSPolicy gateway.networking.k8s.io/v1alpha3': 'gateway.networking.k8s.io/v1',
  'TCPRoute gateway.networking.k8s.io/v1': 'gateway.networking.k8s.io/v1alpha2',
  'TLSRoute gateway.networking.k8s.io/v1alpha3': 'gateway.networking.k8s.io/v1',
};
const inKnownVersion = (object: Manifest): Manifest => ({
  ...object,
  apiVersion: SAME_FIELDS[`${object.kind} ${object.apiVersion}`] ?? object.apiVersion,
});

/** Their shape is a type alone: `asTypeScript` looks at them. */
const GOOGLE_KINDS = ['HealthCheckPolicy', 'GCPBackendPolicy', 'BackendConfig'];

/** What the API's own schema finds wrong. It does not look for unknown fields; `asTypeScript` is for those. */
export function checkShape(given: Manifest): string[] {
  const object = inKnownVersion(given);
  if (GOOGLE_KINDS.includes(object.kind)) return [];
  const kind = KINDS[object.kind as keyof typeof KINDS];
  if (kind === undefined) return [`nothing checks objects of kind ${object.kind}`];
  try {
    // biome-ignore lint/suspicious/noExplicitAny: the data are what is being checked.
    const model = new kind[0](object as any);
    if (model.apiVersion !== object.apiVersion) return [`${object.apiVersion} is not ${model.apiVersion}`];
    model.validate();
    return [];
  } catch (error) {
    return [(error as Error).message];
  }
}

/** A program that compiles only if no object has a field that its API does not know. */
export function asTypeScript(objects: readonly Manifest[]): string {
  const used = new Set(objects.map(({ kind }) => kind));
  const modules = [
    ...Object.entries(KINDS).map(([kind, [, module]]) => [kind, module] as const),
    ...GOOGLE_KINDS.map((kind) => [kind, join(import.meta.dirname, 'google-kinds.ts')] as const),
  ];
  const imports = modules
    .filter(([kind]) => used.has(kind))
    .map(([kind, module]) => `import type { I${kind} } from '${module}';`);
  const constants = objects.map((object, index) => {
    return `export const object${index}: I${object.kind} = ${JSON.stringify(inKnownVersion(object), (_, value) => value ?? undefined)};`;
  });
  return `${[...imports, ...constants].join('\n')}\n`;
}

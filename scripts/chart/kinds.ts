/** JSON Schemas of values that are more than a text, a number or a switch. Draft-07: Helm 3 knows no newer one. */
export type Json = { readonly [key: string]: unknown };

const text: Json = { type: 'string' };
const texts: Json = { type: 'array', items: text };
const secrets: Json = {
  type: 'array',
  items: {
    anyOf: [
      text,
      { type: 'object', additionalProperties: false, properties: { name: text }, required: ['name'] },
    ],
  },
};
const map = (values: Json): Json => ({ type: 'object', additionalProperties: values });
const closed = (properties: Json): Json => ({ type: 'object', additionalProperties: false, properties });
const scalar: Json = { type: ['string', 'number', 'boolean'] };
const positive: Json = { type: 'integer', minimum: 1 };
const whole: Json = { type: 'integer', minimum: 0 };
const nullable = (schema: Json): Json => ({ anyOf: [schema, { type: 'null' }] });
const words = (...known: string[]): Json => ({ enum: known });
const port: Json = { type: 'integer', minimum: 1, maximum: 65_535 };
const ratio: Json = { type: 'number', exclusiveMinimum: 0, maximum: 1 };
const above: Json = { type: 'number', exclusiveMinimum: 0 };
const objects: Json = { type: 'array', items: { type: 'object' } };
const object: Json = { type: 'object' };
const percentage: Json = { anyOf: [whole, { type: 'string', pattern: '^[0-9]{1,3}%$' }] };
const quantity: Json = { type: ['string', 'number'], pattern: '^[0-9.]+(m|k|Ki|M|Mi|G|Gi|T|Ti)?$' };
const goDuration: Json = { type: 'string', pattern: '^([0-9]+(ms|s|m|h))+$' };
const perhapsDuration: Json = { type: 'string', pattern: '^(([0-9]+(ms|s|m|h))+)?$' };
const hostName: Json = { type: 'string', pattern: '^(\\*\\.)?[a-z0-9]([-a-z0-9.]*[a-z0-9])?$' };
/** Where an image is: no scheme before it, and no slash after it. */
const registry: Json = {
  type: 'string',
  pattern: '^([A-Za-z0-9.-]+(:[0-9]+)?(/[a-z0-9._-]+)*)?$',
};
const labelValue: Json = { type: 'string', minLength: 1 };
const labels = map({ type: ['string', 'number', 'boolean'] });

const probe = closed({
  httpGet: closed({
    path: text,
    port: { type: ['string', 'integer'] },
    scheme: words('HTTP', 'HTTPS'),
    host: text,
    httpHeaders: objects,
  }),
  tcpSocket: object,
  exec: object,
  initialDelaySeconds: whole,
  periodSeconds: positive,
  timeoutSeconds: positive,
  failureThreshold: positive,
  successThreshold: positive,
  terminationGracePeriodSeconds: positive,
});
const capabilities = closed({ drop: texts, add: texts });
const seccompProfile = closed({ type: text, localhostProfile: text });
const identity = {
  runAsNonRoot: { type: 'boolean' },
  runAsUser: whole,
  runAsGroup: whole,
  seccompProfile,
  seLinuxOptions: object,
  appArmorProfile: object,
  windowsOptions: object,
};
const scalingRules = closed({
  stabilizationWindowSeconds: { type: 'integer', minimum: 0, maximum: 3600 },
  selectPolicy: words('Max', 'Min', 'Disabled'),
  tolerance: { type: ['string', 'number'] },
  policies: {
    type: 'array',
    items: closed({ type: words('Pods', 'Percent'), value: positive, periodSeconds: positive }),
  },
});

/** Everything that its default alone does not tell. A path that is here is described as a whole. */
export const KINDS: Readonly<Record<string, Json>> = {
  'global.imagePullSecrets': secrets,
  commonLabels: labels,
  commonAnnotations: labels,
  'image.digest': { type: 'string', pattern: '^(sha256:[0-9a-f]{64})?$' },
  'image.tag': {
    type: 'string',
    pattern: '^([A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?$',
    not: { const: 'latest' },
  },
  'global.imageRegistry': registry,
  'image.registry': registry,
  'image.repository': { type: 'string', pattern: '^[a-z0-9]+([._/-]+[a-z0-9]+)*$' },
  'image.pullPolicy': words('Always', 'IfNotPresent', 'Never'),
  'image.pullSecrets': secrets,
  config: { $ref: '#/definitions/config' },
  'ports.public': { type: 'integer', minimum: 1024, maximum: 65_535 },
  'ports.admin': { type: 'integer', minimum: 1024, maximum: 65_535 },
  'ports.host': words('0.0.0.0', '[::]'),
  replicaCount: whole,
  strategy: closed({
    type: words('RollingUpdate', 'Recreate'),
    rollingUpdate: nullable(closed({ maxSurge: percentage, maxUnavailable: percentage })),
  }),
  minReadySeconds: whole,
  revisionHistoryLimit: whole,
  terminationGracePeriodSeconds: { type: ['integer', 'null'], minimum: 0 },
  preStopSleepSeconds: whole,
  lifecycle: object,
  resources: closed({ requests: map(quantity), limits: map(quantity), claims: objects }),
  heapPercentage: { type: 'integer', minimum: 10, maximum: 100 },
  'autoscaling.minReplicas': positive,
  'autoscaling.maxReplicas': positive,
  'autoscaling.sessions.targetRatio': ratio,
  'autoscaling.sessions.averageValue': { type: ['integer', 'string', 'null'] },
  'autoscaling.cpu.averageUtilization': positive,
  'autoscaling.behavior': closed({ scaleUp: scalingRules, scaleDown: scalingRules }),
  'keda.minReplicaCount': positive,
  'keda.maxReplicaCount': positive,
  'keda.pollingInterval': positive,
  'keda.fallback': closed({ failureThreshold: positive, replicas: positive, behavior: text }),
  'keda.authenticationRef': object,
  'pdb.maxUnavailable': nullable(percentage),
  'pdb.minAvailable': nullable(percentage),
  'pdb.unhealthyPodEvictionPolicy': words('AlwaysAllow', 'IfHealthyBudget'),
  topologySpreadConstraints: objects,
  topologySpread: map(
    nullable(
      closed({
        maxSkew: positive,
        whenUnsatisfiable: words('ScheduleAnyway', 'DoNotSchedule'),
        minDomains: positive,
        nodeAffinityPolicy: words('Honor', 'Ignore'),
        nodeTaintsPolicy: words('Honor', 'Ignore'),
        matchLabelKeys: texts,
        labelSelector: object,
      }),
    ),
  ),
  podSecurityContext: closed({
    ...identity,
    fsGroup: whole,
    fsGroupChangePolicy: words('Always', 'OnRootMismatch'),
    supplementalGroups: { type: 'array', items: whole },
    supplementalGroupsPolicy: words('Merge', 'Strict'),
    sysctls: { type: 'array', items: closed({ name: text, value: text }) },
  }),
  securityContext: closed({
    ...identity,
    readOnlyRootFilesystem: { type: 'boolean' },
    allowPrivilegeEscalation: { type: 'boolean' },
    privileged: { type: 'boolean' },
    procMount: text,
    capabilities,
  }),
  hostUsers: { type: ['boolean', 'null'] },
  'service.type': words('ClusterIP', 'NodePort', 'LoadBalancer'),
  'service.port': port,
  'service.nodePort': { type: ['integer', 'null'], minimum: 1, maximum: 65_535 },
  'service.appProtocol': { type: ['string', 'null'] },
  'service.internalTrafficPolicy': words('', 'Cluster', 'Local'),
  'service.externalTrafficPolicy': words('', 'Cluster', 'Local'),
  'service.trafficDistribution': words('', 'PreferClose', 'PreferSameZone', 'PreferSameNode'),
  'service.sessionAffinity': words('None', 'ClientIP'),
  'service.ipFamilyPolicy': words('', 'SingleStack', 'PreferDualStack', 'RequireDualStack'),
  'service.ipFamilies': { type: 'array', items: words('IPv4', 'IPv6') },
  'service.loadBalancerSourceRanges': texts,
  'service.allocateLoadBalancerNodePorts': { type: ['boolean', 'null'] },
  'httpRoute.parentRefs': objects,
  'httpRoute.hostnames': { type: 'array', items: hostName },
  'httpRoute.path': closed({ type: words('PathPrefix', 'Exact', 'RegularExpression'), value: text }),
  'httpRoute.requestTimeout': { type: 'string', pattern: '^([0-9]+(h|m|s|ms))*$' },
  'httpRoute.filters': objects,
  'httpRoute.extraRules': objects,
  'ingress.hosts': { type: 'array', items: hostName },
  'ingress.pathType': words('Exact', 'Prefix', 'ImplementationSpecific'),
  'ingress.tls': { type: 'array', items: closed({ hosts: texts, secretName: text }) },
  'certificate.issuerRef': closed({ name: text, kind: words('Issuer', 'ClusterIssuer'), group: text }),
  'certificate.dnsNames': { type: 'array', items: hostName },
  'certificate.duration': goDuration,
  'certificate.renewBefore': goDuration,
  'certificate.usages': texts,
  'certificate.privateKey': closed({
    algorithm: words('RSA', 'ECDSA', 'Ed25519'),
    size: positive,
    rotationPolicy: words('Always', 'Never'),
    encoding: words('PKCS1', 'PKCS8'),
  }),
  'tlsRoute.apiVersion': words('v1', 'v1alpha3', 'v1alpha2'),
  'tlsRoute.parentRefs': objects,
  'tlsRoute.hostnames': { type: 'array', items: hostName },
  'tcpRoute.apiVersion': words('v1', 'v1alpha2'),
  'tcpRoute.parentRefs': objects,
  'backendTLSPolicy.apiVersion': words('v1', 'v1alpha3'),
  'backendTLSPolicy.caCertificateRefs': {
    type: 'array',
    items: { ...closed({ group: text, kind: text, name: text }), required: ['group', 'kind', 'name'] },
  },
  'dashboard.grafanaOperator.instanceSelector': closed({
    matchLabels: labels,
    matchExpressions: objects,
  }),
  'dashboard.grafanaOperator.resyncPeriod': goDuration,
  'diagnosticMode.command': texts,
  'diagnosticMode.args': texts,
  'networkPolicy.ingressFrom': objects,
  'metrics.tlsConfig': object,
  'networkPolicy.adminFrom': objects,
  'networkPolicy.upstream': {
    type: 'array',
    items: { ...closed({ to: objects, ports: objects }), required: ['ports'] },
  },
  'networkPolicy.dnsTo': objects,
  'networkPolicy.extraIngress': objects,
  'networkPolicy.extraEgress': objects,
  'metrics.service.port': port,
  ...monitor('metrics.serviceMonitor'),
  ...monitor('metrics.podMonitor'),
  'prometheusRule.disabled': texts,
  'prometheusRule.runbookBaseUrl': { type: 'string', pattern: '^(https?://\\S+)?$' },
  'prometheusRule.severities.page': labelValue,
  'prometheusRule.severities.ticket': labelValue,
  ...Object.fromEntries(
    [
      'errorBudget',
      'saturation',
      'saturationCritical',
      'eventLoopUtilization',
      'memory',
      'fileDescriptors',
      'massDisconnectShare',
      'limitedShare',
      'unavailableShare',
    ].map((name) => [`prometheusRule.thresholds.${name}`, ratio]),
  ),
  ...Object.fromEntries(
    [
      'minimumRate',
      'dialSeconds',
      'massDisconnectSessions',
      'keysAgeSeconds',
      'unresponsiveRate',
      'pausedSessions',
      'refusedRate',
      'delayedSessions',
      'eventLoopDelaySeconds',
      'certificateDays',
      'certificateCriticalDays',
      'restarts',
      'seriesBudget',
    ].map((name) => [`prometheusRule.thresholds.${name}`, above]),
  ),
  startupProbe: probe,
  livenessProbe: probe,
  readinessProbe: probe,
  extraEnv: {
    anyOf: [
      map({
        anyOf: [scalar, { type: 'null' }, { ...closed({ valueFrom: object }), required: ['valueFrom'] }],
      }),
      {
        type: 'array',
        items: { ...closed({ name: text, value: text, valueFrom: object }), required: ['name'] },
      },
      { type: 'null' },
    ],
  },
  extraEnvFrom: objects,
  extraArgs: texts,
  extraVolumes: objects,
  extraVolumeMounts: objects,
  extraContainers: objects,
  initContainers: objects,
  extraObjects: {
    anyOf: [{ type: 'array', items: { type: ['string', 'object'] } }, map({ type: ['string', 'object'] })],
  },
  deploymentPatch: {
    type: 'array',
    items: {
      ...closed({
        op: words('add', 'replace', 'remove', 'test'),
        path: { type: 'string', pattern: '^/' },
        value: {},
      }),
      required: ['op', 'path'],
    },
  },
  tolerations: objects,
  hostAliases: objects,
  'test.timeoutSeconds': positive,
};

function monitor(path: string): Record<string, Json> {
  return {
    [`${path}.interval`]: perhapsDuration,
    [`${path}.scrapeTimeout`]: perhapsDuration,
    [`${path}.sampleLimit`]: positive,
    [`${path}.labelLimit`]: positive,
    [`${path}.relabelings`]: objects,
    [`${path}.metricRelabelings`]: objects,
  };
}

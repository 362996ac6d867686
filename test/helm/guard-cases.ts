import { CHART, type Helm, helm, set } from '../support/helm.ts';

const ROUTE = {
  'httpRoute.enabled': true,
  'httpRoute.parentRefs': [{ name: 'g' }],
  'httpRoute.hostnames': ['a.example'],
};
const INGRESS = { 'ingress.enabled': true, 'ingress.hosts': ['a.example'] };
const TLS = { 'tls.enabled': true, 'tls.existingSecret': 'own' };

/** What the chart refuses, and a word of what it says. */
export const REFUSED: readonly (readonly [values: object, says: RegExp, kube?: string])[] = [
  [{ 'config.listen': '0.0.0.0:9000' }, /config\.listen and config\.admin have no address/],
  [{ 'config.listen.address': '0.0.0.0:9000' }, /config\.listen and config\.admin have no address/],
  [{ 'config.admin': '0.0.0.0:9001' }, /config\.listen and config\.admin have no address/],
  [{ 'config.admin.address': '0.0.0.0:9001' }, /config\.listen and config\.admin have no address/],
  [{ 'ports.admin': 8080 }, /ports\.public and ports\.admin are the same/],
  [
    { 'autoscaling.enabled': true, 'keda.enabled': true, 'keda.serverAddress': 'http://p' },
    /two autoscalers/,
  ],
  [
    { 'autoscaling.enabled': true, 'autoscaling.sessions.enabled': false, 'autoscaling.cpu.enabled': false },
    /without a metric/,
  ],
  [{ 'autoscaling.enabled': true, 'autoscaling.minReplicas': 11 }, /autoscaling\.minReplicas is above/],
  [{ 'keda.enabled': true }, /keda\.serverAddress/],
  [
    { 'keda.enabled': true, 'keda.serverAddress': 'http://p', 'keda.minReplicaCount': 11 },
    /keda\.minReplicaCount is above/,
  ],
  [{ 'httpRoute.enabled': true, 'httpRoute.hostnames': ['a.example'] }, /httpRoute\.parentRefs/],
  [{ 'httpRoute.enabled': true, 'httpRoute.parentRefs': [{ name: 'g' }] }, /httpRoute\.hostnames/],
  [
    { 'tlsRoute.enabled': true, 'tlsRoute.parentRefs': [{ name: 'g' }], 'tlsRoute.hostnames': ['a.example'] },
    /tlsRoute\.enabled needs tls\.enabled/,
  ],
  [{ ...TLS, 'tlsRoute.enabled': true, 'tlsRoute.hostnames': ['a.example'] }, /tlsRoute\.parentRefs/],
  [{ ...TLS, 'tlsRoute.enabled': true, 'tlsRoute.parentRefs': [{ name: 'g' }] }, /tlsRoute\.hostnames/],
  [{ 'tcpRoute.enabled': true }, /tcpRoute\.parentRefs/],
  [{ 'backendTLSPolicy.enabled': true }, /backendTLSPolicy\.enabled needs tls\.enabled/],
  [{ 'dashboard.grafanaOperator.enabled': true }, /dashboard\.grafanaOperator\.instanceSelector/],
  [{ 'ingress.enabled': true }, /ingress\.hosts/],
  [{ 'tls.enabled': true }, /tls\.enabled needs a certificate/],
  [{ 'tls.existingSecret': 'own' }, /tls\.existingSecret without tls\.enabled/],
  [
    { 'certificate.enabled': true, 'certificate.issuerRef': { name: 'i' } },
    /certificate\.enabled without tls\.enabled/,
  ],
  [{ 'certificate.enabled': true, 'tls.enabled': true }, /certificate\.issuerRef/],
  [
    { 'certificate.enabled': true, 'tls.enabled': true, 'certificate.issuerRef': { kind: 'ClusterIssuer' } },
    /certificate\.issuerRef/,
  ],
  [{ 'networkPolicy.enabled': true }, /networkPolicy\.upstream/],
  [{ 'metrics.serviceMonitor.enabled': true, 'metrics.podMonitor.enabled': true }, /scraped twice/],
  [{ 'metrics.serviceMonitor.enabled': true, 'metrics.service.enabled': false }, /needs metrics\.service/],
  [{ 'metrics.podMonitor.enabled': true, 'adminTls.existingSecret': 'own' }, /metrics\.tlsConfig is empty/],
  [
    {
      'metrics.serviceMonitor.enabled': true,
      'config.admin.tls': { certFile: '/own/tls.crt', keyFile: '/own/tls.key' },
    },
    /metrics\.tlsConfig is empty/,
  ],
  [{ 'prometheusRule.enabled': true }, /prometheusRule\.enabled without a monitor/],
  [
    { 'prometheusRule.alertLabels': { severity: 'critical' } },
    /alertLabels\.severity would be the same .* prometheusRule\.severities/,
  ],
  [
    {
      'prometheusRule.enabled': true,
      'prometheusRule.selector': 'job="own"',
      'prometheusRule.disabled': ['NatsgateDwon'],
    },
    /there is no alert NatsgateDwon/,
  ],
  [{ terminationGracePeriodSeconds: 39 }, /terminationGracePeriodSeconds 39 is below .* = 40/],
  [{ terminationGracePeriodSeconds: 49, preStopSleepSeconds: 10 }, /49 is below .* = 50/],
  [
    { terminationGracePeriodSeconds: 3607, 'config.drain': { delay: '3s', timeout: '1h' } },
    /3607 is below .* = 3608/,
  ],
  [
    { terminationGracePeriodSeconds: 306, 'config.drain': { delay: '1.2s', timeout: '5m' } },
    /306 is below .* = 307/,
  ],
  [{ terminationGracePeriodSeconds: 7, 'config.drain': { delay: 0, timeout: '2.1s' } }, /7 is below .* = 8/],
  [{ 'config.drain': { delay: '${DELAY}' } }, /config\.drain has a variable/],
  [{ 'config.drain': { timeout: '${TIMEOUT:-5s}' } }, /config\.drain has a variable/],
  [{ preStopSleepSeconds: 5 }, /a sleep before SIGTERM needs Kubernetes 1\.30/, '1.29.14'],
  [{ lifecycle: { preStop: { sleep: { seconds: 5 } } } }, /needs Kubernetes 1\.30/, '1.29.14'],
  [
    { terminationGracePeriodSeconds: 99, lifecycle: { preStop: { sleep: { seconds: 60 } } } },
    /99 is below .* = 100/,
  ],
  [{ lifecycle: { preStop: { exec: { command: ['x'] } } } }, /lifecycle\.preStop runs before the drain/],
  [{ 'config.drain.timeout': '2s' }, /config\.drain\.timeout is not longer than config\.timeouts\.close/],
  [{ 'config.timeouts.close': '30s' }, /config\.drain\.timeout is not longer/],
  [{ 'strategy.rollingUpdate': { maxSurge: 0, maxUnavailable: '0%' } }, /no pod could ever be replaced/],
  [{ 'pdb.maxUnavailable': 0 }, /pdb\.maxUnavailable 0 leaves no pod/],
  [{ 'pdb.maxUnavailable': '0%' }, /pdb\.maxUnavailable 0 leaves no pod/],
  [{ preStopSleepSeconds: 5, lifecycle: { preStop: { exec: { command: ['x'] } } } }, /say it in one of them/],
  [{ 'pdb.minAvailable': 2 }, /pdb\.minAvailable 2 leaves no pod/],
  [{ 'autoscaling.enabled': true, 'pdb.minAvailable': 2 }, /pdb\.minAvailable 2 leaves no pod/],
  [
    {
      'keda.enabled': true,
      'keda.serverAddress': 'http://p',
      'keda.minReplicaCount': 3,
      'pdb.minAvailable': 3,
    },
    /leaves no pod/,
  ],
  [{ heapPercentage: 91 }, /heapPercentage is above 90/],
  [{ 'extraEnv.NODE_OPTIONS': '--trace-warnings' }, /extraEnv\.NODE_OPTIONS replaces/],
  [{ extraEnv: [{ name: 'NODE_OPTIONS', value: '--trace-warnings' }] }, /extraEnv\.NODE_OPTIONS replaces/],
  ...[
    { 'service.ipFamilies': ['IPv6'] },
    { 'service.ipFamilies': ['IPv4', 'IPv6'] },
    { 'service.ipFamilyPolicy': 'PreferDualStack' },
    { 'service.ipFamilyPolicy': 'RequireDualStack' },
    { 'service.clusterIP': 'fd00::1' },
  ].map((values) => [values, /service has IPv6 .* set ports\.host to "\[::\]"/] as const),
  [{ 'service.trafficDistribution': 'PreferClose' }, /PreferClose needs Kubernetes 1\.30/, '1.29.4'],
  [{ 'service.trafficDistribution': 'PreferSameNode' }, /the others 1\.34, and this is v1\.33\.0/],
  [{ ...ROUTE, 'httpRoute.path.value': '/nats' }, /httpRoute\.path \/nats is no path of the gateway/],
  [
    { ...ROUTE, 'httpRoute.path': { type: 'Exact', value: '/nats' }, 'config.routes': [{ path: '/other' }] },
    /httpRoute\.path \/nats is no path/,
  ],
  [{ ...INGRESS, 'ingress.path': '/nats' }, /ingress\.path \/nats is no path of the gateway/],
  [{ deploymentPatch: [{ op: 'replace', path: '/spec/nothing', value: 1 }] }, /there is no "nothing"/],
  [{ deploymentPatch: [{ op: 'remove', path: '/spec/nothing' }] }, /there is no "nothing"/],
  [{ deploymentPatch: [{ op: 'add', path: '/spec/nothing/deep', value: 1 }] }, /there is no "nothing"/],
  [{ deploymentPatch: [{ op: 'test', path: '/spec/replicas', value: 3 }] }, /\/spec\/replicas is not 3/],
  [
    { deploymentPatch: [{ op: 'test', path: '/spec/template/spec/containers/0', value: 3 }] },
    /containers\/0 is not 3/,
  ],
  [
    { deploymentPatch: [{ op: 'replace', path: '/spec/template/spec/containers/1', value: 3 }] },
    /no entry 1/,
  ],
  [{ deploymentPatch: [{ op: 'remove', path: '/spec/template/spec/containers/-' }] }, /no entry -/],
  [{ deploymentPatch: [{ op: 'add', path: '/spec/template/spec/containers/-/x', value: 1 }] }, /no entry -/],
  [{ deploymentPatch: [{ op: 'add', path: '/spec/replicas/x', value: 3 }] }, /leads into a value/],
];

/** Close to what is refused, and fine. */
export const ACCEPTED: readonly (readonly [values: object, kube?: string])[] = [
  [{ 'config.listen.hosts': ['gw.example.com'], 'config.admin.hosts': ['gw.internal'] }],
  // Without TLS in the pod, a port of the Gateway still does.
  [{ 'tcpRoute.enabled': true, 'tcpRoute.parentRefs': [{ name: 'g' }] }],
  [{ ...TLS, 'backendTLSPolicy.enabled': true }],
  [{ 'tlsRoute.hostnames': ['a.example'] }],
  [{ terminationGracePeriodSeconds: 40 }],
  [{ terminationGracePeriodSeconds: 40, 'config.drain': { delay: '${DELAY}' } }],
  [{ terminationGracePeriodSeconds: 8, 'config.drain': { delay: 0, timeout: '2.1s' } }],
  [{ preStopSleepSeconds: 5 }, '1.30.0'],
  [{ terminationGracePeriodSeconds: 100, lifecycle: { preStop: { sleep: { seconds: 60 } } } }],
  [{ 'config.drain.timeout': '0s' }],
  [{ 'config.drain.timeout': '3s' }],
  [{ 'strategy.rollingUpdate': { maxSurge: 0, maxUnavailable: 1 } }],
  [{ strategy: { type: 'Recreate', rollingUpdate: { maxSurge: 0, maxUnavailable: 0 } } }],
  [{ 'pdb.maxUnavailable': 0, 'pdb.minAvailable': 1 }],
  [{ 'pdb.maxUnavailable': 0, 'pdb.enabled': false }],
  [{ 'diagnosticMode.enabled': true, lifecycle: { preStop: { exec: { command: ['x'] } } } }],
  [{ 'pdb.minAvailable': 1 }],
  [{ 'pdb.minAvailable': '50%' }],
  [
    {
      'keda.enabled': true,
      'keda.serverAddress': 'http://p',
      'keda.minReplicaCount': 3,
      'pdb.minAvailable': 2,
    },
  ],
  [{ 'pdb.minAvailable': 2, 'pdb.enabled': false }],
  [{ heapPercentage: 90 }],
  [{ 'extraEnv.NODE_OPTIONS': '--max-old-space-size=100' }],
  [{ 'service.ipFamilies': ['IPv6'], 'ports.host': '[::]' }],
  [{ 'service.ipFamilyPolicy': 'PreferDualStack', 'ports.host': '[::]' }],
  [
    {
      'service.ipFamilies': ['IPv4'],
      'service.ipFamilyPolicy': 'SingleStack',
      'service.clusterIP': '10.0.0.9',
    },
  ],
  [{ 'service.trafficDistribution': 'PreferClose' }, '1.30.0'],
  [{ 'service.trafficDistribution': 'PreferSameZone' }, '1.34.0'],
  [{ ...ROUTE, 'httpRoute.path.value': '/nats', 'config.routes': [{ path: '/nats' }] }],
  [{ ...ROUTE, 'httpRoute.path': { type: 'RegularExpression', value: '/n.*' } }],
  [{ ...ROUTE, 'httpRoute.path.value': '/nats', 'httpRoute.filters': [{ type: 'URLRewrite' }] }],
  [{ 'httpRoute.path.value': '/nats', 'ingress.path': '/nats' }],
  [{ ...INGRESS, 'ingress.path': '/*' }],
  [{ ...INGRESS, 'ingress.path': '/nats', 'config.routes': [{ path: '/nats' }] }],
  [{ ...INGRESS, 'ingress.path': '/nats', 'ingress.annotations': { 'haproxy.org/path-rewrite': '/' } }],
  [{ 'keda.minReplicaCount': 11 }],
  [{ 'autoscaling.minReplicas': 11 }],
  [{ 'autoscaling.sessions.enabled': false, 'autoscaling.cpu.enabled': false }],
  [{ 'metrics.service.enabled': false }],
  [{ 'prometheusRule.enabled': true, 'prometheusRule.selector': 'job="own"' }],
  [{ 'prometheusRule.enabled': true, 'metrics.podMonitor.enabled': true }],
  [{ 'prometheusRule.alertLabels': { team: 'edge' } }],
  [{ terminationGracePeriodSeconds: 60, lifecycle: { preStop: { exec: { command: ['x'] } } } }],
  [{ enabled: true, 'global.anything': { of: 'a parent' } }],
  [
    {
      deploymentPatch: [
        { op: 'add', path: '/metadata/labels/a~0b~1c', value: 'x' },
        { op: 'test', path: '/metadata/labels/a~0b~1c', value: 'x' },
      ],
    },
  ],
];

/** `helm template` with these values, whatever comes of it. */
export const withValues = (values: object, kube = '1.33.0'): Promise<Helm> =>
  helm('template', 'rel', CHART, '--kube-version', kube, ...set(values));

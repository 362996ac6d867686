import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { CHART, helm, manifests, set } from '../support/helm.ts';
import { checkConfig } from './gateway-config.ts';
import { checkObjects } from './rules.ts';
import { checkShape } from './shapes.ts';

/** Values that are valid, in every combination: whatever comes out must keep all rules, and the gateway takes it. An even number. */
const RUNS = Number(process.env['NATSGATE_CHART_RUNS'] ?? 24);

const label = fc.constantFrom('n', 'on', 'yes', '1e3', 'null', '0x1f', 'edge', '~');
const releaseName = fc.stringMatching(/^[a-z]([-a-z0-9]{0,50}[a-z0-9])?$/);
const mebibytes = fc.integer({ min: 64, max: 4096 });
const maps = (value: fc.Arbitrary<string>) =>
  fc.dictionary(fc.constantFrom('team', 'example.com/a', 'on', 'n'), value, {
    maxKeys: 3,
    noNullPrototype: true,
  });

const values = fc.record(
  {
    replicaCount: fc.integer({ min: 0, max: 9 }),
    commonLabels: maps(label.filter((one) => one !== '~')),
    commonAnnotations: maps(fc.string({ maxLength: 60 })),
    podLabels: maps(label.filter((one) => one !== '~')),
    podAnnotations: maps(fc.string({ maxLength: 60 })),
    nameOverride: fc.constantFrom('', 'edge', '1e3', 'on'),
    fullnameOverride: fc.constantFrom('', 'on', 'x'.repeat(80), `${'y'.repeat(54)}-z`),
    'image.digest': fc.constantFrom('', `sha256:${'0'.repeat(64)}`),
    'image.tag': fc.constantFrom('', '1', '1.0', '1e3'),
    'ports.public': fc.integer({ min: 1024, max: 30_000 }),
    'ports.admin': fc.integer({ min: 30_001, max: 65_535 }),
    'ports.host': fc.constantFrom('0.0.0.0', '[::]'),
    rollOnConfigChange: fc.boolean(),
    preStopSleepSeconds: fc.integer({ min: 0, max: 60 }),
    'config.drain': fc.record({
      delay: fc.constantFrom('0s', 0, '1.5s', '900ms', '2m'),
      timeout: fc.constantFrom('0s', '59.9s', '5m', '1h', '2001ms'),
    }),
    'config.limits': fc.record({
      sessions: fc.constantFrom('auto', 1, 10_000, 1_000_000),
      sessionAge: fc.constantFrom(false, 'off', '12h'),
    }),
    'config.compression': fc.constantFrom(true, false, 'on', null, { enabled: true, concurrency: 8 }),
    'config.inspect': fc.constantFrom(false, 'auto', 'observe'),
    'config.timeouts': fc.constantFrom(null, {}, { close: '1s' }),
    'strategy.type': fc.constantFrom('RollingUpdate', 'Recreate'),
    lifecycle: fc.constantFrom({}, { preStop: { sleep: { seconds: 30 } } }),
    'config.origins': fc.constantFrom(['*'], 'https://a.example', { allow: ['self'], missing: 'allow' }, [
      'https://*.a.example',
    ]),
    'config.upstream': fc.constantFrom('nats://a:4222', ['nats://a', 'nats://b:4333'], {
      servers: 'nats://a',
      dialTimeout: '3s',
    }),
    heapPercentage: fc.integer({ min: 10, max: 90 }),
    resources: fc.record({ limits: mebibytes.map((size) => ({ memory: `${size}Mi` })) }),
    'tls.existingSecret': fc.constantFrom('', 'own'),
    'tls.clientCaKey': fc.constantFrom('', 'ca.crt'),
    'certificate.enabled': fc.boolean(),
    'adminToken.existingSecret': fc.constantFrom('', 'token'),
    'proxySeed.value': fc.constantFrom('', 'n', '1e3'),
    'autoscaling.enabled': fc.boolean(),
    'keda.enabled': fc.boolean(),
    'pdb.enabled': fc.boolean(),
    'serviceAccount.create': fc.boolean(),
    'service.type': fc.constantFrom('ClusterIP', 'NodePort', 'LoadBalancer'),
    'service.port': fc.integer({ min: 1, max: 65_535 }),
    'service.appProtocol': fc.constantFrom('auto', 'http'),
    'networkPolicy.enabled': fc.boolean(),
    'networkPolicy.allowExternal': fc.boolean(),
    'httpRoute.enabled': fc.boolean(),
    'tlsRoute.enabled': fc.boolean(),
    'tcpRoute.enabled': fc.boolean(),
    'backendTLSPolicy.enabled': fc.boolean(),
    'dashboard.grafanaOperator.enabled': fc.boolean(),
    'ingress.enabled': fc.boolean(),
    'metrics.service.enabled': fc.boolean(),
    'metrics.serviceMonitor.enabled': fc.boolean(),
    'metrics.podMonitor.enabled': fc.boolean(),
    'prometheusRule.enabled': fc.boolean(),
    'dashboard.enabled': fc.boolean(),
    'test.enabled': fc.boolean(),
    extraEnv: fc.oneof(
      fc.dictionary(fc.constantFrom('A', 'NODE_ENV', 'n'), fc.constantFrom('x', 1, true, 'yes'), {
        noNullPrototype: true,
      }),
      fc.constantFrom([{ name: 'B', value: 'yes' }, { name: 'A' }], null),
    ),
    minor: fc.integer({ min: 30, max: 36 }),
  },
  { requiredKeys: ['minor'] },
);

/** What the guards would refuse is mended, so that every run tests a render. */
function mended(drawn: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const { minor: _, ...given } = drawn;
  const all: Record<string, unknown> = { ...given };
  if (all['autoscaling.enabled'] === true) all['keda.enabled'] = false;
  // A signature in CONNECT needs enforce; the gateway says so.
  if ((all['proxySeed.value'] ?? '') !== '') all['config.inspect'] = 'auto';
  if (all['lifecycle'] !== undefined) all['preStopSleepSeconds'] = 0;
  all['keda.serverAddress'] = 'http://prometheus:9090';
  all['tls.enabled'] = all['certificate.enabled'] === true || (all['tls.existingSecret'] ?? '') !== '';
  all['certificate.issuerRef'] = { name: 'issuer' };
  all['networkPolicy.upstream'] = [{ ports: [{ port: 4222 }] }];
  all['httpRoute.parentRefs'] = [{ name: 'gateway' }];
  all['httpRoute.hostnames'] = ['gw.example.com'];
  if (all['tls.enabled'] === false) {
    all['tlsRoute.enabled'] = false;
    all['backendTLSPolicy.enabled'] = false;
  }
  for (const route of ['tlsRoute', 'tcpRoute']) all[`${route}.parentRefs`] = [{ name: 'gateway' }];
  all['tlsRoute.hostnames'] = ['gw.example.com'];
  all['dashboard.grafanaOperator.instanceSelector'] = { matchLabels: { dashboards: 'grafana' } };
  all['ingress.hosts'] = ['gw.example.com'];
  if (all['metrics.service.enabled'] === false) all['metrics.serviceMonitor.enabled'] = false;
  if (all['metrics.serviceMonitor.enabled'] === true) all['metrics.podMonitor.enabled'] = false;
  if (all['metrics.serviceMonitor.enabled'] !== true && all['metrics.podMonitor.enabled'] !== true)
    all['prometheusRule.selector'] = 'job="own"';
  return all;
}

// Half of the runs each, because one waits for helm most of the time.
describe('random values render to objects that keep all rules', { concurrency: 2, timeout: 600_000 }, () => {
  for (const seed of [6, 7])
    test(`${RUNS / 2} of them, from seed ${seed}`, async () => {
      await fc.assert(
        fc.asyncProperty(releaseName, values, async (name, drawn) => {
          const args = ['--kube-version', `1.${drawn.minor}.0`, '--namespace', 'edge', ...set(mended(drawn))];
          const { code, stdout, stderr } = await helm('template', name, CHART, ...args);
          assert.equal(code, 0, stderr);
          const objects = manifests(stdout);
          assert.deepEqual(checkObjects(objects), []);
          for (const object of objects) assert.deepEqual(checkShape(object), []);
          assert.deepEqual(await checkConfig(objects), []);
        }),
        { numRuns: RUNS / 2, seed },
      );
    });
});

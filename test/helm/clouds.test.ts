import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { CHART, type Manifest, only, render } from '../support/helm.ts';
import { loadedConfig } from './gateway-config.ts';

/**
 * Load balancers of clouds ask for health by themselves. With their defaults they ask / on the public port, get 426, and
 * take every pod away: the examples must send them where health is answered, and let sessions drain before they cut them.
 */
type Annotations = Readonly<Record<string, string>>;
type Asked = { readonly port: number; readonly path: string; readonly drainSeconds: number };

const annotationsOf = (object: Manifest): Annotations => object.metadata.annotations ?? {};
const attribute = (list: string | undefined, name: string): number =>
  Number(new RegExp(`${name}=(\\d+)`).exec(list ?? '')?.[1]);

function byAnnotations(all: Annotations, prefix: string): Asked {
  return {
    port: Number(all[`${prefix}healthcheck-port`]),
    path: all[`${prefix}healthcheck-path`] ?? '',
    drainSeconds: attribute(all[`${prefix}target-group-attributes`], 'deregistration_delay.timeout_seconds'),
  };
}

const EXAMPLES: Readonly<Record<string, (objects: readonly Manifest[]) => Asked>> = {
  'aws-alb': (objects) =>
    byAnnotations(annotationsOf(only(objects, 'Ingress')), 'alb.ingress.kubernetes.io/'),
  'aws-nlb': (objects) =>
    byAnnotations(
      annotationsOf(only(objects, 'Service', 'rel-natsgate')),
      'service.beta.kubernetes.io/aws-load-balancer-',
    ),
  'gke-gateway': (objects) => {
    const health = only(objects, 'HealthCheckPolicy')['spec'];
    const backend = only(objects, 'GCPBackendPolicy')['spec'];
    for (const { targetRef } of [health, backend]) assert.equal(targetRef.name, 'rel-natsgate');
    // The whole life of a WebSocket.
    assert.equal(backend.default.timeoutSec, 86_400);
    const { port, requestPath } = health.default.config.httpHealthCheck;
    const drainSeconds = backend.default.connectionDraining.drainingTimeoutSec;
    return { port, path: requestPath, drainSeconds };
  },
  'gke-ingress': (objects) => {
    const config = only(objects, 'BackendConfig');
    const { timeoutSec, healthCheck, connectionDraining } = config['spec'];
    const named = annotationsOf(only(objects, 'Service', 'rel-natsgate'))['cloud.google.com/backend-config'];
    assert.deepEqual(JSON.parse(named ?? ''), { default: config.metadata.name });
    assert.equal(timeoutSec, 86_400);
    const { port, requestPath: path } = healthCheck;
    return { port, path, drainSeconds: connectionDraining.drainingTimeoutSec };
  },
};

for (const [name, asked] of Object.entries(EXAMPLES)) {
  test(`${name}: health is asked where it is answered, and sessions drain before they are cut`, async () => {
    const objects = await render('-f', join(CHART, 'examples', `${name}-values.yaml`));
    const { port, path, drainSeconds } = asked(objects);
    const { ports, env } = only(objects, 'Deployment')['spec'].template.spec.containers[0];
    const admin = ports.find((one: { name: string }) => one.name === 'admin');
    assert.deepEqual([port, path], [admin.containerPort, '/readyz']);
    const { drain } = JSON.parse(only(objects, 'ConfigMap')['data']['natsgate.yaml']) as {
      drain: { delay: string; timeout: string };
    };
    assert.deepEqual([drain.delay, drain.timeout], ['20s', '1m']);
    assert.ok(drainSeconds >= 80, `${drainSeconds} s`);
    const budget = env.find((one: { name: string }) => one.name === 'NATSGATE_DRAIN_BUDGET').value;
    assert.equal(budget, '85s');
    const policy = objects.find(({ kind }) => kind === 'NetworkPolicy');
    if (policy === undefined) return;
    const rule = policy['spec'].ingress.find(
      ({ ports: [first] }: { ports: [{ port: string }] }) => first.port === 'admin',
    );
    assert.ok(rule.from.some((peer: { ipBlock?: object }) => peer.ipBlock !== undefined));
  });
}

test('a check of the public port asks the path that answers there', async () => {
  const objects = await render('-f', join(CHART, 'ci', 'public-health-values.yaml'));
  const all = annotationsOf(only(objects, 'Service', 'rel-natsgate'));
  const prefix = 'service.beta.kubernetes.io/aws-load-balancer-';
  const loaded = await loadedConfig(objects);
  assert.ok(loaded.ok);
  assert.equal(all[`${prefix}healthcheck-port`], 'traffic-port');
  assert.equal(all[`${prefix}healthcheck-path`], loaded.config.listen.health);
});

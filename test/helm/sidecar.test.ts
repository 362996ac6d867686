import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { parse } from 'yaml';
import { loadConfig } from '../../src/config/load.ts';
import { formatProblem } from '../../src/config/problems.ts';
import { CHART, helm, type Manifest, manifests, only, set } from '../support/helm.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { NatsChart, OVERLAYS, overlaid, plainObjects } from './nats-chart.ts';
import { checkPod } from './rules.ts';
import { checkShape } from './shapes.ts';

/**
 * The overlays for the official nats chart, on a stand-in with that chart's contract, and on the chart itself where
 * NATS_CHART names a copy of it (it is not part of this repository).
 */
let standIn: NatsChart;
const charts: string[] = [];

before(async () => {
  standIn = await NatsChart.standIn();
  charts.push(standIn.path);
  const real = process.env['NATS_CHART'];
  if (real === undefined)
    console.error('NATS_CHART is not set: the overlays are tested on the stand-in for the nats chart alone');
  else charts.push(real);
});
after(() => standIn[Symbol.asyncDispose]());

const ADDED = ['BackendTLSPolicy', 'HTTPRoute', 'NetworkPolicy'];
const podOf = (objects: readonly Manifest[]) => only(objects, 'StatefulSet')['spec'].template;
type Named = { readonly name: string };
const named = <T extends Named>(all: readonly T[], name: string): T => {
  const found = all.find((one) => one.name === name);
  assert.ok(found, `no ${name} among ${all.map((one) => one.name).join(', ')}`);
  return found;
};
const namesOf = (all: readonly Named[]): string[] => all.map(({ name }) => name);
/** natsgate's own words about the environment of the pod; the rest belongs to nats. */
const natsgateVolumes = (pod: { spec: { volumes: Named[] } }) =>
  pod.spec.volumes.filter(({ name }) => name.startsWith('natsgate-'));

for (const file of ['values.yaml', 'native.yaml']) {
  test(`${file}: nats stays, natsgate comes`, async () => {
    for (const chart of charts) {
      const objects = await overlaid(chart, [file]);
      const pod = podOf(objects);
      const native = file === 'native.yaml';
      assert.deepEqual(
        pod.spec.containers.map(({ name }: Named) => name).filter((name: string) => name !== 'reloader'),
        native ? ['nats'] : ['nats', 'natsgate'],
      );
      const natsgate = named<Named>(native ? pod.spec.initContainers : pod.spec.containers, 'natsgate');
      assert.equal(
        (natsgate as Named & { restartPolicy?: string }).restartPolicy,
        native ? 'Always' : undefined,
      );
      assert.equal(pod.spec.terminationGracePeriodSeconds, 90);
      assert.ok(pod.spec.volumes.length >= 4, 'the volumes of nats stay');
      // Browsers have a Service of their own: what is published of it does not publish NATS as well.
      assert.deepEqual(namesOf(only(objects, 'Service', 'nats')['spec'].ports), ['nats']);
      const { selector, ports } = only(objects, 'Service', 'nats-natsgate')['spec'];
      const [port] = ports;
      // A number: before Kubernetes 1.33 names of ports of init containers are not found.
      assert.deepEqual(
        [ports.length, port.name, port.port, port.targetPort, port.appProtocol],
        [1, 'ws-gw', 443, 8443, 'kubernetes.io/wss'],
      );
      for (const [name, value] of Object.entries(selector)) assert.equal(pod.metadata.labels[name], value);
      for (const object of objects) assert.deepEqual(checkShape(object), []);
      assert.deepEqual(restrictions(natsgate), []);
    }
  });
}

test('objects of natsgate go where those of nats go', async () => {
  for (const chart of charts) {
    for (const files of [['values.yaml'], ['native.yaml'], ['values.yaml', 'extras.yaml']]) {
      const objects = await overlaid(chart, files, '--namespace', 'mine', '--set', 'namespaceOverride=other');
      for (const { kind, metadata } of objects.filter(({ kind }) => kind !== 'Pod'))
        assert.equal(metadata.namespace, 'other', `${kind} ${metadata.name}`);
      const plain = await overlaid(chart, files, '--namespace', 'mine');
      assert.equal(only(plain, 'ConfigMap', 'nats-natsgate').metadata.namespace, 'mine');
    }
  }
});

test('port, TLS and authorities of nats-server are those of its own values', async () => {
  const own = {
    'config.nats': { port: 4333, tls: { enabled: true, secretName: 'nats-tls' } },
    tlsCA: { enabled: true, configMapName: 'authorities' },
  };
  for (const chart of charts) {
    for (const file of ['values.yaml', 'native.yaml']) {
      const objects = await overlaid(chart, [file, 'extras.yaml'], ...set(own));
      const config = parse(only(objects, 'ConfigMap', 'nats-natsgate')['data']['natsgate.yaml']) as object;
      assert.deepEqual((config as { upstream: object }).upstream, {
        servers: 'nats://127.0.0.1:4333',
        tls: { mode: 'after-info', serverName: 'nats', caFile: '/etc/nats-ca-cert/ca.crt' },
      });
      const { spec } = podOf(objects);
      const natsgate = named<Named & { volumeMounts: Named[] }>(
        [...spec.containers, ...(spec.initContainers ?? [])],
        'natsgate',
      );
      assert.deepEqual(namesOf(natsgate.volumeMounts), ['natsgate-config', 'natsgate-tls', 'tls-ca']);
      assert.ok(namesOf(spec.volumes).includes('tls-ca'));
      const [, clients] = only(objects, 'NetworkPolicy')['spec'].ingress;
      assert.equal(clients.ports[0].port, 4333);
    }
    const alone = await overlaid(chart, ['values.yaml'], ...set({ 'config.nats.port': 4333 }));
    const text: string = only(alone, 'ConfigMap', 'nats-natsgate')['data']['natsgate.yaml'];
    assert.match(text, /^upstream: nats:\/\/127\.0\.0\.1:4333$/m);
  }
});

test('a podTemplate.patch of a later file cannot take the native sidecar away unnoticed', async () => {
  for (const chart of charts) {
    const patch = [{ op: 'add', path: '/spec/priorityClassName', value: 'high' }];
    const { spec } = podOf(await overlaid(chart, ['native.yaml'], ...set({ 'podTemplate.patch': patch })));
    assert.deepEqual(namesOf(spec.initContainers), ['natsgate']);
    assert.equal(spec.terminationGracePeriodSeconds, 90);
    // What is gone is its volumes, and a pod that mounts what is not there is refused by the API.
    assert.match(checkPod({ name: 'nats', labels: {}, spec }).join(), /no volume natsgate-config/);
  }
});

test('both overlays say the same of natsgate', async () => {
  const [chart = ''] = charts;
  const ordinary = named<Named>(podOf(await overlaid(chart, ['values.yaml'])).spec.containers, 'natsgate');
  const native = podOf(await overlaid(chart, ['native.yaml'])).spec.initContainers[0];
  assert.deepEqual({ ...ordinary, restartPolicy: 'Always' }, native);
});

test('the plain manifests say the same of natsgate as the overlay', async () => {
  const [chart = ''] = charts;
  const overlay = await overlaid(chart, ['values.yaml']);
  const plain = plainObjects('sidecar.yaml');
  const [a, b] = [podOf(overlay), podOf(plain)];
  assert.deepEqual(named(a.spec.containers, 'natsgate'), named(b.spec.containers, 'natsgate'));
  assert.equal(a.spec.terminationGracePeriodSeconds, b.spec.terminationGracePeriodSeconds);
  const text = JSON.stringify(natsgateVolumes(a)).replace('"nats-natsgate"', '"natsgate-config"');
  assert.deepEqual(JSON.parse(text), natsgateVolumes(b));
  assert.deepEqual(
    only(overlay, 'ConfigMap', 'nats-natsgate')['data'],
    only(plain, 'ConfigMap', 'natsgate-config')['data'],
  );
  const [one, other] = [
    only(overlay, 'Service', 'nats-natsgate')['spec'],
    only(plain, 'Service', 'natsgate')['spec'],
  ];
  assert.deepEqual(one.ports, other.ports);
  assert.deepEqual(other.selector, b.metadata.labels);
});

test('the plain manifests keep the rules, and their PodMonitor finds the pod', () => {
  const plain = plainObjects('sidecar.yaml');
  const monitor = plainObjects('pod-monitor.yaml');
  for (const object of [...plain, ...monitor]) assert.deepEqual(checkShape(object), []);
  const pod = podOf(plain);
  assert.deepEqual(checkPod({ name: 'nats', labels: {}, spec: pod.spec }), []);
  const [{ spec }] = monitor as [Manifest];
  assert.deepEqual(spec.selector.matchLabels, pod.metadata.labels);
  named(
    named<Named & { ports: Named[] }>(pod.spec.containers, 'natsgate').ports,
    spec.podMetricsEndpoints[0].port,
  );
});

test('the configuration in the overlay satisfies the gateway', async () => {
  const [chart = ''] = charts;
  const objects = await overlaid(chart, ['values.yaml']);
  const text: string = only(objects, 'ConfigMap', 'nats-natsgate')['data']['natsgate.yaml'];
  await using temporary = await temporaryFolder();
  const { selfSigned } = await import('../config/self-signed.ts');
  const { writeFile } = await import('node:fs/promises');
  const { certificate, key } = selfSigned();
  await writeFile(join(temporary.path, 'tls.crt'), certificate);
  await writeFile(join(temporary.path, 'tls.key'), key, { mode: 0o400 });
  const file = join(temporary.path, 'natsgate.yaml');
  await writeFile(file, text.replaceAll('/etc/natsgate/tls', temporary.path));
  const loaded = await loadConfig({ file, flags: {}, env: {} });
  assert.deepEqual(loaded.ok ? [] : loaded.problems.map(formatProblem), []);
  if (!loaded.ok) return;
  const { listen, admin, upstream } = loaded.config;
  const ports = named<Named & { ports: { containerPort: number }[] }>(
    podOf(objects).spec.containers,
    'natsgate',
  ).ports;
  assert.deepEqual(
    ports.map(({ containerPort }) => containerPort),
    [listen.address.port, admin.address.port],
  );
  assert.equal(upstream.servers[0]?.host, '127.0.0.1');
});

test('pod-monitor.yaml scrapes natsgate beside nats-server', async () => {
  for (const chart of charts) {
    const objects = await overlaid(chart, ['values.yaml', 'pod-monitor.yaml']);
    const monitor = only(objects, 'PodMonitor');
    const labels = podOf(objects).metadata.labels;
    for (const [name, value] of Object.entries(monitor['spec'].selector.matchLabels))
      assert.equal(labels[name], value);
    const ports = monitor['spec'].podMetricsEndpoints.map(({ port }: { port: string }) => port);
    assert.deepEqual(ports, ['prom-metrics', 'ws-gw-metrics']);
  }
});

test('extras.yaml adds a route and a policy, and keeps the configuration', async () => {
  for (const chart of charts) {
    for (const file of ['values.yaml', 'native.yaml']) {
      const plain = await overlaid(chart, [file]);
      const objects = await overlaid(chart, [file, 'extras.yaml']);
      const added = objects.filter(
        ({ kind, metadata }) =>
          !plain.some((one) => one.kind === kind && one.metadata.name === metadata.name),
      );
      assert.deepEqual(added.map(({ kind }) => kind).toSorted(), ADDED);
      assert.deepEqual(
        objects.filter((one) => !added.includes(one)),
        plain,
      );
      for (const object of added) assert.deepEqual(checkShape(object), []);
      const policy = only(objects, 'NetworkPolicy')['spec'];
      const pod = podOf(objects);
      for (const labels of [policy.podSelector, policy.ingress[2].from[0].podSelector])
        for (const [name, value] of Object.entries(labels.matchLabels))
          assert.equal(pod.metadata.labels[name], value);
      // Numbers alone, as in the Service.
      const allowed = policy.ingress.flatMap(({ ports }: { ports: { port: number }[] }) =>
        ports.map(({ port }) => port),
      );
      assert.deepEqual(allowed, [8443, 4222, 6222, 8081, 8222, 7777]);
      const [port] = only(objects, 'Service', 'nats-natsgate')['spec'].ports;
      const [{ backendRefs }] = only(objects, 'HTTPRoute')['spec'].rules;
      assert.deepEqual(backendRefs, [{ name: 'nats-natsgate', port: port.port }]);
      const [target] = only(objects, 'BackendTLSPolicy')['spec'].targetRefs;
      assert.deepEqual([target.name, target.sectionName], ['nats-natsgate', port.name]);
    }
  }
});

test('route and policy of the plain manifests say the same', async () => {
  const [chart = ''] = charts;
  const overlay = await overlaid(chart, ['values.yaml', 'extras.yaml']);
  const labels = JSON.stringify(podOf(overlay).metadata.labels);
  for (const file of ['http-route.yaml', 'network-policy.yaml']) {
    for (const object of plainObjects(file)) {
      assert.deepEqual(checkShape(object), []);
      // Labels that the chart adds to its own.
      const text = JSON.stringify(only(overlay, object.kind)['spec'])
        .replaceAll(labels, JSON.stringify({ 'app.kubernetes.io/name': 'nats' }))
        .replaceAll('"nats-natsgate"', '"natsgate"');
      assert.deepEqual(JSON.parse(text), object['spec'], file);
    }
  }
});

test('monitoring-values.yaml: rules and dashboard for the sidecar', async () => {
  const templates = ['prometheusrule', 'dashboard-configmap'].flatMap((name) => [
    '-s',
    `templates/${name}.yaml`,
  ]);
  const args = ['-n', 'nats', '-f', join(OVERLAYS, 'monitoring-values.yaml'), ...templates];
  const { code, stdout, stderr } = await helm('template', 'nats', CHART, ...args);
  assert.equal(code, 0, stderr);
  const objects = manifests(stdout);
  assert.deepEqual(objects.map(({ kind }) => kind).toSorted(), ['ConfigMap', 'PrometheusRule']);
  const rules = JSON.stringify(only(objects, 'PrometheusRule')['spec']);
  assert.doesNotMatch(rules, /\[\[|HpaAtMax/);
  // The StatefulSet's pods and natsgate's container in them; the scrape's own labels.
  const pods = /pod=~\\"([^"]*)\\",container=\\"natsgate\\"/.exec(rules)?.[1] ?? '';
  assert.match('nats-0', new RegExp(`^(${pods})$`));
  assert.doesNotMatch('nats-box-7d9f5c8b4d-x2x9k', new RegExp(`^(${pods})$`));
  // Recorded series have no other labels, so a matcher of another would silence the alerts on them.
  const selector = /natsgate:handshakes:rate5m\{([^}]*)\}/.exec(rules)?.[1];
  assert.equal(selector, 'namespace=\\"nats\\",job=\\"nats/natsgate\\"');
  const overlay = only(await overlaid(charts[0] ?? '', ['values.yaml', 'pod-monitor.yaml']), 'PodMonitor');
  const [, endpoint] = overlay['spec'].podMetricsEndpoints;
  const [{ sourceLabels, targetLabel, replacement }] = endpoint.relabelings;
  assert.deepEqual([sourceLabels, targetLabel], [['__meta_kubernetes_namespace'], 'job']);
  assert.equal(replacement.replace('$1', 'nats'), 'nats/natsgate');
  const [plain] = plainObjects('pod-monitor.yaml');
  assert.equal(`nats/${plain?.metadata.name}`, 'nats/natsgate');
});

test('proxy-protocol.yaml turns it on in nats.conf', async () => {
  const [chart = ''] = charts;
  const objects = await overlaid(chart, ['values.yaml', 'proxy-protocol.yaml']);
  assert.match(only(objects, 'ConfigMap', 'nats-config')['data']['nats.conf'], /"proxy_protocol":true/);
});

test('why the overlay appends: a merge takes nats away, silently', async () => {
  const [chart = ''] = charts;
  const { stdout } = await helm(
    'template',
    'nats',
    chart,
    ...set({ 'podTemplate.merge': { spec: { containers: [{ name: 'natsgate', image: 'x:1' }] } } }),
  );
  assert.deepEqual(
    podOf(manifests(stdout)).spec.containers.map(({ name }: Named) => name),
    ['natsgate'],
  );
  const appended = await helm(
    'template',
    'nats',
    chart,
    ...set({ 'podTemplate.patch': [{ op: 'add', path: '/spec/initContainers/-', value: {} }] }),
  );
  assert.match(appended.stderr, /there is no "initContainers"/);
});

function restrictions(container: object): string[] {
  const spec = {
    automountServiceAccountToken: false,
    enableServiceLinks: false,
    containers: [container],
    volumes: [
      { name: 'natsgate-config', configMap: {} },
      { name: 'natsgate-tls', secret: {} },
    ],
  };
  return checkPod({ name: 'sidecar', labels: {}, spec });
}

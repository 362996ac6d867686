import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { CHART, helm, type Manifest, manifests, render, renderText, set } from '../support/helm.ts';
import { rounds } from '../support/rounds.ts';
import { CASES, type Case, forEachOf, MINORS } from './cases.ts';
import { compile } from './compile.ts';
import { checkConfig } from './gateway-config.ts';
import { checkObjects, podsOf } from './rules.ts';
import { checkShape } from './shapes.ts';

/** Rules that a case breaks on purpose; the notes warn of each. */
const MEANT: Readonly<Record<string, readonly string[]>> = {
  single: ['Deployment rel-natsgate: natsgate: no memory limit'],
  diagnostic: [
    'Deployment rel-natsgate: natsgate: startupProbe',
    'Deployment rel-natsgate: natsgate: startupProbe: no port undefined',
    'Deployment rel-natsgate: natsgate: livenessProbe',
    'Deployment rel-natsgate: natsgate: livenessProbe: no port undefined',
  ],
};

/** Every case for every Kubernetes: rendered once, looked at from all sides. */
const rendered = new Map<string, Manifest[]>();
/** The same by their text, with the first name of each: most versions of Kubernetes get the same one. */
const distinct = new Map<string, readonly [name: string, objects: Manifest[]]>();

test('every case renders for Kubernetes 1.29 to 1.36', { timeout: 400_000 }, async () => {
  const renderFor = async (one: Case, minor: number): Promise<string> => {
    const name = `${one.name}, 1.${minor}`;
    const text = await renderText(...one.args, '--kube-version', `1.${minor}.3-vendor.1`);
    const [first, objects] = distinct.get(text) ?? [name, manifests(text)];
    assert.ok(objects.length >= 3, name);
    distinct.set(text, [first, objects]);
    rendered.set(name, objects);
    return text;
  };
  await forEachOf(CASES, async (one) => {
    // Only a case that a border changes is rendered on both sides of them all.
    const [last = 0] = MINORS.slice(-1);
    const texts = new Set([await renderFor(one, one.from), await renderFor(one, last)]);
    if (texts.size > rounds(1, 0))
      for (const minor of MINORS) if (minor > one.from && minor < last) await renderFor(one, minor);
  });
  assert.ok(rendered.size >= 2 * CASES.length, `${rendered.size} renders`);
});

test('no template knows another border between versions of Kubernetes', () => {
  const text = globSync('templates/**/*.*', { cwd: CHART }).map((file) =>
    readFileSync(join(CHART, file), 'utf8'),
  );
  const borders = [...text.join('').matchAll(/semverCompare "[<>=]+1\.(\d+)/g)].map(([, minor]) =>
    Number(minor),
  );
  assert.ok(borders.length > 0);
  for (const minor of borders)
    assert.ok(MINORS.includes(minor) && MINORS.includes(minor - 1), `1.${minor} is such a border`);
});

test('an older Kubernetes is refused', async () => {
  const { code, stderr } = await helm('template', 'rel', CHART, '--kube-version', '1.28.9');
  assert.notEqual(code, 0);
  assert.match(stderr, /kubeVersion/);
});

test('every object keeps the rules of the chart', () => {
  assert.ok(distinct.size >= CASES.length);
  for (const [name, objects] of distinct.values()) {
    assert.deepEqual(checkObjects(objects), MEANT[name.split(',')[0] ?? ''] ?? [], name);
  }
});

test('every object has the shape that its API wants', () => {
  for (const [name, objects] of distinct.values()) {
    for (const object of objects) assert.deepEqual(checkShape(object), [], `${name}: ${object.kind}`);
  }
});

test('no object has a field that its API does not know', { timeout: 600_000 }, async () => {
  const all = new Map<string, Manifest>();
  for (const [, objects] of distinct.values())
    for (const object of objects) all.set(JSON.stringify(object), object);
  assert.equal(await compile([...all.values()]), '');
});

test('the configuration of every case satisfies the gateway itself', async () => {
  await forEachOf(CASES, async (one: Case) => {
    assert.deepEqual(await checkConfig(rendered.get(`${one.name}, 1.36`) ?? []), [], one.name);
  });
});

test('helm lint --strict finds nothing', { timeout: 300_000 }, async () => {
  await forEachOf(CASES, async (one) => {
    const { code, stdout, stderr } = await helm('lint', '--strict', CHART, ...one.args);
    assert.equal(code, 0, `${one.name}: ${stdout}${stderr}`);
    assert.doesNotMatch(stdout, /\[(INFO|WARNING|ERROR)\]/, one.name);
    assert.doesNotMatch(stderr, /funcMap fail/, one.name);
  });
});

test('diagnosticMode idles, and goes when it is told to', async () => {
  const [pod] = podsOf(await render(...set({ 'diagnosticMode.enabled': true })));
  assert.ok(pod);
  const [flag, program] = pod.spec.containers[0].args as [string, string];
  const node = promisify(execFile)(process.execPath, [
    flag,
    `${program}; setImmediate(() => console.log('idle'))`,
  ]);
  node.child.stdout?.once('data', () => node.child.kill('SIGTERM'));
  assert.equal((await node).stdout, 'idle\n');
});

test('the rules would notice', () => {
  const objects = rendered.get('defaults, 1.36') ?? [];
  const broken = (change: (copy: Manifest[]) => void): string[] => {
    const copy = structuredClone(objects) as Manifest[];
    change(copy);
    return checkObjects(copy);
  };
  const pod = (copy: Manifest[]) => podsOf(copy)[0]?.spec;
  const container = (copy: Manifest[]) => pod(copy).containers[0];
  const label = (copy: Manifest[]) => copy[0]?.metadata.labels as Record<string, unknown>;
  for (const [name, change] of Object.entries<(copy: Manifest[]) => void>({
    root: (copy) => (container(copy).securityContext.readOnlyRootFilesystem = false),
    privilege: (copy) => (container(copy).securityContext.allowPrivilegeEscalation = undefined),
    capabilities: (copy) => (container(copy).securityContext.capabilities.drop = []),
    seccomp: (copy) => (pod(copy).securityContext.seccompProfile = undefined),
    token: (copy) => (pod(copy).automountServiceAccountToken = true),
    links: (copy) => (pod(copy).enableServiceLinks = true),
    tag: (copy) => (container(copy).image = 'natsgate:latest'),
    memory: (copy) => (container(copy).resources.limits = {}),
    probe: (copy) => (container(copy).readinessProbe = undefined),
    port: (copy) => (container(copy).readinessProbe.httpGet.port = 'nowhere'),
    twice: (copy) => container(copy).env.push(container(copy).env[0]),
    grace: (copy) => (pod(copy).terminationGracePeriodSeconds = 39),
    label: (copy) => (label(copy)['app.kubernetes.io/instance'] = true),
    volume: (copy) => (container(copy).volumeMounts[0].name = 'nowhere'),
    namesake: (copy) => copy.push(copy[0] as Manifest),
    selector: (copy) => {
      const service = copy.find((one) => one.kind === 'Service');
      if (service !== undefined) service['spec'].selector.other = 'x';
    },
  })) {
    assert.notDeepEqual(broken(change), [], name);
  }
});

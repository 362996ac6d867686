import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { parse } from 'yaml';
import { needRestart, RESTART_KEYS } from '../../src/config/restart.ts';
import { changesBetween, type Settings } from '../../src/config/settings.ts';
import { CHART, helm, type Manifest, manifests, only, render, set } from '../support/helm.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { checkConfig, loadedConfig } from './gateway-config.ts';

/** The gateway's configuration as it goes through Helm: read as YAML 1.1, merged, checked, written as JSON. */
const EXAMPLE = join(import.meta.dirname, '..', '..', 'config.example.yaml');

const configOf = (objects: readonly Manifest[]) =>
  JSON.parse(only(objects, 'ConfigMap')['data']['natsgate.yaml']) as Record<string, unknown>;

/** Renders with the text of a file below `config:`, as people write it. */
async function below(text: string): Promise<{ objects: Manifest[]; stderr: string }> {
  await using folder = await temporaryFolder();
  const file = join(folder.path, 'values.yaml');
  const indented = text.replaceAll(/^(?=.)/gm, '  ');
  writeFileSync(file, `config:\n${indented}\n`);
  const { code, stdout, stderr } = await helm('template', 'rel', CHART, '--namespace', 'edge', '-f', file);
  assert.equal(code, 0, stderr);
  return { objects: manifests(stdout), stderr };
}

test('the example of the documents, as it is below config, is a configuration of the chart', async () => {
  // Addresses are the chart's own.
  const text = readFileSync(EXAMPLE, 'utf8').replaceAll(/^ {2}address: .*$/gm, '');
  const { objects } = await below(text);
  assert.deepEqual(await checkConfig(objects), []);
  const written = parse(text, { version: '1.2' }) as Record<string, Record<string, unknown>>;
  assert.deepEqual(configOf(objects)['timeouts'], written['timeouts']);
  const loaded = await loadedConfig(objects);
  assert.ok(loaded.ok);
  assert.deepEqual([loaded.config.compression.enabled, loaded.config.limits.sessionAgeMs], [false, 0]);
});

test('the README takes the configuration out of a render for natsgate check', async () => {
  const [, script = ''] =
    /^sed '(.*)' all\.yaml \| natsgate check/m.exec(readFileSync(join(CHART, 'README.md'), 'utf8')) ?? [];
  const { stdout } = await helm(
    'template',
    'rel',
    CHART,
    '-f',
    join(CHART, 'examples', 'cert-manager-values.yaml'),
  );
  const { stdout: text } = spawnSync('sed', [script], { input: stdout, encoding: 'utf8' });
  assert.deepEqual(parse(text), configOf(manifests(stdout).filter(({ data }) => data?.['natsgate.yaml'])));
});

test('on and off, which are booleans to Helm, mean what they say at every key that has them', async () => {
  const { objects } = await below(`origins: https://app.example.com
upstream: {servers: nats://nats:4222, tls: {mode: off}, proxyProtocol: off}
compression: {enabled: on}
inspect: off
limits: {sessionsPerAddress: off, handshakesPerSecondPerAddress: off, sessionAge: off}
drain: {budget: off}
routes:
  - {path: /mqtt, compression: off, limits: {sessions: off}, inspect: off}
`);
  assert.deepEqual(await checkConfig(objects), []);
  const loaded = await loadedConfig(objects);
  assert.ok(loaded.ok);
  const { compression, inspect, limits, upstream, routes } = loaded.config;
  assert.deepEqual(
    [compression.enabled, inspect, upstream.tls, upstream.proxyProtocol],
    [true, 'off', undefined, 'off'],
  );
  assert.deepEqual(
    [limits.sessionsPerAddress, limits.handshakesPerSecondPerAddress, limits.sessionAgeMs],
    [0, 0, 0],
  );
  assert.deepEqual([routes[0]?.compression.enabled, routes[0]?.limits.sessions], [false, 0]);
  const wrong = { 'config.inspect': true, 'config.log.level': false, 'config.limits.frameBytes': true };
  const { stderr } = await helm('template', 'rel', CHART, ...set(wrong));
  for (const path of Object.keys(wrong))
    assert.match(stderr, new RegExp(`at '/${path.replaceAll('.', '/')}'`));
});

test('a section, or all of it, with nothing but comments in it is empty', async () => {
  const { objects } = await below(
    'origins: https://app.example.com\nupstream: nats://nats:4222\nlimits:\n  # sessions: 5\nroutes:\ntimeouts: {}\n',
  );
  assert.deepEqual(await checkConfig(objects), []);
  const [empty, none] = [await loadedConfig(objects), await loadedConfig(await render())];
  assert.deepEqual(empty.ok && empty.config, none.ok && none.config);
  assert.deepEqual(configOf((await below('# nothing yet')).objects), configOf(await render()));
});

test('short forms make Helm say nothing', async () => {
  const { stderr } = await below(
    'origins: ["https://app.example.com"]\nupstream: nats://nats:4222\ncompression: on\n',
  );
  assert.equal(stderr, '');
});

test('durations of several units count whole', async () => {
  const values = { 'config.drain': { delay: '1m30s', timeout: '59m0.5s' } };
  const { spec } = only(await render(...set(values)), 'Deployment')['spec'].template;
  assert.equal(spec.terminationGracePeriodSeconds, 90 + 3541 + 10);
});

/** Changes of values, and whether a running gateway can take them over. */
const CHANGES: readonly (readonly [values: object, before?: object])[] = [
  [{ 'tls.clientCaKey': 'ca.crt' }, { 'tls.enabled': true, 'tls.existingSecret': 'own' }],
  [
    { 'tls.clientCaKey': '' },
    { 'tls.enabled': true, 'tls.existingSecret': 'own', 'tls.clientCaKey': 'ca.crt' },
  ],
  [
    { 'tls.clientCaKey': 'other.crt' },
    { 'tls.enabled': true, 'tls.existingSecret': 'own', 'tls.clientCaKey': 'ca.crt' },
  ],
  [{ 'tls.enabled': true, 'tls.existingSecret': 'own' }],
  [{ 'adminTls.existingSecret': 'own' }],
  [{ 'adminTls.certKey': 'other.crt' }, { 'adminTls.existingSecret': 'own' }],
  [{ 'config.compression': { concurrency: 8 } }],
  [{ config: { captures: { directory: '/var/captures' } } }],
  [{ 'config.compression': 'on' }],
  [{ 'config.compression': { enabled: true, sessions: 9 } }],
  [{ 'ports.public': 9000 }],
  [{ 'ports.admin': 9001 }],
  [{ 'config.drain': { timeout: '20s' } }],
  [{ 'config.origins': ['https://other.example.com'] }],
  [{ 'config.listen.hosts': ['gw.example.com'] }],
  [{ 'config.log.level': 'debug' }],
  [{ 'config.limits.sessions': 9 }],
];

test('pods roll exactly when something changes that a running gateway cannot take over', async () => {
  const template = (objects: readonly Manifest[]) => only(objects, 'Deployment')['spec'].template;
  const settings = async (objects: readonly Manifest[]): Promise<Settings> => {
    const loaded = await loadedConfig(objects);
    assert.ok(loaded.ok, JSON.stringify(loaded));
    return loaded.settings();
  };
  const renders = new Map<string, Promise<Manifest[]>>();
  const rendered = (args: readonly string[]): Promise<Manifest[]> =>
    renders.getOrInsertComputed(args.join('\n'), () => render(...args));
  let rolls = 0;
  for (const [values, before = {}] of CHANGES) {
    // What a drain may take is a part of the pod, and it is not what is asked here.
    const fixed = { terminationGracePeriodSeconds: 100, ...before };
    const [from, to] = [await rendered(set(fixed)), await rendered(set({ ...fixed, ...values }))];
    const [one, other] = [await settings(from), await settings(to)];
    const changes = changesBetween(one, other);
    assert.ok(changes.length > 0, JSON.stringify(values));
    const needed = needRestart(changes, one, other).length > 0;
    const rolled = JSON.stringify(template(from)) !== JSON.stringify(template(to));
    assert.equal(rolled, needed, JSON.stringify(values));
    rolls += Number(rolled);
  }
  assert.equal(rolls, 8);
  // What the list gains wants a row above.
  assert.deepEqual(
    [...RESTART_KEYS.values, ...RESTART_KEYS.switches],
    [
      'listen.address',
      'admin.address',
      'compression.concurrency',
      'captures.directory',
      'listen.tls.certFile',
      'listen.tls.clientCaFile',
      'admin.tls.certFile',
    ],
  );
});

test('the pod holds every later drain within its own grace period', async () => {
  const budget = async (values: object): Promise<unknown> => {
    const [container] = only(await render(...set(values)), 'Deployment')['spec'].template.spec.containers;
    return container.env.find((one: { name: string }) => one.name === 'NATSGATE_DRAIN_BUDGET').value;
  };
  assert.equal(await budget({}), '40s');
  assert.equal(await budget({ preStopSleepSeconds: 20, 'config.drain.timeout': '1m' }), '70s');
  assert.equal(await budget({ terminationGracePeriodSeconds: 300, preStopSleepSeconds: 20 }), '275s');
  assert.equal(
    await budget({ terminationGracePeriodSeconds: 300, 'lifecycle.preStop.sleep.seconds': 60 }),
    '235s',
  );
  assert.equal(await budget({ terminationGracePeriodSeconds: 100_000 }), '86400s');
  assert.equal(await budget({ 'extraEnv.NATSGATE_DRAIN_BUDGET': '9s' }), '9s');
});

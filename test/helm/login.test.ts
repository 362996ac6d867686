import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { CHART, type Manifest, only, render } from '../support/helm.ts';
import { loadedConfig } from './gateway-config.ts';

/** The examples of a login at the edge: what the gateway reads is what they say, and no secret is in the release. */

const rendered = (name: string): Promise<Manifest[]> =>
  render('-f', join(CHART, 'examples', `${name}-values.yaml`));

async function authOf(objects: readonly Manifest[]) {
  const loaded = await loadedConfig(objects);
  assert.ok(loaded.ok, JSON.stringify(loaded));
  assert.deepEqual(loaded.warnings, []);
  const { auth, connect } = loaded.config;
  assert.ok(auth !== undefined);
  assert.equal(connect.login?.kind, 'nkey');
  return { auth, config: loaded.config };
}

/** The Secret is one that is there, mounted for the group of the gateway alone. */
function assertMounted(objects: readonly Manifest[]): void {
  assert.deepEqual(
    objects.filter(({ kind }) => kind === 'Secret'),
    [],
  );
  const { spec } = only(objects, 'Deployment')['spec'].template;
  const mount = spec.containers[0].volumeMounts.find(
    ({ mountPath }: { mountPath: string }) => mountPath === '/etc/natsgate/login',
  );
  assert.equal(mount.readOnly, true);
  const { secret } = spec.volumes.find(({ name }: { name: string }) => name === mount.name);
  assert.equal(secret.secretName, 'natsgate-login');
  assert.equal(secret.defaultMode & 0o007, 0);
}

test('keys by URL: a cookie, one NATS user, explain and a quota; the NetworkPolicy lets keys come', async () => {
  const objects = await rendered('login-jwks');
  const { auth, config } = await authOf(objects);
  assert.deepEqual(auth.from, [{ kind: 'cookie', name: '__Host-session' }]);
  assert.deepEqual(
    auth.issuers.map(({ issuer, keys }) => [issuer, keys.kind]),
    [['https://id.example.com', 'url']],
  );
  assert.equal(auth.explain, true);
  assert.equal(config.limits.sessionsPerIdentity, 20);
  assert.equal(config.inspect, 'enforce');
  assertMounted(objects);
  const { egress } = only(objects, 'NetworkPolicy')['spec'];
  assert.ok(
    egress.some(({ ports }: { ports: { port: number }[] }) => ports.some(({ port }) => port === 443)),
    'nothing lets the keys come',
  );
});

test('keys and a shared secret as files of a Secret', async () => {
  const objects = await rendered('login-files');
  const { auth } = await authOf(objects);
  assert.deepEqual(
    auth.issuers.map(({ issuer, keys, algorithms }) => [issuer, keys.kind, algorithms.includes('HS256')]),
    [
      ['https://id.example.com', 'set', false],
      ['https://jobs.example.com', 'secret', true],
    ],
  );
  assertMounted(objects);
});

test('policy, rates and stamp: roles are made for who the client is, and the alerts are there', async () => {
  const objects = await rendered('policy');
  const loaded = await loadedConfig(objects);
  assert.ok(loaded.ok, JSON.stringify(loaded));
  const { config } = loaded;
  assert.deepEqual(
    config.policy?.roles.map(({ name }) => name),
    ['trader', 'default'],
  );
  assert.equal(config.policy?.mode, 'observe');
  assert.equal(config.inspect, 'enforce', 'messages are counted and stamped');
  assert.deepEqual(
    config.rates?.limits.map(({ per, kind }) => `${per} ${kind}`),
    ['session messages', 'session bytes', 'session subscribes', 'identity messages', 'identity bytes'],
  );
  assert.deepEqual(Object.keys(config.connect.stamp ?? {}), ['Natsgate-Tenant', 'Natsgate-User']);
  const rules = JSON.stringify(objects.find(({ kind }) => kind === 'PrometheusRule'));
  for (const alert of ['NatsgatePolicyRefusals', 'NatsgateRatesExceeded']) assert.ok(rules.includes(alert));
});

test('the files that the examples name are those of the command that makes their Secret', () => {
  for (const name of ['login-jwks', 'login-files']) {
    const text = readFileSync(join(CHART, 'examples', `${name}-values.yaml`), 'utf8');
    const named = [...text.matchAll(/\/etc\/natsgate\/login\/([\w.-]+)/g)].map(([, file]) => file);
    const made = [...text.matchAll(/--from-file=([\w.-]+)/g)].map(([, file]) => file);
    assert.deepEqual(named.toSorted(), made.toSorted(), name);
  }
});

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, test } from 'node:test';
import type { RunningConfiguration } from '../../src/config/running-configuration.ts';
import { selfSigned } from '../config/self-signed.ts';
import { FakeUpstream } from '../support/fake-upstream.ts';
import { startTestGateway } from '../support/gateway.ts';
import { KIND, seedOf } from '../support/nkeys.ts';
import { LOOKING, ReloadableGateway } from '../support/reloadable.ts';

let upstream: FakeUpstream;
before(async () => {
  upstream = await FakeUpstream.start();
});
after(() => upstream[Symbol.asyncDispose]());

const canary = (name: string): string => `Canary${name}${randomBytes(6).toString('hex')}`;

async function ask(port: number, token?: string): Promise<Response> {
  const headers = token === undefined ? {} : { Authorization: `Bearer ${token}` };
  return fetch(`http://127.0.0.1:${port}/api/config`, { headers });
}

async function keysOf(gateway: ReloadableGateway, token?: string) {
  const { hash, keys } = (await (await ask(gateway.adminPort, token)).json()) as RunningConfiguration;
  assert.match(hash, /^[0-9a-f]{8}$/);
  return new Map(keys.map(({ key, ...rest }) => [key, rest]));
}

test('every key with its value; what was written has its place, the rest is marked', async () => {
  const route = { path: '/b', limits: { frameBytes: '1MiB' } };
  const settings = { timeouts: { ping: '7s' }, limits: { sessions: 9 }, routes: [route] };
  await using gateway = await ReloadableGateway.start(
    upstream.port,
    settings,
    {},
    {},
    {
      NATSGATE_LOG_LEVEL: 'warn',
    },
  );
  const keys = await keysOf(gateway);
  const inFile = /natsgate\.yaml:\d+:\d+$/;
  const ping = keys.get('timeouts.ping');
  assert.deepEqual([ping?.value, ping?.default, ping?.inherited], ['7s', false, false]);
  assert.match(ping?.at ?? '', inFile);
  assert.deepEqual(keys.get('timeouts.stall'), { value: '30s', default: true, inherited: false, at: null });
  assert.deepEqual(keys.get('log.level'), {
    value: 'warn',
    default: false,
    inherited: false,
    at: 'NATSGATE_LOG_LEVEL',
  });
  assert.deepEqual(keys.get('origins.allow')?.value, ['https://app.example.com']);
  assert.deepEqual(keys.get('admin.hosts')?.value, []);
  assert.equal(keys.get('admin.tokenFile')?.value, null);
  assert.deepEqual(keys.get('routes')?.value, ['/b']);
  const origins = keys.get('routes[/b].origins.allow');
  assert.deepEqual([origins?.value, origins?.inherited], [['https://app.example.com'], true]);
  assert.match(origins?.at ?? '', inFile);
  assert.equal(keys.get('routes[/b].limits.frameBytes')?.value, '1MiB');
  assert.equal(keys.get('routes[/b].limits.frameBytes')?.inherited, false);
});

test('a default of auto is auto, not null, which reads as no limit', async () => {
  await using gateway = await ReloadableGateway.start(upstream.port, { limits: {} });
  const keys = await keysOf(gateway);
  for (const key of ['limits.sessions', 'limits.memory'])
    assert.deepEqual(keys.get(key), { value: 'auto', default: true, inherited: false, at: null });
  assert.equal(keys.get('auth.webhook.timeout')?.value, null);
});

test('what runs, not what the file says: neither a refused configuration nor what waits for a restart', async () => {
  await using gateway = await ReloadableGateway.start(
    upstream.port,
    { timeouts: { ping: '7s' } },
    {},
    LOOKING,
  );
  const address = (await keysOf(gateway)).get('admin.address');
  await gateway.write({ timeouts: { ping: 'nonsense' } });
  await gateway.report(0);
  assert.equal((await keysOf(gateway)).get('timeouts.ping')?.value, '7s');
  await gateway.write({ timeouts: { ping: '8s' }, admin: '127.0.0.1:1' });
  await gateway.report(1);
  const keys = await keysOf(gateway);
  assert.equal(keys.get('timeouts.ping')?.value, '8s');
  assert.deepEqual(keys.get('admin.address'), address);
});

test('no secret in it, wherever it was written', async () => {
  const names = ['token', 'webhook', 'query', 'variable', 'claim', 'password'];
  const secrets = Object.fromEntries(names.map((name) => [name, canary(name)])) as Readonly<
    Record<string, string>
  >;
  const { token = '', webhook = '', query, variable = '', claim = '', password = '' } = secrets;
  const pair = selfSigned();
  const seed = seedOf(KIND.account);
  const settings = {
    admin: { address: '127.0.0.1:0', tokenFile: 'admin-token', hosts: ['${NAME}'] },
    listen: { address: '127.0.0.1:0', tls: { certFile: 'tls.crt', keyFile: 'tls.key' } },
    upstream: { servers: `nats://127.0.0.1:${upstream.port}`, proxySeedFile: 'seed' },
    connect: { kind: 'user', user: 'web', passwordFile: 'password' },
    auth: {
      from: [{ cookie: 'session' }],
      jwt: [
        {
          issuer: 'https://issuer.example',
          audience: 'web',
          algorithms: ['RS256'],
          keys: { url: `https://issuer.example/keys?key=${query}` },
          require: { claims: { azp: '${CLAIM}' } },
        },
      ],
      webhook: { url: `https://hook.example/ask?key=${query}`, secretFile: 'webhook-secret' },
    },
  };
  const files = {
    'admin-token': `${token}\n`,
    'webhook-secret': webhook.padEnd(40, 'x'),
    password,
    seed,
    'tls.crt': pair.certificate,
    'tls.key': pair.key,
  };
  const env = { NAME: `${variable.toLowerCase()}.example`, CLAIM: claim };
  await using gateway = await ReloadableGateway.start(upstream.port, settings, files, {}, env);
  assert.equal((await ask(gateway.adminPort)).status, 401);
  const text = await (await ask(gateway.adminPort, token)).text();
  for (const [name, secret] of Object.entries({ ...secrets, variable: variable.toLowerCase(), seed }))
    assert.ok(!text.includes(secret ?? ''), name);
  assert.doesNotMatch(text, /PRIVATE KEY|CERTIFICATE/);
  const keys = await keysOf(gateway, token);
  assert.equal(keys.get('auth.webhook.url')?.value, 'https://hook.example/ask?***');
  assert.deepEqual(keys.get('auth.jwt')?.value, [
    '{issuer: https://issuer.example, audience: web, algorithms: [RS256], keys: {url: https://issuer.example/keys?***}, require: {claims: {azp: ${CLAIM}}}}',
  ]);
  assert.deepEqual(keys.get('admin.hosts')?.value, ['${NAME}']);
});

test('a gateway that was given an object says so', async () => {
  await using gateway = await startTestGateway(upstream.port);
  const answer = await ask(gateway.adminPort);
  assert.equal(answer.status, 501);
  assert.equal(((await answer.json()) as { code: string }).code, 'no_source');
});

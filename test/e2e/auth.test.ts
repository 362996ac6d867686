import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import type { NatsConnection } from '@nats-io/nats-core';
import { parse } from 'yaml';
import type { RunningNatsServer } from '../../src/dev/nats-process.ts';
import { readNameTemplate } from '../../src/nats/name-template.ts';
import { keysAt, testAuth, testIssuer } from '../support/auth-config.ts';
import { connectedWith as connected } from '../support/browser-client.ts';
import { blocksOf } from '../support/doc-blocks.ts';
import { freePort } from '../support/free-port.ts';
import { startTestGateway } from '../support/gateway.ts';
import { Issuer, seconds, signingKey } from '../support/issuer.ts';
import { realNatsServer } from '../support/nats.ts';
import { KIND, seedOf, signerOf } from '../support/nkeys.ts';
import { ReloadableGateway } from '../support/reloadable.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { ALICE, answering, TestWebhook } from '../support/webhook.ts';

type Headers = Readonly<Record<string, string>>;

async function nameOf(server: RunningNatsServer, client: NatsConnection): Promise<string | undefined> {
  const answer = await fetch(`http://127.0.0.1:${server.monitorPort}/connz?cid=${client.info?.client_id}`);
  return ((await answer.json()) as { connections: { name?: string }[] }).connections[0]?.name;
}

async function roundTrip(client: NatsConnection): Promise<string> {
  const messages = client.subscribe('echo', { max: 1 })[Symbol.asyncIterator]();
  client.publish('echo', 'there and back');
  return (await messages.next()).value.string();
}

const SENT: readonly [name: string, headers: (token: string) => Headers][] = [
  ['a bearer', (token) => ({ Authorization: `Bearer ${token}` })],
  ['a cookie', (token) => ({ Cookie: `other=1; __Host-session=${token}` })],
];

describe('a client without any credential of NATS', { timeout: 300_000 }, () => {
  for (const [name, headers] of SENT)
    test(`publishes and subscribes with ${name}, and nats-server shows who it is`, async () => {
      await using server = await realNatsServer({ monitor: true });
      await using issuer = await Issuer.start(signingKey('one'));
      await using gateway = await startTestGateway(server.port, {
        inspect: 'enforce',
        auth: testAuth(testIssuer(keysAt(issuer.url))),
        connect: { login: undefined, clientCredentials: 'keep', name: readNameTemplate('page [{user}]') },
      });
      await using client = await connected(gateway, () => headers(issuer.token({ sub: 'alice' })));
      assert.equal(await roundTrip(client), 'there and back');
      assert.equal(await nameOf(server, client), 'page [alice]');
      await client.close();
      const line = await gateway.log.ended();
      assert.deepEqual([line['reason'], line['user']], ['client_closed', 'alice']);
      await assert.rejects(connected(gateway, () => headers(`${issuer.token()}x`)));
      await assert.rejects(connected(gateway, () => ({})));
    });

  test('is back by itself after its token has expired, with the new one, as often as it likes', async (t) => {
    await using server = await realNatsServer({ monitor: true });
    await using issuer = await Issuer.start(signingKey('one'));
    const auth = testAuth(testIssuer(keysAt(issuer.url)));
    await using gateway = await startTestGateway(server.port, { auth });
    let nowMs = Date.now();
    t.mock.timers.enable({ apis: ['Date'], now: nowMs });
    await using client = await connected(gateway, () => ({
      Cookie: `__Host-session=${issuer.token({ exp: seconds(60) })}`,
    }));
    const statuses = client.status()[Symbol.asyncIterator]();
    for (let round = 1; round <= 3; round++) {
      await roundTrip(client);
      nowMs += 91_000;
      t.mock.timers.setTime(nowMs);
      // The next look at the clock comes with a ping.
      gateway.advance(30_000);
      for (;;) {
        const { value } = await statuses.next();
        if (value?.type === 'reconnect') break;
      }
      const ends = gateway.log.lines.filter((line) => line['reason'] === 'auth_expired');
      assert.equal(ends.length, round);
    }
    assert.equal(await roundTrip(client), 'there and back');
  });
});

test('docs/login.md: what it writes down is a page that may do what it should and nothing else', async () => {
  const seed = seedOf(KIND.user);
  const [users = ''] = blocksOf('docs/login.md', 'A page with a cookie', '');
  await using server = await realNatsServer({
    config: users.replace('U…', signerOf(seed).publicKey),
    monitor: true,
  });
  await using issuer = await Issuer.start(signingKey('one'));
  const settings = parse(blocksOf('docs/login.md', 'A page with a cookie', 'yaml')[0] ?? '');
  settings.auth.jwt[0].keys.url = issuer.url;
  delete settings.upstream;
  await using gateway = await ReloadableGateway.start(server.port, settings, { 'web.nk': seed });
  const cookie = issuer.token({ iss: settings.auth.jwt[0].issuer });
  await using client = await connected(gateway, () => ({ Cookie: `__Host-session=${cookie}` }), {
    name: 'shop',
  });
  assert.equal(await nameOf(server, client), '[alice] shop');

  await using trader = await connected(gateway, () => ({ Cookie: `__Host-session=${cookie}` }));
  const statuses = client.status()[Symbol.asyncIterator]();
  const prices = trader.subscribe('prices.eur', { max: 1 });
  await trader.flush();
  client.publish('orders.new', 'one');
  client.publish('prices.eur', 'forged');
  client.subscribe('orders.new', { callback: () => {} });
  await client.flush();
  const refused: string[] = [];
  while (refused.length < 2) {
    const { value } = await statuses.next();
    if (value?.type === 'error') refused.push(value.error.message.toLowerCase());
  }
  assert.match(refused.join(), /publish to "prices\.eur".*subscription to "orders\.new"/);
  assert.equal(prices.getReceived(), 0);
});

const SECTION = 'A session cookie that is not a JWT';

test('docs/login.md: its webhook service lets in whom it knows, by a signed question, and nobody else', async () => {
  const [yaml = ''] = blocksOf('docs/login.md', SECTION, 'yaml');
  const [script = ''] = blocksOf('docs/login.md', SECTION, 'js');
  const port = await freePort();
  const secret = randomBytes(32).toString('base64');
  await using folder = await temporaryFolder();
  await writeFile(join(folder.path, 'webhook.key'), `${secret}\n`);
  await writeFile(
    join(folder.path, 'service.mjs'),
    `${script.replace('9000', String(port))}\nprocess.stdout.write('up');\n`,
  );
  const child = spawn(process.execPath, ['service.mjs'], {
    cwd: folder.path,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  try {
    await once(child.stdout, 'data');
    const seed = seedOf(KIND.user);
    await using server = await realNatsServer({
      config: `authorization { users = [ { nkey: ${signerOf(seed).publicKey} } ] }`,
      monitor: true,
    });
    const settings = parse(yaml.replace('9000', String(port)));
    delete settings.upstream;
    const files = { 'web.nk': seed, 'webhook.key': `${secret}\n` };
    await using gateway = await ReloadableGateway.start(server.port, settings, files);
    await using client = await connected(gateway, () => ({ Cookie: '__Host-session=opaque-17' }), {
      name: 'shop',
    });
    assert.equal(await nameOf(server, client), '[alice] shop');
    await assert.rejects(connected(gateway, () => ({ Cookie: '__Host-session=opaque-18' })));
    const forged = { method: 'POST', body: '{"credential":{"value":"opaque-17"}}' };
    assert.equal((await fetch(`http://127.0.0.1:${port}/natsgate`, forged)).status, 400);
    const long = { method: 'POST', body: 'x'.repeat(100_000) };
    assert.equal((await fetch(`http://127.0.0.1:${port}/natsgate`, long)).status, 413);
  } finally {
    child.kill();
  }
});

test('a real client whose login is revoked returns once, is refused by HTTP, and is back when it may', {
  timeout: 300_000,
}, async () => {
  await using server = await realNatsServer();
  await using webhook = await TestWebhook.start();
  webhook.answer = answering(200, ALICE);
  const config = webhook.config({ recheckMs: 60_000, cacheMs: 10_000 });
  const auth = { ...testAuth(testIssuer(keysAt(webhook.url))), issuers: [], webhook: config };
  await using gateway = await startTestGateway(server.port, { auth });
  const options = { maxReconnectAttempts: -1 };
  await using client = await connected(gateway, () => ({ Cookie: '__Host-session=opaque' }), options);
  const statuses = client.status()[Symbol.asyncIterator]();
  webhook.answer = answering(401);
  gateway.advance(60_250);
  await gateway.log.find((line) => line['reason'] === 'auth_revoked');
  const refused = (): number =>
    gateway.log.lines.filter((line) => line['detail'] === 'webhook_denied').length;
  await gateway.log.find(() => refused() >= 3);
  webhook.answer = answering(200, ALICE);
  for (;;) {
    const { value } = await statuses.next();
    if (value?.type === 'reconnect') break;
  }
  assert.equal(await roundTrip(client), 'there and back');
});

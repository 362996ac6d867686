import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { nkeyAuthenticator, wsconnect } from '@nats-io/nats-core';
import { isAtLeast } from '../../src/dev/executables.ts';
import type { RunningNatsServer } from '../../src/dev/nats-process.ts';
import { FakeUpstream } from '../support/fake-upstream.ts';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';
import { natsServerBinary, realNatsServer } from '../support/nats.ts';
import { KIND, newKey, seedOf, signerOf } from '../support/nkeys.ts';
import { frame, handshakeRequest, Opcode, RawClient } from '../support/raw-client.ts';
import { connectRaw } from '../support/raw-nats.ts';
import { ReloadableGateway } from '../support/reloadable.ts';

const { version } = await natsServerBinary();
const skip = isAtLeast(version, '2.12.0') ? false : `nats-server ${version} knows no trusted proxies`;
const options = { timeout: 300_000, skip } as const;
const proxySeed = seedOf(KIND.user);
const proxySigner = signerOf(proxySeed);
const clientSeed = seedOf(KIND.user);
const CONFIG = `
proxies { trusted = [ { key: ${proxySigner.publicKey} } ] }
authorization { users = [
  { user: web, password: secret, proxy_required: true }
  { nkey: ${signerOf(clientSeed).publicKey}, proxy_required: true }
  { user: free, password: secret }
] }`;
const WEB = '"user":"web","pass":"secret"';
const FREE = '"user":"free","pass":"secret"';
/** Every spelling that nats-server takes for proxy_sig. */
const FORGERIES = ['proxy_sig', 'Proxy_Sig', 'proxy_\u017fig', 'proxy\\u005fsig'];

type Connz = { readonly connections: readonly { cid: number; proxy?: { key: string }; reason?: string }[] };

async function connz(server: RunningNatsServer, query: string): Promise<Connz['connections']> {
  const answer = await fetch(`http://127.0.0.1:${server.monitorPort}/connz?auth=1&${query}`);
  return ((await answer.json()) as Connz).connections;
}

/** The server lists a connection some moments after it was closed. */
async function closedReason(server: RunningNatsServer, cid: number): Promise<string | undefined> {
  const deadlineMs = performance.now() + 30_000;
  while (performance.now() < deadlineMs) {
    const [found] = await connz(server, `state=closed&cid=${cid}`);
    if (found !== undefined) return found.reason;
  }
  return undefined;
}

const signing = (port: number, signer = proxySigner): Promise<TestGateway> =>
  startTestGateway(port, { inspect: 'enforce', upstream: { proxySigner: signer } });

/** What a server says to a client's CONNECT that comes without a gateway. */
async function answerOf(port: number, fields: string): Promise<string> {
  await using client = await connectRaw(port);
  client.write(`CONNECT {${fields}}\r\nPING\r\n`);
  return (await client.linesUntil((line) => /^(PONG|-ERR)/.test(line))).at(-1)?.trim() ?? 'closed';
}

/** A WebSocket on which this CONNECT and a PING were sent. */
async function connected(gateway: TestGateway, fields: string): Promise<RawClient> {
  const client = await RawClient.open(gateway.port);
  client.send(frame(Opcode.binary, `CONNECT {"verbose":false,${fields}}\r\nPING\r\n`));
  await client.until(() => /\r\n(PONG|-ERR)/.test(client.data.toString()) || client.closed);
  return client;
}

/** Counted: between two of them comes a PING of the server, which measures the round trip some 2 s after CONNECT. */
const pongs = (client: RawClient): number => client.data.toString().match(/^PONG\r$/gm)?.length ?? 0;

const cidOf = (client: RawClient): number => {
  const [line = ''] = client.data.toString().split('\r\n');
  return (JSON.parse(line.slice(5)) as { client_id: number }).client_id;
};

describe('a server that trusts our key', options, () => {
  let server: RunningNatsServer;
  let gateway: TestGateway;
  before(async () => {
    server = await realNatsServer({ config: CONFIG, monitor: true });
    gateway = await signing(server.port);
  });
  after(async () => {
    await gateway?.[Symbol.asyncDispose]();
    await server?.close();
  });

  test('a proxy_required user works through the gateway and fails directly', async () => {
    const servers = `ws://127.0.0.1:${gateway.port}`;
    const client = await wsconnect({ servers, user: 'web', pass: 'secret', reconnect: false });
    await client.flush();
    const [found] = await connz(server, `cid=${client.info?.client_id}`);
    assert.equal(found?.proxy?.key, proxySigner.publicKey);
    await client.close();
    assert.match(await answerOf(server.port, WEB), /Authorization Violation/);
    assert.equal(await answerOf(server.port, FREE), 'PONG');
  });

  test('a client that signs the same nonce by itself logs in beside our signature', async () => {
    const servers = `ws://127.0.0.1:${gateway.port}`;
    const authenticator = nkeyAuthenticator(Buffer.from(clientSeed));
    const client = await wsconnect({ servers, authenticator, reconnect: false });
    await client.flush();
    const [found] = await connz(server, `cid=${client.info?.client_id}`);
    assert.equal(found?.proxy?.key, proxySigner.publicKey);
    await client.close();
  });

  test('a proxy_sig of a client is dropped, however it is spelt', async () => {
    for (const forged of FORGERIES) {
      const fields = `${FREE},"${forged}":"AAAA"`;
      assert.match(await answerOf(server.port, fields), /Authorization Violation/, 'it counts without us');
      await using client = await connected(gateway, fields);
      assert.match(client.data.toString(), /\r\nPONG\r\n$/, forged);
      const [found] = await connz(server, `cid=${cidOf(client)}`);
      assert.equal(found?.proxy?.key, proxySigner.publicKey, forged);
    }
    // The first CONNECT is the only one.
    await using client = await connected(gateway, WEB);
    client.send(frame(Opcode.binary, `CONNECT {${FREE},"proxy_sig":"AAAA"}\r\n`));
    assert.deepEqual(await client.closeReceived(), { code: 1008, reason: 'nats_violation' });
  });

  test('a CONNECT that has no room for the signature is answered by us', async () => {
    const start = `"verbose":false,${FREE},"name":"`;
    const fits = `${start}${'x'.repeat(4096 - start.length - 3 - 120)}"`;
    const tight = `${start}${'x'.repeat(4096 - start.length - 3 - 20)}"`;
    assert.equal(await answerOf(server.port, tight), 'PONG');
    await using good = await RawClient.open(gateway.port);
    good.send(frame(Opcode.binary, `CONNECT {${fits}}\r\nPING\r\n`));
    await good.until(() => pongs(good) === 1);
    await using client = await RawClient.open(gateway.port);
    client.send(frame(Opcode.binary, `CONNECT {${tight}}\r\nPING\r\n`));
    assert.deepEqual(await client.closeReceived(), { code: 1008, reason: 'nats_violation' });
    assert.match(client.data.toString(), /\r\n-ERR 'maximum control line exceeded'\r\n$/);
  });

  test('the start line names the public key, and nothing names the seed', async () => {
    const ready = await gateway.log.find((line) => line.message === 'ready');
    assert.equal(ready['proxyKey'], proxySigner.publicKey);
    assert.equal(gateway.log.text.join('').includes(proxySeed), false);
  });
});

test('a key that the server does not trust: everybody is refused as by the server', options, async () => {
  await using server = await realNatsServer({ config: CONFIG, monitor: true });
  await using gateway = await signing(server.port, newKey(KIND.user));
  for (const fields of [WEB, FREE]) {
    await using client = await connected(gateway, fields);
    assert.deepEqual(await client.closeReceived(), { code: 1008, reason: 'upstream_closed' });
    assert.match(client.data.toString(), /\r\n-ERR 'Authorization Violation'\r\n$/);
    assert.equal(await closedReason(server, cidOf(client)), 'Proxy Not Trusted');
  }
});

test(
  'a server that cannot check signatures is refused before the 101, with the cause in the log',
  options,
  async () => {
    await using real = await realNatsServer();
    const nonce = 'eyJ0eXAiOiJKV1Q';
    await using old = await FakeUpstream.start({
      greeting: `INFO ${JSON.stringify({ version: '2.11.9', nonce })}\r\n`,
    });
    for (const [port, cause] of [
      [real.port, /no nonce.*proxies\.trusted/],
      [old.port, /is too old for proxy_sig/],
    ] as const) {
      await using gateway = await signing(port);
      await using client = await RawClient.connect(gateway.port);
      client.send(handshakeRequest());
      const answer = await client.answer();
      assert.equal(answer.status, 502);
      assert.match(answer.body, /^upstream_not_trusting: .*proxies\.trusted\.\n$/);
      const line = await gateway.log.find((one) => one['outcome'] === 'upstream_not_trusting');
      assert.match(String(line['cause']), cause);
      assert.match(String(line['cause']), new RegExp(`127\\.0\\.0\\.1:${port}`));
    }
    const connection = await old.connection();
    await connection.until(() => connection.closed);
  },
);

test('the next server is taken when one cannot check signatures', options, async () => {
  await using without = await realNatsServer();
  await using server = await realNatsServer({ config: CONFIG });
  const servers = [without.port, server.port].map((port) => ({
    host: '127.0.0.1',
    port,
    name: `127.0.0.1:${port}`,
  }));
  await using gateway = await startTestGateway(0, {
    inspect: 'enforce',
    upstream: { servers, proxySigner },
  });
  await using client = await connected(gateway, WEB);
  assert.match(client.data.toString(), /\r\nPONG\r\n$/);
});

test('the newest nonce is signed; an INFO without one takes nothing away', options, async () => {
  const info = (fields: object): string => `INFO ${JSON.stringify({ version: '2.15.1', ...fields })}\r\n`;
  for (const [second, expected] of [
    [info({ nonce: 'second-nonce-00' }), 'second-nonce-00'],
    [info({}), 'first-nonce-000'],
    [info({ nonce: 'header.claims' }), 'first-nonce-000'],
  ] as const) {
    await using upstream = await FakeUpstream.start({
      greeting: info({ nonce: 'first-nonce-000' }) + second,
    });
    await using gateway = await signing(upstream.port);
    await using client = await RawClient.open(gateway.port);
    await client.until(() => client.data.toString().split('\r\n').length > 2);
    client.send(frame(Opcode.binary, 'CONNECT {}\r\n'));
    const connection = await upstream.connection();
    await connection.until(() => connection.byteCount > 0);
    const line = connection.received.toString();
    assert.equal(line, `CONNECT {"proxy_sig":"${proxySigner.sign(expected)}"}\r\n`);
    assert.match(line, /"[\w-]{86}"\}/);
  }
});

test(
  'another seed in the same file signs the next CONNECT; a broken one changes nothing',
  options,
  async () => {
    const nextSeed = seedOf(KIND.user);
    const trusted = [proxySigner, signerOf(nextSeed)].map(({ publicKey }) => `{ key: ${publicKey} }`);
    const config = `proxies { trusted = [ ${trusted.join(', ')} ] }\n`;
    await using server = await realNatsServer({ config, monitor: true });
    const settings = {
      upstream: { servers: `nats://127.0.0.1:${server.port}`, proxySeedFile: 'proxy.seed' },
    };
    await using gateway = await ReloadableGateway.start(server.port, settings, { 'proxy.seed': proxySeed });
    const login = async (): Promise<RawClient> => {
      const client = await RawClient.open(gateway.port);
      client.send(frame(Opcode.binary, 'CONNECT {"verbose":false}\r\nPING\r\n'));
      await client.until(() => pongs(client) === 1);
      return client;
    };
    const keyOf = async (client: RawClient): Promise<string | undefined> =>
      (await connz(server, `cid=${cidOf(client)}`))[0]?.proxy?.key;
    await using before = await login();
    assert.equal(await keyOf(before), proxySigner.publicKey);

    await gateway.write(settings, { 'proxy.seed': nextSeed });
    const report = await gateway.report(0);
    assert.deepEqual(report['changes'], {
      'upstream.proxySeedFile': 'proxy.seed -> proxy.seed (new content)',
    });
    await using after = await login();
    assert.equal(await keyOf(after), signerOf(nextSeed).publicKey);
    before.send(frame(Opcode.binary, 'PING\r\n'));
    await before.until(() => pongs(before) === 2);

    await gateway.write(settings, { 'proxy.seed': `${nextSeed.slice(0, -1)}=` });
    const refused = await gateway.report(1);
    assert.match(JSON.stringify(refused['problems']), /upstream\.proxySeedFile: /);
    await using still = await login();
    assert.equal(await keyOf(still), signerOf(nextSeed).publicKey);
    for (const seed of [proxySeed, nextSeed]) assert.equal(gateway.log.text.join('').includes(seed), false);
  },
);

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { wsconnect } from '@nats-io/nats-core';
import type { NatsServerOptions } from '../../src/dev/nats-process.ts';
import {
  type Login,
  type LoginReading,
  nkeyLogin,
  sameForAll,
  tokenLogin,
  userLogin,
} from '../../src/nats/login.ts';
import { readNameTemplate } from '../../src/nats/name-template.ts';
import { connz } from '../support/connz.ts';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';
import { realNatsServer } from '../support/nats.ts';
import { KIND, seedOf, signerOf } from '../support/nkeys.ts';
import { Operator } from '../support/operator.ts';
import { frame, Opcode, RawClient } from '../support/raw-client.ts';
import { connectRaw } from '../support/raw-nats.ts';
import { LOOKING, ReloadableGateway } from '../support/reloadable.ts';

const TIMEOUT = { timeout: 300_000 } as const;
const seed = seedOf(KIND.user);
const publicKey = signerOf(seed).publicKey;
const USERS = `authorization { users = [ { user: web, password: secret }, { nkey: ${publicKey} } ] }`;
const JUNK = '"user":"eve","pass":"CANARY","auth_token":"x","nkey":"UABC","jwt":"a.b.c","sig":"AAAA"';

const loginOf = (reading: LoginReading): Login => {
  if (!reading.ok) throw new Error(reading.problem);
  return reading.login;
};
const web = (password = 'secret'): Login => loginOf(userLogin('web', Buffer.from(password)));

const loggingIn = (
  port: number,
  login: Login | undefined,
  clientCredentials: 'keep' | 'drop' | 'refuse' = 'drop',
): Promise<TestGateway> =>
  startTestGateway(port, {
    inspect: 'enforce',
    connect: { login: login && sameForAll(login), clientCredentials },
  });

/** A WebSocket on which this CONNECT and a PING were sent, and whatever came of it. */
async function connected(gateway: { readonly port: number }, fields = ''): Promise<RawClient> {
  const client = await RawClient.open(gateway.port);
  client.send(frame(Opcode.binary, `CONNECT {"verbose":false${fields && `,${fields}`}}\r\nPING\r\n`));
  await client.until(() => /\r\n(PONG|-ERR)/.test(client.data.toString()) || client.closed);
  return client;
}

const infoOf = (client: RawClient): Record<string, unknown> =>
  JSON.parse(client.data.toString().split('\r\n')[0]!.slice(5)) as Record<string, unknown>;
const cidOf = (client: RawClient): number => infoOf(client)['client_id'] as number;

async function directAnswer(port: number): Promise<string> {
  await using client = await connectRaw(port);
  client.write('CONNECT {}\r\nPING\r\n');
  return (await client.linesUntil((line) => /^(PONG|-ERR)/.test(line))).at(-1)!.trim();
}

describe('a browser without any credential logs in', TIMEOUT, () => {
  const kinds: readonly [string, NatsServerOptions, Login, shown: string | undefined][] = [
    ['user', { config: USERS }, web(), 'web'],
    ['nkey', { config: USERS }, loginOf(nkeyLogin(Buffer.from(seed))), publicKey],
    [
      'token',
      { config: 'authorization { token: t0ken }' },
      loginOf(tokenLogin(Buffer.from('t0ken'))),
      undefined,
    ],
  ];
  for (const [kind, options, login, shown] of kinds) {
    test(kind, async () => {
      await using server = await realNatsServer({ ...options, monitor: true });
      assert.match(await directAnswer(server.port), /Authorization Violation/);
      await using gateway = await loggingIn(server.port, login);
      const client = await wsconnect({ servers: `ws://127.0.0.1:${gateway.port}`, reconnect: false });
      const sub = client.subscribe('a', { max: 1 });
      client.publish('a', 'hello');
      for await (const message of sub) assert.equal(message.string(), 'hello');
      assert.equal(client.info?.auth_required, undefined);
      const found = await connz(server, client.info?.client_id);
      if (shown !== undefined) assert.equal(found?.authorized_user, shown);
      await client.close();

      // What it says of itself counts for nothing: of nkey and user the server would take the wrong one.
      await using eve = await connected(gateway, JUNK);
      assert.match(eve.data.toString(), /\r\nPONG\r\n$/);
      const asEve = await connz(server, cidOf(eve));
      if (shown !== undefined) assert.equal(asEve?.authorized_user, shown);
      assert.doesNotMatch(gateway.log.text.join(''), /secret|t0ken|CANARY/);
    });
  }

  test('creds; a new file is used for the next session, and a broken one changes nothing', async () => {
    const operator = new Operator();
    await using server = await realNatsServer({ config: operator.config, monitor: true });
    const settings = { connect: { kind: 'creds', credsFile: 'web.creds' } };
    const files = { 'web.creds': operator.creds(3600) };
    await using gateway = await ReloadableGateway.start(server.port, settings, files, LOOKING);
    await using before = await connected(gateway);
    assert.match(before.data.toString(), /\r\nPONG\r\n$/);
    await gateway.write(settings, { 'web.creds': operator.creds(3600) });
    assert.deepEqual((await gateway.report(0))['changes'], {
      'connect.credsFile': 'web.creds -> web.creds (new content)',
    });
    await using after = await connected(gateway);
    const [first, second] = [await connz(server, cidOf(before)), await connz(server, cidOf(after))];
    assert.match(first?.authorized_user ?? '', /^U/);
    assert.notEqual(first?.authorized_user, second?.authorized_user);
    await gateway.write(settings, { 'web.creds': 'nothing' });
    assert.match(JSON.stringify((await gateway.report(1))['problems']), /connect\.credsFile: /);
    await using still = await connected(gateway);
    assert.equal((await connz(server, cidOf(still)))?.authorized_user, second?.authorized_user);
  });
});

test(
  'a refused login of ours is an error of the configuration, and the client hears the server',
  TIMEOUT,
  async () => {
    await using server = await realNatsServer({ config: USERS });
    await using gateway = await loggingIn(server.port, web('wrong'));
    await using client = await connected(gateway);
    assert.deepEqual(await client.closeReceived(), { code: 1008, reason: 'upstream_closed' });
    assert.match(client.data.toString(), /\r\n-ERR 'Authorization Violation'\r\n$/);
    const line = await gateway.log.find(({ message }) => message === 'login refused by nats-server');
    assert.equal(line['level'], 'error');
    assert.match(String(line['hint']), /connect gives to clients \(kind user, web\)/);
  },
);

test('clientCredentials: refuse ends a session that brings its own, and no other', TIMEOUT, async () => {
  await using server = await realNatsServer({ config: USERS });
  await using gateway = await loggingIn(server.port, web(), 'refuse');
  for (const own of ['"user":"web"', '"Pass":"secret"', '"auth_token":"x"', '"JWT":"x"', '"sig":"x"']) {
    await using client = await connected(gateway, own);
    assert.deepEqual(await client.closeReceived(), { code: 1008, reason: 'forbidden' }, own);
    assert.match(client.data.toString(), /\r\n-ERR 'Authorization Violation'\r\n$/);
  }
  for (const none of ['', '"user":""', '"pass":null', '"name":"page"']) {
    await using client = await connected(gateway, none);
    assert.match(client.data.toString(), /\r\nPONG\r\n$/, none);
  }
});

test(
  'clientCredentials: drop without a login of ours leaves the client to no_auth_user',
  TIMEOUT,
  async () => {
    await using server = await realNatsServer({ config: `${USERS}\nno_auth_user: web`, monitor: true });
    await using gateway = await loggingIn(server.port, undefined);
    await using client = await connected(gateway, '"user":"eve","pass":"x"');
    assert.match(client.data.toString(), /\r\nPONG\r\n$/);
    assert.equal((await connz(server, cidOf(client)))?.authorized_user, 'web');
  },
);

test('the name tells an operator of the server which page it is', TIMEOUT, async () => {
  await using server = await realNatsServer({ monitor: true });
  const name = readNameTemplate('{name} [{origin}]');
  await using gateway = await startTestGateway(server.port, { inspect: 'enforce', connect: { name } });
  const origin = 'https://app.example.com';
  for (const [own, shown] of [
    ['"name":"page","user":"kept"', `page [${origin}]`],
    ['', `[${origin}]`],
  ] as const) {
    await using client = await connected(gateway, own);
    assert.equal((await connz(server, cidOf(client)))?.name, shown);
  }
});

test('a CONNECT that has no room for the login says what to raise', TIMEOUT, async () => {
  await using server = await realNatsServer({ config: USERS });
  await using gateway = await loggingIn(server.port, web());
  await using client = await connected(gateway, `"name":"${'x'.repeat(4050)}"`);
  assert.deepEqual(await client.closeReceived(), { code: 1008, reason: 'nats_violation' });
  const line = await gateway.log.find(({ message }) => message.startsWith('NATS protocol refused'));
  assert.match(String(line['expected']), /limits\.controlLineBytes and max_control_line/);
});

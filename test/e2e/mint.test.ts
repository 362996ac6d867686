import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { describe, test } from 'node:test';
import type { NatsConnection } from '@nats-io/nats-core';
import { parse } from 'yaml';
import type { LoginSource } from '../../src/nats/login.ts';
import { mintLogin } from '../../src/nats/mint.ts';
import { readNameTemplate } from '../../src/nats/name-template.ts';
import { claimsOfJwt } from '../../src/nats/user-jwt.ts';
import { keysAt, testAuth, testIssuer } from '../support/auth-config.ts';
import { connectedWith } from '../support/browser-client.ts';
import type { ConfigOverrides } from '../support/config.ts';
import { connz, type Shown } from '../support/connz.ts';
import { blocksOf } from '../support/doc-blocks.ts';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';
import { Issuer, seconds, signingKey } from '../support/issuer.ts';
import { realNatsServer } from '../support/nats.ts';
import { Operator } from '../support/operator.ts';
import { frame, handshakeRequest, Opcode, RawClient } from '../support/raw-client.ts';
import { ReloadableGateway } from '../support/reloadable.ts';

const TIMEOUT = { timeout: 300_000 } as const;
const ROLE = {
  pub: { allow: ['orders.{{tag(tenant)}}.{{name()}}'] },
  sub: { allow: ['prices.{{tag(tenant)}}.>', '_INBOX.{{name()}}.>'] },
};

function minting(operator: Operator, seed = operator.roleSeed, account = operator.account): LoginSource {
  const reading = mintLogin(Buffer.from(seed), account, { tenant: [{ value: 'tenant' }] });
  if (!reading.ok) throw new Error(reading.problem);
  return reading.login;
}

const gatewayFor = (
  port: number,
  login: LoginSource,
  issuer: Issuer,
  more: ConfigOverrides = {},
): Promise<TestGateway> => {
  const identity = { user: ['sub'], tenant: ['org'], groups: undefined };
  return startTestGateway(port, {
    inspect: 'enforce',
    connect: { login, clientCredentials: 'drop', name: readNameTemplate('[{user}]') },
    auth: testAuth(testIssuer(keysAt(issuer.url)), { identity }),
    ...more,
  });
};

const bearer = (token: string): Readonly<Record<string, string>> => ({ Authorization: `Bearer ${token}` });

/** What nats-server says against these, in lower case. */
async function objections(client: NatsConnection, publish: string, subscribe: string): Promise<string[]> {
  const statuses = client.status()[Symbol.asyncIterator]();
  client.publish(publish);
  client.subscribe(subscribe, { callback: () => {} });
  const found: string[] = [];
  while (found.length < 2) {
    const { value } = await statuses.next();
    if (value?.type === 'error') found.push(value.error.message.toLowerCase());
  }
  return found;
}

describe('a user of NATS for each session', TIMEOUT, () => {
  test('has the permissions of the role with its own name and tenant, and no others', async () => {
    const operator = new Operator(ROLE);
    await using server = await realNatsServer({ config: operator.config, monitor: true });
    await using issuer = await Issuer.start(signingKey('one'));
    await using gateway = await gatewayFor(server.port, minting(operator), issuer);
    const headers = (sub: string, org: string) => () => bearer(issuer.token({ sub, org }));
    await using alice = await connectedWith(gateway, headers('alice', 'acme'));
    await using bob = await connectedWith(gateway, headers('bob', 'other'));
    assert.equal(alice.info?.auth_required, undefined);

    const refused = await objections(alice, 'orders.acme.bob', 'prices.other.eur');
    assert.match(refused.join(), /publish to "orders\.acme\.bob".*subscription to "prices\.other\.eur"/);
    assert.match(
      (await objections(bob, 'orders.acme.alice', 'prices.acme.>')).join(),
      /acme\.alice.*acme\.>/,
    );
    alice.publish('orders.acme.alice');
    alice.subscribe('prices.acme.eur', { callback: () => {} });
    await alice.flush();
    assert.equal(gateway.gateway.sessionCount, 2);

    const [first, second] = [
      await connz(server, alice.info?.client_id),
      await connz(server, bob.info?.client_id),
    ];
    const nameOf = (one: Shown | undefined): unknown => claimsOfJwt(one?.jwt ?? '')?.['name'];
    assert.deepEqual([first?.name, nameOf(first), first?.tags], ['[alice]', 'alice', ['tenant:acme']]);
    assert.deepEqual([second?.name, nameOf(second), second?.tags], ['[bob]', 'bob', ['tenant:other']]);
    assert.match(first?.authorized_user ?? '', /^U[A-Z2-7]{55}$/);
    assert.notEqual(first?.authorized_user, second?.authorized_user);
  });

  test('ends with its token: the server is a second fence', async () => {
    const operator = new Operator(ROLE);
    await using server = await realNatsServer({ config: operator.config, monitor: true });
    await using issuer = await Issuer.start(signingKey('one'));
    const identity = { user: ['sub'], tenant: ['org'], groups: undefined };
    const auth = testAuth(testIssuer(keysAt(issuer.url)), { identity, graceMs: 1000 });
    await using gateway = await gatewayFor(server.port, minting(operator), issuer, { auth });
    // Time enough to log in on a busy machine.
    const exp = seconds(4);
    const token = issuer.token({ sub: 'alice', org: 'acme', exp });
    // The clock of the gateway's sessions does not go on here.
    await using client = await RawClient.open(gateway.port, { headers: bearer(token) });
    client.send(frame(Opcode.binary, 'CONNECT {}\r\nPING\r\n'));
    await client.until(() => client.data.includes('PONG\r\n'));
    const { client_id: cid } = JSON.parse(client.data.toString().split('\r\n')[0]!.slice(5)) as {
      client_id: number;
    };
    assert.equal(claimsOfJwt((await connz(server, cid))?.jwt ?? '')?.['exp'], exp + 1);
    assert.deepEqual(await client.closeReceived(), { code: 1008, reason: 'upstream_closed' });
    assert.match(client.data.toString(), /-ERR 'User Authentication Expired'\r\n$/);
    assert.ok(Date.now() >= (exp + 1) * 1000);
  });

  test('signs the nonce of the server that answered, after another one that did not', async () => {
    const operator = new Operator(ROLE);
    await using server = await realNatsServer({ config: operator.config });
    await using issuer = await Issuer.start(signingKey('one'));
    const broken = createServer(
      (socket) => void socket.end('INFO {"nonce":"abcdefghijk","auth_required":tr'),
    );
    broken.listen(0, '127.0.0.1');
    await once(broken, 'listening');
    const ports = [(broken.address() as { port: number }).port, server.port];
    const servers = ports.map((port) => ({ host: '127.0.0.1', port, name: `127.0.0.1:${port}` }));
    await using gateway = await gatewayFor(server.port, minting(operator), issuer, {
      upstream: { servers, order: 'first' },
    });
    const token = issuer.token({ sub: 'alice', org: 'acme' });
    await using client = await connectedWith(gateway, () => bearer(token));
    await client.flush();
    broken.close();
  });

  test('a signing key that the account does not have is an error of the configuration', async () => {
    const operator = new Operator(ROLE);
    await using server = await realNatsServer({ config: operator.config });
    await using issuer = await Issuer.start(signingKey('one'));
    const login = minting(operator, new Operator().roleSeed);
    await using gateway = await gatewayFor(server.port, login, issuer);
    await using client = await RawClient.open(gateway.port, {
      headers: bearer(issuer.token({ sub: 'alice', org: 'acme' })),
    });
    client.send(frame(Opcode.binary, 'CONNECT {}\r\nPING\r\n'));
    assert.deepEqual(await client.closeReceived(), { code: 1008, reason: 'upstream_closed' });
    const line = await gateway.log.find(({ message }) => message === 'login refused by nats-server');
    assert.equal(line['level'], 'error');
    assert.match(String(line['hint']), /that signing key, with a role/);
  });
});

test('docs/login.md: the minting that is written there', TIMEOUT, async () => {
  const section = 'Minting: a NATS user for each session';
  const { upstream: _, ...settings } = parse(blocksOf('docs/login.md', section, 'yaml')[0] ?? '');
  const [commands = ''] = blocksOf('docs/login.md', section, 'sh');
  const listed = (flag: string): string[] =>
    new RegExp(`${flag} '(.*?)'`).exec(commands)?.[1]?.split(',') ?? [];
  const role = { pub: { allow: listed('--allow-pub') }, sub: { allow: listed('--allow-sub') } };
  assert.deepEqual(role, ROLE);
  const operator = new Operator(role);
  await using server = await realNatsServer({ config: operator.config, monitor: true });
  await using issuer = await Issuer.start(signingKey('one'));
  settings.auth.jwt[0].keys.url = issuer.url;
  settings.connect.account = operator.account;
  const files = { 'web-role.nk': operator.roleSeed };
  await using gateway = await ReloadableGateway.start(server.port, settings, files);
  const token = issuer.token({ iss: settings.auth.jwt[0].issuer, sub: 'alice', org_id: 'acme' });
  const cookies = () => ({ Cookie: `__Host-session=${token}` });
  await using alice = await connectedWith(gateway, cookies, { name: 'shop' });
  alice.publish('orders.acme.alice');
  await alice.flush();
  const shown = await connz(server, alice.info?.client_id);
  assert.equal(shown?.name, '[alice] shop');
  assert.match(
    (await objections(alice, 'orders.acme.bob', 'prices.other.eur')).join(),
    /acme\.bob.*other\.eur/,
  );
  // Replies to others are none of hers.
  assert.match((await objections(alice, 'orders.acme.bob', '_INBOX.>')).join(), /"_inbox\.>"/);
  alice.subscribe('_INBOX.alice.>', { callback: () => {} });
  await alice.flush();

  // Neither the seed nor what was made with it is shown.
  const answers = ['/metrics', '/api/status', '/api/sessions', '/api/sessions/1'].map(async (path) =>
    (await fetch(`http://127.0.0.1:${gateway.adminPort}${path}`)).text(),
  );
  const seen = [...(await Promise.all(answers)), ...gateway.log.text].join();
  assert.match(seen, /alice/);
  const beginning = Buffer.from('{"typ":"JWT","alg":"ed25519-nkey"}').toString('base64url');
  assert.ok(shown?.jwt?.startsWith(beginning));
  for (const secret of [operator.roleSeed, beginning, token]) assert.ok(!seen.includes(secret));
});

test(
  'a user or tenant that is not one token of a subject is refused before the dial (T93)',
  TIMEOUT,
  async () => {
    await using issuer = await Issuer.start(signingKey('one'));
    // Nobody listens there: a dial would be a 502.
    await using gateway = await gatewayFor(1, minting(new Operator(ROLE)), issuer);
    const values = [
      ...['*', '>', 'a.b', 'a.>', '.', 'a b', ' a', 'a\t', 'a\n', 'a\r\n', 'a\0', '\x1f', '\x7f', 'a\u00a0b'],
      ...['\u2028', '\u200b', '\ufeff', '{{name()}}', '_INBOX', '$JS', 'x'.repeat(129), 'ü'.repeat(65)],
    ];
    for (const value of values)
      for (const claims of [
        { sub: value, org: 'acme' },
        { sub: 'alice', org: value },
      ]) {
        await using client = await RawClient.connect(gateway.port);
        client.send(handshakeRequest({ headers: bearer(issuer.token(claims)) }));
        const answer = await client.answer();
        assert.equal(answer.status, 403, JSON.stringify(claims));
        assert.match(answer.body, /^forbidden: /);
      }
    const line = await gateway.log.find((one) => one['detail'] === 'claim_unusable');
    assert.equal(line['level'], 'warn');
    for (const value of ['a-b', 'auth0|5f7c', 'x'.repeat(128), 'ü'.repeat(64), '@', 'a:b', 'INBOX']) {
      await using client = await RawClient.connect(gateway.port);
      client.send(handshakeRequest({ headers: bearer(issuer.token({ sub: value, org: value })) }));
      assert.equal((await client.answer()).status, 502, value);
    }
  },
);

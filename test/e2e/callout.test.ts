import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { credsAuthenticator } from '@nats-io/nats-core';
import { parse } from 'yaml';
import type { RunningNatsServer } from '../../src/dev/nats-process.ts';
import { clientToken, cookieJwt, cookieUser, sentinelLogin } from '../../src/nats/client-login.ts';
import { type LoginSource, sameForAll, userLogin } from '../../src/nats/login.ts';
import { readNameTemplate } from '../../src/nats/name-template.ts';
import { keysAt, testAuth, testIssuer } from '../support/auth-config.ts';
import { Callout, type CalloutRequest } from '../support/callout.ts';
import type { ConfigOverrides } from '../support/config.ts';
import { connz, type Shown } from '../support/connz.ts';
import { blocksOf } from '../support/doc-blocks.ts';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';
import { Issuer, signingKey } from '../support/issuer.ts';
import { realNatsServer } from '../support/nats.ts';
import { KIND, natsJwt, newKey, seedOf, signerOf } from '../support/nkeys.ts';
import { Operator } from '../support/operator.ts';
import { frame, Opcode, RawClient } from '../support/raw-client.ts';
import { ReloadableGateway } from '../support/reloadable.ts';

const TIMEOUT = { timeout: 300_000 } as const;
type Headers = Readonly<Record<string, string>>;

const issuer = newKey(KIND.account);
const CONFIG = `
accounts { AUTH { users: [ { user: callout, password: callout } ] }, APP { users: [ { user: web, password: w } ] } }
authorization { timeout: 30, auth_callout { issuer: ${issuer.publicKey}, account: AUTH, auth_users: [ callout ] } }
`;
const CALLOUT = { user: 'callout', pass: 'callout' };
const USER = { type: 'user', subs: -1, data: -1, payload: -1, pub: {}, sub: {} };

type Said = { readonly name: string; readonly nats?: object } | { readonly error: string } | undefined;

/** The answer of a service to nats-server in configuration mode. */
function answering(say: (request: CalloutRequest) => Said): (request: CalloutRequest) => string | undefined {
  return (request) => {
    const said = say(request);
    if (said === undefined) return undefined;
    const more = { audience: request.server_id.id };
    if ('error' in said)
      return natsJwt(issuer, request.user_nkey, { type: 'authorization_response', error: said.error }, more);
    const { name, nats = {} } = said;
    const user = natsJwt(issuer, request.user_nkey, { ...USER, ...nats }, { name, audience: 'APP' });
    return natsJwt(issuer, request.user_nkey, { type: 'authorization_response', jwt: user }, more);
  };
}

const gatewayFor = (
  server: RunningNatsServer,
  login: LoginSource | undefined,
  more: ConfigOverrides = {},
): Promise<TestGateway> =>
  startTestGateway(server.port, {
    inspect: 'enforce',
    connect: { login, clientCredentials: 'drop', name: readNameTemplate('{origin}') },
    ...more,
  });

/** What came of a browser with these headers. */
async function answered(gateway: { readonly port: number }, headers: Headers): Promise<RawClient> {
  const client = await RawClient.open(gateway.port, {
    headers: { Origin: 'https://app.example.com', ...headers },
  });
  client.send(frame(Opcode.binary, 'CONNECT {"verbose":false,"user":"web","pass":"w"}\r\nPING\r\n'));
  await client.until(() => /\r\n(PONG|-ERR)/.test(client.data.toString()) || client.closed);
  return client;
}

function shownOf(server: RunningNatsServer, client: RawClient): Promise<Shown | undefined> {
  const info = client.data.toString().split('\r\n')[0]!.slice(5);
  return connz(server, (JSON.parse(info) as { client_id: number }).client_id);
}

const PONG = /\r\nPONG\r\n$/;
const VIOLATION = /\r\n-ERR 'Authorization Violation'\r\n$/;

describe('an auth callout in configuration mode', TIMEOUT, () => {
  const cases: readonly [string, LoginSource, cookies: string, CalloutRequest['connect_opts']][] = [
    ['an opaque token arrives unchanged', clientToken('t'), 't=0paque.~+/=', { auth_token: '0paque.~+/=' }],
    ['a JWT of others does not arrive', cookieJwt('j'), 'j=eyJhIjoxfQ.eyJhIjoxfQ.x', {}],
    [
      'user and password arrive',
      cookieUser('u', 'p'),
      'u=alice; p=secret',
      { user: 'alice', pass: 'secret' },
    ],
  ];
  for (const [name, login, cookies, expected] of cases)
    test(name, async () => {
      await using server = await realNatsServer({ config: CONFIG, monitor: true });
      const say = answering(() => ({ name: 'alice', nats: { tags: ['tenant:acme'] } }));
      await using callout = await Callout.start({ servers: `127.0.0.1:${server.port}`, ...CALLOUT }, say);
      await using gateway = await gatewayFor(server, login);
      await using client = await answered(gateway, { Cookie: cookies });
      assert.match(client.data.toString(), PONG);
      assert.equal((await shownOf(server, client))?.authorized_user, 'alice');
      const [request, ...more] = callout.requests;
      assert.deepEqual(more, []);
      const { user, pass, auth_token, jwt, name: page } = request?.connect_opts ?? {};
      const options = { user, pass, auth_token, jwt };
      assert.deepEqual(JSON.parse(JSON.stringify(options)), expected);
      assert.deepEqual([page, request?.client_info.type], ['https://app.example.com', 'nats']);
    });

  test('the token that auth verified arrives, and what the callout says ends a session', async () => {
    await using server = await realNatsServer({ config: CONFIG, monitor: true });
    await using tokens = await Issuer.start(signingKey('one'));
    const [good, bad] = [tokens.token({ sub: 'alice' }), tokens.token({ sub: 'eve' })];
    const say = answering(({ connect_opts: { auth_token } }) =>
      auth_token === good ? { name: 'alice' } : { error: 'not this one' },
    );
    await using callout = await Callout.start({ servers: `127.0.0.1:${server.port}`, ...CALLOUT }, say);
    const auth = testAuth(testIssuer(keysAt(tokens.url)));
    await using gateway = await gatewayFor(server, clientToken(), { auth });
    await using alice = await answered(gateway, { Authorization: `Bearer ${good}` });
    assert.match(alice.data.toString(), PONG);
    await using eve = await answered(gateway, { Authorization: `Bearer ${bad}` });
    assert.match(eve.data.toString(), VIOLATION);
    assert.deepEqual(await eve.closeReceived(), { code: 1008, reason: 'upstream_closed' });
    eve.socket.destroy();
    assert.match(String((await gateway.log.ended())['hint']), /its log, or its auth callout, says more/);
    assert.equal(callout.requests.length, 2);
    assert.ok(![good, bad].some((token) => gateway.log.text.join('').includes(token)));
  });

  test('a static user with a wrong password goes to the callout as well', async () => {
    await using server = await realNatsServer({ config: CONFIG });
    const say = answering(() => ({ error: 'no' }));
    await using callout = await Callout.start({ servers: `127.0.0.1:${server.port}`, ...CALLOUT }, say);
    const reading = userLogin('web', Buffer.from('wrong'));
    await using gateway = await gatewayFor(server, reading.ok ? sameForAll(reading.login) : undefined);
    await using client = await answered(gateway, {});
    assert.match(client.data.toString(), VIOLATION);
    assert.equal(callout.requests[0]?.connect_opts.user, 'web');
    await gateway.log.find(({ message }) => message === 'login refused by nats-server');
  });

  test('a callout that is silent is a violation after authorization.timeout, and the server pings before', async () => {
    const config = CONFIG.replace('timeout: 30', 'timeout: 3');
    await using server = await realNatsServer({ config });
    await using callout = await Callout.start(
      { servers: `127.0.0.1:${server.port}`, ...CALLOUT },
      () => undefined,
    );
    await using gateway = await gatewayFor(server, clientToken('t'));
    const startMs = performance.now();
    await using client = await answered(gateway, { Cookie: 't=x' });
    assert.match(client.data.toString(), /^INFO [^\n]*\r\nPING\r\n-ERR 'Authorization Violation'\r\n$/);
    assert.ok(performance.now() - startMs > 2900);
    assert.equal(callout.requests.length, 1);
  });

  test('a user that must come through a proxy is accepted with the signature of the gateway alone', async () => {
    const proxySeed = seedOf(KIND.user);
    const proxySigner = signerOf(proxySeed);
    const config = `${CONFIG}\nproxies { trusted = [ { key: ${proxySigner.publicKey} } ] }`;
    await using server = await realNatsServer({ config, monitor: true });
    const say = answering(() => ({ name: 'alice', nats: { proxy_required: true } }));
    await using _ = await Callout.start({ servers: `127.0.0.1:${server.port}`, ...CALLOUT }, say);
    for (const signer of [undefined, proxySigner]) {
      await using gateway = await gatewayFor(server, clientToken('t'), { upstream: { proxySigner: signer } });
      await using client = await answered(gateway, { Cookie: 't=x' });
      if (signer === undefined) assert.match(client.data.toString(), /-ERR/);
      else assert.match(client.data.toString(), PONG);
    }
  });
});

test(
  'operator mode: the sentinel leads to the callout, the token of the client through it',
  TIMEOUT,
  async () => {
    const seed = seedOf(KIND.user);
    const operator = new Operator({}, () => ({ authorization: { auth_users: [signerOf(seed).publicKey] } }));
    await using server = await realNatsServer({ config: operator.config, monitor: true });
    const say = ({ user_nkey, server_id, connect_opts }: CalloutRequest): string => {
      const answer = { type: 'authorization_response' };
      const jwt = operator.jwt(user_nkey, USER, { name: 'alice' });
      const nats = connect_opts.auth_token === 'good' ? { ...answer, jwt } : { ...answer, error: 'no' };
      return operator.jwt(user_nkey, nats, { audience: server_id.id });
    };
    const creds = new TextEncoder().encode(operator.creds(3600, seed));
    const options = { servers: `127.0.0.1:${server.port}`, authenticator: credsAuthenticator(creds) };
    await using callout = await Callout.start(options, say);
    const nobody = { bearer_token: true, pub: { deny: ['>'] }, sub: { deny: ['>'] } };
    const sentinel = operator.userJwt(newKey(KIND.user).publicKey, 3600, nobody);
    const reading = sentinelLogin(Buffer.from(`${sentinel}\n`), 't');
    await using gateway = await gatewayFor(server, reading.ok ? reading.login : undefined);
    await using alice = await answered(gateway, { Cookie: 't=good' });
    assert.match(alice.data.toString(), PONG);
    assert.equal((await shownOf(server, alice))?.authorized_user, 'alice');
    for (const cookie of ['t=bad', 'x=1']) {
      await using client = await answered(gateway, { Cookie: cookie });
      assert.match(client.data.toString(), VIOLATION);
    }
    assert.deepEqual(
      callout.requests.map(({ connect_opts: { jwt, auth_token } }) => [jwt, auth_token]),
      [
        [sentinel, 'good'],
        [sentinel, 'bad'],
        [sentinel, undefined],
      ],
    );
    assert.doesNotMatch(gateway.log.text.join(''), /eyJ/);
  },
);

test('docs/login.md: the auth callout that is written there', TIMEOUT, async () => {
  const configs = blocksOf('docs/login.md', 'Auth callout', '');
  const config = configs.find((block) => block.startsWith('accounts')) ?? '';
  await using server = await realNatsServer({
    config: config.replace('…', 'callout').replace('A…', issuer.publicKey),
    monitor: true,
  });
  await using tokens = await Issuer.start(signingKey('one'));
  const { upstream: _, ...settings } = parse(blocksOf('docs/login.md', 'Auth callout', 'yaml')[0] ?? '');
  settings.auth.jwt[0].keys.url = tokens.url;
  const token = tokens.token({ iss: settings.auth.jwt[0].issuer });
  const say = answering(({ connect_opts: { auth_token } }) =>
    auth_token === token ? { name: 'alice' } : { error: 'no' },
  );
  await using __ = await Callout.start({ servers: `127.0.0.1:${server.port}`, ...CALLOUT }, say);
  await using gateway = await ReloadableGateway.start(server.port, settings);
  await using client = await answered(gateway, { Cookie: `__Host-session=${token}` });
  assert.match(client.data.toString(), PONG);
  assert.equal((await shownOf(server, client))?.authorized_user, 'alice');
});

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parse } from 'yaml';
import type { RunningNatsServer } from '../../src/dev/nats-process.ts';
import { clientToken, cookieJwt, cookieUser } from '../../src/nats/client-login.ts';
import type { LoginSource } from '../../src/nats/login.ts';
import { keysAt, testAuth, testIssuer } from '../support/auth-config.ts';
import type { ConfigOverrides } from '../support/config.ts';
import { connz } from '../support/connz.ts';
import { blocksOf } from '../support/doc-blocks.ts';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';
import { Issuer, signingKey } from '../support/issuer.ts';
import { realNatsServer } from '../support/nats.ts';
import { KIND, newKey } from '../support/nkeys.ts';
import { Operator } from '../support/operator.ts';
import { frame, Opcode, RawClient } from '../support/raw-client.ts';
import { ReloadableGateway } from '../support/reloadable.ts';

const TIMEOUT = { timeout: 300_000 } as const;
type Headers = Readonly<Record<string, string>>;

const USERS = `authorization { users = [
  { user: alice, password: "secret of alice", permissions: { publish: ["a"] } }, { user: guest, password: g } ] }`;

const gatewayFor = (
  server: RunningNatsServer,
  login: LoginSource,
  more: ConfigOverrides = {},
): Promise<TestGateway> =>
  startTestGateway(server.port, {
    ...more,
    inspect: 'enforce',
    connect: { login, clientCredentials: 'drop' },
  });

/** A WebSocket of a browser with these headers, on which a CONNECT and a PING were sent, and what came of it. */
async function answered(
  gateway: { readonly port: number },
  headers: Headers,
  fields = '',
): Promise<RawClient> {
  const client = await RawClient.open(gateway.port, { headers });
  client.send(frame(Opcode.binary, `CONNECT {"verbose":false${fields && `,${fields}`}}\r\nPING\r\n`));
  await client.until(() => /\r\n(PONG|-ERR)/.test(client.data.toString()) || client.closed);
  return client;
}

async function userOf(server: RunningNatsServer, client: RawClient): Promise<string | undefined> {
  const { client_id: cid } = JSON.parse(client.data.toString().split('\r\n')[0]!.slice(5)) as {
    client_id: number;
  };
  return (await connz(server, cid))?.authorized_user;
}

const PONG = /\r\nPONG\r\n$/;
const VIOLATION = /\r\n-ERR 'Authorization Violation'\r\n$/;
const cookie = (text: string): Headers => ({ Cookie: text, Origin: 'https://app.example.com' });

describe('the cookies that nats-server itself can read log in', TIMEOUT, () => {
  const user = newKey(KIND.user).publicKey;
  const operator = new Operator();
  const bearer = (seconds = 3600): string => operator.userJwt(user, seconds, { bearer_token: true });
  const kinds: readonly [
    string,
    string,
    LoginSource,
    good: string,
    bad: string,
    shown: string | undefined,
  ][] = [
    [
      'user_cookie and pass_cookie',
      USERS,
      cookieUser('u', 'p'),
      'x=1; u=alice; p="secret of alice"',
      'u=alice; p=g',
      'alice',
    ],
    ['token_cookie', 'authorization { token: t0ken }', clientToken('t'), 't=t0ken', 't=other', undefined],
    ['jwt_cookie', operator.config, cookieJwt('j'), `j=${bearer()}`, `j=${bearer(-1)}`, user],
  ];
  for (const [name, config, login, good, bad, shown] of kinds)
    test(name, async () => {
      await using server = await realNatsServer({ config, monitor: true });
      await using gateway = await gatewayFor(server, login);
      // What the client writes itself counts for nothing, also where a cookie is missing.
      const own = '"user":"guest","pass":"g","auth_token":"t0ken","jwt":"a.b.c"';
      await using client = await answered(gateway, cookie(good), own);
      assert.match(client.data.toString(), PONG);
      assert.doesNotMatch(client.data.toString(), /"auth_required":true/);
      if (shown !== undefined) assert.equal(await userOf(server, client), shown);
      for (const wrong of [bad, 'x=1']) {
        await using refused = await answered(gateway, cookie(wrong), own);
        assert.match(refused.data.toString(), VIOLATION);
        assert.deepEqual(await refused.closeReceived(), { code: 1008, reason: 'upstream_closed' });
      }
      const ends = await Promise.all(
        [2, 3].map((id) => gateway.log.find((line) => line['session'] === id && line['hint'] !== undefined)),
      );
      assert.match(String(ends[0]?.['hint']), /^nats-server refused the cookie/);
      assert.match(String(ends[1]?.['hint']), /^the client did not send the cookie/);
      // A visitor with an old cookie is no fault of the configuration.
      assert.ok(!gateway.log.lines.some(({ message }) => message === 'login refused by nats-server'));
    });

  test('a user JWT that nats-server does not take, whatever it is, is a violation within the session', async () => {
    const inHours = (hours: number): string =>
      `${String((new Date().getUTCHours() + hours) % 24).padStart(2, '0')}:00:00`;
    const unusable = {
      'not a bearer JWT, so without a signature': operator.userJwt(user, 3600),
      expired: bearer(-1),
      'not valid yet': operator.userJwtOfLater(user, 3600, { bearer_token: true }),
      'of another account': new Operator().userJwt(user, 3600, { bearer_token: true }),
      'for other addresses': operator.userJwt(user, 3600, { bearer_token: true, src: ['192.0.2.0/24'] }),
      'for other hours': operator.userJwt(user, 3600, {
        bearer_token: true,
        times: [{ start: inHours(2), end: inHours(3) }],
        times_location: 'UTC',
      }),
      'for WebSocket connections alone': operator.userJwt(user, 3600, {
        bearer_token: true,
        allowed_connection_types: ['WEBSOCKET'],
      }),
      'no JWT': 'a.b.c',
    };
    await using server = await realNatsServer({ config: operator.config });
    await using gateway = await gatewayFor(server, cookieJwt('j'));
    for (const [why, jwt] of Object.entries(unusable)) {
      await using client = await answered(gateway, cookie(`j=${jwt}`));
      assert.match(client.data.toString(), VIOLATION, why);
    }
    const here = { bearer_token: true, src: ['127.0.0.0/8'], allowed_connection_types: ['STANDARD'] };
    await using client = await answered(gateway, cookie(`j=${operator.userJwt(user, 3600, here)}`));
    assert.match(client.data.toString(), PONG);
  });

  test('without a cookie a client is the no_auth_user of nats-server, if there is one', async () => {
    await using server = await realNatsServer({ config: `${USERS}\nno_auth_user: guest`, monitor: true });
    await using gateway = await gatewayFor(server, cookieUser('u', 'p'));
    await using client = await answered(gateway, cookie('x=1'));
    assert.equal(await userOf(server, client), 'guest');
  });

  test('a cookie that is there twice is refused before anything is dialled', async () => {
    await using server = await realNatsServer({ config: USERS });
    await using gateway = await gatewayFor(server, cookieUser('u', 'p'));
    await assert.rejects(RawClient.open(gateway.port, { headers: cookie('u=alice; p=a; p=b') }), /400/);
    const line = await gateway.log.find((one) => one.message === 'handshake refused');
    assert.deepEqual([line['outcome'], line['detail']], ['cookie', 'token_ambiguous']);
  });
});

test('the token that auth has verified becomes the token of CONNECT', TIMEOUT, async () => {
  await using issuer = await Issuer.start(signingKey('one'));
  const token = issuer.token({ sub: 'alice' });
  await using server = await realNatsServer({ config: `authorization { token: "${token}" }` });
  const auth = testAuth(testIssuer(keysAt(issuer.url)), { required: false });
  await using gateway = await gatewayFor(server, clientToken(), { auth });
  for (const _ of ['verified', 'remembered']) {
    await using client = await answered(gateway, cookie(`__Host-session=${token}`));
    assert.match(client.data.toString(), PONG);
  }
  await using other = await answered(gateway, cookie(`__Host-session=${issuer.token({ sub: 'bob' })}`));
  assert.match(other.data.toString(), VIOLATION);
  await using anonymous = await answered(gateway, {}, `"auth_token":"${token}"`);
  assert.match(anonymous.data.toString(), VIOLATION);
});

test(
  'CONNECT may be as long with the login as a line of nats-server, and no byte longer',
  TIMEOUT,
  async () => {
    await using server = await realNatsServer({ config: 'authorization { token: t0ken }' });
    await using gateway = await gatewayFor(server, clientToken('t'));
    const around = '{"verbose":false,"name":"","auth_token":"t0ken"}'.length;
    for (const bytes of [4096, 4097]) {
      const fields = `"name":"${'x'.repeat(bytes - around)}"`;
      await using client = await answered(gateway, cookie('t=t0ken'), fields);
      if (bytes === 4096) assert.match(client.data.toString(), PONG);
      else {
        assert.match(client.data.toString(), /\r\n-ERR 'maximum control line exceeded'\r\n$/);
        assert.deepEqual(await client.closeReceived(), { code: 1008, reason: 'nats_violation' });
        const line = await gateway.log.find(({ message }) => message.startsWith('NATS protocol refused'));
        assert.equal(line['problem'], 'connect_too_long');
        assert.match(String(line['expected']), /limits\.controlLineBytes and max_control_line/);
      }
    }
  },
);

test('docs/login.md: the cookies of nats-server, moved here as it is written', TIMEOUT, async () => {
  const section = 'Moving from the cookies of nats-server';
  const users =
    blocksOf('docs/login.md', section, '').find((block) => block.startsWith('authorization')) ?? '';
  await using server = await realNatsServer({ config: users.replace('…', 'secret'), monitor: true });
  const { upstream: _, ...settings } = parse(blocksOf('docs/login.md', section, 'yaml')[0] ?? '');
  await using gateway = await ReloadableGateway.start(server.port, settings);
  await using client = await answered(gateway, cookie('__Host-user=alice; __Host-password=secret'));
  assert.equal(await userOf(server, client), 'alice');
});

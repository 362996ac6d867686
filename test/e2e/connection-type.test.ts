import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeUpstream } from '../support/fake-upstream.ts';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';
import { realNatsServer } from '../support/nats.ts';
import { KIND, natsJwt, newKey } from '../support/nkeys.ts';
import { frame, Opcode, RawClient } from '../support/raw-client.ts';

const options = { timeout: 300_000 } as const;
const UNLIMITED = { subs: -1, data: -1, payload: -1 };
const operator = newKey(KIND.operator);
const account = newKey(KIND.account);
const user = newKey(KIND.user);
const accountLimits = { ...UNLIMITED, imports: -1, exports: -1, wildcards: true, conn: -1, leaf: -1 };
const OPERATOR_MODE = `
operator: ${natsJwt(operator, operator.publicKey, { type: 'operator' })}
resolver: MEMORY
resolver_preload: { ${account.publicKey}: ${natsJwt(operator, account.publicKey, { type: 'account', limits: accountLimits })} }
`;

const userJwt = (types: readonly string[] | undefined): string =>
  natsJwt(account, user.publicKey, {
    type: 'user',
    ...UNLIMITED,
    ...(types === undefined ? {} : { allowed_connection_types: types }),
  });

/** Sends the login and leaves after the answer, which is returned. */
async function login(gateway: TestGateway, jwt: string, signer = user): Promise<string> {
  await using client = await RawClient.open(gateway.port);
  const [line = ''] = client.data.toString().split('\r\n');
  const { nonce } = JSON.parse(line.slice(5)) as { nonce: string };
  const fields = JSON.stringify({ verbose: false, jwt, sig: signer.sign(nonce) });
  client.send(frame(Opcode.binary, `CONNECT ${fields}\r\nPING\r\n`));
  await client.until(() => /\r\n(PONG|-ERR .*)\r\n$/.test(client.data.toString()));
  return client.data.toString().slice(line.length + 2);
}

for (const inspect of ['observe', 'enforce'] as const)
  test(
    `${inspect}: a user JWT for WEBSOCKET only is recognised when the server refuses it`,
    options,
    async () => {
      await using server = await realNatsServer({ config: OPERATOR_MODE });
      const cases = [
        [['WEBSOCKET'], /^allow connection type STANDARD for this user: its JWT allows WEBSOCKET only, /],
        [['MQTT', 'WEBSOCKET'], /its JWT allows WEBSOCKET, MQTT only, /],
      ] as const;
      for (const [types, expected] of cases) {
        await using gateway = await startTestGateway(server.port, { inspect });
        const jwt = userJwt(types);
        assert.match(await login(gateway, jwt), /^-ERR 'Authorization Violation'\r\n$/);
        const ended = await gateway.log.ended();
        assert.equal(ended['serverError'], 'Authorization Violation');
        assert.match(String(ended['hint']), expected);
        assert.equal(gateway.log.text.join('').includes(jwt.slice(40, 80)), false);
      }
    },
  );

test('no hint where the connection type is not the reason, or nothing is read', options, async () => {
  await using server = await realNatsServer({ config: OPERATOR_MODE });
  for (const [inspect, types, signer, answer] of [
    ['observe', undefined, user, /^PONG\r\n$/],
    ['observe', ['STANDARD', 'WEBSOCKET'], user, /^PONG\r\n$/],
    ['observe', ['STANDARD', 'WEBSOCKET'], newKey(KIND.user), /Authorization Violation/],
    ['off', ['WEBSOCKET'], user, /Authorization Violation/],
  ] as const) {
    await using gateway = await startTestGateway(server.port, { inspect });
    assert.match(await login(gateway, userJwt(types), signer), answer);
    assert.equal((await gateway.log.ended())['hint'], undefined);
  }
});

test(
  'a limit in the server’s own configuration is enforced, and cannot be seen from here',
  options,
  async () => {
    const config = 'authorization { users: [{user: u, password: p, allowed_connection_types: [WEBSOCKET]}] }';
    await using server = await realNatsServer({ config });
    await using gateway = await startTestGateway(server.port, { inspect: 'observe' });
    await using client = await RawClient.open(gateway.port);
    client.send(frame(Opcode.binary, 'CONNECT {"user":"u","pass":"p"}\r\nPING\r\n'));
    assert.deepEqual(await client.closeReceived(), { code: 1008, reason: 'upstream_closed' });
    client.socket.destroy();
    const ended = await gateway.log.ended();
    assert.deepEqual([ended['serverError'], ended['hint']], ['Authorization Violation', undefined]);
  },
);

test('/api/sessions/ID has the hint while the session lives', options, async () => {
  await using upstream = await FakeUpstream.start();
  await using gateway = await startTestGateway(upstream.port, { inspect: 'observe' });
  await using client = await RawClient.open(gateway.port);
  client.send(frame(Opcode.binary, `CONNECT ${JSON.stringify({ jwt: userJwt(['WEBSOCKET']) })}\r\n`));
  const connection = await upstream.connection();
  await connection.until(() => connection.byteCount > 0);
  connection.socket.write("-ERR 'Authorization Violation'\r\n");
  await client.until(() => client.data.toString().includes('-ERR'));
  const answer = await fetch(`http://127.0.0.1:${gateway.adminPort}/api/sessions/1`);
  const { inspection } = (await answer.json()) as { inspection: { hint?: string } };
  assert.match(inspection.hint ?? '', /^allow connection type STANDARD for this user: /);
});

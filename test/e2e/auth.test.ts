import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type NatsConnection, wsconnect } from '@nats-io/nats-core';
import { WebSocket } from 'ws';
import type { RunningNatsServer } from '../../src/dev/nats-process.ts';
import { readNameTemplate } from '../../src/nats/name-template.ts';
import { keysAt, testAuth, testIssuer } from '../support/auth-config.ts';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';
import { Issuer, seconds, signingKey } from '../support/issuer.ts';
import { realNatsServer } from '../support/nats.ts';

type Headers = Readonly<Record<string, string>>;

/** nats-core with the headers of a program, or of a browser that has a cookie: asked for anew at each connection. */
const connected = (gateway: TestGateway, headers: () => Headers): Promise<NatsConnection> =>
  wsconnect({
    servers: `ws://127.0.0.1:${gateway.port}`,
    reconnectTimeWait: 20,
    reconnectJitter: 0,
    maxReconnectAttempts: 20,
    wsFactory: (url) => {
      const socket = new WebSocket(url, { headers: headers(), origin: 'https://app.example.com' });
      return Promise.resolve({ socket: socket as unknown as globalThis.WebSocket, encrypted: false });
    },
  });

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

describe('a client without any credential of NATS', { timeout: 60_000 }, () => {
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

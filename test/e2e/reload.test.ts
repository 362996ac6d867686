import assert from 'node:assert/strict';
import { rename, writeFile } from 'node:fs/promises';
import { test } from 'node:test';
import { type NatsConnection, wsconnect } from '@nats-io/nats-core';
import { testEngine } from '../support/config.ts';
import { GatewayProcess } from '../support/gateway-process.ts';
import { realNatsServer } from '../support/nats.ts';
import { handshakeRequest, RawClient } from '../support/raw-client.ts';
import { rounds } from '../support/rounds.ts';

const RELOADS = rounds(20, 50);
/** The gateway looks for itself every two seconds: all of that in every round would be a minute of waiting. */
const BY_FILE_EVERY = 10;
const CLIENTS = 10;
const BURST = 50;
const DEADLINE_MS = 180_000;

async function knock(port: number, origin: string): Promise<number | 'close'> {
  await using client = await RawClient.connect(port);
  client.send(handshakeRequest({ headers: { Origin: origin } }));
  return await client.status();
}

test(`${RELOADS} reloads by SIGHUP and by file change under nats-core clients: no reconnect, no message lost`, {
  timeout: 300_000,
}, async (t) => {
  await using server = await realNatsServer();
  await using gateway = await GatewayProcess.start(server.port);
  const write = async (page: string, more: object = {}): Promise<void> => {
    const config = {
      listen: '127.0.0.1:0',
      admin: '127.0.0.1:0',
      origins: { allow: [page], missing: 'allow' },
      upstream: `nats://127.0.0.1:${server.port}`,
      engine: testEngine(),
      ...more,
    };
    await writeFile(`${gateway.configFile}~`, JSON.stringify(config));
    await rename(`${gateway.configFile}~`, gateway.configFile);
  };
  const reports = () => gateway.log.lines.filter(({ message }) => message.startsWith('configuration '));

  const connections = await Promise.all(
    Array.from({ length: CLIENTS }, () =>
      wsconnect({ servers: `ws://127.0.0.1:${gateway.port}`, reconnect: false }),
    ),
  );
  let published = 0;
  let received = 0;
  let stopping = false;
  const talk = async (connection: NatsConnection, index: number): Promise<void> => {
    let due = 0;
    const subscription = connection.subscribe(`load.${index}`, {
      callback: () => {
        received++;
        due--;
      },
    });
    while (!stopping) {
      for (let n = 0; n < BURST; n++) connection.publish(`load.${index}`, `message ${n}`);
      published += BURST;
      due += BURST;
      await connection.flush();
      // The server sent all messages before its PONG.
      assert.equal(due, 0);
    }
    subscription.unsubscribe();
  };
  const load = Promise.all(connections.map(talk));

  for (let round = 1; round <= RELOADS; round++) {
    const [now, before] = [`https://page-${round}.example.com`, `https://page-${round - 1}.example.com`];
    await write(now);
    if (round % BY_FILE_EVERY !== 0) gateway.signal('SIGHUP');
    const isReported = (): boolean =>
      reports().some((line) => JSON.stringify(line['changes'] ?? '').includes(`-> [${now}]`));
    await gateway.until(isReported, DEADLINE_MS);
    assert.deepEqual([await knock(gateway.port, now), await knock(gateway.port, before)], [101, 403], now);
  }

  // A broken file, then one more SIGHUP: nothing changes, and the log says why.
  await write('https://new.example.com', { timeouts: { pin: '1s' } });
  gateway.signal('SIGHUP');
  const refused = () => reports().find(({ message }) => message.includes('refused'));
  await gateway.until(() => refused() !== undefined, DEADLINE_MS);
  assert.match(
    String(refused()?.['problems']),
    /natsgate\.yaml:1:\d+: timeouts\.pin: not a known key; did you mean ping\?/,
  );
  assert.equal(await knock(gateway.port, `https://page-${RELOADS}.example.com`), 101);
  assert.equal(await gateway.metric('natsgate_config_last_reload_success'), 0);
  assert.equal(await gateway.metric('natsgate_config_reloads_total', { outcome: 'applied' }), RELOADS);

  stopping = true;
  await load;
  assert.equal(received, published);
  const cut = gateway.sessionsEnded.filter((line) => line['reason'] !== 'client_gone');
  assert.deepEqual(cut, []);
  for (const connection of connections) {
    assert.equal(connection.isClosed(), false);
    await connection.close();
  }

  // Signals in a storm, one of them the end.
  for (let n = 0; n < 50; n++) gateway.signal('SIGHUP');
  gateway.signal('SIGTERM');
  for (let n = 0; n < 50; n++) gateway.signal('SIGHUP');
  assert.deepEqual(await gateway.ended(DEADLINE_MS), { code: 0, signal: null });
  assert.equal(gateway.errors, '');
  t.diagnostic(
    `${RELOADS} reloads, ${published} messages on ${CLIENTS} connections meanwhile: 0 lost, 0 sessions cut`,
  );
});

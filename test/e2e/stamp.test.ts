import assert from 'node:assert/strict';
import { test } from 'node:test';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { headers, type Msg, type NatsConnection } from '@nats-io/nats-core';
import { connect } from '@nats-io/transport-node';
import { readStampTemplate } from '../../src/nats/stamp.ts';
import { keysAt, testAuth, testIssuer } from '../support/auth-config.ts';
import { connectedWith } from '../support/browser-client.ts';
import { startTestGateway } from '../support/gateway.ts';
import { Issuer, signingKey } from '../support/issuer.ts';
import { realNatsServer } from '../support/nats.ts';

const NAME = 'Natsgate-User';

/** The next messages of a subject, in order. */
function reader(client: NatsConnection, subject: string): () => Promise<Msg> {
  const messages = client.subscribe(subject)[Symbol.asyncIterator]();
  return async () => (await messages.next()).value;
}

test('a subscriber on TCP sees who sent a message, with and without own headers, and no forged stamp', {
  timeout: 300_000,
}, async () => {
  await using server = await realNatsServer({ jetstream: true });
  await using issuer = await Issuer.start(signingKey('one'));
  await using gateway = await startTestGateway(server.port, {
    inspect: 'enforce',
    auth: testAuth(testIssuer(keysAt(issuer.url))),
    connect: {
      stamp: {
        [NAME]: readStampTemplate('{user}') ?? [],
        'Natsgate-Session': readStampTemplate('{session}') ?? [],
      },
    },
  });
  const inside = await connect({ servers: `127.0.0.1:${server.port}` });
  const next = reader(inside, 'orders.>');
  await inside.flush();
  const page = await connectedWith(gateway, () => ({
    Authorization: `Bearer ${issuer.token({ sub: 'alice' })}`,
  }));
  assert.ok((page.info?.max_payload ?? 0) < (inside.info?.max_payload ?? 0));

  page.publish('orders.plain', 'one');
  const own = headers();
  own.append('Trace', 'x');
  own.append(NAME, 'mallory');
  page.publish('orders.headers', 'two', { headers: own });
  page.publish('orders.largest', new Uint8Array(page.info?.max_payload ?? 0));
  const [plain, forged, largest] = [await next(), await next(), await next()];
  assert.deepEqual([plain.string(), plain.headers?.values(NAME)], ['one', ['alice']]);
  assert.deepEqual(
    [forged.string(), forged.headers?.values(NAME), forged.headers?.get('Trace')],
    ['two', ['alice'], 'x'],
  );
  assert.deepEqual([largest.data.length, largest.headers?.values(NAME)], [page.info?.max_payload, ['alice']]);

  const sessions = [plain, forged].map((message) => message.headers?.get('Natsgate-Session') ?? '');
  assert.match(sessions[0] ?? '', /^[0-9a-f]{16}$/);
  assert.equal(sessions[0], sessions[1]);

  const answers = inside.subscribe('service', {
    callback: (_, message) => void message.respond(message.headers?.get(NAME)),
  });
  await inside.flush();
  assert.equal((await page.request('service')).string(), 'alice');
  answers.unsubscribe();

  await (await jetstreamManager(inside)).streams.add({ name: 'S', subjects: ['stream.>'] });
  const stream = jetstream(page);
  const acks = [
    await stream.publish('stream.a', 'x', { msgID: '7' }),
    await stream.publish('stream.a', 'x', { msgID: '7' }),
  ];
  assert.deepEqual(
    acks.map(({ duplicate }) => duplicate ?? false),
    [false, true],
  );
  await page.close();
  await inside.close();
});

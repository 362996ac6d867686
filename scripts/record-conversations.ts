import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer, connect as dial } from 'node:net';
import { join } from 'node:path';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { Kvm } from '@nats-io/kv';
import { headers, type NatsConnection } from '@nats-io/nats-core';
import { Objm } from '@nats-io/obj';
import { connect } from '@nats-io/transport-node';
import { realNatsServer } from '../test/support/nats.ts';

/** Writes test/fixtures/conversations anew: what @nats-io clients and a real nats-server say to one another. */
const FOLDER = join(import.meta.dirname, '..', 'test', 'fixtures', 'conversations');

const CONVERSATIONS: Readonly<Record<string, (client: NatsConnection) => Promise<unknown>>> = {
  async 'publish-subscribe'(client) {
    const subscription = client.subscribe('orders.>', { max: 6 });
    client.subscribe('jobs', {
      queue: 'workers',
      callback: (_error, message) => void message.respond('done'),
    });
    const extra = headers();
    extra.set('Trace', 'é 1');
    for (const text of ['', 'one', 'PING\r\n', 'INFO {}\r\n']) client.publish('orders.eu', text);
    client.publish('orders.é', 'with headers', { headers: extra });
    client.publish('orders.large', 'x'.repeat(5000));
    for await (const _message of subscription);
    await client.request('jobs', 'work');
    await client.request('nobody', '').catch(() => {});
    await client.flush();
  },
  async jetstream(client) {
    const manager = await jetstreamManager(client);
    await manager.streams.add({ name: 'S', subjects: ['s.>'] });
    const stream = jetstream(client);
    for (let n = 0; n < 5; n++) await stream.publish(`s.${n}`, `message ${n}`, { msgID: String(n) });
    const consumer = await stream.consumers.get('S');
    const messages = await consumer.fetch({ max_messages: 5, expires: 1000 });
    for await (const message of messages) message.ack();
    await stream.publish('elsewhere', '', { timeout: 500 }).catch(() => {});
    await client.flush();
  },
  async 'key-value'(client) {
    const bucket = await new Kvm(client).create('settings', { history: 3 });
    await bucket.put('colour', 'red');
    await bucket.put('colour', 'blue');
    await bucket.get('colour');
    await bucket.create('colour', 'green').catch(() => {});
    await bucket.delete('colour');
    await bucket.purge('colour');
    await client.flush();
  },
  async 'object-store'(client) {
    const store = await new Objm(client).create('files');
    await store.putBlob({ name: 'file', options: { max_chunk_size: 2000 } }, new Uint8Array(5000).fill(13));
    await store.getBlob('file');
    await store.delete('file');
    await client.flush();
  },
  async errors(client) {
    client.publish('forbidden', 'no');
    client.subscribe('forbidden.>', { callback: () => {} });
    await client.flush();
    client.publish('large', new Uint8Array(9000));
    await client.closed();
  },
};

const server = await realNatsServer({
  jetstream: true,
  config: [
    'max_payload: 8192',
    'authorization { users: [{ user: app, password: app, permissions: { publish: { deny: "forbidden" }, subscribe: { deny: "forbidden.>" } } }] }',
  ].join('\n'),
});
await mkdir(FOLDER, { recursive: true });
for (const [name, talk] of Object.entries(CONVERSATIONS)) {
  const sides = { client: [] as Buffer[], server: [] as Buffer[] };
  const recorder = createServer((socket) => {
    const upstream = dial(server.port, '127.0.0.1');
    socket.on('data', (chunk: Buffer) => {
      sides.client.push(chunk);
      upstream.write(chunk);
    });
    upstream.on('data', (chunk: Buffer) => {
      // The client must not know better than the server what is too large.
      const bytes =
        name === 'errors' ? Buffer.from(chunk.toString('latin1').replace('8192', '9999'), 'latin1') : chunk;
      sides.server.push(chunk);
      socket.write(bytes);
    });
    for (const [one, other] of [
      [socket, upstream],
      [upstream, socket],
    ] as const)
      one.on('error', () => {}).on('close', () => void other.destroy());
  });
  recorder.listen(0, '127.0.0.1');
  await once(recorder, 'listening');
  const { port } = recorder.address() as AddressInfo;
  const client = await connect({
    servers: `127.0.0.1:${port}`,
    user: 'app',
    pass: 'app',
    name,
    reconnect: false,
  });
  await talk(client);
  await client.close();
  recorder.close();
  for (const [side, chunks] of Object.entries(sides)) {
    await writeFile(join(FOLDER, `${name}.${side}.bin`), Buffer.concat(chunks));
    console.log(name, side, Buffer.concat(chunks).length);
  }
}
await server.close();
process.exit(0);

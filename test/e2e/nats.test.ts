import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { after, before, describe, test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { AckPolicy, jetstream, jetstreamManager } from '@nats-io/jetstream';
import { Kvm } from '@nats-io/kv';
import {
  AuthorizationError,
  createInbox,
  errors,
  headers,
  type Msg,
  type NatsConnection,
  type Status,
  type Subscription,
  wsconnect,
} from '@nats-io/nats-core';
import { Objm } from '@nats-io/obj';
import { connect as tcpConnect } from '@nats-io/transport-node';
import type { RunningNatsServer } from '../../src/cli/nats-process.ts';
import { type Gateway, startGateway } from '../../src/gateway.ts';
import { createLog } from '../../src/log.ts';
import { testConfig } from '../support/config.ts';
import { LogCapture } from '../support/gateway.ts';
import { realNatsServer } from '../support/nats.ts';
import { frame, Opcode, RawClient } from '../support/raw-client.ts';

const MiB = 1024 * 1024;
const DEADLINE_MS = 20_000;
const options = { timeout: 60_000 } as const;

describe('nats-core through the gateway', () => {
  let server: RunningNatsServer;
  let edge: Edge;
  before(async () => {
    server = await realNatsServer({ jetstream: true });
    edge = await Edge.start(server.port);
  });
  after(async () => {
    await edge?.[Symbol.asyncDispose]();
    await server?.close();
  });

  test('publish and subscribe: 5,000 messages between two clients, in order', options, async () => {
    await using publisher = await edge.connect();
    await using subscriber = await edge.connect();
    const count = 5000;
    const subscription = subscriber.subscribe('orders.*.new', { max: count });
    await subscriber.flush();
    for (let n = 0; n < count; n++) publisher.publish(`orders.${n % 7}.new`, `order ${n}`);
    const messages = await take(subscription, count);
    messages.forEach((message, n) => {
      assert.equal(message.subject, `orders.${n % 7}.new`);
      assert.equal(message.string(), `order ${n}`);
    });
  });

  test(
    'a queue group: each of 300 messages goes to one of three clients, and none idles',
    options,
    async () => {
      await using publisher = await edge.connect();
      await using one = await edge.connect();
      await using two = await edge.connect();
      await using three = await edge.connect();
      const workers = [one, two, three];
      const seen: string[] = [];
      const bySubscriber = workers.map(() => 0);
      const all = Promise.withResolvers<void>();
      for (const [index, worker] of workers.entries()) {
        worker.subscribe('jobs', {
          queue: 'workers',
          callback: (_error, message) => {
            seen.push(message.string());
            bySubscriber[index]!++;
            if (seen.length === 300) all.resolve();
          },
        });
        await worker.flush();
      }
      for (let n = 0; n < 300; n++) publisher.publish('jobs', String(n));
      await inTime(all.promise);
      // A copy that went to a second member would arrive before the answer to this flush.
      await Promise.all(workers.map((worker) => worker.flush()));
      assert.deepEqual(
        seen.map(Number).sort((a, b) => a - b),
        Array.from({ length: 300 }, (_, n) => n),
      );
      assert.ok(Math.min(...bySubscriber) > 0, `shares: ${bySubscriber}`);
    },
  );

  test('request and reply, 200 at once', options, async () => {
    await using requester = await edge.connect();
    await using replier = await edge.connect();
    replier.subscribe('double', {
      callback: (_error, message) => void message.respond(String(2 * Number(message.string()))),
    });
    await replier.flush();
    const replies = await Promise.all(
      Array.from({ length: 200 }, (_, n) => requester.request('double', String(n), { timeout: DEADLINE_MS })),
    );
    assert.deepEqual(
      replies.map((reply) => Number(reply.string())),
      replies.map((_, n) => 2 * n),
    );
  });

  test('a request that nobody listens to fails at once: no responders', options, async () => {
    await using client = await edge.connect();
    const startMs = performance.now();
    const request = client.request('nobody.here', '', { timeout: DEADLINE_MS });
    await assert.rejects(
      request,
      (error: Error) =>
        error instanceof errors.NoRespondersError || error.cause instanceof errors.NoRespondersError,
    );
    assert.ok(performance.now() - startMs < DEADLINE_MS / 2);
  });

  test('headers arrive as they were sent', options, async () => {
    await using publisher = await edge.connect();
    await using subscriber = await edge.connect();
    const subscription = subscriber.subscribe('with.headers', { max: 2 });
    await subscriber.flush();
    const sent = headers();
    sent.append('Trace', 'one');
    sent.append('Trace', 'two');
    sent.append('Text', 'Grüße, 世界');
    publisher.publish('with.headers', 'payload', { headers: sent });
    publisher.publish('with.headers', '', { headers: sent });
    const [full, empty] = await take(subscription, 2);
    for (const message of [full, empty]) {
      assert.deepEqual(message?.headers?.values('Trace'), ['one', 'two']);
      assert.equal(message?.headers?.get('Text'), 'Grüße, 世界');
    }
    assert.equal(full?.string(), 'payload');
    assert.equal(empty?.data.length, 0);
  });

  test('payloads of max_payload (1 MiB), of one byte less and of none', options, async () => {
    await using publisher = await edge.connect();
    await using subscriber = await edge.connect();
    assert.equal(publisher.info?.max_payload, MiB);
    const payloads = [MiB, 0, MiB - 1, MiB].map((size) => randomBytes(size));
    const subscription = subscriber.subscribe('big', { max: payloads.length });
    await subscriber.flush();
    for (const payload of payloads) publisher.publish('big', payload);
    const messages = await take(subscription, payloads.length);
    assert.deepEqual(
      messages.map(({ data }) => sha256(data)),
      payloads.map(sha256),
    );
  });

  test('JetStream: 500 messages published, consumed in order and acknowledged', options, async () => {
    await using client = await edge.connect();
    const manager = await jetstreamManager(client);
    await manager.streams.add({ name: 'EVENTS', subjects: ['events.>'] });
    await manager.consumers.add('EVENTS', { durable_name: 'reader', ack_policy: AckPolicy.Explicit });
    const js = jetstream(client);
    const acks = await Promise.all(
      Array.from({ length: 500 }, (_, n) => js.publish(`events.${n}`, `event ${n}`)),
    );
    assert.deepEqual(
      acks.map((ack) => ack.seq).sort((a, b) => a - b),
      acks.map((_, n) => n + 1),
    );

    const consumer = await js.consumers.get('EVENTS', 'reader');
    const messages = await consumer.consume({ max_messages: 64 });
    const sequences: number[] = [];
    const readAll = async (): Promise<void> => {
      for await (const message of messages) {
        assert.equal(message.string(), `event ${message.subject.slice('events.'.length)}`);
        sequences.push(message.seq);
        assert.equal(await message.ackAck(), true);
        if (sequences.length === acks.length) return;
      }
    };
    await inTime(readAll());
    assert.deepEqual(
      sequences,
      acks.map((_, n) => n + 1),
    );
    const { num_pending, num_ack_pending } = await consumer.info();
    assert.deepEqual({ num_pending, num_ack_pending }, { num_pending: 0, num_ack_pending: 0 });
  });

  test('a KV watch sees what is there, then every change by another client', options, async () => {
    await using writer = await edge.connect();
    await using watcher = await edge.connect();
    const written = await new Kvm(writer).create('settings');
    await written.put('colour', 'red');
    const watched = await new Kvm(watcher).open('settings');
    const watch = await watched.watch();
    const seen: string[] = [];
    const first = Promise.withResolvers<void>();
    const last = Promise.withResolvers<void>();
    void (async () => {
      for await (const { key, operation, value } of watch) {
        seen.push(`${operation} ${key} ${Buffer.from(value)}`);
        if (seen.length === 1) first.resolve();
        if (seen.length === 4) last.resolve();
      }
    })().catch(last.reject);
    await inTime(first.promise);
    await written.put('colour', 'blue');
    await written.put('size', 'L');
    await written.delete('colour');
    await inTime(last.promise);
    watch.stop();
    assert.deepEqual(seen, ['PUT colour red', 'PUT colour blue', 'PUT size L', 'DEL colour ']);
  });

  test('the object store takes and gives 20 MiB with equal SHA-256', options, async (t) => {
    await using writer = await edge.connect();
    await using reader = await edge.connect();
    const data = randomBytes(20 * MiB);
    const startMs = performance.now();
    const put = await new Objm(writer).create('files');
    const info = await inTime(put.putBlob({ name: 'blob' }, data));
    assert.equal(info.size, data.length);
    const putMs = performance.now();
    const store = await new Objm(reader).open('files');
    const read = await inTime(store.getBlob('blob'));
    t.diagnostic(
      `put in ${Math.round(putMs - startMs)} ms, got in ${Math.round(performance.now() - putMs)} ms`,
    );
    assert.equal(sha256(read ?? Buffer.alloc(0)), sha256(data));
  });

  test(
    'drain: everything published is delivered, then the session ends as client_closed',
    options,
    async () => {
      const publisher = await edge.connect();
      await using subscriber = await edge.connect();
      const subscription = subscriber.subscribe('farewell', { max: 1000 });
      await subscriber.flush();
      const own = publisher.subscribe('own.farewell');
      for (let n = 0; n < 1000; n++) publisher.publish('farewell', String(n));
      publisher.publish('own.farewell', 'to myself');
      const clientId = publisher.info?.client_id;
      await inTime(publisher.drain());
      assert.equal(await inTime(publisher.closed()), undefined);
      assert.deepEqual(
        (await take(subscription, 1000)).map((message) => Number(message.string())),
        Array.from({ length: 1000 }, (_, n) => n),
      );
      assert.deepEqual(
        (await take(own, 1)).map((message) => message.string()),
        ['to myself'],
      );
      const ended = await edge.ended(clientId);
      assert.equal(ended['reason'], 'client_closed');
    },
  );

  test('a WebSocket client and a TCP client of the same server exchange messages', options, async () => {
    await using web = await edge.connect();
    await using tcp = await tcpConnect({ servers: `127.0.0.1:${server.port}`, timeout: DEADLINE_MS });
    for (const [from, to] of [
      [web, tcp],
      [tcp, web],
    ] as const) {
      const inbox = createInbox();
      const subscription = to.subscribe(inbox, { max: 100 });
      await to.flush();
      const payloads = Array.from({ length: 100 }, (_, n) => randomBytes(n * 100));
      for (const payload of payloads) from.publish(inbox, payload);
      const messages = await take(subscription, payloads.length);
      assert.deepEqual(
        messages.map(({ data }) => sha256(data)),
        payloads.map(sha256),
      );
      to.subscribe(`${inbox}.service`, { callback: (_error, message) => void message.respond(message.data) });
      await to.flush();
      const reply = await from.request(`${inbox}.service`, 'echo', { timeout: DEADLINE_MS });
      assert.equal(reply.string(), 'echo');
    }
  });
});

test(
  'a killed server that comes back on its port: the client reconnects and its subscriptions live on',
  options,
  async () => {
    await using server = await realNatsServer();
    await using edge = await Edge.start(server.port);
    await using client = await edge.connect({
      reconnect: true,
      reconnectTimeWait: 50,
      maxReconnectAttempts: -1,
    });
    const statuses = new StatusLog(client);
    const clientId = client.info?.client_id;
    const subscription = client.subscribe('after', { max: 1 });
    await client.flush();

    assert.equal(server.kill('SIGKILL'), true);
    await statuses.seen('disconnect');
    const ended = await edge.ended(clientId);
    assert.ok(
      ['upstream_closed', 'upstream_reset'].includes(String(ended['reason'])),
      String(ended['reason']),
    );
    await server.restart();
    await statuses.seen('reconnect');
    client.publish('after', 'the restart');
    assert.deepEqual(
      (await take(subscription, 1)).map((message) => message.string()),
      ['the restart'],
    );
    const types = statuses.types;
    assert.ok(types.indexOf('disconnect') < types.indexOf('reconnecting'), types.join(', '));
    assert.ok(types.indexOf('reconnecting') < types.indexOf('reconnect'), types.join(', '));
  },
);

describe('login', () => {
  const config = 'authorization { users: [ { user: "alice", password: "wonderland" } ] }';

  test('user and password go through', options, async () => {
    await using server = await realNatsServer({ config });
    await using edge = await Edge.start(server.port);
    await using client = await edge.connect({ user: 'alice', pass: 'wonderland' });
    assert.equal(await roundTrip(client), 'there and back');
  });

  test('a wrong password: the client is told why and the session ends', options, async () => {
    await using server = await realNatsServer({ config });
    await using edge = await Edge.start(server.port);
    await assert.rejects(edge.connect({ user: 'alice', pass: 'looking-glass' }), (error) => {
      assert.ok(error instanceof AuthorizationError, String(error));
      assert.match(error.message, /Authorization Violation/i);
      return true;
    });
    // Who is first to close after the -ERR, client or server, is a race of theirs.
    const ended = await edge.log.ended();
    assert.ok(['upstream_closed', 'client_closed'].includes(String(ended['reason'])), JSON.stringify(ended));
    assert.equal(edge.log.text.join('').includes('looking-glass'), false, 'no password in the log');
  });

  test('a wrong password on the wire: the -ERR line, then close 1001 upstream_closed', options, async () => {
    await using server = await realNatsServer({ config });
    await using edge = await Edge.start(server.port);
    await using client = await RawClient.open(edge.port);
    client.send(frame(Opcode.binary, 'CONNECT {"user":"alice","pass":"looking-glass"}\r\nPING\r\n'));
    assert.deepEqual(await client.closeReceived(), { code: 1001, reason: 'upstream_closed' });
    assert.match(client.data.toString(), /^INFO \{.*\} *\r\n-ERR 'Authorization Violation'\r\n$/);
  });
});

test('lame duck: the client is told, then sees close 1001 upstream_closed', options, async () => {
  const config = 'lame_duck_duration: "30s"\nlame_duck_grace_period: "1s"';
  await using server = await realNatsServer({ config });
  await using edge = await Edge.start(server.port);
  let socket: WebSocket | undefined;
  await using client = await edge.connect({
    wsFactory: (url) => {
      socket = new WebSocket(url);
      return Promise.resolve({ socket, encrypted: false });
    },
  });
  assert.ok(socket !== undefined);
  const closing = once(socket, 'close', { signal: AbortSignal.timeout(DEADLINE_MS) });
  const statuses = new StatusLog(client);
  const clientId = client.info?.client_id;
  assert.equal(await roundTrip(client), 'there and back');

  server.kill('SIGUSR2');
  await statuses.seen('ldm');
  const [{ code, reason, wasClean }] = (await closing) as [CloseEvent];
  assert.deepEqual({ code, reason, wasClean }, { code: 1001, reason: 'upstream_closed', wasClean: true });
  const ended = await edge.ended(clientId);
  assert.deepEqual([ended['reason'], ended['code']], ['upstream_closed', 1001]);
});

/** A gateway in this process with real time, in front of a real server. */
class Edge implements AsyncDisposable {
  readonly log = new LogCapture();
  #gateway: Gateway | undefined;

  static async start(upstreamPort: number): Promise<Edge> {
    const edge = new Edge();
    const config = testConfig(upstreamPort);
    edge.#gateway = await startGateway(config, { log: createLog(config.log, edge.log) });
    return edge;
  }

  get port(): number {
    return this.#gateway?.address.port ?? 0;
  }

  connect(more: Parameters<typeof wsconnect>[0] = {}): Promise<NatsConnection> {
    return wsconnect({
      servers: `ws://127.0.0.1:${this.port}`,
      timeout: DEADLINE_MS,
      reconnect: false,
      ...more,
    });
  }

  /** The log line of the session whose client has this id at the server. */
  ended(natsClientId: number | undefined): Promise<Readonly<Record<string, unknown>>> {
    assert.notEqual(natsClientId, undefined);
    return this.log.find((line) => line.message === 'session ended' && line['natsClientId'] === natsClientId);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#gateway?.stop();
  }
}

/** What a client says about its connection. */
class StatusLog {
  readonly types: Status['type'][] = [];
  readonly #log = new LogCapture();

  constructor(client: NatsConnection) {
    void this.#read(client);
  }

  async seen(type: Status['type']): Promise<void> {
    await this.#log.find((line) => line.message === type);
  }

  async #read(client: NatsConnection): Promise<void> {
    for await (const status of client.status()) {
      this.types.push(status.type);
      this.#log.write(JSON.stringify({ message: status.type }));
    }
  }
}

async function roundTrip(client: NatsConnection): Promise<string> {
  const inbox = createInbox();
  const subscription = client.subscribe(inbox, { max: 1 });
  client.publish(inbox, 'there and back');
  const [message] = await take(subscription, 1);
  return message?.string() ?? '';
}

/** The next `count` messages; throws when they do not come in time. */
function take(subscription: Subscription, count: number): Promise<Msg[]> {
  const read = async (): Promise<Msg[]> => {
    const messages: Msg[] = [];
    for await (const message of subscription) if (messages.push(message) === count) break;
    assert.equal(messages.length, count);
    return messages;
  };
  return inTime(read());
}

async function inTime<T>(work: Promise<T>): Promise<T> {
  const deadline = new AbortController();
  const late = wait(DEADLINE_MS, undefined, { signal: deadline.signal }).then(() => {
    throw new Error(`not done after ${DEADLINE_MS} ms`);
  });
  late.catch(() => {});
  try {
    return await Promise.race([work, late]);
  } finally {
    deadline.abort();
  }
}

const sha256 = (data: Uint8Array): string => createHash('sha256').update(data).digest('hex');

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, test } from 'node:test';
import { AckPolicy, jetstream, jetstreamManager } from '@nats-io/jetstream';
import { type NatsConnection, nanos, type Status, wsconnect } from '@nats-io/nats-core';
import { connect as tcpConnect } from '@nats-io/transport-node';
import type { EngineName } from '../../src/config/config.ts';
import type { RunningNatsServer } from '../../src/dev/nats-process.ts';
import { FakeUpstream, type UpstreamConnection } from '../support/fake-upstream.ts';
import { LogCapture, startTestGateway, type TestGateway } from '../support/gateway.ts';
import { realNatsServer } from '../support/nats.ts';
import { closeFrame, frame, Opcode, RawClient } from '../support/raw-client.ts';

const LEVELS = ['observe', 'enforce'] as const;
const ENGINES: readonly EngineName[] = ['cut-through', 'buffered'];
const DEADLINE_MS = 180_000;
/** A session of 10 s ends between 9 and 11 s, and its last words may wait for 4 s more. */
const PAST_AGE_MS = 11_500;

describe('a drain under load, with JetStream through it', { concurrency: 2 }, () => {
  for (const inspect of LEVELS) {
    test(`${inspect}: lame duck before the disconnect, 0 lost, 0 repeated`, {
      timeout: 300_000,
    }, async (t) => {
      await using server = await realNatsServer({ jetstream: true });
      await prepareStream(server);
      await using first = await startTestGateway(server.port, {
        inspect,
        drain: { delayMs: 300, timeoutMs: 30_000 },
      });
      await using second = await startTestGateway(server.port, { inspect });
      const servers = [first.port, second.port].map((port) => `ws://127.0.0.1:${port}`);
      const connect = () => wsconnect({ servers, noRandomize: true, reconnectTimeWait: 50 });
      const publishers = await Promise.all([connect(), connect(), connect(), connect()]);
      const readers = await Promise.all([connect(), connect()]);
      const clients = [...publishers, ...readers];
      const statuses = clients.map((client) => new StatusLog(client));

      const publishing = publishers.map((client, index) => new Publishing(client, index));
      const reading = readers.map((client) => new Reading(client));
      await Promise.all(reading.map((one) => one.started));
      await Promise.all(publishing.map((one) => one.reached(200)));
      const drained = first.gateway.drain();
      await Promise.all(statuses.map((log) => log.seen('reconnect')));
      await drained;
      await Promise.all(publishing.map((one) => one.reached(one.acknowledged.size + 200)));
      await Promise.all(publishing.map((one) => one.stop()));

      for (const { types } of statuses) {
        assert.ok(types.includes('ldm'), `${types}`);
        assert.ok(types.indexOf('ldm') < types.indexOf('disconnect'), `${types}`);
      }
      const ends = first.log.lines.filter((line) => line.message === 'session ended');
      assert.deepEqual(
        [ends.length, new Set(ends.map((line) => line['reason']))],
        [6, new Set(['draining'])],
      );

      // Every acknowledged publish is in the stream exactly once, and every message of the stream was delivered.
      await using direct = await tcpConnect({ servers: server.url });
      const { state } = await (await jetstreamManager(direct)).streams.info('S');
      const published = publishing.reduce((sum, one) => sum + one.acknowledged.size, 0);
      assert.equal(state.messages, published);
      const seen = new Set<number>();
      const complete = (): boolean => {
        for (const one of reading) for (const sequence of one.deliveries.keys()) seen.add(sequence);
        return seen.size === published;
      };
      while (!complete()) await Promise.race(reading.map((one) => one.more()));
      for (const one of reading) assert.deepEqual(one.wrong, []);
      const all = reading.flatMap((one) => [...one.deliveries.values()].flat());
      const pairs = reading.flatMap((one) =>
        [...one.deliveries].flatMap(([sequence, counts]) => counts.map((count) => `${sequence} ${count}`)),
      );
      assert.equal(new Set(pairs).size, pairs.length, 'a repetition is a redelivery that the server counts');
      t.diagnostic(
        `${published} published, ${published - seen.size} lost, ${all.length - published} redelivered, ` +
          `${publishing.reduce((sum, one) => sum + one.retries, 0)} publishes tried again`,
      );
      for (const client of clients) await client.close();
    });
  }

  test('lame duck mode of the server itself passes, and is counted', async () => {
    await using server = await realNatsServer();
    await using gateway = await startTestGateway(server.port, { inspect: 'observe' });
    await using client = await wsconnect({ servers: `ws://127.0.0.1:${gateway.port}`, reconnect: false });
    const log = new StatusLog(client);
    await client.flush();
    server.kill('SIGUSR2');
    await log.seen('ldm');
    const { body } = await gateway.gateway.metrics(false);
    assert.match(body, /^natsgate_nats_lame_duck_total\{[^}]*\} 1$/m);
    await client.close();
    // It takes its time to end in order.
    server.kill('SIGKILL');
  });
});

describe('lines of a drain on the wire', () => {
  for (const inspect of LEVELS) {
    test(`${inspect}: not in front of the first PONG, for sessions that began before and after`, async () => {
      await using upstream = await FakeUpstream.start();
      await using gateway = await startTestGateway(upstream.port, {
        inspect,
        drain: { delayMs: 60_000, timeoutMs: 60_000 },
      });
      await using before = await RawClient.open(gateway.port);
      const drained = gateway.gateway.drain();
      await using after = await RawClient.open(gateway.port);
      for (const [index, client] of [before, after].entries()) {
        const connection = await upstream.connection(index);
        connection.socket.write('+OK\r\n');
        await client.until(() => client.data.includes('+OK\r\n'));
        assert.deepEqual(infos(client).length, 1);
        connection.socket.write('PONG\r\nMSG a 1 2\r\n');
        await client.until(() => infos(client).length === 2);
        assert.equal(JSON.parse(infos(client)[1]!).ldm, true);
        assert.equal(JSON.parse(infos(client)[1]!).client_id, 7);
        connection.socket.write('hi\r\n');
        await client.until(() => client.data.includes('hi\r\n'));
        assert.match(client.data.toString(), /\+OK\r\nPONG\r\nINFO \{[^\n]*\}\s*\r\nMSG a 1 2\r\nhi\r\n$/);
      }
      await gateway.gateway.stop();
      await drained;
    });
  }
});

describe('last words while a message of 1 MiB is half-way', () => {
  for (const engine of ENGINES) {
    for (const inspect of LEVELS) {
      describe(`${engine}, ${inspect}`, () => {
        const start = () =>
          HalfWay.start({ engine, inspect, limits: { sessionAgeMs: 10_000 }, timeouts: { closeMs: 4000 } });

        test('the words stand behind the message, and nothing behind them', async () => {
          await using half = await start();
          half.client.send(frame(Opcode.text, 'x'));
          await half.until(() => half.ending === 'not_binary');
          half.upstream.socket.write(Buffer.concat([half.rest, Buffer.from('PING\r\nMSG b 1 5\r\nhe')]));
          assert.deepEqual(await half.client.closeReceived(), { code: 1003, reason: 'not_binary' });
          half.assertWhole("PING\r\n-ERR 'Unknown Protocol Operation'\r\n");
        });

        test('it never ends: after closeMs the close frame comes without words', async () => {
          await using half = await start();
          half.gateway.advance(PAST_AGE_MS);
          assert.equal(half.ending, 'session_expired');
          half.gateway.advance(1000);
          assert.equal(half.closeFrames, 0);
          half.gateway.advance(3000);
          assert.deepEqual(await half.client.closeReceived(), { code: 1001, reason: 'session_expired' });
          assert.doesNotMatch(half.tail, /ERR/);
          half.client.send(closeFrame(1001));
          assert.equal((await half.gateway.log.ended())['reason'], 'session_expired');
        });

        test('the upstream ends meanwhile: the close frame comes at once', async () => {
          await using half = await start();
          half.gateway.advance(PAST_AGE_MS);
          half.upstream.socket.end(half.rest.subarray(0, 1000));
          assert.deepEqual(await half.client.closeReceived(), { code: 1001, reason: 'session_expired' });
          assert.doesNotMatch(half.tail, /ERR/);
          half.client.send(closeFrame(1001));
          assert.equal((await half.gateway.log.ended())['reason'], 'session_expired');
        });

        test('the upstream breaks meanwhile: likewise', async () => {
          await using half = await start();
          half.gateway.advance(PAST_AGE_MS);
          half.upstream.socket.resetAndDestroy();
          assert.deepEqual(await half.client.closeReceived(), { code: 1001, reason: 'session_expired' });
          half.client.send(closeFrame(1001));
          assert.equal((await half.gateway.log.ended())['reason'], 'session_expired');
        });

        test('the client closes meanwhile: nothing more is waited for', async () => {
          await using half = await start();
          half.gateway.advance(PAST_AGE_MS);
          half.client.send(closeFrame(1000));
          await half.upstream.until((one) => one.ended);
          const line = await half.gateway.log.ended();
          assert.deepEqual([line['reason'], half.closeFrames], ['session_expired', 1]);
        });

        test('the client vanishes meanwhile: nothing more is waited for', async () => {
          await using half = await start();
          half.gateway.advance(PAST_AGE_MS);
          half.client.socket.resetAndDestroy();
          await half.upstream.until((one) => one.ended);
          assert.equal((await half.gateway.log.ended())['reason'], 'session_expired');
        });

        test('what the client says meanwhile goes nowhere', async () => {
          await using half = await start();
          half.gateway.advance(PAST_AGE_MS);
          half.client.send(frame(Opcode.binary, 'PUB a 1\r\nx\r\n'));
          half.client.send(frame(Opcode.binary, 'NONSENSE\r\n'));
          half.client.send(frame(Opcode.ping));
          await half.client.until(() => half.client.frames.some((one) => one.opcode === Opcode.pong));
          half.upstream.socket.write(half.rest);
          assert.deepEqual(await half.client.closeReceived(), { code: 1001, reason: 'session_expired' });
          half.assertWhole("-ERR 'Stale Connection'\r\n");
          assert.equal(half.upstream.byteCount, 0);
        });

        test('a drain meanwhile changes nothing, and its deadline cuts', async () => {
          await using half = await start();
          half.gateway.advance(PAST_AGE_MS);
          const stopped = half.gateway.gateway.stop();
          const line = await half.gateway.log.ended();
          await stopped;
          assert.deepEqual([line['reason'], line['code']], ['session_expired', 1001]);
          assert.equal(half.gateway.gateway.sessionCount, 0);
        });

        test('a drain waits for the end of the message too, and says so in front of the close', async () => {
          await using half = await start();
          const drained = half.gateway.gateway.drain();
          await half.gateway.log.find((line) => line.message === 'draining');
          await half.until(() => half.ending === 'draining');
          half.upstream.socket.write(Buffer.concat([half.rest, Buffer.from('MSG b 1 5\r\nhe')]));
          assert.deepEqual(await half.client.closeReceived(), { code: 1001, reason: 'draining' });
          half.client.send(closeFrame(1001));
          await drained;
          const [, , ldm = ''] = half.client.data.toString('latin1').split('INFO ');
          assert.equal(JSON.parse(ldm).ldm, true);
          half.assertWhole(`INFO ${ldm}`);
        });
      });
    }
  }
});

const infos = (client: RawClient): string[] =>
  [...client.data.toString('latin1').matchAll(/INFO (\{[^\n]*\})/g)].map(([, json = '']) => json);

/** A session whose client has the first half of a message. */
class HalfWay implements AsyncDisposable {
  static readonly #PAYLOAD = randomBytes(1024 * 1024);
  static readonly #MESSAGE = Buffer.concat([
    Buffer.from(`MSG a 1 ${HalfWay.#PAYLOAD.length}\r\n`),
    HalfWay.#PAYLOAD,
    Buffer.from('\r\n'),
  ]);
  static readonly #HALF = 500_000;
  readonly rest = HalfWay.#MESSAGE.subarray(HalfWay.#HALF);
  readonly #resources: AsyncDisposableStack;
  readonly gateway: TestGateway;
  readonly client: RawClient;
  readonly upstream: UpstreamConnection;

  private constructor(
    resources: AsyncDisposableStack,
    gateway: TestGateway,
    client: RawClient,
    upstream: UpstreamConnection,
  ) {
    this.#resources = resources;
    this.gateway = gateway;
    this.client = client;
    this.upstream = upstream;
  }

  static async start(settings: Parameters<typeof startTestGateway>[1]): Promise<HalfWay> {
    await using parts = new AsyncDisposableStack();
    const fake = parts.use(await FakeUpstream.start());
    const gateway = parts.use(await startTestGateway(fake.port, settings));
    const client = parts.use(await RawClient.open(gateway.port));
    const connection = await fake.connection();
    const before = client.data.length;
    connection.socket.write(HalfWay.#MESSAGE.subarray(0, HalfWay.#HALF));
    await client.until(() => client.data.length === before + HalfWay.#HALF);
    return new HalfWay(parts.move(), gateway, client, connection);
  }

  get ending(): string | undefined {
    return this.gateway.gateway.status.openSessions()[0]?.ending;
  }

  async until(holds: () => boolean): Promise<void> {
    const deadlineMs = performance.now() + DEADLINE_MS;
    while (!holds()) {
      assert.ok(performance.now() < deadlineMs);
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  get closeFrames(): number {
    return this.client.frames.filter((one) => one.opcode === Opcode.close).length;
  }

  get tail(): string {
    return this.client.data.subarray(-200).toString('latin1');
  }

  /** The client has INFO, the whole message, and `behind`. */
  assertWhole(behind: string): void {
    const { data } = this.client;
    const start = data.indexOf('MSG a ');
    const end = start + HalfWay.#MESSAGE.length;
    assert.ok(data.subarray(start, end).equals(HalfWay.#MESSAGE), 'the message is whole');
    assert.equal(data.toString('latin1', end), behind);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#resources.disposeAsync();
  }
}

async function prepareStream(server: RunningNatsServer): Promise<void> {
  await using direct = await tcpConnect({ servers: server.url });
  const manager = await jetstreamManager(direct);
  await manager.streams.add({ name: 'S', subjects: ['s.*'], duplicate_window: nanos(60_000) });
  await manager.consumers.add('S', {
    durable_name: 'C',
    ack_policy: AckPolicy.Explicit,
    ack_wait: nanos(2000),
    max_ack_pending: 200,
  });
}

/** What stands in a message: enough to see any byte that is missing or foreign. */
function payloadOf(id: string): Buffer {
  const size = 1000 + ((id.length * 7919 + Number(id.split('.')[1]) * 104_729) % 60_000);
  return Buffer.from(`${id} `.repeat(Math.ceil(size / (id.length + 1))).slice(0, size));
}

/** Publishes with acknowledgements, ten at once, and tries again under the same id until there is one. */
class Publishing {
  readonly acknowledged = new Set<string>();
  retries = 0;
  readonly #client: NatsConnection;
  readonly #index: number;
  #next = 0;
  #stopped = false;
  readonly #workers: Promise<void>[];
  readonly #log = new LogCapture();

  constructor(client: NatsConnection, index: number) {
    this.#client = client;
    this.#index = index;
    this.#workers = Array.from({ length: 10 }, () => this.#work());
  }

  async reached(count: number): Promise<void> {
    await this.#log.find(() => this.acknowledged.size >= count);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#workers);
  }

  async #work(): Promise<void> {
    const stream = jetstream(this.#client);
    while (!this.#stopped) {
      const id = `${this.#index}.${this.#next++}`;
      const payload = payloadOf(id);
      for (;;) {
        try {
          await stream.publish(`s.${this.#index}`, payload, { msgID: id, timeout: 1000 });
          break;
        } catch {
          this.retries++;
        }
      }
      this.acknowledged.add(id);
      this.#log.write('{"message":"acknowledged"}');
    }
  }
}

/** Consumes and acknowledges; keeps for each sequence how the server counted its deliveries. */
class Reading {
  readonly deliveries = new Map<number, number[]>();
  readonly wrong: string[] = [];
  readonly started: Promise<void>;
  readonly #log = new LogCapture();

  constructor(client: NatsConnection) {
    this.started = this.#start(client);
  }

  async more(): Promise<void> {
    const known = this.#log.lines.length;
    await this.#log.find(() => this.#log.lines.length > known);
  }

  async #start(client: NatsConnection): Promise<void> {
    const consumer = await jetstream(client).consumers.get('S', 'C');
    await consumer.consume({
      max_messages: 50,
      callback: (message) => {
        const { streamSequence, deliveryCount } = message.info;
        const id = message.headers?.get('Nats-Msg-Id') ?? '';
        if (!Buffer.from(message.data).equals(payloadOf(id))) this.wrong.push(id);
        const counts = this.deliveries.get(streamSequence) ?? [];
        if (counts.includes(deliveryCount)) this.wrong.push(`${id} came twice as delivery ${deliveryCount}`);
        this.deliveries.set(streamSequence, [...counts, deliveryCount]);
        message.ack();
        this.#log.write('{"message":"delivered"}');
      },
    });
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

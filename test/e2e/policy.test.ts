import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { AckPolicy, DeliverPolicy, jetstream, jetstreamManager, StorageType } from '@nats-io/jetstream';
import { Kvm } from '@nats-io/kv';
import { type NatsConnection, wsconnect } from '@nats-io/nats-core';
import { Objm } from '@nats-io/obj';
import { connect } from '@nats-io/transport-node';
import type { RunningNatsServer } from '../../src/dev/nats-process.ts';
import { realNatsServer } from '../support/nats.ts';
import { ReloadableGateway } from '../support/reloadable.ts';

/** Real clients, and a policy for each feature of JetStream in a route of its own. */

const FEATURES = {
  consumer: 'S/C',
  streamWrite: 's.in',
  streamRead: 'S',
  kvRead: 'b',
  kvWrite: 'b/mine.*',
  kvWatch: 'b/public.>',
  objectRead: 'o',
  objectWrite: 'o',
} as const;
type Name = keyof typeof FEATURES;
const NAMES = Object.keys(FEATURES) as Name[];
const storage = StorageType.Memory;

let server: RunningNatsServer;
let gateway: ReloadableGateway;
before(async () => {
  server = await realNatsServer({ jetstream: true });
  await using admin = await connect({ servers: server.url });
  const manager = await jetstreamManager(admin);
  await manager.streams.add({ name: 'S', subjects: ['s.>'], storage });
  await manager.consumers.add('S', { durable_name: 'C', ack_policy: AckPolicy.Explicit });
  for (let times = 0; times < 50; times++) await jetstream(admin).publish('s.one', 'x');
  const bucket = await new Kvm(admin).create('b', { storage, history: 2 });
  await bucket.put('public.a', '1');
  await bucket.put('secret.a', '2');
  const store = await new Objm(admin).create('o', { storage });
  await store.putBlob({ name: 'known' }, new Uint8Array(10));
  const roles = (role: object) => [{ name: 'default', ...role }];
  gateway = await ReloadableGateway.start(server.port, {
    origins: { allow: 'https://app.example.com', missing: 'allow' },
    policy: { roles: roles({ publish: { allow: 'a.>' }, subscribe: { allow: 'a.>' }, payload: '10KiB' }) },
    routes: [
      ...NAMES.map((name) => ({
        path: `/${name}`,
        policy: { denialsBeforeClose: 'off', roles: roles({ use: [{ [name]: FEATURES[name] }] }) },
      })),
      {
        path: '/rated',
        policy: 'off',
        rates: { session: { messages: '5/s', subscribes: '5/s', burst: '1s' }, exceeded: 'error' },
      },
    ],
  });
});
after(async () => {
  await gateway?.[Symbol.asyncDispose]();
  await server?.close();
});

const join = (path = '/'): Promise<NatsConnection> =>
  wsconnect({ servers: `ws://127.0.0.1:${gateway.port}${path}`, reconnect: false });

/** Refusals of all routes, whose role has the same name. */
const denials = (): number => {
  const counts = gateway.gateway.status.snapshot().counters.roles.get('default');
  return Object.values(counts?.denied ?? {}).reduce((sum, count) => sum + count, 0);
};

const kv = (client: NatsConnection) => new Kvm(client).open('b');
const objects = (client: NatsConnection) => new Objm(jetstream(client)).open('o', { check: false });
const first = async <T>(messages: AsyncIterable<T>): Promise<T> => {
  for await (const one of messages) return one;
  throw new Error('nothing came');
};

type Action = {
  readonly name: string;
  readonly by: readonly Name[];
  act(client: NatsConnection, timeout: number): Promise<unknown>;
};
/** What clients do, and which features let them. */
const ACTIONS: readonly Action[] = [
  {
    name: 'read from a consumer that is there, and acknowledge',
    by: ['consumer', 'streamRead'],
    act: async (client, timeout) => {
      const consumer = await jetstream(client, { timeout }).consumers.get('S', 'C');
      const message = await consumer.next({ expires: 1000 });
      assert.ok(message !== null && (await message.ackAck()));
    },
  },
  {
    name: 'publish to a stream',
    by: ['streamWrite'],
    act: (client, timeout) => jetstream(client, { timeout }).publish('s.in', 'x', { msgID: 'one' }),
  },
  {
    name: 'publish elsewhere in the stream',
    by: [],
    act: (client, timeout) => jetstream(client, { timeout }).publish('s.out', 'x'),
  },
  {
    name: 'read a stream in order',
    by: ['streamRead'],
    act: async (client, timeout) => {
      const consumer = await jetstream(client, { timeout }).consumers.get('S', {
        deliver_policy: DeliverPolicy.All,
      });
      assert.ok(await consumer.next({ expires: 1000 }));
    },
  },
  {
    name: 'get a key',
    by: ['kvRead'],
    act: async (client) => assert.equal((await (await kv(client)).get('secret.a'))?.string(), '2'),
  },
  {
    name: 'put and delete a key of the pattern',
    by: ['kvWrite'],
    act: async (client) => {
      const bucket = await kv(client);
      await bucket.put('mine.a', '1');
      await bucket.delete('mine.a');
    },
  },
  { name: 'put another key', by: [], act: async (client) => (await kv(client)).put('public.b', '1') },
  { name: 'purge a key', by: [], act: async (client) => (await kv(client)).purge('mine.a') },
  {
    name: 'watch keys of the pattern',
    by: ['kvWatch'],
    act: async (client) => {
      const watch = await (await kv(client)).watch({ key: 'public.>' });
      assert.equal((await first(watch)).key, 'public.a');
      watch.stop();
    },
  },
  {
    name: 'list keys of the pattern',
    by: ['kvWatch'],
    act: async (client) => assert.equal(await first(await (await kv(client)).keys('public.>')), 'public.a'),
  },
  {
    name: 'watch all keys',
    by: [],
    act: async (client) => first(await (await kv(client)).watch()),
  },
  {
    name: 'get an object',
    by: ['objectRead', 'objectWrite'],
    act: async (client) => assert.equal((await (await objects(client)).getBlob('known'))?.length, 10),
  },
  {
    name: 'list objects',
    by: ['objectRead', 'objectWrite'],
    act: async (client) => assert.ok((await (await objects(client)).list()).length > 0),
  },
  {
    name: 'put an object, put it again, and delete it',
    by: ['objectWrite'],
    act: async (client) => {
      const store = await objects(client);
      await store.putBlob({ name: 'new' }, new Uint8Array(10));
      await store.putBlob({ name: 'new' }, new Uint8Array(20));
      await store.delete('new');
    },
  },
  {
    name: 'make a consumer with a name',
    by: [],
    act: async (client, timeout) => {
      const manager = await jetstreamManager(client, { checkAPI: false, timeout });
      await manager.consumers.add('KV_b', { durable_name: 'D', filter_subject: '$KV.b.secret.>' });
    },
  },
  {
    name: 'delete a stream',
    by: [],
    act: async (client, timeout) =>
      (await jetstreamManager(client, { checkAPI: false, timeout })).streams.delete('KV_b'),
  },
  {
    name: 'ask for its own account',
    by: [],
    act: (client, timeout) => client.request('$SYS.REQ.USER.INFO', '', { timeout }),
  },
];

describe('each feature of JetStream lets a client do what it is for, and nothing else', () => {
  for (const feature of NAMES)
    test(feature, { timeout: 300_000 }, async () => {
      await using client = await join(`/${feature}`);
      for (const { name, by, act } of ACTIONS) {
        if (by.includes(feature)) await act(client, 30_000);
        else {
          const before = denials();
          await assert.rejects(async () => act(client, 1000), Error, `${feature}: ${name}`);
          assert.ok(denials() > before, `${feature}: ${name} failed for another reason`);
        }
      }
      assert.equal(client.isClosed(), false);
    });
});

test('above a rate each message arrives or has its error, and so does each subscription', async () => {
  const count = 40;
  await using backend = await connect({ servers: server.url });
  const arrived: number[] = [];
  backend.subscribe('rated.*', {
    callback: (_, { subject }) => void arrived.push(Number(subject.split('.')[1])),
  });
  await backend.flush();
  await using client = await join('/rated');
  const refused: number[] = [];
  const errors = client.status()[Symbol.asyncIterator]();
  for (let at = 0; at < count; at++) client.publish(`rated.${at}`, 'x');
  await client.flush();
  await backend.flush();
  while (refused.length + arrived.length < count) {
    const { value } = await errors.next();
    const [, at] = /Publish to "rated\.(\d+)" \(rate exceeded\)/.exec(String(value?.error)) ?? [];
    assert.ok(at !== undefined, JSON.stringify(value));
    refused.push(Number(at));
  }
  assert.ok(arrived.length > 0 && refused.length > 0);
  assert.deepEqual(
    [...arrived, ...refused].sort((a, b) => a - b),
    Array.from({ length: count }, (_, at) => at),
  );
  const ends = Array.from({ length: count }, (_, at) => client.subscribe(`sub.${at}`).closed);
  const ended = (await Promise.race([
    Promise.all(ends.slice(20)),
    Promise.all(ends.map((end) => end.then((error) => error))),
  ])) as (Error | undefined)[];
  for (const error of ended) assert.match(String(error), /rate exceeded/);
  assert.equal(client.isClosed(), false);
});

test('INFO has the payload of the role, and a request and its answer pass', async () => {
  await using client = await join();
  assert.equal(client.info?.max_payload, 10 * 1024);
  await using other = await join();
  other.subscribe('a.ask', { callback: (_, message) => void message.respond(message.data) });
  await other.flush();
  // The answer goes to an inbox of somebody else, which this role may not publish to.
  await assert.rejects(client.request('a.ask', 'x', { timeout: 500 }));
  await using backend = await connect({ servers: server.url });
  backend.subscribe('a.backend', { callback: (_, message) => void message.respond(message.data) });
  await backend.flush();
  assert.equal((await client.request('a.backend', 'x', { timeout: 30_000 })).string(), 'x');
});

test('what was refused is in the API, in the metrics and in the log; a reload leaves open sessions their policy', async () => {
  await using client = await join();
  const errors = client.status()[Symbol.asyncIterator]();
  client.publish('secret.of.the.house', 'x');
  const { value } = await errors.next();
  assert.match(String(value?.type === 'error' && value.error), /Publish to "secret\.of\.the\.house"/);
  const at = `http://127.0.0.1:${gateway.adminPort}`;
  const answer = (await (await fetch(`${at}/api/policy/observed`)).json()) as {
    readonly refused: readonly Record<string, unknown>[];
  };
  const row = answer.refused.find(({ subject }) => subject === 'secret.of.the.house');
  assert.equal(row?.['role'], 'default');
  assert.deepEqual(
    [row['rule'], row['verdict'], row['operation'], row['count'], row['sessions']],
    ['publish_allow', 'denied', 'PUB', 1, 1],
  );
  const { status } = gateway.gateway;
  const [id] = row['sessionIds'] as number[];
  assert.equal(status.session(id ?? 0)?.state, 'open');
  assert.ok(status.gateway().policyVerdicts.denied > 0);
  const metrics = await (await fetch(`${at}/metrics`)).text();
  assert.match(
    metrics,
    /policy_verdicts_total\{role="default",verdict="denied",rule="publish_allow"\} [1-9]/,
  );
  const line = await gateway.log.find(({ subject }) => subject === 'secret.of.the.…');
  assert.equal(line['rule'], 'publish_allow');
  await gateway.write({ origins: { allow: 'https://app.example.com', missing: 'allow' }, policy: 'off' });
  const report = await gateway.gateway.reload('api');
  assert.deepEqual([report?.outcome, report?.sessionsWithOldPolicy], ['applied', 1]);
  client.publish('secret.of.the.house', 'x');
  const { value: again } = await errors.next();
  assert.equal(again?.type, 'error');
  await using other = await join();
  other.publish('secret.of.the.house', 'x');
  await other.flush();
  assert.equal(
    gateway.gateway.status.refusedOperations().refused.find(({ subject }) => subject === row['subject'])
      ?.count,
    2,
  );
});

import assert from 'node:assert/strict';
import {
  AckPolicy,
  DeliverPolicy,
  type JetStreamClient,
  type JetStreamManager,
  jetstream,
  jetstreamManager,
  StorageType,
} from '@nats-io/jetstream';
import { createInbox, nanos } from '@nats-io/nats-core';
import { all, type Conversation, DEADLINE_MS, first, numbers, type Place } from './conversation.ts';

/** A stream of `name.>` with three kinds of subjects, twenty messages each. */
async function streamOf({ connect, name }: Place): Promise<{
  readonly js: JetStreamClient;
  readonly manager: JetStreamManager;
}> {
  const client = await connect();
  const manager = await jetstreamManager(client, { timeout: DEADLINE_MS });
  await manager.streams.add({
    name,
    subjects: [`${name}.>`],
    storage: StorageType.Memory,
    allow_direct: true,
  });
  const js = jetstream(client, { timeout: DEADLINE_MS });
  await Promise.all(
    numbers(60).map((n) => js.publish(`${name}.${['red', 'green', 'blue'][n % 3]}.${n}`, String(n))),
  );
  return { js, manager };
}

const texts = (messages: readonly { string(): string }[]): string[] => messages.map((one) => one.string());
/** Of each three one. */
const ofColour = (index: number): string[] => numbers(20).map((n) => String(3 * n + index));
const sorted = (list: readonly string[]): number[] => list.map(Number).sort((a, b) => a - b);

export const JETSTREAM: Readonly<Record<string, Conversation>> = {
  'publish with acknowledgement, duplicates and expectations': async (place) => {
    const { js } = await streamOf(place);
    const subject = `${place.name}.x`;
    const [one, again] = [
      await js.publish(subject, 'a', { msgID: 'same' }),
      await js.publish(subject, 'a', { msgID: 'same' }),
    ];
    assert.deepEqual([one.duplicate, again.duplicate, again.seq], [false, true, one.seq]);
    await js.publish(subject, 'b', { expect: { lastSequence: one.seq, streamName: place.name } });
    await assert.rejects(js.publish(subject, 'c', { expect: { lastSequence: 1 } }), /wrong last sequence/);
  },

  'a durable pull consumer: consumed in order and acknowledged': async (place) => {
    const { js, manager } = await streamOf(place);
    await manager.consumers.add(place.name, { durable_name: 'reader', ack_policy: AckPolicy.Explicit });
    const consumer = await js.consumers.get(place.name, 'reader');
    const messages = await consumer.consume({ max_messages: 16 });
    const seen: number[] = [];
    for await (const message of messages) {
      seen.push(message.seq);
      if (seen.length < 60) message.ack();
      else {
        assert.equal(await message.ackAck(), true);
        break;
      }
    }
    assert.deepEqual(
      seen,
      numbers(60).map((n) => n + 1),
    );
    const { num_pending, num_ack_pending } = await consumer.info();
    assert.deepEqual({ num_pending, num_ack_pending }, { num_pending: 0, num_ack_pending: 0 });
  },

  'fetch and next, with negative and last acknowledgements': async (place) => {
    const { js, manager } = await streamOf(place);
    await manager.consumers.add(place.name, { durable_name: 'worker', ack_policy: AckPolicy.Explicit });
    const consumer = await js.consumers.get(place.name, 'worker');
    const [one, two, three] = await all(await consumer.fetch({ max_messages: 3, expires: DEADLINE_MS }));
    one?.nak();
    two?.working();
    two?.term('enough');
    three?.ack();
    // What was refused comes again, before or after the next ones.
    const rest = await all(await consumer.fetch({ max_messages: 58, expires: DEADLINE_MS }));
    assert.ok(rest.some((message) => message.seq === 1 && message.redelivered));
    for (const message of rest) message.ack();
    assert.equal(await consumer.next({ expires: 1000 }), null);
  },

  'filters with wildcards, whose consumer is made by a subject that holds them': async (place) => {
    const { js, manager } = await streamOf(place);
    for (const [index, filter] of [`${place.name}.*.>`, `${place.name}.green.*`, `${place.name}.>`].entries())
      await manager.consumers.add(place.name, {
        name: `filtered${index}`,
        ack_policy: AckPolicy.None,
        filter_subject: filter,
      });
    const read = async (consumer: string, count: number): Promise<string[]> => {
      const found = await js.consumers.get(place.name, consumer);
      return texts(await all(await found.fetch({ max_messages: count, expires: DEADLINE_MS })));
    };
    assert.deepEqual(await read('filtered0', 60), numbers(60).map(String));
    assert.deepEqual(await read('filtered1', 20), ofColour(1));
    await manager.consumers.add(place.name, {
      durable_name: 'two',
      ack_policy: AckPolicy.Explicit,
      filter_subjects: [`${place.name}.red.*`, `${place.name}.blue.>`],
    });
    assert.deepEqual(sorted(await read('two', 40)), sorted([...ofColour(0), ...ofColour(2)]));
  },

  'an ordered consumer, whole and filtered by a wildcard': async (place) => {
    const { js } = await streamOf(place);
    for (const [options, expected] of [
      [{}, numbers(60).map(String)],
      [{ filter_subjects: `${place.name}.blue.>` }, ofColour(2)],
      [{ filter_subjects: `${place.name}.red.*`, deliver_policy: DeliverPolicy.All }, ofColour(0)],
    ] as const) {
      const consumer = await js.consumers.get(place.name, options);
      assert.deepEqual(texts(await first(await consumer.consume(), expected.length)), expected);
    }
  },

  'a push consumer with heartbeats and flow control, and an ordered one': async (place) => {
    const { js, manager } = await streamOf(place);
    await manager.consumers.add(place.name, {
      durable_name: 'pushed',
      deliver_subject: createInbox(),
      ack_policy: AckPolicy.Explicit,
      filter_subject: `${place.name}.*.*`,
      idle_heartbeat: nanos(1000),
      flow_control: true,
    });
    const pushed = await js.consumers.getPushConsumer(place.name, 'pushed');
    assert.deepEqual(texts(await first(await pushed.consume(), 60)), numbers(60).map(String));
    const ordered = await js.consumers.getPushConsumer(place.name, {
      filter_subjects: [`${place.name}.green.>`],
    });
    assert.deepEqual(texts(await first(await ordered.consume(), 20)), ofColour(1));
  },

  'streams: information by subjects, single messages, purge by a wildcard': async (place) => {
    const { manager } = await streamOf(place);
    const { name } = place;
    const info = await manager.streams.info(name, { subjects_filter: `${name}.red.>` });
    assert.equal(Object.keys(info.state.subjects ?? {}).length, 20);
    assert.equal((await manager.streams.getMessage(name, { seq: 5 }))?.string(), '4');
    assert.equal(
      (await manager.direct.getMessage(name, { last_by_subj: `${name}.blue.59` }))?.string(),
      '59',
    );
    assert.equal((await manager.streams.purge(name, { filter: `${name}.green.*` })).purged, 20);
    assert.deepEqual(await manager.streams.find(`${name}.red.0`), name);
    const names = await all(manager.streams.names(`${name}.>`));
    assert.deepEqual(names, [name]);
    assert.equal(await manager.streams.delete(name), true);
    await assert.rejects(manager.streams.info(name), /stream not found/);
  },
};

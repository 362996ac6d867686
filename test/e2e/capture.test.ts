import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { AckPolicy, jetstream, jetstreamManager, StorageType } from '@nats-io/jetstream';
import { Kvm } from '@nats-io/kv';
import { type NatsConnection, wsconnect } from '@nats-io/nats-core';
import type { CaptureRecord, OperationEvent } from '../../src/capture/format.ts';
import { readCapture } from '../../src/capture/ndjson.ts';
import type { RunningNatsServer } from '../../src/dev/nats-process.ts';
import { pieces } from '../capture/support.ts';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';
import { realNatsServer } from '../support/nats.ts';
import { CaptureReading } from '../support/tshark.ts';
import { numbers } from './conversations/conversation.ts';

let server: RunningNatsServer;
before(async () => {
  server = await realNatsServer({ jetstream: true });
});
after(() => server?.close());

/** A stream, a durable consumer, a bucket, a request that nobody answers, a message of 200,000 bytes. */
async function talk(client: NatsConnection, name: string): Promise<void> {
  const manager = await jetstreamManager(client);
  await manager.streams.add({ name, subjects: [`${name}.>`], storage: StorageType.Memory });
  const js = jetstream(client);
  for (const n of numbers(20)) await js.publish(`${name}.x.${n}`, `payload ${n}`, { msgID: String(n) });
  await manager.consumers.add(name, { durable_name: 'reader', ack_policy: AckPolicy.Explicit });
  const messages = await (await js.consumers.get(name, 'reader')).fetch({ max_messages: 20 });
  for await (const message of messages) await message.ackAck();
  const bucket = await new Kvm(client).create(`${name}kv`);
  await bucket.put('key', 'value');
  assert.equal((await bucket.get('key'))?.string(), 'value');
  await assert.rejects(client.request('nobody', ''), /no responders/);
  client.publish('large', Buffer.alloc(200_000));
  await client.flush();
}

async function captured(gateway: TestGateway, name: string) {
  const url = `http://127.0.0.1:${gateway.adminPort}/api/captures`;
  await fetch(url, { method: 'POST', body: JSON.stringify({ address: '127.0.0.1' }) });
  const client = await wsconnect({ servers: `ws://127.0.0.1:${gateway.port}`, reconnect: false });
  await talk(client, name);
  await client.close();
  await gateway.log.ended();
  const get = async (as: string) => Buffer.from(await (await fetch(`${url}/1/file?as=${as}`)).arrayBuffer());
  return { ndjson: await get('ndjson'), pcapng: await get('pcapng') };
}

const isOperation = (record: CaptureRecord): record is OperationEvent => 'op' in record;

describe('a conversation of JetStream through the gateway, captured and read by Wireshark', () => {
  for (const inspect of ['observe', 'enforce'] as const)
    test(inspect, { timeout: 300_000 }, async () => {
      await using gateway = await startTestGateway(server.port, { inspect });
      const { ndjson: file, pcapng } = await captured(gateway, `capture_${inspect}`);
      assert.doesNotMatch(file.toString(), /payload 1|"value"/);
      const records = (await Array.fromAsync(readCapture(pieces(file)))).filter(isOperation);
      assert.ok(records.length > 100, String(records.length));
      await using reading = await CaptureReading.of(pcapng);
      const sides = [
        [
          'browser',
          (one: OperationEvent) =>
            one.d === 'c>' || one.d === '>c' || (one.d === 's>' && one.v === undefined),
        ],
        [
          'nats-server',
          (one: OperationEvent) =>
            one.d === 's>' || one.d === '>s' || (one.d === 'c>' && one.v === undefined),
        ],
      ] as const;
      for (const [side, isSeen] of sides) {
        const shown = await reading.fields(
          `nats && frame.interface_name == "${side}"`,
          'nats.op',
          'nats.subject',
        );
        const expected = records
          .filter(isSeen)
          .map(({ op, subj }) => [op, ...(subj === undefined ? [''] : [subj])]);
        // A large message is in several packets; it is shown in the last.
        assert.deepEqual(
          shown.filter(([op]) => op !== ''),
          expected,
          side,
        );
      }
      assert.equal(await reading.lua(['-Y', '_ws.malformed || tcp.analysis.flags']), '');
      const text = await reading.tshark('-q', '-z', 'follow,tcp,ascii,1');
      assert.match(text, new RegExp(`PUB \\$JS\\.API\\.STREAM\\.CREATE\\.capture_${inspect} _INBOX`));
      assert.doesNotMatch(text, /missing in capture/);
    });
});

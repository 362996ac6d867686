import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { AckPolicy, jetstream, jetstreamManager, StorageType } from '@nats-io/jetstream';
import { Kvm } from '@nats-io/kv';
import { type NatsConnection, wsconnect } from '@nats-io/nats-core';
import { replayFile } from '../../src/cli/replay.ts';
import { FileReader } from '../../src/config/files.ts';
import { END, fileOf, HEADER } from '../capture/support.ts';
import { startTestGateway } from '../support/gateway.ts';
import { realNatsServer } from '../support/nats.ts';
import { KIND, seedOf, signerOf } from '../support/nkeys.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { numbers } from './conversations/conversation.ts';

const TOKEN = 'admin-0123456789abcdef';

/** Without a login a client may publish all but this. */
const serverWithout = (denied: string) =>
  realNatsServer({
    jetstream: true,
    config: `accounts { A { jetstream: enabled, users: [{user: a, password: a, permissions: {publish: {deny: "${denied}"}}}] } }\nno_auth_user: a\n`,
  });

/** Publish and subscribe, a request, a refusal, a stream with a consumer, and a bucket that is listed. */
async function talk(client: NatsConnection): Promise<void> {
  const orders = client.subscribe('orders.*', { max: 20 });
  const all = Array.fromAsync(orders);
  for (const n of numbers(20)) client.publish(`orders.${n}`, `order ${n}`);
  await all;
  client.subscribe('echo', { callback: (_, message) => void message.respond(message.data) });
  for (const n of numbers(5)) assert.equal((await client.request('echo', String(n))).string(), String(n));
  client.publish('denied.x', 'a');
  await client.flush();
  const manager = await jetstreamManager(client);
  await manager.streams.add({ name: 's', subjects: ['s.>'], storage: StorageType.Memory });
  const js = jetstream(client);
  for (const n of numbers(10)) await js.publish(`s.${n}`, `event ${n}`, { msgID: String(n) });
  await manager.consumers.add('s', { durable_name: 'reader', ack_policy: AckPolicy.Explicit });
  const messages = await (await js.consumers.get('s', 'reader')).fetch({ max_messages: 10 });
  for await (const message of messages) await message.ackAck();
  await manager.consumers.delete('s', 'reader');
  const bucket = await new Kvm(client).create('kv', { storage: StorageType.Memory });
  await bucket.put('key', 'value');
  assert.equal((await bucket.get('key'))?.string(), 'value');
  assert.deepEqual(await Array.fromAsync(await bucket.keys()), ['key']);
}

async function recorded(payloads: boolean): Promise<Buffer> {
  const server = await serverWithout('denied.>');
  try {
    await using gateway = await startTestGateway(server.port, {
      inspect: 'observe',
      admin: { payloads: true, token: TOKEN },
    });
    const url = `http://127.0.0.1:${gateway.adminPort}/api/captures`;
    const headers = { Authorization: `Bearer ${TOKEN}` };
    const body = JSON.stringify({ address: '127.0.0.1', payloads });
    assert.equal((await fetch(url, { method: 'POST', body, headers })).status, 201);
    const client = await wsconnect({ servers: `ws://127.0.0.1:${gateway.port}`, reconnect: false });
    await talk(client);
    await client.close();
    await gateway.log.ended();
    return Buffer.from(await (await fetch(`${url}/1/file`, { headers })).arrayBuffer());
  } finally {
    await server.close();
  }
}

async function replayed(file: string, port: number, more = {}) {
  const lines: string[] = [];
  const io = { out: (line: string) => void lines.push(line), err: (line: string) => void lines.push(line) };
  const flags = { file, to: `nats://127.0.0.1:${port}`, speed: 'max', creds: undefined, ca: undefined };
  const login = { user: undefined, passwordFile: undefined, nkeyFile: undefined, tokenFile: undefined };
  const code = await replayFile(
    { ...flags, ...login, yes: false, allowAdmin: true, ...more },
    io,
    new FileReader(),
  );
  return { code, lines, text: lines.join('\n') };
}

test('replay: the same answers of a fresh server, and a changed permission is a difference', async () => {
  await using folder = await temporaryFolder();
  const file = join(folder.path, 'session.ndjson');
  await writeFile(file, await recorded(true));
  const fresh = await serverWithout('denied.>');
  try {
    const locked = await replayed(file, fresh.port, { allowAdmin: false });
    assert.equal(locked.code, 2, locked.text);
    assert.match(
      locked.text,
      /such as \$JS\.API\.STREAM\.CREATE\.s .* may change what others have.*--allow-admin$/,
    );
    const same = await replayed(file, fresh.port);
    assert.equal(same.code, 0, same.text);
    assert.match(same.text, /^deliveries +(\d+) +\1$/m);
    assert.match(same.text, /^-ERR +1 +1$/m);
    assert.match(same.text, /^reply p50 +\d+\.\d ms +\d+\.\d ms$/m);
    assert.doesNotMatch(same.text, /^note/m);
    assert.equal(same.lines.at(-1), 'the same answers');
  } finally {
    await fresh.close();
  }
  const changed = await serverWithout('orders.3');
  try {
    const other = await replayed(file, changed.port);
    assert.equal(other.code, 1, other.text);
    const refused = (subject: string, one: number): string =>
      `difference: -ERR 'Permissions Violation for Publish to "${subject}"': recorded ${one}, replayed ${1 - one}`;
    assert.deepEqual(
      other.lines.filter((line) => line.startsWith('difference')),
      [
        refused('denied.x', 1),
        refused('orders.3', 0),
        'difference: deliveries of orders.3: recorded 1, replayed 0',
      ],
    );
    assert.equal(other.lines.at(-1), '3 differences');
  } finally {
    await changed.close();
  }
});

test('replay: logs in by a token, or by an nkey', async () => {
  await using folder = await temporaryFolder();
  const file = join(folder.path, 'session.ndjson');
  const ping = { t: 0, d: 'c>', op: 'PING' };
  await writeFile(file, fileOf(HEADER, ping, { t: 1, d: 's>', op: 'PONG' }, END));
  const written = async (content: string): Promise<string> => {
    await writeFile(join(folder.path, 'login'), content);
    return join(folder.path, 'login');
  };
  const seed = seedOf(KIND.user);
  for (const [config, login, wrong] of [
    [
      'authorization: { token: "a-token" }',
      async () => ({ tokenFile: await written('a-token\n') }),
      async () => ({ tokenFile: await written('another\n') }),
    ],
    [
      `authorization: { users: [{ nkey: ${signerOf(seed).publicKey} }] }`,
      async () => ({ nkeyFile: await written(seed) }),
      async () => ({ nkeyFile: await written(seedOf(KIND.user)) }),
    ],
  ] as const) {
    const server = await realNatsServer({ config });
    try {
      const without = await replayed(file, server.port);
      assert.match(without.text, /refused the login: .*; add --as FILE, --nkey-file FILE/);
      const other = await replayed(file, server.port, await wrong());
      assert.match(other.text, /refused the login: 'Authorization Violation'$/);
      const { code, text } = await replayed(file, server.port, await login());
      assert.equal(code, 0, text);
    } finally {
      await server.close();
    }
  }
});

test('replay: without payloads requests to JetStream are refused, and nothing is sent', async () => {
  await using folder = await temporaryFolder();
  const file = join(folder.path, 'session.ndjson');
  await writeFile(file, await recorded(false));
  const { code, text } = await replayed(file, 1);
  assert.equal(code, 2);
  assert.match(
    text,
    /such as \$JS\.API\.STREAM\.CREATE\.s and .*; record with payloads \(admin\.payloads: on/,
  );
});

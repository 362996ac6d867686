import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { StorageType } from '@nats-io/jetstream';
import { Kvm } from '@nats-io/kv';
import { Objm } from '@nats-io/obj';
import { all, type Conversation, collect, first, inTime, numbers, sha256 } from './conversation.ts';

const MiB = 1024 * 1024;
const storage = StorageType.Memory;

export const STORES: Readonly<Record<string, Conversation>> = {
  'KV: put, get, create, update, delete': async ({ connect, name }) => {
    const bucket = await new Kvm(await connect()).create(name, { storage, history: 5 });
    const revision = await bucket.put('colour', 'red');
    assert.equal((await bucket.get('colour'))?.string(), 'red');
    await bucket.update('colour', 'blue', revision);
    await assert.rejects(bucket.update('colour', 'late', revision), /wrong last sequence/);
    await bucket.create('size', 'L');
    await assert.rejects(bucket.create('size', 'M'));
    await bucket.delete('size');
    assert.equal((await bucket.get('size'))?.operation, 'DEL');
    assert.equal(await bucket.get('nothing'), null);
    assert.equal((await bucket.status()).values, 4);
  },

  'KV: a watch sees what is there, then every change by another client': async ({ connect, name }) => {
    const written = await new Kvm(await connect()).create(name, { storage });
    await written.put('colour', 'red');
    const watched = await new Kvm(await connect()).open(name);
    const seen = collect(await watched.watch());
    await seen.until(1);
    await written.put('colour', 'blue');
    await written.put('size', 'L');
    await written.delete('colour');
    assert.deepEqual(
      (await seen.until(4)).map((one) => `${one.operation} ${one.key} ${Buffer.from(one.value)}`),
      ['PUT colour red', 'PUT colour blue', 'PUT size L', 'DEL colour '],
    );
  },

  'KV: a watch of some keys, of updates only, and keys by a wildcard': async ({ connect, name }) => {
    const bucket = await new Kvm(await connect()).create(name, { storage });
    for (const n of numbers(9)) await bucket.put(`${['a', 'b', 'c'][n % 3]}.${n}`, String(n));
    const some = await bucket.watch({ key: 'a.*' });
    assert.deepEqual(
      (await first(some, 3)).map((entry) => entry.key),
      ['a.0', 'a.3', 'a.6'],
    );
    const two = await bucket.watch({ key: ['a.>', 'c.8'] });
    assert.deepEqual(
      (await first(two, 4)).map((entry) => entry.key),
      ['a.0', 'a.3', 'a.6', 'c.8'],
    );
    assert.deepEqual((await all(await bucket.keys())).length, 9);
    assert.deepEqual((await all(await bucket.keys('b.>'))).sort(), ['b.1', 'b.4', 'b.7']);
  },

  'KV: history, and purge of one key': async ({ connect, name }) => {
    const bucket = await new Kvm(await connect()).create(name, { storage, history: 5 });
    for (const n of numbers(4)) await bucket.put('a.one', String(n));
    await bucket.put('b', 'x');
    const history = async (key: string): Promise<string[]> =>
      (await all(await bucket.history({ key }))).map((entry) => `${entry.operation} ${entry.string()}`);
    assert.deepEqual(await history('a.*'), ['PUT 0', 'PUT 1', 'PUT 2', 'PUT 3']);
    await bucket.purge('a.one');
    assert.deepEqual(await history('>'), ['PUT x', 'PURGE ']);
    await bucket.delete('b');
    assert.deepEqual(await all(await bucket.keys()), []);
    assert.equal(await bucket.destroy(), true);
  },

  'object store: 2 MiB put and got with equal SHA-256, by another client': async ({ connect, name }) => {
    const data = randomBytes(2 * MiB);
    const put = await new Objm(await connect()).create(name, { storage });
    const info = await inTime(put.putBlob({ name: 'blob' }, data));
    assert.equal(info.size, data.length);
    const store = await new Objm(await connect()).open(name);
    const read = await inTime(store.getBlob('blob'));
    assert.equal(sha256(read ?? Buffer.alloc(0)), sha256(data));
    const streamed = await store.get('blob');
    const chunks = await all(streamed!.data as AsyncIterable<Uint8Array>);
    assert.equal(sha256(Buffer.concat(chunks)), sha256(data));
  },

  'object store: list, watch, information, links and deletion': async ({ connect, name }) => {
    const store = await new Objm(await connect()).create(name, { storage });
    for (const one of ['one', 'two'])
      await store.putBlob({ name: one, description: 'text' }, Buffer.from(one));
    const seen = collect(await store.watch({ includeHistory: true }));
    await seen.until(2);
    const info = await store.info('one');
    assert.deepEqual([info?.size, info?.description], [3, 'text']);
    await store.link('other', info!);
    await store.delete('two');
    assert.deepEqual((await store.list()).map((one) => one.name).sort(), ['one', 'other']);
    assert.equal(Buffer.from((await store.getBlob('other')) ?? []).toString(), 'one');
    const names = (await seen.until(4)).map((one) => `${one?.deleted ? 'gone ' : ''}${one?.name}`);
    assert.deepEqual(names, ['one', 'two', 'other', 'gone two']);
    assert.equal(await store.destroy(), true);
  },
};

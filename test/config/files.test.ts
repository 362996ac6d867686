import assert from 'node:assert/strict';
import { mkdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { type FileBytes, FileReader } from '../../src/config/files.ts';
import { hang, patientReader } from '../support/hanging-file.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const what = (found: FileBytes): string => (found.ok ? `${found.bytes.length} bytes` : found.what);

test('whole files up to the limit, with mode and group; what is none has its phrase', async () => {
  await using folder = await temporaryFolder();
  const file = join(folder.path, 'file');
  const reader = new FileReader();
  for (const size of [0, 1, 4095, 4096, 4097, 100_000]) {
    await writeFile(file, Buffer.alloc(size, 'x'), { mode: 0o640 });
    const found = await reader.read(file, 100_000);
    assert.ok(found.ok, what(found));
    assert.deepEqual(found.bytes, Buffer.alloc(size, 'x'));
    assert.deepEqual([found.mode, found.group], [0o640, (await stat(file)).gid]);
  }
  assert.equal(what(await reader.read(file, 99_999)), 'it is over 97.6552734375 KiB');
  // Those say that they have no size.
  const limits = await reader.read('/proc/self/limits', 64 * 1024);
  assert.ok(limits.ok && limits.bytes.includes('Max open files'));
  assert.equal(what(await reader.read('/proc/self/limits', 100)), 'it is over 0.09765625 KiB');
  await mkdir(join(folder.path, 'folder'));
  assert.equal(what(await reader.read(join(folder.path, 'folder'), 10)), 'it is a folder');
  assert.equal(what(await reader.read(join(folder.path, 'none'), 10)), 'there is no such file');
  assert.equal(what(await reader.read('/dev/zero', 10)), 'it is not a regular file');
  await hang(join(folder.path, 'pipe'));
  assert.equal(what(await reader.read(join(folder.path, 'pipe'), 10)), 'it is not a regular file');
  assert.equal(reader.busy, false);
});

test('a read that hangs costs its deadline, once, and one thread, however much is asked for', async () => {
  await using folder = await temporaryFolder();
  const [first, second, file] = ['first', 'second', 'file'].map((name) => join(folder.path, name)) as [
    string,
    string,
    string,
  ];
  await writeFile(file, 'content');
  const [one, other] = [await hang(first), await hang(second)];
  const reader = patientReader(50);
  const asked = [first, file, second, first, file].map((path) => reader.read(path, 100));
  const late = 'nothing came within 0.05 s, as from a mount that hangs';
  const unread = 'another file hangs, and nothing is read until it comes';
  assert.deepEqual((await Promise.all(asked)).map(what), [late, unread, unread, late, unread]);
  assert.equal(reader.hung?.path, first);
  for (let round = 0; round < 20; round++) assert.equal(what(await reader.read(second, 100)), unread);
  // With four threads waiting, this would never end.
  await promisify(gzip)(Buffer.alloc(100_000));

  await one.release();
  while (reader.hung !== undefined) await new Promise(setImmediate);
  assert.equal(what(await reader.read(file, 100)), '7 bytes');
  assert.equal(what(await reader.read(second, 100)), late);
  await other.release();
  while (reader.busy) await new Promise(setImmediate);
  assert.equal(what(await reader.read(file, 100)), '7 bytes');
});

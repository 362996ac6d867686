import assert from 'node:assert/strict';
import { open, readdir } from 'node:fs/promises';
import { test } from 'node:test';
import { openDescriptors, readDescriptorLimit } from '../src/descriptor-limit.ts';

test('open descriptors are those that the kernel lists', async () => {
  const before = (await openDescriptors()) ?? Number.NaN;
  const files = await Promise.all(Array.from({ length: 20 }, () => open('/dev/null')));
  assert.equal(await openDescriptors(), before + 20);
  // Reading the folder takes one.
  assert.equal((await readdir('/proc/self/fd')).length - 1, before + 20);
  await Promise.all(files.map((file) => file.close()));
  assert.equal(await openDescriptors(), before);
  assert.ok(before < ((await readDescriptorLimit()) ?? 0));
});

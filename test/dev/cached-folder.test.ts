import assert from 'node:assert/strict';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { cachedFolder } from '../../src/dev/cached-folder.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

/** Makes `folder` with one file that says `text`. */
const make = (folder: string, text: string, asked = async () => {}): Promise<void> =>
  cachedFolder(folder, async (work) => {
    await mkdir(join(work, 'made'));
    await writeFile(join(work, 'made', 'file'), text);
    await asked();
    return join(work, 'made');
  });

test('the folder is made, and replaced when it is there', async () => {
  await using cache = await temporaryFolder();
  const folder = join(cache.path, 'deep', 'folder');
  for (const text of ['one', 'two']) {
    await make(folder, text);
    assert.equal(await readFile(join(folder, 'file'), 'utf8'), text);
    assert.deepEqual(await readdir(join(cache.path, 'deep')), ['folder']);
  }
});

test('twenty at once: one of them is there, whole, and nothing else', async () => {
  await using cache = await temporaryFolder();
  const folder = join(cache.path, 'folder');
  const { promise, resolve } = Promise.withResolvers<void>();
  const all = Array.from({ length: 20 }, (_, index) => make(folder, `by ${index}`, () => promise));
  resolve();
  await Promise.all(all);
  assert.match(await readFile(join(folder, 'file'), 'utf8'), /^by \d+$/);
  assert.deepEqual(await readdir(cache.path), ['folder']);
});

test('work that fails leaves the old one and no trace', async () => {
  await using cache = await temporaryFolder();
  const folder = join(cache.path, 'folder');
  await make(folder, 'old');
  await assert.rejects(
    make(folder, 'new', () => Promise.reject(new Error('no disk'))),
    /no disk/,
  );
  assert.equal(await readFile(join(folder, 'file'), 'utf8'), 'old');
  assert.deepEqual(await readdir(cache.path), ['folder']);
});

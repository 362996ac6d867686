import assert from 'node:assert/strict';
import { lstat, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { END, EVERYTHING, fileOf, HEADER, pcapng } from '../capture/support.ts';
import { natsgate } from '../support/program.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const SECTION_HEADER = '0a0d0d0a';

test('capture export: a file beside the capture, which its owner alone may read', async () => {
  await using folder = await temporaryFolder();
  const file = join(folder.path, 'one.ndjson');
  await writeFile(file, EVERYTHING());
  const { code, out, err } = await natsgate(['capture', 'export', file]);
  const target = join(folder.path, 'one.pcapng');
  assert.deepEqual([code, err], [0, '']);
  assert.equal(out, `written ${target}\nopen it with: wireshark one.pcapng\n`);
  const written = await readFile(target);
  // The name of the program, in the first block, differs.
  const expected = await pcapng(EVERYTHING());
  const first = (bytes: Buffer): number => bytes.readUInt32LE(4);
  assert.deepEqual(written.subarray(first(written)), expected.subarray(first(expected)));
  assert.equal((await stat(target)).mode & 0o777, 0o600);
});

test('capture export --to: another file, which is replaced', async () => {
  await using folder = await temporaryFolder();
  const file = join(folder.path, 'one');
  const target = join(folder.path, 'two');
  await writeFile(file, fileOf(HEADER, END));
  await writeFile(target, 'before');
  assert.equal((await natsgate(['capture', 'export', file, '--to', target])).code, 0);
  assert.equal((await readFile(target)).toString('hex', 0, 4), SECTION_HEADER);
  assert.deepEqual((await readdir(folder.path)).toSorted(), ['one', 'two']);
});

test('capture export: nothing is written through a file or link that somebody has put there', async () => {
  await using folder = await temporaryFolder();
  const file = join(folder.path, 'one');
  const other = join(folder.path, 'other');
  await writeFile(file, fileOf(HEADER, END));
  await writeFile(other, 'before');
  await symlink(other, join(folder.path, 'one.pcapng'));
  await symlink(other, join(folder.path, 'one.pcapng.part'));
  assert.equal((await natsgate(['capture', 'export', file])).code, 0);
  assert.equal(await readFile(other, 'utf8'), 'before');
  const written = await lstat(join(folder.path, 'one.pcapng'));
  assert.deepEqual([written.isFile(), written.mode & 0o777], [true, 0o600]);
  assert.deepEqual((await readdir(folder.path)).toSorted(), [
    'one',
    'one.pcapng',
    'one.pcapng.part',
    'other',
  ]);
});

test('capture export: what cannot be read is one line, and leaves nothing', async () => {
  await using folder = await temporaryFolder();
  const file = join(folder.path, 'one.ndjson');
  await writeFile(file, fileOf(HEADER, { t: 1, d: 'c>', op: 'PUT' }));
  const wrong = await natsgate(['capture', 'export', file]);
  assert.deepEqual([wrong.code, wrong.out], [1, '']);
  assert.equal(wrong.err, `natsgate capture export: "${file}": line 2: op: expected a NATS operation\n`);
  const same = await natsgate(['capture', 'export', file, '--to', file]);
  assert.match(same.err, /it would be overwritten; give --to another name\n$/);
  const missing = await natsgate(['capture', 'export', join(folder.path, 'none')]);
  assert.match(missing.err, /: the file or folder does not exist\n$/);
  assert.deepEqual(await readdir(folder.path), ['one.ndjson']);
});

test('capture: wrong usage', async () => {
  const cases: readonly (readonly [readonly string[], RegExp])[] = [
    [['capture'], /^natsgate: capture wants export after it; see natsgate capture --help\n$/],
    [['capture', 'export'], /^natsgate: capture export wants a file; see/],
    [['capture', 'export', 'a', 'b'], /^natsgate: unexpected argument "b"/],
  ];
  for (const [args, message] of cases) {
    const { code, err } = await natsgate(args);
    assert.equal(code, 2);
    assert.match(err, message);
  }
});

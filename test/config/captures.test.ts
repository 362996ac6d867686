import assert from 'node:assert/strict';
import { test } from 'node:test';
import { load, REQUIRED } from './support.ts';

test('one capture must have room among all of them', async () => {
  const { problems } = await load(`${REQUIRED}captures: {bytes: 8MiB, totalBytes: 4MiB}\n`);
  assert.deepEqual(problems, ['captures_above_total 3:19 captures.bytes']);
  assert.deepEqual((await load(`${REQUIRED}captures: {bytes: 4MiB, totalBytes: 4MiB}\n`)).problems, []);
});

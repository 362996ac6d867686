import assert from 'node:assert/strict';
import { test } from 'node:test';
import { load, REQUIRED } from './support.ts';

test('one capture must have room among all of them', async () => {
  const { problems } = await load(`${REQUIRED}captures: {bytes: 8MiB, totalBytes: 4MiB}\n`);
  assert.deepEqual(problems, ['captures_above_total 3:19 captures.bytes']);
  assert.deepEqual((await load(`${REQUIRED}captures: {bytes: 4MiB, totalBytes: 4MiB}\n`)).problems, []);
});

test('payloads need a token: nobody sees what messages say without one', async () => {
  const { problems } = await load(`${REQUIRED}admin: {payloads: true}\n`);
  assert.deepEqual(problems, ['payloads_without_token 3:19 admin.payloads']);
  const files = { token: '0123456789abcdef0123456789abcdef' };
  const { config } = await load(`${REQUIRED}admin: {payloads: true, tokenFile: token}\n`, { files });
  assert.equal(config?.admin.payloads, true);
});

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

test('a flight recorder holds, and says what is kept: neither without the other', async () => {
  const rules = '[{reason: nats_violation}, {error: "Permissions*", address: 10.0.0.0/8}]';
  const { config } = await load(`${REQUIRED}captures: {ring: 16KiB, keep: ${rules}}\n`);
  assert.equal(config?.captures.ringBytes, 16_384);
  assert.deepEqual(config?.captures.keep, [
    { reason: 'nats_violation' },
    { error: 'Permissions*', address: '10.0.0.0/8' },
  ]);
  for (const [written, expected] of [
    ['ring: 16KiB', 'ring_and_keep 3:18 captures.ring'],
    ['keep: [{reason: draining}]', 'ring_and_keep 3:18 captures.keep'],
    ['ring: 16KiB, keep: [{reason: nats}]', 'unknown_word 3:41 captures.keep[0].reason'],
    ['ring: 16KiB, keep: [{address: here}]', 'network 3:42 captures.keep[0].address'],
    ['ring: 16KiB, keep: []', 'empty_list 3:31 captures.keep'],
  ] as const)
    assert.deepEqual((await load(`${REQUIRED}captures: {${written}}\n`)).problems, [expected]);
});

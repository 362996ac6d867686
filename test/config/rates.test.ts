import assert from 'node:assert/strict';
import { test } from 'node:test';
import { load, REQUIRED } from './support.ts';

test('what is written becomes a list of limits; off and nothing are none', async () => {
  const { config } = await load(
    `${REQUIRED}rates: {session: {messages: 200/s, bytes: 1.5MiB/s, burst: 2s}, toClient: {bytes: 8MiB/s}, exceeded: close}\n`,
  );
  assert.deepEqual(config?.rates, {
    limits: [
      { per: 'session', kind: 'messages', perSecond: 200, burstMs: 2000, exceeded: 'close' },
      { per: 'session', kind: 'bytes', perSecond: 1_572_864, burstMs: 2000, exceeded: 'close' },
      { per: 'toClient', kind: 'bytes', perSecond: 8_388_608, burstMs: 5000, exceeded: 'close' },
    ],
    maxDelayMs: 5000,
  });
  assert.equal(config?.inspect, 'enforce', 'messages must be counted');
  const bytes = await load(`${REQUIRED}rates: {session: {bytes: 1MiB/s}}\n`);
  assert.equal(bytes.config?.inspect, 'off', 'bytes need no inspection');
  for (const none of ['', 'rates: {session: {bytes: off}}', 'rates:'])
    assert.equal((await load(`${REQUIRED}${none}\n`)).config?.rates, undefined, none);
});

test('a SUB is refused and never delayed; what the server sends is never dropped', async () => {
  const { config } = await load(
    `${REQUIRED}rates: {session: {bytes: 1MiB/s, subscribes: 20/s}, toClient: {bytes: 8MiB/s}, exceeded: error}\n`,
  );
  const limits = config?.rates?.limits.map(({ per, kind, exceeded }) => `${per} ${kind} ${exceeded}`);
  assert.deepEqual(limits, ['session bytes error', 'session subscribes error', 'toClient bytes delay']);
  for (const [rates, level] of [
    ['{session: {bytes: 1MiB/s}, exceeded: error}', 'enforce'],
    ['{session: {subscribes: 20/s}}', 'enforce'],
    ['{toClient: {bytes: 8MiB/s}, exceeded: error}', 'off'],
  ] as const)
    assert.equal((await load(`${REQUIRED}rates: ${rates}\n`)).config?.inspect, level, rates);
});

const SAME = 'rates: {session: {bytes: 1MiB/s}}';
test('a route has the rates of the top, or its own as a whole; those that inherit count together', async () => {
  const { config } = await load(
    `${REQUIRED}${SAME}\nroutes: [{path: /a}, {path: /b, rates: {toClient: {bytes: 1MiB/s}}}, {path: /c, rates: {}}]\n`,
  );
  const [a, b, c] = config?.routes ?? [];
  assert.equal(a?.rates, config?.rates);
  assert.deepEqual(
    b?.rates?.limits.map(({ per }) => per),
    ['toClient'],
  );
  assert.equal(c?.rates, undefined);
});

for (const [written, expected] of [
  ['{session: {messages: 200}}', 'no_rate 3:29 rates.session.messages'],
  ['{session: {messages: 1KiB/s}}', 'not_a_number 3:29 rates.session.messages'],
  ['{session: {bytes: 1mb/s}}', 'unknown_unit 3:26 rates.session.bytes'],
  ['{session: {bytes: 100/m}}', 'no_rate 3:26 rates.session.bytes'],
  ['{identity: {bytes: 1MiB/s}}', 'identity_without_auth 3:27 rates.identity.bytes'],
  ['{maxDelay: 2m}', 'too_large 3:19 rates.maxDelay'],
] as const)
  test(`refused: ${written}`, async () => {
    assert.deepEqual((await load(`${REQUIRED}rates: ${written}\n`)).problems, [expected]);
  });

test('messages cannot be counted by an observer, which lets pass what it cannot read', async () => {
  const { problems } = await load(`${REQUIRED}inspect: observe\nrates: {session: {messages: 5/s}}\n`);
  assert.deepEqual(problems, ['level_too_low 3:10 inspect']);
});

test('nothing is refused on bytes that are not read', async () => {
  const { problems } = await load(
    'origins: https://app.example.com\nupstream: tcp://nats:4222\nrates: {session: {subscribes: 5/s}}\n',
  );
  assert.deepEqual(problems, ['opaque 3:1 rates']);
});

test('a rate so low that one read takes longer than the longest delay is warned of', async () => {
  const { warnings } = await load(`${REQUIRED}rates: {session: {bytes: 4KiB/s}}\n`);
  assert.deepEqual(warnings, ['rate_below_read 3:26 rates.session.bytes']);
});

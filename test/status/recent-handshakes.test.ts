import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NO_MARKS, stepsMs } from '../../src/handshake-steps.ts';
import { RecentHandshakes } from '../../src/status/recent-handshakes.ts';

const FACTS = { clientAddress: '192.0.2.1', origin: 'https://app.example.com', route: 'default' };
const MARKS = { requestUs: 1000, admittedUs: 1100, authorizedUs: 1500, connectedUs: 3500, dialledUs: 4500 };

test('the steps of a handshake add up, and end with the one in which it ended', () => {
  assert.deepEqual(stepsMs(MARKS, 5000), {
    request: 1,
    admit: 0.1,
    authorize: 0.4,
    dial: 2,
    info: 1,
    accept: 0.5,
  });
  assert.deepEqual(stepsMs({ ...MARKS, connectedUs: 0, dialledUs: 0 }, 9500), {
    request: 1,
    admit: 0.1,
    authorize: 0.4,
    dial: 8,
  });
  assert.deepEqual(stepsMs(NO_MARKS, 700), { request: 0.7 });
});

test('the last 200 are kept, the last one first', () => {
  const recent = new RecentHandshakes();
  assert.deepEqual(recent.rows(), []);
  for (let index = 1; index <= 3; index++)
    recent.add('accepted', 0.005, { ...FACTS, route: `${index}` }, MARKS, index);
  assert.deepEqual(
    recent.rows().map(({ route }) => route),
    ['3', '2', '1'],
  );
  for (let index = 4; index <= 1005; index++)
    recent.add('accepted', 0.005, { ...FACTS, route: `${index}` }, MARKS, index);
  const rows = recent.rows();
  assert.deepEqual([rows.length, rows[0]?.route, rows.at(-1)?.route], [200, '1005', '806']);
});

test('refused ones of a stranger do not push out all others', () => {
  const recent = new RecentHandshakes();
  for (let index = 1; index <= 30; index++) recent.add('accepted', 0.005, FACTS, MARKS, index);
  recent.add('unauthenticated', 0.005, FACTS, MARKS, 31);
  for (let index = 32; index <= 1000; index++) recent.add('no_route', 0.005, FACTS, MARKS, index);
  const outcomes = recent.rows().map(({ outcome }) => outcome);
  assert.deepEqual(
    [outcomes.length, outcomes.slice(0, 200).every((outcome) => outcome === 'no_route'), outcomes[200]],
    [221, true, 'unauthenticated'],
  );
  assert.deepEqual(new Set(outcomes.slice(201)), new Set(['accepted']));
  const [{ at } = { at: '' }] = recent.rows().slice(201);
  assert.equal(at, new Date(30).toISOString());
});

test('a row has what the log line has; a place keeps nothing of the one before', () => {
  const recent = new RecentHandshakes();
  const refused = { ...FACTS, detail: 'expired', cause: `no\u001b[31m${'x'.repeat(10_000)}` };
  const origin = `https://${'a'.repeat(60_000)}.example`;
  recent.add(
    'unauthenticated',
    0.002,
    { ...refused, origin },
    { ...MARKS, authorizedUs: 0, connectedUs: 0, dialledUs: 0 },
    0,
  );
  const [row] = recent.rows();
  assert.deepEqual(
    [row?.at, row?.outcome, row?.detail, row?.client, row?.ms],
    ['1970-01-01T00:00:00.000Z', 'unauthenticated', 'expired', '192.0.2.1', 2],
  );
  assert.deepEqual(row?.steps, { request: 1, admit: 0.1, authorize: 0.9 });
  assert.equal(row?.origin, `${origin.slice(0, 128)}…`);
  assert.ok(row?.cause?.startsWith('no\\u{1b}[31m') && row.cause.length < 300);
  assert.match(row?.hint ?? '', /\w/);
  for (let index = 0; index < 220; index++) recent.add('unauthenticated', 0.005, FACTS, MARKS, index);
  for (let index = 0; index < 200; index++) recent.add('accepted', 0.005, FACTS, MARKS, index);
  const rows = recent.rows();
  assert.equal(rows.length, 220);
  for (const { cause, detail } of rows) assert.deepEqual([cause, detail], [undefined, undefined]);
  for (const { hint } of rows.slice(0, 200)) assert.equal(hint, undefined);
});

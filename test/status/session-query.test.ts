import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readSessionQuery } from '../../src/admin/api/session-query.ts';
import { NO_MARKS } from '../../src/handshake-steps.ts';
import type { InspectionTotals } from '../../src/inspect/inspection-totals.ts';
import type { Session } from '../../src/session/session.ts';
import type { EndedSession } from '../../src/session/session-contract.ts';
import { Sessions } from '../../src/session/sessions.ts';
import type { StatusNow } from '../../src/snapshot.ts';
import { EndedSessions } from '../../src/status/ended-sessions.ts';
import type { SessionQuery } from '../../src/status/session-query.ts';
import { type ShownParts, Status } from '../../src/status.ts';

type Values = Partial<{
  user: string;
  origin: string;
  clientAddress: string;
  bytes: number;
  waits: number;
  error: string;
}>;

/** Sessions as far as they are listed. `reads.rows`: how many were looked at for a row. */
function setup(values: Iterable<Values>) {
  const sessions = new Sessions();
  const ended = new EndedSessions();
  const reads = { rows: 0 };
  for (const { user, origin, clientAddress = '10.0.0.1', bytes = 0, waits = 0, error } of values) {
    const facts = {
      id: sessions.nextId(),
      user,
      origin,
      clientAddress,
      route: 'default',
      upstream: 'a:4222',
    };
    const session = {
      facts,
      startedAtMs: facts.id,
      bytesToUpstream: bytes,
      bytesToClient: 1,
      bufferedBytes: { client: waits, upstream: 0 },
      waitingMs: { client: 0, upstream: 100 * waits },
      clientSlowMs: 10 * waits,
      framesToUpstream: 3,
      framesToClient: 4,
      clientName: error === undefined ? undefined : 'tab',
      natsUser: error === undefined ? undefined : 'orders',
      serverErrors: error === undefined ? 0 : 2,
      serverError: error,
      reason: undefined,
      get loginEndsAtMs(): undefined {
        reads.rows++;
        return undefined;
      },
    };
    sessions.add(session as unknown as Session, { release: () => {} });
  }
  const parts = { sessions, ended, inspected: { factsOf: () => undefined } as unknown as InspectionTotals };
  const status = new Status(parts as unknown as ShownParts, () => ({}) as StatusNow);
  const list = (query: Record<string, string>) => status.sessions(read(query));
  const ids = (query: Record<string, string>) => list(query).sessions.map(({ id }) => id);
  return { status, ended, reads, list, ids };
}

function read(query: Record<string, string>): SessionQuery {
  const reading = readSessionQuery(query);
  return 'code' in reading ? assert.fail(reading.detail) : reading;
}

const end = (id: number, more: Partial<EndedSession> = {}): EndedSession => ({
  facts: {
    id,
    clientAddress: '10.0.0.1',
    origin: 'https://app.example.com',
    route: 'default',
    upstream: 'a:4222',
    natsClientId: id,
    ...NO_MARKS,
    acceptedUs: 0,
  },
  reason: 'client_closed',
  code: 1000,
  seconds: 2,
  bytesToUpstream: 1,
  bytesToClient: 2,
  framesToUpstream: 0,
  framesToClient: 0,
  clientName: undefined,
  natsUser: undefined,
  serverErrors: 0,
  serverError: undefined,
  bufferedBytes: { client: 0, upstream: 0 },
  waitingMs: { client: 0, upstream: 0 },
  hint: undefined,
  ...more,
});

test('filters compare whole values; * is any text, and an empty filter finds those without a value', () => {
  const { ids, list } = setup([
    { user: 'jane', origin: 'https://shop.example' },
    { user: 'janet', origin: 'https://shop.example:8443' },
    { origin: 'https://app.example', clientAddress: '203.0.113.7' },
  ]);
  assert.deepEqual(ids({ user: 'jane' }), [1]);
  assert.deepEqual(ids({ user: 'jane*' }), [1, 2]);
  assert.deepEqual(ids({ user: '*t' }), [2]);
  assert.deepEqual(ids({ user: '' }), [3]);
  assert.deepEqual(ids({ origin: '*shop*' }), [1, 2]);
  assert.deepEqual(ids({ origin: 'https*example' }), [1, 3]);
  assert.deepEqual(ids({ origin: 'https://shop.example*.example' }), [], 'no character counts twice');
  assert.deepEqual(ids({ client: '203.0.113.*', user: '*' }), [3]);
  assert.deepEqual(ids({ any: 'JANE  shop' }), [1, 2], 'each word is somewhere');
  assert.deepEqual(ids({ any: 'jane 203.0' }), []);
  assert.deepEqual(ids({ client: '203.0.113.*', user: 'jane' }), []);
  const { active, matched, sessions } = list({ user: 'jane*', limit: '1' });
  assert.deepEqual([active, matched, sessions.length], [3, 2, 1]);
});

test('orders: numbers from the greatest, texts from the least, each the other way round', () => {
  const { ids } = setup([
    { user: 'b', bytes: 5, waits: 1 },
    { user: 'a', bytes: 7, error: 'Permissions Violation for Publish to "a.b"' },
    { user: 'c', bytes: 6, waits: 9 },
  ]);
  assert.deepEqual(ids({}), [1, 2, 3]);
  assert.deepEqual(ids({ sort: 'age' }), [1, 2, 3]);
  assert.deepEqual(ids({ order: 'reversed' }), [3, 2, 1]);
  assert.deepEqual(ids({ sort: 'bytes' }), [2, 3, 1]);
  assert.deepEqual(ids({ sort: 'toUpstream', order: 'reversed' }), [1, 3, 2]);
  assert.deepEqual(ids({ sort: 'buffered' }), [3, 1, 2]);
  assert.deepEqual(ids({ sort: 'waiting' }), [3, 1, 2]);
  assert.deepEqual(ids({ sort: 'errors' }), [2, 1, 3]);
  assert.deepEqual(ids({ sort: 'user' }), [2, 1, 3]);
  assert.deepEqual(ids({ sort: 'toClient' }), [1, 2, 3], 'equal ones stay in their order');
  assert.deepEqual(ids({ sort: 'bytes', offset: '1', limit: '1' }), [3]);
  assert.deepEqual(ids({ after: '1', limit: '1' }), [2]);
});

test('what both sides said is in the row, without the names that the server quotes, and found by it', () => {
  const { ids, list, ended } = setup([
    {},
    { error: 'Permissions Violation for Publish to "a.b"', waits: 15 },
  ]);
  assert.deepEqual(ids({ error: '*Violation*' }), [2]);
  assert.deepEqual(ids({ error: '*a.b*' }), []);
  assert.deepEqual(ids({ error: '', name: '' }), [1]);
  assert.deepEqual(ids({ name: 't*' }), [2]);
  assert.deepEqual(
    [ids({ natsUser: 'ord*' }), ids({ natsUser: '' }), ids({ any: 'ORDERS' })],
    [[2], [1], [2]],
  );
  const [one, other] = list({}).sessions;
  assert.deepEqual([one?.clientName, one?.serverErrors, one?.serverError], [undefined, 0, undefined]);
  assert.deepEqual(
    [other?.clientName, other?.serverErrors, other?.serverError],
    ['tab', 2, 'Permissions Violation for Publish to "…"'],
  );
  assert.deepEqual([other?.natsUser, other?.frames], ['orders', { toUpstream: 3, toClient: 4 }]);
  assert.deepEqual(other?.state === 'open' && [other.waitingSeconds, other.slowSeconds], [
    { toUpstream: 1.5, toClient: 0 },
    0.15,
  ]);
  ended.add(end(9, { clientName: 'gone', serverErrors: 1, serverError: 'Stale Connection' }), 0);
  assert.deepEqual(ids({ state: 'ended', error: 'Stale*', name: 'gone' }), [9]);
  assert.equal(list({ state: 'ended' }).sessions[0]?.serverErrors, 1);
});

test('a filter of stars and letters stays cheap: stars are one star, and a filter has 256 characters at most', {
  timeout: 300_000,
}, () => {
  const { ids } = setup([{ user: 'alice' }, { user: 'bob' }]);
  assert.deepEqual(ids({ user: '*'.repeat(256) }), [1, 2]);
  assert.deepEqual(ids({ user: 'a***l*e' }), [1]);
  assert.deepEqual(ids({ user: 'b**' }), [2]);
  const user = 'ab'.repeat(128);
  const many = setup(Array.from({ length: 9000 }, () => ({ user })));
  assert.deepEqual(many.ids({ user: '*b'.repeat(128), limit: '1' }), [1]);
});

test('what ended is listed with the last first, with reason, code and times, and found by its id', () => {
  const { ended, ids, list, status } = setup([{}]);
  ended.add(end(7), 10_000);
  ended.add(
    end(8, { reason: 'slow_consumer', seconds: 5, serverError: 'Permissions for "a.b"\u001b' }),
    20_000,
  );
  assert.deepEqual(ids({ state: 'ended' }), [8, 7]);
  assert.deepEqual([ids({ state: 'ended', cid: '7' }), ids({ cid: '' })], [[7], [1]]);
  assert.deepEqual(ids({ state: 'ended', reason: 'client_*' }), [7]);
  assert.deepEqual(ids({ state: 'ended', sort: 'age' }), [8, 7]);
  assert.deepEqual([list({}).kept, list({}).matched, list({ state: 'ended' }).matched], [2, 1, 2]);
  const row = status.session(8);
  if (row?.state !== 'ended') assert.fail();
  assert.deepEqual(
    [row.reason, row.code, row.startedAt, row.endedAt, row.seconds],
    ['slow_consumer', 1000, '1970-01-01T00:00:15.000Z', '1970-01-01T00:00:20.000Z', 5],
  );
  assert.equal(
    row.serverError,
    'Permissions for "\u2026"\\u{1b}',
    'as in the log: no subject, no control character',
  );
  assert.equal(status.session(9), undefined);
});

test('9,000 open and 100,000 ended: rows are made for one page, and 1,000 ended ones are kept', () => {
  const { ended, reads, list, status } = setup(
    Array.from({ length: 9000 }, (_, index) => ({ user: `user${index}`, bytes: index })),
  );
  for (let id = 10_001; id <= 110_000; id++) ended.add(end(id), id);
  for (const query of [{}, { sort: 'bytes' }, { user: '*5*' }, { sort: 'user', offset: '8000' }]) {
    reads.rows = 0;
    const { sessions, active } = list(query);
    assert.deepEqual([sessions.length, reads.rows, active], [500, 500, 9000]);
  }
  assert.equal(list({ sort: 'bytes' }).sessions[0]?.id, 9000);
  const { kept, matched, sessions } = list({ state: 'ended' });
  assert.deepEqual([kept, matched, sessions.length, sessions[0]?.id], [1000, 1000, 500, 110_000]);
  const last = list({ state: 'ended', offset: '999' }).sessions;
  assert.deepEqual(
    last.map(({ id }) => id),
    [109_001],
  );
  assert.equal(status.session(109_000), undefined);
  assert.equal(status.session(109_001)?.id, 109_001);
});

test('what is not understood is refused, and quoted nowhere', () => {
  const refused: readonly [query: Record<string, string>, code: string][] = [
    [{ usr: 'jane' }, 'query'],
    [{ state: 'closed' }, 'state'],
    [{ sort: 'toString' }, 'sort'],
    [{ order: 'up' }, 'order'],
    [{ limit: '501' }, 'limit'],
    [{ offset: '-1' }, 'offset'],
    [{ after: 'x' }, 'after'],
    [{ after: '1', sort: 'bytes' }, 'after'],
    [{ after: '1', state: 'ended' }, 'after'],
    [{ after: '1', order: 'reversed' }, 'after'],
    [{ user: '*'.repeat(257) }, 'user'],
  ];
  for (const [query, code] of refused) {
    const reading = readSessionQuery(query);
    if (!('code' in reading)) assert.fail(code);
    assert.equal(reading.code, code);
    assert.doesNotMatch(reading.detail, /usr|closed|toString|\bup\b/);
  }
});

import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { HANDSHAKE_OUTCOMES } from '../../src/handshake-outcome.ts';
import type { HandshakeRow } from '../../src/status/recent-handshakes.ts';
import type { Second } from '../../src/status/seconds.ts';
import { perSecond, timeSpan, utc } from '../../web/status/format.ts';
import { groupsOf } from '../../web/status/handshake-groups.ts';
import { History, KEPT_MS, ofMinute } from '../../web/status/history.ts';
import { fieldsOf, joined } from '../../web/status/log-lines.ts';
import { OUTCOME_KINDS, outcomeClass, sentenceOf } from '../../web/status/outcomes.ts';
import { placeOf } from '../../web/status/place.ts';
import { addressOf, offsetOf, pathOf, searchOf } from '../../web/status/session-search.ts';
import { rowsInView } from '../../web/status/virtual-rows.ts';
import { WatchLog } from '../../web/status/watch-log.ts';
import { builtStatusPage } from '../support/status-page.ts';

const MOST_ZIPPED_BYTES = 150_000;

const second = (atMs: number, accepted = 0, seconds = 1): Second =>
  ({
    at: new Date(atMs).toISOString(),
    seconds,
    handshakes: { accepted, client_fault: 1, server_fault: 1 },
    bytes: { toUpstream: 0, toClient: 2000 },
    messages: { toUpstream: 0, toClient: 20 },
    eventLoop: { utilization: 0.5, delayP99Seconds: 0 },
    buffered: { toUpstream: 1, toClient: 2 },
    sessions: { active: 3, opened: 3, ended: 0 },
  }) as unknown as Second;

test('the page weighs little', async () => {
  await using page = await builtStatusPage();
  const files = await readdir(page.folder);
  assert.deepEqual(files.toSorted(), ['early-theme.js', 'icon.svg', 'index.html', 'status.css', 'status.js']);
  const contents = await Promise.all(files.map((file) => readFile(join(page.folder, file))));
  const bytes = contents.reduce((sum, content) => sum + gzipSync(content).length, 0);
  console.error(`status page: ${bytes} bytes zipped`);
  assert.ok(bytes <= MOST_ZIPPED_BYTES, `${bytes} bytes`);
});

test('a watch that begins anew is not shown among the rows of the one before', () => {
  const first = new WatchLog().of('2026-01-01T00:00:00.000Z');
  first.add([{ t: 9, d: 's>', id: 1, op: '-ERR', cause: 1 }]);
  assert.equal(first.of('2026-01-01T00:00:00.000Z'), first);
  const second = first.of('2026-01-01T00:00:20.000Z');
  second.add([{ t: 1, d: 'c>', id: 1, op: 'PING' }]);
  const rows = second.shown([]).map((row) => ('op' in row ? row.op : row.note));
  assert.deepEqual(rows, ['another watch begins: the connection was lost for too long', 'PING']);
  assert.deepEqual([second.errors, second.blamed.size, second.operation(1)?.op], [0, 0, 'PING']);
});

test('rates are what happened in a second, however long it was', () => {
  const history = new History();
  history.add(second(1000, 4, 2));
  const point = {
    atMs: 1000,
    sessions: 3,
    accepted: 2,
    refused: 1,
    toUpstream: 0,
    toClient: 1000,
    messagesToUpstream: 0,
    messagesToClient: 10,
    buffered: 3,
    busy: 0.5,
  };
  assert.deepEqual(history.points, [point]);
  history.add(second(2000, 1));
  history.add(second(70_000, 7));
  history.add(second(71_000, 8));
  assert.equal(
    ofMinute(history.points, ({ accepted }) => accepted),
    7.5,
  );
  assert.equal(
    ofMinute([], ({ accepted }) => accepted),
    0,
  );
});

test('another process begins another line, and 15 minutes are kept, also when a clock is set back', () => {
  const history = new History();
  history.begin('a');
  for (let at = 0; at <= 1200; at++) history.add(second(at * 1000));
  history.begin('a');
  assert.equal(history.points.length, KEPT_MS / 1000 + 1);
  history.add(second(1_000_000));
  assert.equal(history.points.at(-1)?.atMs, 1_000_000);
  assert.equal(history.points.at(-2)?.atMs, 999_000);
  history.begin('b');
  assert.equal(history.points.length, 0);
});

test('every outcome has a kind and a sentence', () => {
  for (const outcome of Object.keys(HANDSHAKE_OUTCOMES)) {
    assert.ok(outcomeClass(outcome) in OUTCOME_KINDS, outcome);
    assert.ok(sentenceOf(outcome), outcome);
  }
  const rows = [
    ['accepted', 'accepted'],
    ['origin_not_listed', 'refused'],
    ['draining', 'gateway'],
    ['upstream_timeout', 'upstream'],
    ['client_abort', 'left'],
    ['constructor', 'refused'],
  ] as const;
  for (const [outcome, kind] of rows) assert.equal(outcomeClass(outcome), kind, outcome);
  assert.equal(sentenceOf('constructor'), undefined);
});

test('times and rates as a person reads them', () => {
  const spans = [0, 45, 60, 192, 18_600, 273_600, 86_400].map(timeSpan);
  assert.deepEqual(spans, ['0 s', '45 s', '1 min', '3 min 12 s', '5 h 10 min', '3 d 4 h', '1 d']);
  assert.deepEqual([0, 0.001, 0.05, 0.44, 12.3, 1204].map(perSecond), [
    '0/s',
    '1/min',
    '3/min',
    '0.4/s',
    '12/s',
    '1,204/s',
  ]);
  assert.equal(utc('2026-11-30T14:05:12.345Z'), '2026-11-30 14:05:12 UTC');
});

test('log lines are joined, the newest first, and those of another process replace them', () => {
  const lines = (...numbers: number[]) => ({
    last: numbers.at(-1) ?? 0,
    lines: numbers.map((number) => ({ number, line: { message: `${number}` } })),
  });
  const numbersOf = (known: ReturnType<typeof joined>) => known.map(({ number }) => number);
  const first = joined([], lines(1, 2));
  assert.deepEqual(numbersOf(first), [2, 1]);
  assert.equal(joined(first, { last: 2, lines: [] }), first);
  assert.deepEqual(numbersOf(joined(first, lines(2, 3))), [3, 2, 1]);
  assert.deepEqual(numbersOf(joined(first, lines(1))), [1]);
  assert.equal(joined(first, lines(...Array.from({ length: 600 }, (_, index) => index + 3))).length, 500);
  const line = { level: 'info', time: 'x', message: 'y', user: 'jane', session: 3, steps: { dial: 1 } };
  assert.equal(fieldsOf(line), 'user=jane session=3 steps.dial=1');
});

test('an address that names no view is the first view', () => {
  for (const hash of ['', '#', '#/', '#/nothing', '#/__proto__'])
    assert.equal(placeOf(hash).view, 'overview', hash);
  const sessions = { view: 'sessions', query: '', isUnknown: false };
  for (const hash of ['#/sessions/17', '#sessions/17'])
    assert.deepEqual(placeOf(hash), { ...sessions, id: 17 }, hash);
  assert.deepEqual(
    ['', '#/nothing', '#/log?a'].map((hash) => placeOf(hash).isUnknown),
    [false, true, false],
  );
  for (const hash of ['#/sessions', '#/sessions/', '#/sessions/0', '#/sessions/a', '#/sessions/1e3'])
    assert.deepEqual(placeOf(hash), { ...sessions, id: undefined }, hash);
});

test('words of a filter become a query, in fields or in any, and of a field that is there twice the first counts', () => {
  const search = { state: 'open', filter: '', sort: undefined, reversed: false } as const;
  assert.equal(pathOf(search).path, '/api/sessions?state=open&limit=150');
  const { path, twice } = pathOf(
    {
      ...search,
      filter: ' origin:shop  user:a* Nothing server: id:3 user:b ',
      sort: 'age',
      reversed: true,
    },
    99,
  );
  assert.equal(
    path,
    '/api/sessions?state=open&limit=150&origin=*shop*&user=a*&upstream=&any=Nothing+id%3A3&sort=age&order=reversed&offset=50',
  );
  assert.deepEqual([twice, offsetOf(path), offsetOf(undefined)], [['user'], 50, 0]);
});

test('an address has what the list shows, and gives it back', () => {
  const search = {
    state: 'ended',
    filter: 'user:a b ',
    sort: 'age',
    reversed: true,
  } as const;
  const address = addressOf(search);
  assert.equal(address, '#/sessions?state=ended&filter=user:a+b+&sort=age&order=reversed');
  assert.deepEqual(searchOf(placeOf(address).query), search);
  assert.equal(addressOf(searchOf('state=constructor')), '#/sessions');
});

test('of a long list the rows in view are drawn, and some around them', () => {
  assert.deepEqual(rowsInView(0, 360, 36, 9000), { first: 0, count: 16 });
  assert.deepEqual(rowsInView(36_000, 370, 36, 9000), { first: 994, count: 23 });
  assert.deepEqual(rowsInView(9000 * 36 - 360, 360, 36, 9000), { first: 8984, count: 16 });
  // It has become shorter, and nothing has been scrolled since.
  assert.deepEqual(rowsInView(36_000, 360, 36, 3), { first: 0, count: 3 });
  assert.deepEqual(rowsInView(0, 360, 36, 0), { first: 0, count: 0 });
});

test('handshakes that are one problem are one row, and accepted ones are each a row', () => {
  const row = (at: number, outcome: string, more = {}) =>
    ({ at: `${at}`, outcome, client: `10.0.0.${at}`, ms: 1, ...more }) as HandshakeRow;
  const rows = [
    row(5, 'unauthenticated', { detail: 'token_expired' }),
    row(4, 'accepted'),
    row(3, 'unauthenticated', { detail: 'token_missing' }),
    row(2, 'unauthenticated', { detail: 'token_expired' }),
    row(1, 'accepted'),
  ];
  const seen = (withAccepted: boolean, words: readonly string[]) =>
    groupsOf(rows, withAccepted, words).map(({ count, firstAt, row: { at } }) => [at, firstAt, count]);
  assert.deepEqual(seen(false, []), [
    ['5', '2', 2],
    ['3', '3', 1],
  ]);
  assert.equal(seen(true, ['']).length, 4);
  assert.deepEqual(seen(true, ['missing', '10.0']), [['3', '3', 1]]);
});

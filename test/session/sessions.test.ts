import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CloseReason } from '../../src/close-reason.ts';
import type { Session } from '../../src/session/session.ts';
import { Sessions } from '../../src/session/sessions.ts';

const NEVER = new AbortController().signal;

/** Sessions that write down what becomes of them; `leave` says whether an end is enough for them to go. */
function live(count: number, leave: boolean) {
  const sessions = new Sessions();
  const ends: { readonly reason: CloseReason; readonly afterMs: number }[] = [];
  const startMs = performance.now();
  const seen = { cuts: 0, released: 0 };
  const all = Array.from({ length: count }, () => {
    const id = sessions.nextId();
    const session = {
      facts: { id },
      end(reason: CloseReason): void {
        ends.push({ reason, afterMs: performance.now() - startMs });
        if (leave) sessions.delete(id);
      },
      cut(): void {
        seen.cuts++;
        sessions.delete(id);
      },
    } as unknown as Session;
    sessions.add(session, { release: () => void seen.released++ });
    return session;
  });
  return { sessions, ends, seen, all };
}

test('sessions are counted, have numbers of their own, and give back what they occupy once', () => {
  const { sessions, seen, all } = live(3, false);
  assert.deepEqual(
    all.map(({ facts }) => facts.id),
    [1, 2, 3],
  );
  assert.deepEqual([sessions.get(2), sessions.get(4)], [all[1], undefined]);
  assert.deepEqual([...sessions], all);
  sessions.delete(2);
  sessions.delete(2);
  assert.deepEqual([...sessions], [all[0], all[2]]);
  assert.deepEqual([sessions.size, sessions.opened, seen.released], [2, 3, 1]);
});

test('empty is when the last has left', async () => {
  const { sessions, all } = live(2, true);
  const empty = sessions.empty();
  let isEmpty = false;
  void empty.then(() => {
    isEmpty = true;
  });
  all[0]!.end('draining');
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(isEmpty, false);
  all[1]!.end('draining');
  await empty;
  await sessions.empty();
});

test('a drain of few sessions ends one each 100 ms, and cuts nobody who leaves', async () => {
  const { sessions, ends, seen } = live(4, true);
  const cut = await sessions.drain(60_000, 1000, NEVER, () => assert.fail());
  assert.deepEqual([cut, seen.cuts, ends.length], [0, 0, 4]);
  assert.ok(ends.every(({ reason }) => reason === 'draining'));
  const [first, ...others] = ends.map(({ afterMs }) => afterMs);
  assert.ok(first! < others[0]!, 'one at once');
  // Steps of 50 ms: never sooner than its share of the time.
  for (const [index, afterMs] of others.entries())
    assert.ok(afterMs > 100 * (index + 1) - 1, `${afterMs} ms`);
});

test('a drain with no time to spread ends all at once, and cuts those that are still there at its end', async () => {
  const { sessions, ends, seen } = live(3, false);
  const told: number[] = [];
  const drained = sessions.drain(100, 100, NEVER, (count) => told.push(count));
  assert.equal(ends.length, 3);
  assert.equal(seen.cuts, 0);
  assert.equal(await drained, 3);
  assert.deepEqual([told, seen.cuts, sessions.size], [[3], 3, 0]);
});

test('a drain that is aborted cuts all of them, before or meanwhile', async () => {
  const before = live(2, false);
  assert.equal(await before.sessions.drain(60_000, 1000, AbortSignal.abort(), () => {}), 2);
  const meanwhile = live(2, false);
  const abort = new AbortController();
  const drained = meanwhile.sessions.drain(60_000, 1000, abort.signal, () => {});
  assert.equal(meanwhile.seen.cuts, 0);
  abort.abort();
  assert.equal(await drained, 2);
  assert.equal(meanwhile.seen.cuts, 2);
});

test('a drain is in random order', async (t) => {
  // The first of those that are left, each time.
  t.mock.method(Math, 'random', () => 0);
  const { sessions, all } = live(3, false);
  const order: Session[] = [];
  for (const session of all) t.mock.method(session, 'end', () => order.push(session));
  await sessions.drain(10, 10, NEVER, () => {});
  assert.deepEqual(order, [all[1], all[2], all[0]]);
});

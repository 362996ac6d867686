import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { Allowance } from '../../src/capture/allowance.ts';
import { Recording } from '../../src/capture/recording.ts';
import { MOST_WATCHED, Watches } from '../../src/live/watches.ts';
import type { Session } from '../../src/session/session.ts';
import { Inspected } from '../inspect/inspected.ts';

const PUB = 'PUB a 0\r\n\r\n';

class Reader {
  text = '';
  ended = false;

  send(frames: string): void {
    this.text += frames;
  }

  end(): void {
    this.ended = true;
  }

  get lastId(): string {
    return [...this.text.matchAll(/^id: (\S+)$/gm)].at(-1)?.[1] ?? '';
  }

  /** Numbers of the operations that it has got. */
  get ids(): readonly number[] {
    return [...this.text.matchAll(/"id":(\d+)/g)].map(([, id]) => Number(id));
  }
}

/** Watches whose time goes on only when the test says so. */
function serve(t: TestContext) {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const clock = { nowMs: 1000 };
  const watches = new Watches(undefined, () => clock.nowMs);
  const tick = (ms: number): void => {
    clock.nowMs += ms;
    t.mock.timers.tick(ms);
  };
  const open = (id: number) => {
    const inspected = Inspected.connected('observe');
    const session = { facts: { id }, watchFrames: () => {} } as unknown as Session;
    const watch = (reader: Reader, lastId?: string) =>
      watches.watch(session, inspected.inspector, reader, lastId);
    return {
      inspected,
      session,
      watch,
      refusal: () => watches.refusal(session, inspected.inspector),
      say: (text = PUB) => void inspected.toUpstream(Buffer.from(text)),
    };
  };
  return { open, tick, watches };
}

test('events come in batches of 100 ms, to all who watch; nothing runs between them', (t) => {
  const { open, tick } = serve(t);
  const { say, watch } = open(1);
  const [one, other] = [new Reader(), new Reader()];
  watch(one);
  say();
  say();
  tick(99);
  assert.deepEqual(one.ids, []);
  tick(1);
  assert.deepEqual(one.ids, [1, 2]);
  watch(other);
  assert.deepEqual(other.ids, [1, 2]);
  say();
  tick(100);
  assert.deepEqual(
    [one.ids, other.ids],
    [
      [1, 2, 3],
      [1, 2, 3],
    ],
  );
  assert.equal(one.text.match(/event: operations/g)?.length, 2);
});

test('who comes back within 10 s goes on where it was; after that nothing is kept', (t) => {
  const { open, tick } = serve(t);
  const { inspected, say, watch } = open(1);
  const before = new Reader();
  const leave = watch(before);
  say();
  tick(100);
  leave();
  say();
  tick(9_000);
  const again = new Reader();
  const leaveAgain = watch(again, before.lastId);
  assert.deepEqual(again.ids, [2]);
  leaveAgain();
  assert.equal(inspected.inspector.up.reportMessages, true);
  tick(10_000);
  assert.equal(inspected.inspector.up.reportMessages, false);
  const late = new Reader();
  watch(late, again.lastId);
  assert.deepEqual(late.ids, []);
});

test('what was overwritten is counted for who comes back', (t) => {
  const { open, tick } = serve(t);
  const { say, watch } = open(1);
  const leave = watch(new Reader());
  const page = new Reader();
  watch(page)();
  leave();
  watch(new Reader());
  for (let n = 0; n < 1000; n++) {
    say(`PUB ${'long.'.repeat(200)}${n} 0\r\n\r\n`);
    tick(100);
  }
  const again = new Reader();
  watch(again, page.lastId);
  const missed = Number(/"missed":(\d+)/.exec(again.text)?.[1]);
  assert.ok(missed > 500);
  assert.equal(again.ids[0], missed + 1);
  assert.ok(again.text.length < 270 * 1024);
});

test('eight sessions are watched, and not a ninth until one is free', (t) => {
  const { open, tick } = serve(t);
  const sessions = Array.from({ length: MOST_WATCHED }, (_, index) => open(index + 1));
  const leaves = sessions.map(({ watch }) => watch(new Reader()));
  const ninth = open(9);
  assert.equal(ninth.refusal(), 'too_many_watched');
  assert.equal(sessions[0]?.refusal(), undefined);
  leaves[0]?.();
  tick(10_000);
  assert.equal(ninth.refusal(), undefined);
});

test('a watch ends by itself after 10 minutes, says so, and leaves the session as it was', (t) => {
  const { open, tick } = serve(t);
  const { inspected, refusal, say, watch } = open(1);
  const reader = new Reader();
  watch(reader);
  tick(599_999);
  assert.equal(reader.ended, false);
  tick(1);
  assert.match(reader.text, /event: end\ndata: \{"reason":"time","sentence":"A watch ends after 10 minutes;/);
  assert.equal(reader.ended, true);
  assert.equal(inspected.inspector.up.reportMessages, false);
  say();
  assert.deepEqual([reader.ids, refusal()], [[], undefined]);
});

test('the end of the session is the last event', (t) => {
  const { open, watches } = serve(t);
  const { say, watch } = open(1);
  const reader = new Reader();
  watch(reader);
  say();
  watches.sessionEnded(1, 'slow_consumer', 1008);
  assert.deepEqual(reader.ids, [1]);
  assert.match(reader.text, /event: end\ndata: \{"reason":"slow_consumer","code":1008,"sentence":.*\n\n$/);
});

test('a capture and a watch of one session see the same', (t) => {
  const { open, tick } = serve(t);
  const { inspected, say, watch } = open(1);
  const recording = new Recording(1024 * 1024, new Allowance(8));
  inspected.inspector.watch(recording);
  const reader = new Reader();
  const leave = watch(reader);
  say(PUB.repeat(50));
  tick(100);
  assert.deepEqual([recording.operations, reader.ids.length], [50, 50]);
  leave();
  tick(10_000);
  say();
  assert.equal(recording.operations, 51);
  inspected.inspector.unwatch(recording);
  assert.equal(inspected.inspector.up.reportMessages, false);
});

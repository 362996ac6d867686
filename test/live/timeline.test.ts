import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FrameTrack } from '../../src/live/frame-track.ts';
import { Replies } from '../../src/live/replies.ts';
import { Timeline } from '../../src/live/timeline.ts';
import { Inspected } from '../inspect/inspected.ts';

const PUB = 'PUB a 0\r\n\r\n';
type Event = Readonly<Record<string, unknown>>;

/** A watched session, by a clock that goes on only when the test says so. Each piece of the client is a message. */
function watched(level: 'observe' | 'enforce' = 'observe', mostSent = 65_535) {
  const clock = { nowMs: 1000 };
  const seen = { first: 0 };
  const session = Inspected.connected(level);
  const timeline = new Timeline(
    session.inspector,
    () => void seen.first++,
    undefined,
    () => clock.nowMs,
  );
  session.inspector.watch(timeline);
  session.onWrite = () => timeline.onSent(session.writes.at(-1)?.length ?? 0, mostSent);
  const say = (...messages: readonly string[]): void => {
    let at = 0;
    for (const message of messages) {
      timeline.onFrame(at);
      at += message.length;
    }
    session.toUpstream(Buffer.from(messages.join('')));
  };
  const take = (): readonly Event[] => timeline.take() as readonly unknown[] as readonly Event[];
  return { clock, say, seen, session, take, timeline };
}

const framesOf = (events: readonly Event[]): readonly unknown[] =>
  events.filter(({ d }) => d !== 'g').map(({ op, f, fEnd, of }) => [op ?? of, f, fEnd]);

test('each operation has the message that carried it: shared ones, and one over several', () => {
  for (const level of ['observe', 'enforce'] as const) {
    const { say, take } = watched(level);
    say(`${PUB}PING\r\n`, 'SUB a 1\r\nPUB lo', 'ng 10\r\n01234', '56789\r\nPUB b 3\r\na');
    say('bc\r\n', PUB);
    assert.deepEqual(framesOf(take()), [
      ['PUB', 1, undefined],
      ['PING', 1, undefined],
      ['SUB', 2, undefined],
      ['PUB', 2, 4],
      ['PUB', 4, 5],
      ['PUB', 6, undefined],
    ]);
  }
});

test('the end of one that was sent before is sent when it has come', () => {
  const { say, take } = watched();
  say('PUB long 10\r\n01');
  assert.deepEqual(framesOf(take()), [['PUB', 1, undefined]]);
  say('234');
  assert.deepEqual(take(), []);
  say(`56789\r\n${PUB}`);
  assert.deepEqual(framesOf(take()).toReversed(), [
    [1, undefined, 3],
    ['PUB', 3, undefined],
  ]);
});

test('to the client the messages are those that natsgate makes', () => {
  for (const level of ['observe', 'enforce'] as const) {
    const { session, take } = watched(level, 32);
    session.toClient(Buffer.from('MSG a 1 2\r\nhi\r\nMSG a 1 20\r\n01234567890123456789\r\nPONG\r\n'));
    session.toClient(Buffer.from('MSG b'));
    session.toClient(Buffer.from(' 1 0\r\n\r\n'));
    const isHeld = level === 'enforce';
    assert.deepEqual(framesOf(take()), [
      ['MSG', 1, undefined],
      ['MSG', 1, 2],
      ['PONG', 2, undefined],
      // An enforcer writes a line when it is whole.
      ['MSG', 3, isHeld ? undefined : 4],
    ]);
  }
});

test('a reply has its request, and how long it took', () => {
  const { clock, say, session, take } = watched();
  say('PUB svc _INBOX.abcdefghijk.1 0\r\n\r\nPING\r\n');
  clock.nowMs += 7;
  session.toClient(Buffer.from('PONG\r\nMSG _INBOX.abcdefghijk.1 9 0\r\n\r\nMSG work 2 back.1 0\r\n\r\n'));
  clock.nowMs += 2;
  say('PUB back.1 0\r\n\r\n');
  const joined = take().map(({ id, op, answers, after, reply }) => [id, op, answers, after, reply]);
  assert.deepEqual(joined, [
    [1, 'PUB', undefined, undefined, '_INBOX.defghijk.1'],
    [2, 'PING', undefined, undefined, undefined],
    [3, 'PONG', 2, 7000, undefined],
    [4, 'MSG', 1, 7000, undefined],
    [5, 'MSG', undefined, undefined, 'back.1'],
    [6, 'PUB', 5, 2000, undefined],
  ]);
});

test('a PONG is never paired with another PING than its own, however many are not shown', () => {
  const { clock, say, session, take } = watched();
  const answersOf = (): readonly unknown[] =>
    take()
      .filter(({ op }) => op === 'PONG')
      .map(({ answers }) => answers);
  say('PING\r\n'.repeat(40));
  session.toClient(Buffer.from('PONG\r\n'.repeat(41)));
  // One that nobody has asked for counts for nothing.
  assert.deepEqual(answersOf(), [...Array.from({ length: 40 }, (_, index) => index + 1), undefined]);
  clock.nowMs += 100;
  say('PING\r\n'.repeat(150));
  clock.nowMs += 100;
  session.toClient(Buffer.from('PONG\r\n'.repeat(90)));
  clock.nowMs += 100;
  say('PING\r\n');
  session.toClient(Buffer.from('PONG\r\n'.repeat(61)));
  const second = answersOf();
  // 100 PINGs of 150 were shown, and then one more.
  assert.equal(second.filter((answers) => answers !== undefined).length, 101);
  assert.equal(second.at(-1), 81 + 150 + 90 + 1);
});

test('a PING from before the watch has its PONG', () => {
  const { session } = watched();
  session.toUpstream(Buffer.from('PING\r\n'));
  const later = new Timeline(session.inspector, () => {});
  session.inspector.watch(later);
  session.toUpstream(Buffer.from('PING\r\n'));
  session.toClient(Buffer.from('PONG\r\nPONG\r\n'));
  const pongs = (later.take() as readonly unknown[] as readonly Event[]).filter(({ op }) => op === 'PONG');
  assert.deepEqual(
    pongs.map(({ answers }) => answers),
    [undefined, 1],
  );
});

test('an -ERR has the operation that has caused it', () => {
  const { say, session, take } = watched();
  say('PUB secret 0\r\n\r\nPUB open 0\r\n\r\n');
  session.toClient(Buffer.from("-ERR 'Permissions Violation for Publish to \"secret\"'\r\n-ERR 'What'\r\n"));
  const errors = take().filter(({ op }) => op === '-ERR');
  assert.deepEqual(
    errors.map(({ cause, guess }) => [cause, guess]),
    [
      [1, undefined],
      [2, true],
    ],
  );
});

test('a flood is counted, and hides neither an -ERR nor a SUB', () => {
  const { clock, say, session, take } = watched();
  say(PUB.repeat(5000));
  say(`${PUB.repeat(100)}SUB a 1\r\n`);
  session.toClient(Buffer.from("-ERR 'What'\r\n"));
  const events = take();
  assert.equal(events.filter(({ op }) => op === 'PUB').length, 100);
  // What is read in runs is counted at the end of its read.
  assert.deepEqual(
    events.filter(({ missed }) => missed !== undefined).map(({ missed, t }) => [missed, t]),
    [
      [4900, 0],
      [100, 0],
    ],
  );
  assert.deepEqual(
    events.filter(({ op }) => op === 'SUB' || op === '-ERR').map(({ op, id }) => [op, id]),
    [
      ['SUB', 5001],
      ['-ERR', 5102],
    ],
  );
  clock.nowMs += 100;
  say(PUB);
  assert.deepEqual(
    take().map(({ op, id }) => [op, id]),
    [['PUB', 5103]],
  );
});

test('pauses are events, with how long they were', () => {
  const { clock, take, timeline } = watched();
  timeline.resumed('to_client');
  timeline.paused('to_client');
  clock.nowMs += 40;
  timeline.resumed('to_client');
  assert.deepEqual(
    take().map(({ d, note }) => [d, note]),
    [
      ['g', 'the server is not read: the other side takes no more bytes'],
      ['g', 'the server is read again after 40 ms'],
    ],
  );
});

test('it says once that there is something to take', () => {
  const { say, seen, take } = watched();
  say(PUB, PUB);
  say(PUB);
  assert.equal(seen.first, 1);
  take();
  say(PUB.repeat(5000));
  assert.equal(seen.first, 2);
});

test('places of messages and requests are bounded, and the newest stay', () => {
  const track = new FrameTrack();
  for (let place = 0; place < 100_000; place += 10) track.begin(place);
  assert.deepEqual([track.at(99_999), track.at(99_980)], [10_000, 9999]);
  const replies = new Replies();
  for (let id = 1; id <= 10_000; id++) replies.requested(`r.${id}`, { id, t: 0 });
  assert.deepEqual([replies.requestOf('r.1'), replies.requestOf('r.10000')?.id], [undefined, 10_000]);
});

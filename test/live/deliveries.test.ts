import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Deliveries } from '../../src/live/deliveries.ts';
import { Inspected } from '../inspect/inspected.ts';

const msg = (sid: number | string, payload = 'x'): string =>
  `MSG a ${sid} ${payload.length}\r\n${payload}\r\n`;

/** Deliveries of an inspected session, whose time goes on only when the test says so. */
function watched() {
  const { inspector, toClient } = bound(Inspected.connected('observe'));
  const clock = { nowMs: 1000 };
  let asked = 0;
  const deliveries = new Deliveries(
    () => inspector.delivered,
    () => void asked++,
    () => clock.nowMs,
  );
  inspector.watch(deliveries);
  const report = (seconds = 1) => {
    clock.nowMs += 1000 * seconds;
    return deliveries.report();
  };
  return { asked: () => asked, deliveries, report, server: toClient };
}

const bound = (inspected: Inspected) => ({
  inspector: inspected.inspector,
  toClient: (text: string): void => void inspected.toClient(Buffer.from(text)),
});

test('messages, bytes and rates of each subscription, exact as long as all are looked at', () => {
  const { report, server } = watched();
  server(`${msg(1, 'hello') + msg(2) + msg(1)}HMSG a 2 12 14\r\nNATS/1.0\r\n\r\nhi\r\n`);
  assert.deepEqual(report(2), {
    t: 2_000_000,
    messages: 4,
    bytes: 21,
    messagesPerSecond: 2,
    bytesPerSecond: 10.5,
    isSample: false,
    subscriptions: [
      { sid: '1', messages: 2, bytes: 6, messagesPerSecond: 1, bytesPerSecond: 3 },
      { sid: '2', messages: 2, bytes: 15, messagesPerSecond: 1, bytesPerSecond: 7.5 },
    ],
  });
  server(msg(2, 'hello'));
  const { messages, bytesPerSecond, subscriptions } = report();
  assert.deepEqual([messages, bytesPerSecond], [5, 5]);
  assert.deepEqual(
    subscriptions.map((one) => [one.sid, one.messages, one.messagesPerSecond]),
    [
      ['2', 3, 1],
      ['1', 2, 0],
    ],
  );
});

test('reports are due from the first message on until one has nothing', () => {
  const { asked, deliveries, report, server } = watched();
  assert.deepEqual([asked(), deliveries.isIdle], [0, true]);
  report(60);
  server(msg(1));
  server(msg(1));
  assert.equal(asked(), 1);
  assert.equal(report().messagesPerSecond, 2, 'not of the minute in which nothing came');
  assert.equal(deliveries.isIdle, false);
  assert.equal(report().messagesPerSecond, 0);
  assert.equal(deliveries.isIdle, true);
  server(msg(1));
  assert.equal(asked(), 2);
});

test('of a flood some are looked at: all together stay exact, and each has its share', () => {
  const { report, server } = watched();
  server((msg(1, 'hello') + msg(2) + msg(2) + msg(2)).repeat(1000));
  const { messages, bytes, isSample, subscriptions } = report();
  assert.deepEqual([messages, bytes, isSample], [4000, 8000, true]);
  assert.deepEqual(
    subscriptions.map((one) => [one.sid, one.messages, one.bytes]),
    [
      ['2', 3000, 3000],
      ['1', 1000, 5000],
    ],
  );
});

test('subscriptions that come and go take bounded memory, and the busy ones stay', () => {
  const { report, server } = watched();
  let sid = 10;
  for (let time = 0; time < 10; time++) {
    server(msg(1));
    for (let index = 0; index < 400; index++) server(msg(sid++));
    server(msg('9'.repeat(1000)));
    const { messages, subscriptions } = report();
    assert.equal(messages, 402 * (time + 1), 'also of those that are not told apart');
    assert.equal(subscriptions.length, 200);
    assert.deepEqual([subscriptions[0]?.sid, subscriptions[0]?.messages], ['1', time + 1]);
  }
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ControlFrameLimit } from '../../src/websocket/control-frame-limit.ts';

test('100 control frames in each window of 10 s, which opens with the first chunk after the last one', () => {
  const limit = new ControlFrameLimit();
  assert.equal(limit.allowed(0, 0), 100);
  assert.equal(limit.allowed(9999, 60), 100);
  assert.equal(limit.allowed(10_000, 60), 160);
  assert.equal(limit.allowed(19_999, 100), 160);
  assert.equal(limit.allowed(35_000, 100), 200);
  assert.equal(limit.allowed(44_999, 130), 200);
  assert.equal(limit.allowed(45_000, 130), 230);
});

test('a pong for each of our pings comes on top, in the window of the ping or in the next one', () => {
  const limit = new ControlFrameLimit();
  limit.allowed(0, 0);
  limit.pinged();
  limit.pinged();
  assert.equal(limit.allowed(5000, 50), 102);
  assert.equal(limit.allowed(10_000, 100), 202);
  assert.equal(limit.allowed(20_000, 100), 200, 'not in the one after');
});

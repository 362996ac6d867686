import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, test } from 'node:test';
import { BufferPool, READ_BYTES } from '../../src/bytes/buffer-pool.ts';
import {
  closeFrame,
  framedLength,
  PING_FRAME,
  pongFrame,
  putBinaryFrames,
} from '../../src/websocket/frame-writer.ts';
import { wsReceiver } from '../support/ws-receiver.ts';

/** The least that the configuration lets `limits.sentFrameBytes` be, and the largest payload of the 16-bit length. */
const LEAST_CAP = 1024;
const MAX_SENT_FRAME_BYTES = 65_535;
const AT = 100;
const FILL = 0xee;

/** What a client reads from server frames, as ws sees it; throws where ws would fail the connection. */
function received(stream: Buffer): string[] {
  const events: string[] = [];
  const receiver = wsReceiver({ isServer: false });
  receiver.on('message', (data: Buffer, isBinary: boolean) =>
    events.push(`${isBinary ? 'binary' : 'text'} ${data.toString('hex')}`),
  );
  receiver.on('ping', (data: Buffer) => events.push(`ping ${data.toString('hex')}`));
  receiver.on('pong', (data: Buffer) => events.push(`pong ${data.toString('hex')}`));
  receiver.on('conclude', (code: number, reason: Buffer) => events.push(`close ${code} ${reason}`));
  let done = false;
  receiver._write(stream, '', (error) => {
    if (error) throw error;
    done = true;
  });
  assert.ok(done || events.at(-1)?.startsWith('close') === true, 'all of it was read');
  return events;
}

const message = (payload: Buffer): string => `binary ${payload.toString('hex')}`;

describe('binary frames', () => {
  for (const [length, header] of [
    [1, '8201'],
    [124, '827c'],
    [125, '827d'],
    [126, '827e007e'],
    [127, '827e007f'],
    [255, '827e00ff'],
    [256, '827e0100'],
    [65_534, '827efffe'],
    [65_535, '827effff'],
  ] as const) {
    test(`${length} bytes in one frame: the shortest header, then the payload`, () => {
      const bytes = Buffer.alloc(AT + length + 200, FILL);
      const payload = randomBytes(length);
      const end = putBinaryFrames(bytes, AT, payload, MAX_SENT_FRAME_BYTES);
      assert.equal(bytes.toString('hex', AT, end - length), header);
      assert.ok(bytes.subarray(end - length, end).equals(payload));
      assert.deepEqual(received(bytes.subarray(AT, end)), [message(payload)]);
      assert.ok(
        bytes.subarray(0, AT).every((byte) => byte === FILL),
        'in front of it',
      );
      assert.ok(
        bytes.subarray(end).every((byte) => byte === FILL),
        'behind it',
      );
    });
  }

  for (const cap of [1, 125, 126, LEAST_CAP, 4096, 65_535]) {
    for (const length of new Set([1, cap - 1, cap, cap + 1, 2 * cap, 2 * cap + 1, 5 * cap - 1])) {
      if (length === 0 || length > READ_BYTES) continue;
      test(`${length} bytes with a cap of ${cap}: messages full to the cap, the rest last`, () => {
        const payload = randomBytes(length);
        const bytes = Buffer.alloc(AT + 3 * length + 10);
        const end = putBinaryFrames(bytes, AT, payload, cap);
        const pieces: Buffer[] = [];
        for (let from = 0; from < length; from += cap) pieces.push(payload.subarray(from, from + cap));
        assert.deepEqual(received(bytes.subarray(AT, end)), pieces.map(message));
      });
    }
  }

  test('a whole read, one byte more than a frame can hold, goes as two messages', () => {
    const payload = randomBytes(READ_BYTES);
    const bytes = Buffer.alloc(READ_BYTES + 10);
    const end = putBinaryFrames(bytes, 0, payload, MAX_SENT_FRAME_BYTES);
    assert.equal(end, READ_BYTES + 4 + 2);
    assert.deepEqual(received(bytes.subarray(0, end)), [
      message(payload.subarray(0, 65_535)),
      message(payload.subarray(65_535)),
    ]);
  });

  test('a whole read in the smallest frames fits a slot of the pool', () => {
    const pool = new BufferPool({ slots: 1 });
    const [slot, neighbour] = [pool.take(), pool.take()];
    const end = putBinaryFrames(pool.bytes, slot, randomBytes(READ_BYTES), LEAST_CAP);
    assert.ok(end <= neighbour, `ends at ${end}, the next slot begins at ${neighbour}`);
  });
});

describe('control frames', () => {
  test('a ping without payload', () => {
    assert.deepEqual(received(PING_FRAME), ['ping ']);
  });

  for (const length of [0, 1, 124, 125]) {
    test(`a pong of ${length} bytes`, () => {
      const payload = randomBytes(length);
      const frame = pongFrame(payload);
      assert.equal(frame.length, 2 + length);
      assert.deepEqual(received(frame), [`pong ${payload.toString('hex')}`]);
    });
  }

  test('a pong holds its own copy', () => {
    const payload = Buffer.from('payload');
    const frame = pongFrame(payload);
    payload.fill(0);
    assert.deepEqual(received(frame), [`pong ${Buffer.from('payload').toString('hex')}`]);
  });

  test('a close without a code has no payload', () => {
    assert.deepEqual(closeFrame(undefined, 'unused'), Buffer.from([0x88, 0]));
    assert.deepEqual(received(closeFrame(undefined, '')), ['close 1005 ']);
  });

  for (const [code, reason] of [
    [1000, ''],
    [1001, 'draining'],
    [1008, 'slow_consumer'],
    [4999, 'x'.repeat(123)],
  ] as const) {
    test(`close ${code} with a reason of ${reason.length} bytes`, () => {
      const frame = closeFrame(code, reason);
      assert.equal(frame.length, 4 + reason.length);
      assert.deepEqual(received(frame), [`close ${code} ${reason}`]);
    });
  }
});

test('framedLength says what putBinaryFrames writes, at every border of the length forms and the cap', () => {
  const bytes = Buffer.alloc(300_000);
  for (const cap of [LEAST_CAP, 4096, MAX_SENT_FRAME_BYTES]) {
    for (const length of [1, 125, 126, cap - 1, cap, cap + 1, 2 * cap, 2 * cap + 125, 2 * cap + 126]) {
      const end = putBinaryFrames(bytes, AT, Buffer.alloc(length), cap);
      assert.equal(end - AT, framedLength(length, cap), `${length} bytes in frames of ${cap}`);
    }
  }
});

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, test } from 'node:test';
import { BufferPool, READ_BYTES } from '../../src/bytes/buffer-pool.ts';
import type { ClientEnd } from '../../src/websocket/byte-socket.ts';
import { OPCODES } from '../../src/websocket/frame-counters.ts';
import { FrameReader } from '../../src/websocket/frame-reader.ts';
import { fastestUnmask, SIMD_STEP_BYTES } from '../../src/websocket/unmask.ts';
import { closeFrame, frame, Opcode } from '../support/raw-client.ts';
import { type FramesRead, RecordedReader, readFrames } from '../support/read-frames.ts';

/**
 * What the reader makes of a stream, however it arrives. Each row is read whole, byte by byte and cut in two at every
 * byte, the short ones also in three: bytes, end, control frames and counts must be the same each time.
 */
type Row = {
  readonly name: string;
  readonly stream: Buffer;
  readonly bytes?: Buffer | string;
  readonly end?: readonly [ClientEnd['reason'], number];
  /** `ping <payload>` and `pong`, in order. */
  readonly control?: readonly string[];
  readonly closed?: true;
  readonly broken?: true;
  readonly frames: Partial<Record<(typeof OPCODES)[number], number>>;
};

const CAP = 1000;
/** Streams up to this length are also cut at every two bytes. */
const SHORT = 64;

const join = (...frames: Buffer[]): Buffer => Buffer.concat(frames);
const binary = (payload: Buffer | string, options?: Parameters<typeof frame>[2]): Buffer =>
  frame(Opcode.binary, payload, options);
const more = (payload: string, fin: boolean): Buffer => frame(Opcode.continuation, payload, { fin });
const start = (payload: string): Buffer => binary(payload, { fin: false });
const letters = (count: number): Buffer => Buffer.alloc(count, 'abcdefghijklmnopqrstuvwxyz');
const VIOLATION = ['frame_violation', 1002] as const;
const BAD_REASON = ['frame_violation', 1007] as const;
const TEXT = ['not_binary', 1003] as const;
const TOO_BIG = ['message_too_big', 1009] as const;
const LATE = binary('never');

const PASSES: readonly Row[] = [
  { name: 'nothing', stream: Buffer.alloc(0), frames: {} },
  { name: 'a message', stream: binary('hello'), bytes: 'hello', frames: { binary: 1 } },
  {
    name: 'a zero mask',
    stream: binary('hello', { mask: Buffer.alloc(4) }),
    bytes: 'hello',
    frames: { binary: 1 },
  },
  {
    name: 'an empty message between others',
    stream: join(binary('a'), binary(''), binary('b')),
    bytes: 'ab',
    frames: { binary: 3 },
  },
  ...[125, 126, 127, 128, CAP].map((length) => ({
    name: `${length} bytes, and a message behind them`,
    stream: join(binary(letters(length)), binary('.')),
    bytes: join(letters(length), Buffer.from('.')),
    frames: { binary: 2 },
  })),
  {
    name: 'lengths in longer forms than need be',
    stream: join(
      binary('a', { lengthBytes: 2 }),
      binary('b', { lengthBytes: 8 }),
      binary('', { lengthBytes: 2 }),
      binary('', { lengthBytes: 8 }),
      binary('c'),
    ),
    bytes: 'abc',
    frames: { binary: 5 },
  },
  {
    name: 'fragments, empty ones among them',
    stream: join(start('ab'), more('', false), more('cd', false), more('', true), start(''), more('e', true)),
    bytes: 'abcde',
    frames: { binary: 2, continuation: 4 },
  },
  {
    name: 'control frames between and behind fragments',
    stream: join(
      start('a'),
      frame(Opcode.ping, 'one'),
      more('b', false),
      frame(Opcode.pong, 'two'),
      frame(Opcode.ping),
      more('c', true),
      frame(Opcode.pong),
    ),
    bytes: 'abc',
    control: ['ping one', 'pong', 'ping ', 'pong'],
    frames: { binary: 1, continuation: 2, ping: 2, pong: 2 },
  },
  {
    name: 'a ping of 125 bytes, then another',
    stream: join(frame(Opcode.ping, letters(125)), frame(Opcode.ping, 'x'), binary('y')),
    bytes: 'y',
    control: [`ping ${letters(125)}`, 'ping x'],
    frames: { ping: 2, binary: 1 },
  },
  {
    name: 'what has come of an unfinished frame',
    stream: binary('hello').subarray(0, -2),
    bytes: 'hel',
    frames: { binary: 1 },
  },
  {
    name: 'a header that has not come to its end',
    stream: join(binary('a'), binary(letters(300)).subarray(0, 7)),
    bytes: 'a',
    frames: { binary: 1 },
  },
  {
    name: 'a ping that has not come to its end',
    stream: join(binary('a'), frame(Opcode.ping, 'ping').subarray(0, -1)),
    bytes: 'a',
    frames: { binary: 1, ping: 1 },
  },
];

const CLOSES: readonly Row[] = [
  {
    name: 'a close without a code, and a message behind it',
    stream: join(binary('a'), closeFrame(), LATE),
    bytes: 'a',
    end: ['client_closed', 1005],
    closed: true,
    frames: { binary: 1, close: 1 },
  },
  ...[1000, 1001, 1003, 1007, 1011, 1014, 3000, 3999, 4000, 4999].map(
    (code): Row => ({
      name: `close ${code}, with a reason`,
      stream: join(start('a'), closeFrame(code, 'bye ✓'), more('never', true)),
      bytes: 'a',
      end: ['client_closed', code],
      closed: true,
      frames: { binary: 1, close: 1 },
    }),
  ),
  {
    name: 'close with the longest reason',
    stream: closeFrame(1000, letters(123)),
    end: ['client_closed', 1000],
    closed: true,
    frames: { close: 1 },
  },
  ...[0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65_535].map(
    (code): Row => ({
      name: `close ${code}, which nobody may send`,
      stream: join(binary('a'), closeFrame(code, 'bye'), LATE),
      bytes: 'a',
      end: VIOLATION,
      closed: true,
      broken: true,
      frames: { binary: 1, close: 1 },
    }),
  ),
  ...['ff', 'c3', 'eda080', 'f4908080', '61c0af'].map(
    (hex): Row => ({
      name: `close with a reason that is no UTF-8: ${hex}`,
      stream: join(closeFrame(1000, Buffer.from(hex, 'hex')), LATE),
      end: BAD_REASON,
      closed: true,
      broken: true,
      frames: { close: 1 },
    }),
  ),
  {
    name: 'two closes',
    stream: join(closeFrame(1001), closeFrame(1002), frame(Opcode.ping)),
    end: ['client_closed', 1001],
    closed: true,
    frames: { close: 1 },
  },
];

/** Headers that break a rule, each between two good messages; the second must not be read. */
const violations: readonly (readonly [string, Buffer])[] = [
  ...[1, 2, 4, 7].flatMap((rsv): [string, Buffer][] => [
    [`RSV ${rsv} on a message`, binary('x', { rsv })],
    [`RSV ${rsv} on a ping`, frame(Opcode.ping, 'x', { rsv })],
    [`RSV ${rsv} on a close`, frame(Opcode.close, '', { rsv })],
    [`RSV ${rsv} on text`, frame(Opcode.text, 'x', { rsv })],
  ]),
  ...[3, 4, 5, 6, 7, 11, 12, 13, 14, 15].map((opcode): [string, Buffer] => [
    `opcode ${opcode}`,
    frame(opcode, 'x'),
  ]),
  ...Object.entries(Opcode).map(([name, opcode]): [string, Buffer] => [
    `${name} without a mask`,
    frame(opcode, '', { mask: null }),
  ]),
  ['a continuation of nothing', more('x', true)],
  ['a continuation of nothing that goes on', more('x', false)],
  ['a fragmented ping', frame(Opcode.ping, 'x', { fin: false })],
  ['a fragmented pong', frame(Opcode.pong, '', { fin: false })],
  ['a fragmented close', frame(Opcode.close, '', { fin: false })],
  ['a ping of 126 bytes', frame(Opcode.ping, letters(126))],
  ['a ping of 3 bytes in the 16-bit form', frame(Opcode.ping, 'abc', { lengthBytes: 2 })],
  ['a pong in the 64-bit form', frame(Opcode.pong, 'abc', { lengthBytes: 8 })],
  ['a close of 126 bytes', closeFrame(1000, letters(124))],
  ['a close of 1 byte', frame(Opcode.close, 'x')],
  ['an HTTP request', Buffer.from('GET / HTTP/1.1\r\n\r\n')],
];

const VIOLATIONS: readonly Row[] = [
  ...violations.map(
    ([name, wrong]): Row => ({
      name,
      stream: join(binary('good'), wrong, LATE),
      bytes: 'good',
      end: VIOLATION,
      broken: true,
      frames: { binary: 1 },
    }),
  ),
  ...(['text', 'binary'] as const).map(
    (kind): Row => ({
      name: `a new ${kind} message inside a message`,
      stream: join(start('a'), frame(Opcode[kind], 'x'), more('never', true)),
      bytes: 'a',
      end: VIOLATION,
      broken: true,
      frames: { binary: 1 },
    }),
  ),
  {
    name: 'text',
    stream: join(binary('a'), frame(Opcode.text, 'text'), LATE),
    bytes: 'a',
    end: TEXT,
    frames: { binary: 2, text: 1 },
  },
  {
    name: 'text, refused at its second byte',
    stream: frame(Opcode.text, 'text').subarray(0, 2),
    end: TEXT,
    frames: {},
  },
  {
    name: 'a fragment of text, with its continuation, a ping and the answer to our close',
    stream: join(
      frame(Opcode.text, 'te', { fin: false }),
      frame(Opcode.ping, 'late'),
      frame(Opcode.pong),
      more('xt', true),
      closeFrame(1003),
      LATE,
    ),
    end: TEXT,
    // Pings are not answered any more; a pong is still a sign of life.
    control: ['pong'],
    closed: true,
    frames: { text: 1, ping: 1, pong: 1, continuation: 1, close: 1 },
  },
  {
    name: 'text over the cap is text first',
    stream: frame(Opcode.text, '', { announce: BigInt(CAP) + 1n }),
    end: TEXT,
    frames: { text: 1 },
  },
  {
    name: 'text, then a violation: the first reason stays, and nothing is read any more',
    stream: join(frame(Opcode.text, 'x'), binary('x', { rsv: 4 }), closeFrame(1000)),
    end: TEXT,
    broken: true,
    frames: { text: 1 },
  },
  {
    name: 'one byte over the cap, then the answer to our close',
    stream: join(binary('a'), binary(letters(CAP + 1)), closeFrame(1009)),
    bytes: 'a',
    end: TOO_BIG,
    closed: true,
    frames: { binary: 2, close: 1 },
  },
  {
    name: 'a continuation over the cap',
    stream: join(start('a'), frame(Opcode.continuation, letters(CAP + 1)), LATE),
    bytes: 'a',
    end: TOO_BIG,
    frames: { binary: 2, continuation: 1 },
  },
  {
    name: 'over the cap, refused before the mask has come',
    stream: binary('', { announce: BigInt(CAP) + 1n, lengthBytes: 2 }).subarray(0, 4),
    end: TOO_BIG,
    frames: {},
  },
  ...[2n ** 16n, 2n ** 31n, 2n ** 32n + 1n, 2n ** 53n - 1n].map(
    (announce): Row => ({
      name: `a frame of ${announce} bytes`,
      stream: join(binary('x', { announce, lengthBytes: 8 }), closeFrame(1000)),
      end: TOO_BIG,
      frames: { binary: 1 },
    }),
  ),
  ...[2n ** 53n, 2n ** 63n, 2n ** 64n - 1n].map(
    (announce): Row => ({
      name: `a frame of ${announce} bytes, more than can be counted`,
      stream: join(binary('x', { announce, lengthBytes: 8 }), closeFrame(1000)),
      end: TOO_BIG,
      broken: true,
      frames: {},
    }),
  ),
];

for (const [title, rows] of Object.entries({ PASSES, CLOSES, VIOLATIONS })) {
  describe(title.toLowerCase(), () => {
    for (const row of rows) {
      test(row.name, () => {
        const whole = readFrames([row.stream], CAP);
        assert.deepEqual(whole, expected(row));
        const same = text(whole);
        for (const pieces of allCuts(row.stream)) {
          if (text(readFrames(pieces, CAP)) === same) continue;
          const sizes = pieces.map((piece) => piece.length);
          assert.deepEqual(readFrames(pieces, CAP), whole, `in pieces of ${sizes.slice(0, 5)}`);
        }
      });
    }
  });
}

test('the border between the 16-bit and the 64-bit length, cut at and around every border', () => {
  const [first, second] = [randomBytes(65_535), randomBytes(65_536)];
  const frames = [binary(first), binary(second), frame(Opcode.ping, 'p'), binary('end')];
  const stream = join(...frames);
  const cuts = new Set<number>();
  for (let index = 0, border = 0; index <= frames.length; border += frames[index++]?.length ?? 0) {
    for (let cut = border - 20; cut <= border + 20; cut++) if (cut > 0 && cut < stream.length) cuts.add(cut);
  }
  for (const cut of cuts) {
    const read = readFrames([stream.subarray(0, cut), stream.subarray(cut)], 65_536);
    assert.ok(read.bytes.equals(join(first, second, Buffer.from('end'))), `cut at ${cut}`);
    assert.equal(read.end, undefined);
    assert.deepEqual(read.control, ['ping 70']);
  }
  assert.deepEqual(readFrames([stream], 65_535).end, { reason: 'message_too_big', code: 1009 });
});

test('a read is used up in one call, and nothing is written behind its payload but the slack of SIMD', () => {
  const counts = new Float64Array(OPCODES.length);
  const pool = new BufferPool({ slots: 1 });
  const unmask = fastestUnmask(pool.bytes, pool.memory);
  const reader = new FrameReader(
    { pool, unmask, maxFrameBytes: 2 ** 24, counters: { clientFrames: counts } },
    { onPing: () => assert.fail('no ping was sent'), onPong: () => assert.fail('no pong was sent') },
  );
  const payload = randomBytes(2 * READ_BYTES);
  const stream = binary(payload);
  const slot = pool.take();
  const behind = pool.bytes.subarray(slot + READ_BYTES + SIMD_STEP_BYTES);
  behind.fill(0xee);
  let taken = 0;
  for (let from = 0; from < stream.length; from += READ_BYTES) {
    const length = stream.copy(pool.receive, 0, from, from + READ_BYTES);
    const end = reader.read(0, length, slot);
    assert.ok(pool.bytes.subarray(slot, end).equals(payload.subarray(taken, taken + end - slot)));
    taken += end - slot;
  }
  assert.equal(taken, payload.length);
  assert.ok(
    behind.every((byte) => byte === 0xee),
    'a neighbour was written to',
  );
});

test('discard: payload is dropped and no ping told, but the close frame and broken rules are still seen', () => {
  for (const [last, end] of [
    [closeFrame(1001), { reason: 'client_closed', code: 1001 }],
    [binary('x', { mask: null }), { reason: 'frame_violation', code: 1002 }],
  ] as const) {
    const recorded = new RecordedReader(CAP);
    recorded.feed(join(binary('ab'), binary('cdef').subarray(0, -2)));
    recorded.reader.discard();
    recorded.feed(binary('cdef').subarray(-2));
    recorded.feed(join(binary('late'), frame(Opcode.ping, 'late'), frame(Opcode.pong), last));
    const { bytes, control, end: seen, frames } = recorded.result();
    assert.equal(bytes.toString(), 'abcd');
    assert.deepEqual(control, ['pong']);
    assert.deepEqual(seen, end);
    assert.equal(frames[OPCODES.indexOf('binary')], 3);
  }
});

test('counts are added to what other readers of the process have counted', () => {
  const shared = new Float64Array(OPCODES.length);
  const pool = new BufferPool({ slots: 1 });
  const unmask = fastestUnmask(pool.bytes, pool.memory);
  const stream = join(binary('a'), frame(Opcode.ping), frame(Opcode.pong), closeFrame());
  const readers = Array.from(
    { length: 3 },
    () =>
      new FrameReader(
        { pool, unmask, maxFrameBytes: CAP, counters: { clientFrames: shared } },
        { onPing: () => {}, onPong: () => {} },
      ),
  );
  for (const reader of readers) {
    const slot = pool.take();
    reader.read(0, stream.copy(pool.receive), slot);
    pool.untake(slot);
    assert.deepEqual([reader.controlFrames, reader.dataFrames], [3, 1]);
  }
  assert.deepEqual([...shared], [0, 0, 3, 3, 3, 3, 0]);
});

function expected(row: Row): FramesRead {
  const { close = 0, ping = 0, pong = 0 } = row.frames;
  return {
    bytes: Buffer.from(row.bytes ?? ''),
    control: (row.control ?? []).map((one) =>
      one.startsWith('ping ') ? `ping ${Buffer.from(one.slice(5)).toString('hex')}` : one,
    ),
    end: row.end === undefined ? undefined : { reason: row.end[0], code: row.end[1] },
    closed: row.closed ?? false,
    broken: row.broken ?? false,
    controlFrames: close + ping + pong,
    frames: OPCODES.map((name) => row.frames[name] ?? 0),
  };
}

/** Byte by byte, in two at every byte, and in three at every two bytes where that is not too much. */
function* allCuts(stream: Buffer): Generator<Buffer[]> {
  yield [...stream].map((byte) => Buffer.from([byte]));
  for (let cut = 1; cut < stream.length; cut++) {
    yield [stream.subarray(0, cut), stream.subarray(cut)];
    if (stream.length > SHORT) continue;
    for (let next = cut + 1; next < stream.length; next++) {
      yield [stream.subarray(0, cut), stream.subarray(cut, next), stream.subarray(next)];
    }
  }
}

/** All of it in a form that is cheap to compare. */
function text({ bytes, end, ...rest }: FramesRead): string {
  return `${bytes.toString('latin1')} ${end?.reason} ${end?.code} ${Object.values(rest).join(' ')}`;
}

test('control frames up to the limit pass, and one more ends the stream', () => {
  const pool = new BufferPool();
  const pings: string[] = [];
  const counters = { clientFrames: new Float64Array(OPCODES.length) };
  const reader = new FrameReader(
    { pool, unmask: fastestUnmask(pool.bytes, pool.memory), maxFrameBytes: CAP, counters },
    { onPing: (payload) => pings.push(payload.toString()), onPong: () => {} },
  );
  reader.controlFramesAllowed = 2;
  const pinged = (payload: string): void => {
    const length = frame(Opcode.ping, payload).copy(pool.receive);
    const slot = pool.take();
    reader.read(0, length, slot);
    pool.untake(slot);
  };
  pinged('one');
  pinged('two');
  assert.equal(reader.end, undefined);
  pinged('three');
  assert.deepEqual(reader.end, { reason: 'rate_exceeded', code: 1008 });
  assert.deepEqual(pings.slice(0, 2), ['one', 'two']);
});

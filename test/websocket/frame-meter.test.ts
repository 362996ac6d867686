import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { OPCODES } from '../../src/websocket/frame-counters.ts';
import { FrameMeter } from '../../src/websocket/frame-meter.ts';
import { closeFrame, frame, Opcode } from '../support/raw-client.ts';

function measured(chunks: readonly Buffer[]): {
  frames: Record<string, number>;
  open: boolean;
  messages: number;
  control: number;
} {
  const meter = new FrameMeter(new Float64Array(OPCODES.length));
  for (const chunk of chunks) meter.feed(chunk, 0);
  const frames = Object.fromEntries(
    OPCODES.map((name, index) => [name, meter.frames[index] ?? 0]).filter(([, count]) => count !== 0),
  ) as Record<string, number>;
  const all = Object.values(frames).reduce((sum, count) => sum + count, 0);
  assert.equal(meter.controlFrames + meter.dataFrames, all);
  return { frames, open: meter.messageOpen, messages: meter.messages, control: meter.controlFrames };
}

const bytewise = (bytes: Buffer): Buffer[] => [...bytes].map((byte) => Buffer.from([byte]));

const CASES: readonly [string, Buffer, ReturnType<typeof measured>][] = [
  ['one binary frame', frame(2, 'hello'), { frames: { binary: 1 }, open: false, messages: 1, control: 0 }],
  ['an empty frame', frame(2, ''), { frames: { binary: 1 }, open: false, messages: 1, control: 0 }],
  [
    '16-bit and 64-bit lengths',
    Buffer.concat([frame(2, Buffer.alloc(300)), frame(2, Buffer.alloc(70_000))]),
    { frames: { binary: 2 }, open: false, messages: 2, control: 0 },
  ],
  [
    'an unfinished message with a ping inside',
    Buffer.concat([frame(2, 'a', { fin: false }), frame(9, 'p')]),
    { frames: { binary: 1, ping: 1 }, open: true, messages: 0, control: 1 },
  ],
  [
    'its end',
    Buffer.concat([frame(1, 'a', { fin: false }), frame(9), frame(0, 'b')]),
    { frames: { text: 1, ping: 1, continuation: 1 }, open: false, messages: 1, control: 1 },
  ],
  [
    'a frame cut in its payload',
    frame(2, 'hello').subarray(0, 8),
    { frames: { binary: 1 }, open: true, messages: 0, control: 0 },
  ],
  [
    'a frame cut in its header',
    frame(2, Buffer.alloc(300)).subarray(0, 3),
    { frames: {}, open: true, messages: 0, control: 0 },
  ],
  [
    'close and pong',
    Buffer.concat([frame(10), closeFrame(1000)]),
    { frames: { close: 1, pong: 1 }, open: false, messages: 0, control: 2 },
  ],
  [
    'reserved opcodes',
    Buffer.concat([frame(3), frame(11)]),
    { frames: { other: 2 }, open: false, messages: 1, control: 1 },
  ],
];

for (const [name, bytes, expected] of CASES) {
  test(`${name}, whole and byte by byte`, () => {
    assert.deepEqual(measured([bytes]), expected);
    assert.deepEqual(measured(bytewise(bytes)), expected);
  });
}

test('any frames in any pieces measure the same', () => {
  const anyFrame = fc
    .tuple(
      fc.constantFrom(...Object.values(Opcode)),
      fc.uint8Array({ maxLength: 200 }),
      fc.boolean(),
      fc.constantFrom<0 | 2 | 8 | undefined>(undefined, 2, 8),
    )
    .map(([opcode, payload, fin, lengthBytes]) => {
      const options = { fin: fin || opcode >= 8, ...(lengthBytes === undefined ? {} : { lengthBytes }) };
      return frame(opcode, Buffer.from(payload), options);
    });
  fc.assert(
    fc.property(
      fc.array(anyFrame, { maxLength: 12 }),
      fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1 }),
      (frames, sizes) => {
        const stream = Buffer.concat(frames);
        const pieces: Buffer[] = [];
        for (let from = 0, turn = 0; from < stream.length; turn++) {
          const size = sizes[turn % sizes.length]!;
          pieces.push(stream.subarray(from, from + size));
          from += size;
        }
        assert.deepEqual(measured(pieces), measured([stream]));
      },
    ),
    { numRuns: 500 },
  );
});

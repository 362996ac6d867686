import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { after, before, describe, test } from 'node:test';
import { WebSocket } from 'ws';
import type { ConfigOverrides } from '../support/config.ts';
import { FakeUpstream, INFO_LINE, type UpstreamConnection } from '../support/fake-upstream.ts';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';
import {
  closeFrame,
  type FrameOptions,
  frame,
  Opcode,
  RawClient,
  type RequestOptions,
} from '../support/raw-client.ts';

/**
 * The frame vectors (F1 to F18), each behind a good 101 and the INFO message, over a real socket with frames that
 * no library built. `bytes`: exactly these went upstream and the session is open. `code`: how the session ended;
 * then `bytes` is what was complete before the violation. Where the engines differ on purpose, `cutThrough` says how:
 * it knows no message, only frames, and what it refuses half-way is upstream up to there.
 */
type Vector = Outcome & {
  readonly name: string;
  readonly send: readonly Buffer[];
  readonly cutThrough?: Outcome;
};

type Outcome = {
  readonly bytes?: string | Buffer;
  /** Close codes that are right; 'closed': the connection may also end without a close frame. */
  readonly code?: readonly (number | 'closed' | 'empty')[];
  readonly reason?: string;
};

const CAP = 1024 * 1024;
const binary = (payload: Buffer | string, options?: FrameOptions): Buffer =>
  frame(Opcode.binary, payload, options);
const text = (payload: Buffer | string, options?: FrameOptions): Buffer =>
  frame(Opcode.text, payload, options);
const big = randomBytes(3000);
const bytewise = (bytes: Buffer): Buffer[] => [...bytes].map((byte) => Buffer.from([byte]));
const fragments = (count: number): Buffer =>
  Buffer.concat([
    binary('a', { fin: false }),
    ...Array.from({ length: count - 2 }, () => frame(Opcode.continuation, 'a', { fin: false })),
    frame(Opcode.continuation, 'a'),
  ]);
/** limits.frameBytes / 4096, at least 256: what the buffered engine lets a message be cut into. */
const MAX_FRAGMENTS = CAP / 4096;

const VECTORS: readonly Vector[] = [
  { name: 'F1 binary', send: [binary('hello')], bytes: 'hello' },
  { name: 'F1 zero mask', send: [binary('hello', { mask: Buffer.alloc(4) })], bytes: 'hello' },
  { name: 'F1 empty message', send: [binary(''), binary('x')], bytes: 'x' },
  { name: 'F1 3,000 bytes in 1-byte segments', send: bytewise(binary(big)), bytes: big },
  { name: 'F2 text', send: [text('hello')], code: [1003], reason: 'not_binary', bytes: '' },
  {
    name: 'F2 text header over the cap',
    send: [text('', { announce: 2n * BigInt(CAP) })],
    code: [1009],
    bytes: '',
    cutThrough: { code: [1003], reason: 'not_binary' },
  },
  {
    name: 'F2 text, cut before its mask',
    send: [text('x').subarray(0, 2)],
    bytes: '',
    cutThrough: { code: [1003] },
  },
  {
    name: 'F3 text, then binary, in one segment',
    send: [Buffer.concat([text('t'), binary('b')])],
    code: [1003],
    bytes: '',
  },
  {
    name: 'F3 binary, text, binary in one segment',
    send: [Buffer.concat([binary('a'), text('t'), binary('b')])],
    code: [1003],
    bytes: 'a',
  },
  {
    name: 'F4 no mask',
    send: [binary('hello', { mask: null })],
    code: [1002],
    reason: 'frame_violation',
    bytes: '',
  },
  {
    name: 'F4 no mask behind a good frame',
    send: [Buffer.concat([binary('a'), binary('b', { mask: null })])],
    code: [1002],
    bytes: 'a',
  },
  { name: 'F5 RSV1', send: [binary('a', { rsv: 4 })], code: [1002], bytes: '' },
  { name: 'F5 RSV2', send: [binary('a', { rsv: 2 })], code: [1002], bytes: '' },
  { name: 'F5 RSV1 on a ping', send: [frame(Opcode.ping, '', { rsv: 4 })], code: [1002], bytes: '' },
  { name: 'F6 opcode 3', send: [frame(3, 'a')], code: [1002], bytes: '' },
  { name: 'F6 opcode 11', send: [frame(11, 'a')], code: [1002], bytes: '' },
  { name: 'F7 continuation of nothing', send: [frame(Opcode.continuation, 'a')], code: [1002], bytes: '' },
  {
    name: 'F7 new message inside a message',
    send: [binary('a', { fin: false }), binary('b')],
    code: [1002],
    bytes: '',
    cutThrough: { code: [1002], bytes: 'a' },
  },
  {
    name: 'F8 ping between two fragments',
    send: [binary('a', { fin: false }), frame(Opcode.ping, 'p'), frame(Opcode.continuation, 'b')],
    bytes: 'ab',
  },
  { name: 'F8 ping of 126 bytes', send: [frame(Opcode.ping, Buffer.alloc(126))], code: [1002], bytes: '' },
  { name: 'F8 fragmented ping', send: [frame(Opcode.ping, 'a', { fin: false })], code: [1002], bytes: '' },
  { name: 'F8 unsolicited pong', send: [frame(Opcode.pong, 'a'), binary('x')], bytes: 'x' },
  ...[1000, 1012, 3000, 4999].map((code) => ({
    name: `F9 close ${code}`,
    send: [closeFrame(code)],
    code: [code],
    bytes: '',
  })),
  ...[999, 1005, 1015, 2000, 65_535].map((code) => ({
    name: `F10 close ${code}`,
    send: [closeFrame(code)],
    code: [1002],
    bytes: '',
  })),
  { name: 'F11 empty close', send: [closeFrame()], code: ['empty', 1000], bytes: '' },
  { name: 'F11 close of 1 byte', send: [frame(Opcode.close, 'a')], code: [1002], bytes: '' },
  {
    name: 'F11 close of 126 bytes',
    send: [closeFrame(1000, Buffer.alloc(124, 'a'))],
    code: [1002],
    bytes: '',
  },
  {
    name: 'F11 reason not UTF-8',
    send: [closeFrame(1000, Buffer.from([0xff, 0xfe]))],
    code: [1007, 1002],
    bytes: '',
  },
  {
    name: 'F12 binary behind the own close',
    send: [Buffer.concat([binary('a'), closeFrame(1000), binary('b')])],
    code: [1000],
    bytes: 'a',
  },
  { name: 'F13 5 bytes in the 16-bit form', send: [binary('hello', { lengthBytes: 2 })], bytes: 'hello' },
  {
    name: 'F14 top bit of the 64-bit length',
    send: [binary('', { lengthBytes: 8, announce: 1n << 63n })],
    code: [1002, 1009],
    bytes: '',
  },
  {
    name: 'F14 header announcing cap + 1',
    send: [binary('', { announce: BigInt(CAP) + 1n })],
    code: [1009],
    reason: 'message_too_big',
    bytes: '',
  },
  { name: 'F14 exactly the cap', send: [binary(Buffer.alloc(CAP, 'z'))], bytes: Buffer.alloc(CAP, 'z') },
  {
    name: 'F14 two fragments, sum over the cap',
    send: [binary(Buffer.alloc(CAP), { fin: false }), frame(Opcode.continuation, 'x')],
    code: [1009],
    bytes: '',
    cutThrough: { bytes: Buffer.concat([Buffer.alloc(CAP), Buffer.from('x')]) },
  },
  {
    name: 'F15 20,000 one-byte fragments',
    send: [fragments(20_000)],
    code: [1008],
    reason: 'rate_exceeded',
    bytes: '',
    cutThrough: { bytes: Buffer.alloc(20_000, 'a') },
  },
  {
    name: 'F15 as many fragments as the limit',
    send: [fragments(MAX_FRAGMENTS)],
    bytes: Buffer.alloc(MAX_FRAGMENTS, 'a'),
  },
  {
    name: 'F15 one fragment more than the limit',
    send: [fragments(MAX_FRAGMENTS + 1)],
    code: [1008],
    bytes: '',
    cutThrough: { bytes: Buffer.alloc(MAX_FRAGMENTS + 1, 'a') },
  },
  {
    name: 'F17 HTTP request text',
    send: [Buffer.from('GET / HTTP/1.1\r\nHost: a\r\n\r\n')],
    code: [1002],
    bytes: '',
  },
  {
    name: 'F18 150 pings, then binary, in one segment',
    send: [Buffer.concat([...Array.from({ length: 150 }, () => frame(Opcode.ping)), binary('x')])],
    code: [1008, 'closed'],
    bytes: '',
  },
  {
    name: 'F18 150 pings, then no mask, in one segment',
    send: [
      Buffer.concat([...Array.from({ length: 150 }, () => frame(Opcode.ping)), binary('x', { mask: null })]),
    ],
    code: [1008, 'closed'],
    bytes: '',
    cutThrough: { code: [1008], reason: 'rate_exceeded' },
  },
  {
    name: 'F18 200 pings in one segment',
    send: [Buffer.concat(Array.from({ length: 200 }, () => frame(Opcode.ping)))],
    code: [1008, 'closed'],
    bytes: '',
  },
];

for (const engine of ['cut-through', 'buffered'] as const) {
  describe(`the ${engine} engine`, () => frameTests(engine, {}, {}));
}
describe('a compressed session', () =>
  frameTests(
    'buffered',
    { compression: { enabled: true } },
    { headers: { 'Sec-WebSocket-Extensions': 'permessage-deflate' } },
  ));

function frameTests(
  engine: NonNullable<ConfigOverrides['engine']>,
  compression: ConfigOverrides,
  request: RequestOptions,
): void {
  const settings = { engine, ...compression };
  describe('vectors', () => {
    let upstream: FakeUpstream;
    let gateway: TestGateway;
    let count = 0;

    before(async () => {
      upstream = await FakeUpstream.start();
      gateway = await startTestGateway(upstream.port, { ...settings, limits: { maxFrameBytes: CAP } });
    });
    after(async () => {
      await gateway[Symbol.asyncDispose]();
      await upstream[Symbol.asyncDispose]();
    });

    for (const vector of VECTORS) {
      // A compressed frame is no violation there.
      if (vector.name === 'F5 RSV1' && compression.compression !== undefined) continue;
      test(vector.name, async () => {
        await using client = await RawClient.open(gateway.port, request);
        const connection = await upstream.connection(count++);
        for (const piece of vector.send) client.send(piece);
        const outcome = (engine === 'cut-through' ? vector.cutThrough : undefined) ?? vector;
        const expected = Buffer.from(outcome.bytes ?? '');
        if (outcome.code === undefined) await assertOpen(client, connection, expected);
        else {
          const close = await client.closeReceived();
          const seen = close === undefined ? 'closed' : (close.code ?? 'empty');
          assert.ok(outcome.code.includes(seen), `ended with ${seen}, not ${outcome.code}`);
          if (outcome.reason !== undefined) assert.equal(close?.reason, outcome.reason);
          await connection.until((one) => one.closed);
        }
        assert.deepEqual(connection.received, expected);
      });
    }

    /** Exactly `expected` went up, and the session still carries bytes both ways. */
    async function assertOpen(
      client: RawClient,
      connection: UpstreamConnection,
      expected: Buffer,
    ): Promise<void> {
      await connection.until((one) => one.byteCount >= expected.length);
      connection.socket.write('PONG\r\n');
      await client.until(() => client.data.toString().endsWith('PONG\r\n'));
      assert.equal(client.data.toString(), `${INFO_LINE}PONG\r\n`);
      assert.equal(client.closed, false);
    }
  });

  test('F8 a ping is answered by a pong with its payload', async () => {
    await using upstream = await FakeUpstream.start();
    await using gateway = await startTestGateway(upstream.port, { ...settings });
    await using client = await RawClient.open(gateway.port, request);
    client.send(frame(Opcode.ping, 'payload'));
    await client.until(() =>
      client.frames.some((one) => one.opcode === Opcode.pong && one.payload.toString() === 'payload'),
    );
  });

  if (engine === 'buffered')
    test('F2 F15 a message that is begun and not finished ends as assembly_timeout after 30 s', async () => {
      await using upstream = await FakeUpstream.start();
      await using gateway = await startTestGateway(upstream.port, { ...settings });
      for (const opcode of [Opcode.text, Opcode.binary]) {
        await using client = await RawClient.open(gateway.port, request);
        client.send(Buffer.concat([frame(opcode, 'never', { fin: false }), frame(Opcode.ping)]));
        await client.until(() => client.frames.some((one) => one.opcode === Opcode.pong));
        gateway.advance(29_000);
        assert.equal(client.closed, false);
        gateway.advance(1500);
        assert.deepEqual(await client.closeReceived(), { code: 1008, reason: 'assembly_timeout' });
      }
    });

  test('a client whose messages overlap its reads is never taken for one that finishes none', async () => {
    await using upstream = await FakeUpstream.start({ echo: true });
    await using gateway = await startTestGateway(upstream.port, { ...settings });
    await using client = await RawClient.open(gateway.port, request);
    const connection = await upstream.connection();
    const message = frame(Opcode.binary, 'abcdef');
    const early = engine === 'cut-through' ? 2 : 0;
    client.send(message.subarray(0, 8));
    for (let round = 1; round <= 20; round++) {
      client.send(Buffer.concat([message.subarray(8), message.subarray(0, 8)]));
      await connection.until((one) => one.byteCount === round * 6 + early);
      gateway.advance(10_000);
    }
    assert.equal(
      client.frames.some((one) => one.opcode === Opcode.close),
      false,
    );
  });

  test('F18 control frames over 100 in 10 s end the session, spread ones do not', async () => {
    await using upstream = await FakeUpstream.start();
    await using gateway = await startTestGateway(upstream.port, { ...settings });
    await using client = await RawClient.open(gateway.port, request);
    const pongs = (): number => client.frames.filter((one) => one.opcode === Opcode.pong).length;
    for (let round = 1; round <= 4; round++) {
      for (let ping = 0; ping < 50; ping++) client.send(frame(Opcode.ping, Buffer.alloc(125)));
      await client.until(() => pongs() === round * 50);
      gateway.advance(10_000);
    }
    for (let ping = 0; ping < 90; ping++) {
      client.send(frame(Opcode.ping, Buffer.alloc(125)));
      await client.until(() => pongs() === 200 + ping + 1);
    }
    for (let ping = 0; ping < 20; ping++) client.send(frame(Opcode.ping));
    assert.deepEqual(await client.closeReceived(), { code: 1008, reason: 'rate_exceeded' });
  });

  test('a fast reader that answers each of our pings is no flood of control frames', async () => {
    await using upstream = await FakeUpstream.start();
    await using gateway = await startTestGateway(upstream.port, { ...settings });
    const client = new WebSocket(`ws://127.0.0.1:${gateway.port}/`, { origin: 'https://app.example.com' });
    const ended = once(client, 'close').then(([code]) => assert.fail(`the session ended: ${code}`));
    let received = 0;
    let expected = 0;
    let done = (): void => {};
    client.on('message', (data: Buffer) => {
      received += data.length;
      if (received >= expected) done();
    });
    const connection = await upstream.connection();
    let pings = 0;
    client.on('ping', () => pings++);
    const burst = Buffer.alloc(8 * 1024 * 1024);
    for (let round = 1; round <= 4; round++) {
      const { promise, resolve } = Promise.withResolvers<void>();
      done = resolve;
      expected = round * burst.length;
      connection.socket.write(burst);
      await Promise.race([promise, ended]);
      gateway.advance(250);
    }
    assert.ok(pings > 100, `${pings} pings are not enough to show it`);
    client.terminate();
  });

  test('a flood of control frames in the first chunk of a window counts in that window', async () => {
    await using upstream = await FakeUpstream.start();
    await using gateway = await startTestGateway(upstream.port, { ...settings });
    await using client = await RawClient.open(gateway.port, request);
    gateway.advance(20_000);
    client.send(Buffer.concat(Array.from({ length: 5000 }, () => frame(Opcode.pong))));
    assert.deepEqual(await client.closeReceived(), { code: 1008, reason: 'rate_exceeded' });
  });

  test('F12 close while 1 MiB towards the client is unread: the data, then the close handshake', async () => {
    const flood = randomBytes(1024 * 1024);
    await using upstream = await FakeUpstream.start({ onConnection: (one) => one.socket.write(flood) });
    await using gateway = await startTestGateway(upstream.port, { ...settings });
    await using client = await RawClient.open(gateway.port, request);
    client.socket.pause();
    await (await upstream.connection()).until(
      (one) => one.socket.writableLength === 0 || one.socket.bytesWritten > flood.length,
    );
    client.send(closeFrame(1000));
    client.socket.resume();
    assert.deepEqual(await client.closeReceived(), { code: 1000, reason: '' });
    assert.ok(
      Buffer.concat([Buffer.from(INFO_LINE), flood])
        .subarray(0, client.data.length)
        .equals(client.data),
      'a prefix of what was sent',
    );
  });

  test('F12 a client that never answers our close is dropped after timeouts.close', async () => {
    await using upstream = await FakeUpstream.start();
    await using gateway = await startTestGateway(upstream.port, { ...settings });
    await using client = await RawClient.open(gateway.port, request);
    client.endsToo = false;
    client.send(frame(Opcode.text, 'x'));
    assert.deepEqual(await client.closeReceived(), { code: 1003, reason: 'not_binary' });
    assert.equal(gateway.gateway.sessionCount, 1);
    gateway.advance(2500);
    await client.until(() => client.closed || client.ended);
    await gateway.log.ended();
    assert.equal(gateway.gateway.sessionCount, 0);
  });

  test('F16 a frame cut in its payload, then FIN: the upstream ends, with the partial bytes or without', async () => {
    await using upstream = await FakeUpstream.start();
    await using gateway = await startTestGateway(upstream.port, { ...settings });
    await using client = await RawClient.open(gateway.port, request);
    client.send(
      Buffer.concat([frame(Opcode.binary, 'whole'), frame(Opcode.binary, 'partial').subarray(0, 9)]),
    );
    client.socket.end();
    const connection = await upstream.connection();
    await connection.until((one) => one.ended);
    assert.equal(connection.received.toString(), engine === 'cut-through' ? 'wholepar' : 'whole');
    assert.equal((await gateway.log.ended())['reason'], 'client_gone');
  });

  test('F18 silence: no byte for timeouts.silence ends as client_unresponsive, a pong is life, data is life', async () => {
    await using upstream = await FakeUpstream.start();
    await using gateway = await startTestGateway(upstream.port, { ...settings });
    await using client = await RawClient.open(gateway.port, request);
    const connection = await upstream.connection();
    const pings = (): number => client.frames.filter((one) => one.opcode === Opcode.ping).length;
    gateway.advance(28_000);
    await client.until(() => pings() === 1);
    assert.equal(client.frames.find((one) => one.opcode === Opcode.ping)?.payload.length, 0);
    gateway.advance(270_000);
    client.send(Buffer.concat([frame(Opcode.pong, 'other'), frame(Opcode.binary, 'x')]));
    await connection.until((one) => one.byteCount === 1);
    gateway.advance(299_000);
    client.send(frame(Opcode.binary, 'x'));
    await connection.until((one) => one.byteCount === 2);
    gateway.advance(299_000);
    assert.equal(
      client.frames.some((one) => one.opcode === Opcode.close),
      false,
    );
    gateway.advance(1500);
    assert.deepEqual(await client.closeReceived(), { code: 1001, reason: 'client_unresponsive' });
    gateway.advance(2500);
    assert.equal((await gateway.log.ended())['reason'], 'client_unresponsive');
  });
}

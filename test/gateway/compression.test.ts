import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { describe, test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { promisify } from 'node:util';
import zlib, { constants, deflateRawSync, inflateRaw } from 'node:zlib';
import { WebSocket } from 'ws';
import { makeCertificates, serverTls } from '../support/certificates.ts';
import type { ConfigOverrides } from '../support/config.ts';
import { FakeUpstream, INFO_LINE } from '../support/fake-upstream.ts';
import { startTestGateway, type TestGateway, turnUntil } from '../support/gateway.ts';
import {
  closeFrame,
  type FrameOptions,
  frame,
  Opcode,
  plainPayload,
  RawClient,
} from '../support/raw-client.ts';
import { ReloadableGateway } from '../support/reloadable.ts';

const MiB = 1024 * 1024;
const ON = { compression: { enabled: true } } as const;
const RSV1 = 4;
const OFFER = { headers: { 'Sec-WebSocket-Extensions': 'permessage-deflate; client_max_window_bits' } };
const offer = (value: string) => ({ headers: { 'Sec-WebSocket-Extensions': value } });

/** RFC 7692 §7.2.1: deflated, flushed, without the four bytes of the flush. */
function deflated(data: Buffer | string): Buffer {
  return deflateRawSync(data, { finishFlush: constants.Z_SYNC_FLUSH }).subarray(0, -4);
}

const compressed = (data: Buffer | string, options: FrameOptions = {}): Buffer =>
  frame(Opcode.binary, deflated(data), { rsv: RSV1, ...options });

async function metric(gateway: TestGateway, series: string): Promise<number> {
  const { body } = await gateway.gateway.metrics(false);
  const line = body.split('\n').find((one) => one.startsWith(series));
  assert.ok(line !== undefined, series);
  return Number(line.split(' ').at(-1));
}

/** Asks again and again; the event behind the figure is not told to a test. */
async function untilPositive(figure: () => Promise<number>): Promise<void> {
  const deadlineMs = performance.now() + 30_000;
  while ((await figure()) === 0) {
    if (performance.now() > deadlineMs) throw new Error('still 0');
    await wait(10);
  }
}

const result = (gateway: TestGateway, name: string): Promise<number> =>
  metric(gateway, `natsgate_compression_handshakes_total{listener="default",result="${name}"}`);
const active = (gateway: TestGateway): Promise<number> =>
  metric(gateway, 'natsgate_compressed_sessions_active{listener="default"}');

describe('who gets permessage-deflate', () => {
  const BOTH = 'permessage-deflate; server_no_context_takeover; client_no_context_takeover';
  const VECTORS: readonly [offer: string, answer: string | undefined, counted: string][] = [
    ['permessage-deflate; client_max_window_bits', '; server_max_window_bits=13', 'compressed'],
    ['permessage-deflate', '; server_max_window_bits=13', 'compressed'],
    [BOTH, '; server_max_window_bits=13', 'compressed'],
    [
      'permessage-deflate; client_max_window_bits=10',
      '; client_max_window_bits=10; server_max_window_bits=13',
      'compressed',
    ],
    ['permessage-deflate; server_max_window_bits=15', '; server_max_window_bits=13', 'compressed'],
    [
      'permessage-deflate; server_max_window_bits=9, permessage-deflate',
      '; server_max_window_bits=13',
      'compressed',
    ],
    ['x-webkit-deflate-frame, permessage-deflate', '; server_max_window_bits=13', 'compressed'],
    [', permessage-deflate,, x-other ,', '; server_max_window_bits=13', 'compressed'],
    [' , ', undefined, 'not_offered'],
    ['permessage-deflate; server_max_window_bits=9', undefined, 'unacceptable'],
    ['permessage-deflate; server_max_window_bits=99', undefined, 'unacceptable'],
    ['permessage-deflate; unheard_of', undefined, 'unacceptable'],
    ['permessage-deflate; server_no_context_takeover=1', undefined, 'unacceptable'],
    [';;;===,"', undefined, 'unacceptable'],
    ['x-webkit-deflate-frame', undefined, 'not_offered'],
    ['__proto__; constructor', undefined, 'not_offered'],
  ];
  for (const [offered, expected, counted] of VECTORS) {
    test(`${offered} → ${counted}`, async () => {
      await using upstream = await FakeUpstream.start();
      await using gateway = await startTestGateway(upstream.port, ON);
      await using client = await RawClient.open(gateway.port, offer(offered));
      const answer = (await client.answer()).headers.get('sec-websocket-extensions');
      const parameters = (text: string): string[] => text.split('; ').toSorted();
      if (expected === undefined) assert.equal(answer, undefined);
      else assert.deepEqual(parameters(answer ?? ''), parameters(BOTH + expected));
      assert.equal(await result(gateway, counted), 1);
      assert.equal(await active(gateway), counted === 'compressed' ? 1 : 0);
    });
  }

  test('over TLS as well', async () => {
    await using certificates = await makeCertificates();
    const tls = serverTls(certificates);
    await using upstream = await FakeUpstream.start({ echo: true });
    await using gateway = await startTestGateway(upstream.port, { ...ON, listen: { tls } });
    await using client = await RawClient.open(gateway.port, OFFER, {});
    const text = 'over TLS '.repeat(1000);
    client.send(compressed(text));
    await client.until(() => client.data.toString() === INFO_LINE + text);
    assert.equal(await active(gateway), 1);
  });

  test('nobody when it is off, and a compressed frame is then a violation', async () => {
    await using upstream = await FakeUpstream.start();
    await using gateway = await startTestGateway(upstream.port, { compression: { enabled: false } });
    await using client = await RawClient.open(gateway.port, OFFER);
    assert.equal((await client.answer()).headers.get('sec-websocket-extensions'), undefined);
    client.send(compressed('x'));
    assert.deepEqual(await client.closeReceived(), { code: 1002, reason: 'frame_violation' });
  });

  test('a session without offer stays on cut-through: a frame is forwarded before it is complete', async () => {
    await using upstream = await FakeUpstream.start();
    await using gateway = await startTestGateway(upstream.port, { ...ON, engine: 'cut-through' });
    await using client = await RawClient.open(gateway.port);
    assert.equal(await result(gateway, 'not_offered'), 1);
    client.send(frame(Opcode.binary, 'partial').subarray(0, 9));
    await (await upstream.connection()).until((one) => one.received.toString() === 'par');
  });

  test('the cap: the next session is served without, and with again when one has ended', async () => {
    await using upstream = await FakeUpstream.start({ echo: true });
    await using gateway = await startTestGateway(upstream.port, {
      compression: { enabled: true, sessions: 2 },
    });
    const extensions = async (client: RawClient): Promise<boolean> =>
      (await client.answer()).headers.has('sec-websocket-extensions');
    await using first = await RawClient.open(gateway.port, OFFER);
    await using second = await RawClient.open(gateway.port, OFFER);
    await using third = await RawClient.open(gateway.port, OFFER);
    assert.deepEqual(await Promise.all([first, second, third].map(extensions)), [true, true, false]);
    assert.equal(await result(gateway, 'at_cap'), 1);
    third.send(frame(Opcode.binary, 'served'));
    await third.until(() => third.data.toString().endsWith('served'));
    first.send(closeFrame(1000));
    await gateway.log.ended();
    assert.equal(await active(gateway), 1);
    await using fourth = await RawClient.open(gateway.port, OFFER);
    assert.equal(await extensions(fourth), true);
  });

  test('a reload that changes something else leaves no room above the cap', async () => {
    await using upstream = await FakeUpstream.start();
    const compression = { enabled: true, sessions: 1 };
    await using gateway = await ReloadableGateway.start(upstream.port, { compression });
    const extensions = async (client: RawClient): Promise<boolean> =>
      (await client.answer()).headers.has('sec-websocket-extensions');
    await using first = await RawClient.open(gateway.port, OFFER);
    await gateway.write({ compression, timeouts: { stall: '20s' } });
    assert.equal((await gateway.gateway.reload('api'))?.outcome, 'applied');
    await using second = await RawClient.open(gateway.port, OFFER);
    assert.deepEqual(await Promise.all([first, second].map(extensions)), [true, false]);
  });
});

describe('what is sent', () => {
  test('below the threshold uncompressed, from it on deflated; wire bytes are what was on the wire', async () => {
    await using upstream = await FakeUpstream.start();
    await using gateway = await startTestGateway(upstream.port, {
      compression: { enabled: true, thresholdBytes: 200 },
    });
    await using client = await RawClient.open(gateway.port, OFFER);
    const head = client.socket.bytesRead - INFO_LINE.length - 2;
    const connection = await upstream.connection();
    const sent = [
      'a'.repeat(199),
      'b'.repeat(200),
      'c'.repeat(60_000),
      randomBytes(60_000).toString('latin1'),
    ];
    for (const [index, text] of sent.entries()) {
      connection.socket.write(text, 'latin1');
      let due = 0;
      await client.until(() => {
        const frames = client.frames.slice(1);
        due = frames.reduce((sum, one) => sum + plainPayload(one).length, 0);
        return due === sent.slice(0, index + 1).join('').length;
      });
    }
    const frames = client.frames.slice(1);
    assert.equal(frames[0]?.compressed, false);
    assert.equal(frames[1]?.compressed, true);
    assert.equal(Buffer.concat(frames.map(plainPayload)).toString('latin1'), sent.join(''));
    assert.equal(
      await metric(gateway, 'natsgate_wire_bytes_total{listener="default",direction="to_client"}'),
      client.socket.bytesRead - head,
    );
    assert.equal(
      await metric(gateway, 'natsgate_transfer_bytes_total{listener="default",direction="to_client"}'),
      INFO_LINE.length + sent.join('').length,
    );
  });

  test('a client that reads slowly holds the server back, gets all of it, and the pause is counted', async () => {
    const flood = Buffer.alloc(24 * MiB, randomBytes(2 * MiB).toString('base64'));
    await using upstream = await FakeUpstream.start({ onConnection: (one) => one.socket.write(flood) });
    await using gateway = await startTestGateway(upstream.port, ON);
    const client = new WebSocket(`ws://127.0.0.1:${gateway.port}`);
    const parts: Buffer[] = [];
    let bytes = 0;
    client.on('message', (data: Buffer) => {
      parts.push(data);
      bytes += data.length;
      client.emit('some');
    });
    await once(client, 'some');
    client.pause();
    const connection = await upstream.connection();
    // The server's side stands still when the gateway reads no more.
    const waiting = async (): Promise<number> =>
      metric(gateway, 'natsgate_backpressure_paused_sessions{side="upstream"}');
    await untilPositive(waiting);
    assert.ok(connection.socket.writableLength > 0, 'the flood waits at its source');
    const buffered = await metric(gateway, 'natsgate_buffered_bytes{side="client"}');
    assert.ok(buffered <= 4 * 65_536, `${buffered} bytes wait in the process`);
    client.resume();
    while (bytes < INFO_LINE.length + flood.length) await once(client, 'some');
    assert.ok(Buffer.concat(parts).subarray(INFO_LINE.length).equals(flood));
    client.close(1000);
    await gateway.log.ended();
  });
});

describe('what is received', () => {
  type Ending = { readonly bytes?: Buffer | string; readonly code?: number; readonly reason?: string };
  const deflatedText = deflated('PUB a 5\r\nhello\r\n');
  const cut = (bytes: Buffer, at: number): Buffer =>
    Buffer.concat([
      frame(Opcode.binary, bytes.subarray(0, at), { rsv: RSV1, fin: false }),
      frame(Opcode.continuation, bytes.subarray(at)),
    ]);
  const VECTORS: readonly [name: string, sent: Buffer, Ending][] = [
    ['a compressed message', compressed('hello'), { bytes: 'hello' }],
    ['an uncompressed one', frame(Opcode.binary, 'hello'), { bytes: 'hello' }],
    ['an empty one', Buffer.concat([compressed(''), compressed('x')]), { bytes: 'x' }],
    [
      'compressed and not, in one segment, in order',
      Buffer.concat([
        ...['a', 'b', 'c'].map((text) => compressed(text.repeat(5000))),
        frame(Opcode.binary, 'd'),
        compressed('e'),
        frame(Opcode.binary, 'f'),
      ]),
      { bytes: `${'a'.repeat(5000)}${'b'.repeat(5000)}${'c'.repeat(5000)}def` },
    ],
    ['fragments', cut(deflatedText, 5), { bytes: 'PUB a 5\r\nhello\r\n' }],
    ['fragments, the first empty', cut(deflatedText, 0), { bytes: 'PUB a 5\r\nhello\r\n' }],
    [
      'a batch of eight legal messages, 8 MiB in all',
      compressed(Buffer.alloc(8 * MiB, 'PUB a 9\r\n')),
      { bytes: Buffer.alloc(8 * MiB, 'PUB a 9\r\n') },
    ],
    [
      'one byte more than frameBytes when inflated',
      compressed(Buffer.alloc(8 * MiB + 1)),
      { code: 1009, reason: 'message_too_big' },
    ],
    ['a bomb of 1 GiB', bomb(1024), { code: 1009, reason: 'message_too_big' }],
    [
      'a bomb in two fragments',
      cut(bomb(64, { bare: true }), 30_000),
      { code: 1009, reason: 'message_too_big' },
    ],
    [
      'a good message, then a bomb',
      Buffer.concat([compressed('good'), bomb(16)]),
      { bytes: 'good', code: 1009, reason: 'message_too_big' },
    ],
    [
      'no deflate stream at all',
      frame(Opcode.binary, Buffer.alloc(32, 0xff), { rsv: RSV1 }),
      { code: 1007, reason: 'frame_violation' },
    ],
    [
      'a good message, then a corrupt one',
      Buffer.concat([compressed('good'), frame(Opcode.binary, Buffer.alloc(32, 0xff), { rsv: RSV1 })]),
      { bytes: 'good', code: 1007, reason: 'frame_violation' },
    ],
    [
      'a message that needs the window of the one before',
      Buffer.concat([compressed('x'), frame(Opcode.binary, Buffer.from('02010000', 'hex'), { rsv: RSV1 })]),
      { bytes: 'x', code: 1007, reason: 'frame_violation' },
    ],
    [
      'RSV1 on a continuation',
      Buffer.concat([
        frame(Opcode.binary, deflatedText.subarray(0, 5), { rsv: RSV1, fin: false }),
        frame(Opcode.continuation, deflatedText.subarray(5), { rsv: RSV1 }),
      ]),
      { code: 1002, reason: 'frame_violation' },
    ],
    ['RSV1 on a ping', frame(Opcode.ping, '', { rsv: RSV1 }), { code: 1002, reason: 'frame_violation' }],
    ['RSV2', frame(Opcode.binary, 'x', { rsv: 2 }), { code: 1002, reason: 'frame_violation' }],
    [
      'compressed text',
      Buffer.concat([compressed('before'), frame(Opcode.text, deflated('text'), { rsv: RSV1 })]),
      { bytes: 'before', code: 1003, reason: 'not_binary' },
    ],
    ['text', frame(Opcode.text, 'text'), { code: 1003, reason: 'not_binary' }],
    [
      'what comes behind text is nobody’s',
      Buffer.concat([frame(Opcode.text, deflated('t'), { rsv: RSV1 }), compressed('after')]),
      { bytes: '', code: 1003, reason: 'not_binary' },
    ],
    [
      'compressed messages, then close',
      Buffer.concat([compressed('a'.repeat(100_000)), compressed('b'), closeFrame(1000)]),
      { bytes: `${'a'.repeat(100_000)}b`, code: 1000, reason: '' },
    ],
  ];
  for (const [name, sent, { bytes = '', code, reason }] of VECTORS) {
    test(name, async () => {
      await using upstream = await FakeUpstream.start();
      await using gateway = await startTestGateway(upstream.port, ON);
      await using client = await RawClient.open(gateway.port, OFFER);
      const connection = await upstream.connection();
      client.send(sent);
      const due = Buffer.from(bytes);
      if (code === undefined) {
        await connection.until((one) => one.byteCount >= due.length);
        assert.equal(client.closed || client.ended, false);
      } else {
        assert.deepEqual(await client.closeReceived(), { code, reason });
        await connection.until((one) => one.ended);
      }
      assert.ok(connection.received.equals(due), `${connection.byteCount} bytes`);
    });
  }

  test('messages, then FIN without a close frame: all of them go upstream', async () => {
    await using upstream = await FakeUpstream.start();
    await using gateway = await startTestGateway(upstream.port, ON);
    await using client = await RawClient.open(gateway.port, OFFER);
    const many = Array.from({ length: 20 }, (_, index) => String(index).repeat(30_000));
    client.socket.end(
      Buffer.concat([...many.map((text) => compressed(text)), compressed('cut').subarray(0, 7)]),
    );
    const connection = await upstream.connection();
    await connection.until((one) => one.ended);
    assert.equal(connection.received.toString(), many.join(''));
    assert.equal((await gateway.log.ended())['reason'], 'client_gone');
  });

  test('an upstream that does not read: of many small bombs only a few are inflated, and the session ends', async () => {
    await using upstream = await FakeUpstream.start({ paused: true });
    await using gateway = await startTestGateway(upstream.port, ON);
    await using client = await RawClient.open(gateway.port, OFFER);
    const message = compressed(Buffer.alloc(4 * MiB));
    client.send(Buffer.concat(Array.from({ length: 60 }, () => message)));
    const stalled = (): Promise<number> =>
      metric(gateway, 'natsgate_backpressure_paused_sessions{side="client"}');
    await untilPositive(stalled);
    const bytes = deflateRawSync(Buffer.alloc(4 * MiB));
    const waiting = (): Promise<number> => metric(gateway, 'natsgate_buffered_bytes{side="upstream"}');
    // What the kernels still take makes room for one more, until nothing moves.
    for (let before = -1; before !== (await waiting()); ) {
      before = await waiting();
      // Long enough for zlib to go on by several messages.
      for (let round = 0; round < 10; round++) await promisify(inflateRaw)(bytes);
    }
    const held = await waiting();
    assert.ok(held > 0 && held <= 8 * MiB, `${held} bytes wait`);
    await turnUntil(gateway, () => gateway.gateway.status.openSessions()[0]?.ending !== undefined);
    assert.deepEqual(await client.closeReceived(), { code: 1011, reason: 'upstream_stalled' });
    gateway.advance(2500);
    gateway.advance(31_000);
    await gateway.log.ended();
    assert.equal(await active(gateway), 0);
  });

  test('cut while a message is held back: nothing is left', async () => {
    await using upstream = await FakeUpstream.start({ paused: true });
    await using gateway = await startTestGateway(upstream.port, ON);
    await using client = await RawClient.open(gateway.port, OFFER);
    const message = compressed(Buffer.alloc(4 * MiB));
    client.send(Buffer.concat(Array.from({ length: 10 }, () => message)));
    const stalled = (): Promise<number> =>
      metric(gateway, 'natsgate_backpressure_paused_sessions{side="client"}');
    await untilPositive(stalled);
    await gateway.gateway.stop();
    assert.equal(gateway.gateway.sessionCount, 0);
  });

  test('a reset while messages are being inflated ends the session', async () => {
    await using upstream = await FakeUpstream.start();
    await using gateway = await startTestGateway(upstream.port, ON);
    await using client = await RawClient.open(gateway.port, OFFER);
    const connection = await upstream.connection();
    const message = compressed(Buffer.alloc(4 * MiB));
    client.send(Buffer.concat(Array.from({ length: 10 }, () => message)));
    await connection.until((one) => one.byteCount > 0);
    client.socket.resetAndDestroy();
    assert.equal((await gateway.log.ended())['reason'], 'client_gone');
    assert.equal(await active(gateway), 0);
  });
});

test('two ws clients talk through it, and an idle session gives its zlib memory back and takes it again', async () => {
  await using upstream = await FakeUpstream.start({ echo: true });
  await using gateway = await startTestGateway(upstream.port, ON satisfies ConfigOverrides);
  const client = new WebSocket(`ws://127.0.0.1:${gateway.port}`, { perMessageDeflate: { threshold: 0 } });
  await once(client, 'message');
  assert.equal(client.extensions, 'permessage-deflate');
  const text = Buffer.alloc(50_000, 'hello hello ');
  for (let round = 0; round < 3; round++) {
    const received: Buffer[] = [];
    const done = new Promise<void>((resolve) => {
      client.on('message', function onMessage(data: Buffer) {
        received.push(data);
        if (received.reduce((sum, one) => sum + one.length, 0) < text.length) return;
        client.off('message', onMessage);
        resolve();
      });
    });
    client.send(text);
    await done;
    assert.ok(Buffer.concat(received).equals(text), `round ${round}`);
    // Two pings without traffic between them.
    for (let ping = 0; ping < 2; ping++) {
      const pinged = once(client, 'ping');
      gateway.advance(28_000);
      await pinged;
    }
  }
  client.close(1000);
  assert.equal((await gateway.log.ended())['reason'], 'client_closed');
});

test('zlib’s streams are given back after two pings without traffic, and made again', async (t) => {
  const made: { destroyed: boolean }[] = [];
  for (const name of ['createDeflateRaw', 'createInflateRaw'] as const) {
    const make = zlib[name];
    t.mock.method(zlib, name, (options: zlib.ZlibOptions) => {
      const stream = make(options);
      made.push(stream);
      return stream;
    });
  }
  const alive = (): number => made.filter((stream) => !stream.destroyed).length;
  await using upstream = await FakeUpstream.start({ echo: true });
  await using gateway = await startTestGateway(upstream.port, ON);
  await using client = await RawClient.open(gateway.port, OFFER);
  const message = Buffer.alloc(8000, 'hello hello ');
  const talk = async (): Promise<void> => {
    const due = client.data.length + message.length;
    client.send(compressed(message));
    await client.until(() => client.data.length === due);
  };
  let pings = 0;
  const ping = async (): Promise<void> => {
    gateway.advance(28_000);
    pings++;
    await client.until(() => client.frames.filter((one) => one.opcode === Opcode.ping).length === pings);
  };
  assert.equal(alive(), 0, 'none before there is something for it');
  await talk();
  assert.equal(alive(), 2);
  await ping();
  assert.equal(alive(), 2, 'one ping after traffic changes nothing');
  await ping();
  assert.equal(alive(), 0);
  await talk();
  assert.deepEqual([alive(), made.length], [2, 4]);
});

/** One message of `mebibytes` of zeros, a thousandth of that on the wire. */
function bomb(mebibytes: number, options: { readonly bare?: boolean } = {}): Buffer {
  const one = deflateRawSync(Buffer.alloc(MiB), { level: 9, finishFlush: constants.Z_FULL_FLUSH });
  const bytes = Buffer.concat(Array.from({ length: mebibytes }, () => one)).subarray(0, -4);
  return options.bare === true ? bytes : frame(Opcode.binary, bytes, { rsv: RSV1 });
}

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, Socket } from 'node:net';
import { test } from 'node:test';
import { BufferPool } from '../../src/bytes/buffer-pool.ts';
import { NO_MARKS } from '../../src/handshake-steps.ts';
import { createLog } from '../../src/log.ts';
import { Overload } from '../../src/session/overload.ts';
import { Traffic } from '../../src/session/pipe.ts';
import { ReadTurns } from '../../src/session/read-turns.ts';
import { Session } from '../../src/session/session.ts';
import type { EndedSession, UpstreamSide } from '../../src/session/session-contract.ts';
import { TimerWheel } from '../../src/timer-wheel.ts';
import type { ByteSocket, ByteSocketOwner } from '../../src/websocket/byte-socket.ts';
import { FakeUpstream } from '../support/fake-upstream.ts';
import { LogCapture } from '../support/gateway.ts';

/** A client side that records what it is told, and fails where a test wants it to. */
class ScriptedClient implements ByteSocket {
  watchFrames(): void {}
  owner: ByteSocketOwner | undefined;
  readonly closes: [number, string][] = [];
  /** Its close frame. */
  readonly closed = Promise.withResolvers<void>();
  readonly written: Buffer[] = [];
  fails = false;
  takes = true;
  pings = 0;
  destroyed = false;
  readonly socket = new Socket();
  bufferedBytes = 0;
  heldBytes = 0;
  readonly assemblingSinceMs = undefined;
  readonly assemblingBytes = 0;
  readonly framesReceived = 0;
  readonly framesSent = 0;

  start(owner: ByteSocketOwner): void {
    this.owner = owner;
  }
  write(chunk: Buffer): boolean {
    if (this.fails) throw new Error('broken');
    this.written.push(chunk);
    return this.takes;
  }
  pause(): void {}
  resume(): void {}
  ping(): void {
    this.pings++;
  }
  close(code: number, reason: string): void {
    this.closes.push([code, reason]);
    this.closed.resolve();
  }
  destroy(): void {
    this.destroyed = true;
    this.owner?.onClosed();
  }
}

const LOG = createLog({ level: 'info', format: 'json' }, new LogCapture());
const LIMITS = { pingMs: 25_000, silenceMs: 300_000, stallMs: 30_000, closeMs: 2000, sessionAgeMs: 0 };

async function session(upstream: FakeUpstream): Promise<{
  client: ScriptedClient;
  wheel: TimerWheel;
  faults: unknown[];
  ended: Promise<EndedSession>;
  running: Session;
  socket: Socket;
  held: Overload;
  /** Round trips of pings, in seconds. */
  answered: number[];
}> {
  const socket = connect(upstream.port, '127.0.0.1');
  await once(socket, 'connect');
  socket.pause();
  const client = new ScriptedClient();
  const wheel = new TimerWheel();
  const faults: unknown[] = [];
  const answered: number[] = [];
  const held = new Overload([], { keepSpares() {} }, LOG);
  const { promise: ended, resolve } = Promise.withResolvers<EndedSession>();
  const facts = {
    id: 1,
    clientAddress: '192.0.2.1',
    origin: undefined,
    route: 'default',
    upstream: 'u',
    natsClientId: undefined,
    ...NO_MARKS,
    acceptedUs: 0,
  };
  const running = new Session(facts, client, socket, {
    pool: new BufferPool({ slots: 1 }),
    wheel,
    limits: LIMITS,
    traffic: new Traffic(),
    held,
    queues: { unacknowledged: async () => undefined },
    turns: new ReadTurns(),
    observer: {
      onFault: (error) => faults.push(error),
      onPingAnswered: (seconds) => answered.push(seconds),
      onRateLimited: () => {},
      onDelayed: () => {},
      onEnded: resolve,
    },
  });
  const side: UpstreamSide = {
    socket,
    reads: { to: { onUpstreamBytes: () => {} } },
    infoLine: Buffer.from('INFO {}\r\n'),
    rest: Buffer.alloc(0),
  };
  socket.on('data', (chunk: Buffer) => side.reads.to.onUpstreamBytes(chunk));
  running.start(side);
  return { client, wheel, faults, ended, running, socket, held, answered };
}

test('a fault inside a session ends it as internal_error with 1011, and is told', async () => {
  await using upstream = await FakeUpstream.start({ greeting: '' });
  const { client, wheel, faults, ended } = await session(upstream);
  client.fails = true;
  (await upstream.connection()).socket.write('PING\r\n');
  await (await upstream.connection()).until((one) => one.ended);
  assert.deepEqual(client.closes, [[1011, 'internal_error']]);
  assert.equal(faults.length, 1);
  wheel.advance(2500);
  assert.equal((await ended).reason, 'internal_error');
  assert.equal(wheel.pending, 0);
});

test('the first event decides; later ones change neither reason nor code', async () => {
  await using upstream = await FakeUpstream.start({ greeting: '' });
  const { client, running, ended } = await session(upstream);
  client.owner?.onEnd({ reason: 'client_closed', code: 3001 });
  running.end('draining');
  client.owner?.onEnd({ reason: 'frame_violation', code: 1002 });
  client.owner?.onClosed();
  const summary = await ended;
  assert.deepEqual([summary.reason, summary.code], ['client_closed', 3001]);
  assert.deepEqual(client.closes, []);
});

test('accepted bytes get the stall limit to leave, then the close limit holds', async () => {
  await using upstream = await FakeUpstream.start({ greeting: '' });
  const { client, wheel, running, ended } = await session(upstream);
  client.bufferedBytes = 1000;
  running.end('draining');
  wheel.advance(29_000);
  client.bufferedBytes = 0;
  client.owner?.onDrain();
  wheel.advance(1500);
  assert.equal(wheel.pending, 1);
  wheel.advance(1000);
  assert.equal((await ended).reason, 'draining');
});

test('a client is pinged once in each interval, and its pong is measured', async (t) => {
  await using upstream = await FakeUpstream.start({ greeting: '' });
  const { client, wheel, running, socket, answered, ended } = await session(upstream);
  const keepAlive = t.mock.method(socket, 'setKeepAlive');
  // 10 % more or less, and a tick of the wheel.
  wheel.advance(22_000);
  assert.equal(client.pings, 0);
  wheel.advance(6000);
  assert.equal(client.pings, 1);
  assert.deepEqual(keepAlive.mock.calls[0]?.arguments, [true, 30_000]);
  client.owner?.onPong();
  client.owner?.onPong();
  assert.equal(answered.length, 1, 'a pong without a ping measures nothing');
  wheel.advance(28_000);
  assert.equal(client.pings, 2);
  running.cut();
  await ended;
  assert.equal(wheel.pending, 0, 'nothing of it is left in the wheel');
});

test('a client for which bytes wait gets no ping: they test its connection', async () => {
  await using upstream = await FakeUpstream.start({ greeting: '' });
  const { client, wheel, running, held } = await session(upstream);
  client.takes = false;
  client.heldBytes = 6;
  running.onUpstreamBytes(Buffer.from('PING\r\n'));
  assert.equal(held.heldBytes, 6);
  wheel.advance(28_000);
  assert.equal(client.pings, 0);
  assert.equal(running.waitsSinceMs('client'), 0);
  assert.equal(running.waitsSinceMs('upstream'), undefined);
  client.owner?.onDrain();
  assert.equal(held.heldBytes, 0);
  wheel.advance(28_000);
  assert.equal(client.pings, 1);
  running.cut();
});

for (const [side, reason] of [
  ['client', 'slow_consumer'],
  ['upstream', 'upstream_stalled'],
] as const)
  test(`a ${side} that took nothing for the stall limit gets no second one for what waits`, async () => {
    await using upstream = await FakeUpstream.start({ greeting: '' });
    const { client, wheel, running, ended } = await session(upstream);
    client.bufferedBytes = 1000;
    running.onStalled(side);
    assert.equal(client.closes.at(-1)?.[1], reason);
    wheel.advance(1500);
    assert.equal(client.destroyed, false);
    wheel.advance(1000);
    assert.equal(client.destroyed, true);
    assert.equal((await ended).reason, reason);
    assert.equal(wheel.pending, 0);
  });

test('a session lasts until both sides are gone, and drops the one that does not leave in time', async () => {
  await using upstream = await FakeUpstream.start({ greeting: '', paused: true });
  const { client, wheel, ended, socket } = await session(upstream);
  let hasEnded = false;
  void ended.then(() => {
    hasEnded = true;
  });
  client.owner?.onEnd({ reason: 'client_closed', code: 1000 });
  client.owner?.onClosed();
  wheel.advance(1500);
  assert.deepEqual([socket.destroyed, hasEnded, wheel.pending], [false, false, 1]);
  wheel.advance(1000);
  assert.equal(socket.destroyed, true);
  assert.equal((await ended).reason, 'client_closed');
  assert.equal(wheel.pending, 0);
});

test('what a client said last gets the stall limit to reach the server, then the close limit holds', async () => {
  await using upstream = await FakeUpstream.start({ greeting: '', paused: true });
  const { client, wheel, ended, socket, held } = await session(upstream);
  while (held.heldBytes === 0) client.owner?.onBytes(Buffer.alloc(60_000));
  client.owner?.onEnd({ reason: 'client_closed', code: 1000 });
  client.owner?.onClosed();
  wheel.advance(29_000);
  assert.equal(socket.destroyed, false);
  const finished = once(socket, 'finish');
  (await upstream.connection()).socket.resume();
  await finished;
  wheel.advance(1500);
  assert.equal(socket.destroyed, false);
  wheel.advance(1000);
  assert.equal(socket.destroyed, true);
  await ended;
});

test('when the upstream goes first, the client is closed and has its time', async () => {
  await using upstream = await FakeUpstream.start({ greeting: '' });
  const { client, wheel, ended, socket } = await session(upstream);
  (await upstream.connection()).socket.end();
  await once(socket, 'close');
  await client.closed.promise;
  assert.deepEqual(client.closes, [[1001, 'upstream_closed']]);
  wheel.advance(1500);
  assert.equal(client.destroyed, false);
  wheel.advance(1000);
  assert.equal(client.destroyed, true);
  assert.equal((await ended).reason, 'upstream_closed');
});

test('what waited for an upstream that is gone counts no more', async () => {
  await using upstream = await FakeUpstream.start({ greeting: '', paused: true });
  const { client, running, ended, socket, held } = await session(upstream);
  while (held.heldBytes === 0) client.owner?.onBytes(Buffer.alloc(60_000));
  assert.equal(running.heldBytes, held.heldBytes);
  assert.equal(running.heldSinceMs, 0);
  socket.destroy();
  await once(socket, 'close');
  assert.deepEqual([held.heldBytes, running.heldBytes], [0, 0]);
  client.destroy();
  assert.equal((await ended).reason, 'upstream_reset');
});

test('one that ends for the good of the others: a client that only waits for the server reads why', async () => {
  await using upstream = await FakeUpstream.start({ greeting: '', paused: true });
  const waits = await session(upstream);
  while (waits.held.heldBytes === 0) waits.client.owner?.onBytes(Buffer.alloc(60_000));
  waits.running.shed();
  assert.deepEqual(waits.client.closes, [[1008, 'overload']]);
  assert.deepEqual([waits.client.destroyed, waits.socket.destroyed, waits.held.heldBytes], [false, true, 0]);
  waits.client.destroy();
  assert.equal((await waits.ended).reason, 'overload');

  const holds = await session(upstream);
  holds.client.takes = false;
  holds.client.heldBytes = 6;
  holds.running.onUpstreamBytes(Buffer.from('PING\r\n'));
  holds.running.shed();
  assert.deepEqual([holds.client.destroyed, holds.socket.destroyed, holds.held.heldBytes], [true, true, 0]);
  assert.equal((await holds.ended).reason, 'overload');
});

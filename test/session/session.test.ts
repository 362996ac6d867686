import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, Socket } from 'node:net';
import { test } from 'node:test';
import { BufferPool } from '../../src/bytes/buffer-pool.ts';
import { createLog } from '../../src/log.ts';
import { Overload } from '../../src/session/overload.ts';
import { Traffic } from '../../src/session/pipe.ts';
import { Session, type SessionSummary, type UpstreamSide } from '../../src/session/session.ts';
import { TimerWheel } from '../../src/timer-wheel.ts';
import type { ByteSocket, ByteSocketOwner } from '../../src/websocket/byte-socket.ts';
import { FakeUpstream } from '../support/fake-upstream.ts';
import { LogCapture } from '../support/gateway.ts';

/** A client side that records what it is told, and fails where a test wants it to. */
class ScriptedClient implements ByteSocket {
  owner: ByteSocketOwner | undefined;
  readonly closes: [number, string][] = [];
  readonly written: Buffer[] = [];
  fails = false;
  readonly socket = new Socket();
  bufferedBytes = 0;
  heldBytes = 0;
  readonly assemblingSinceMs = undefined;
  readonly assemblingBytes = 0;

  start(owner: ByteSocketOwner): void {
    this.owner = owner;
  }
  write(chunk: Buffer): boolean {
    if (this.fails) throw new Error('broken');
    this.written.push(chunk);
    return true;
  }
  pause(): void {}
  resume(): void {}
  ping(): void {}
  close(code: number, reason: string): void {
    this.closes.push([code, reason]);
  }
  destroy(): void {
    this.owner?.onClosed();
  }
}

const LOG = createLog({ level: 'info', format: 'json' }, new LogCapture());
const LIMITS = { pingMs: 25_000, silenceMs: 300_000, stallMs: 30_000, closeMs: 2000, sessionAgeMs: 0 };

async function session(upstream: FakeUpstream): Promise<{
  client: ScriptedClient;
  wheel: TimerWheel;
  faults: unknown[];
  ended: Promise<SessionSummary>;
  running: Session;
  socket: Socket;
}> {
  const socket = connect(upstream.port, '127.0.0.1');
  await once(socket, 'connect');
  socket.pause();
  const client = new ScriptedClient();
  const wheel = new TimerWheel();
  const faults: unknown[] = [];
  const { promise: ended, resolve } = Promise.withResolvers<SessionSummary>();
  const facts = {
    id: 1,
    clientAddress: '192.0.2.1',
    origin: undefined,
    route: 'default',
    upstream: 'u',
    natsClientId: undefined,
  };
  const running = new Session(facts, client, socket, {
    pool: new BufferPool({ slots: 1 }),
    wheel,
    limits: LIMITS,
    traffic: new Traffic(),
    held: new Overload([], { keepSpares() {} }, LOG),
    queues: { unacknowledged: async () => undefined },
    observer: {
      onFault: (error) => faults.push(error),
      onPingAnswered: () => {},
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
  return { client, wheel, faults, ended, running, socket };
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

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { Socket } from 'node:net';
import { test } from 'node:test';
import { BufferPool } from '../../src/bytes/buffer-pool.ts';
import { own } from '../../src/bytes/socket-writer.ts';
import { Pipe, Traffic } from '../../src/session/pipe.ts';
import type { ByteSocket } from '../../src/websocket/byte-socket.ts';
import { socketPair } from '../support/socket-pair.ts';

const NONE_PAUSED = { clientPauses: 0, upstreamPauses: 0, clientsPausedNow: 0, upstreamsPausedNow: 0 };

/** A client side that takes what a test lets it take, and records what the pipe asks of it. */
class Client implements ByteSocket {
  watchFrames(): void {}
  readonly socket = new Socket();
  readonly asked: string[] = [];
  takes = true;
  bufferedBytes = 0;
  heldBytes = 0;
  readonly assemblingSinceMs = undefined;
  readonly assemblingBytes = 0;
  readonly framesReceived = 0;
  readonly framesSent = 0;

  pings = 0;

  write(_chunk: Buffer, withPing = false): boolean {
    if (withPing) this.pings++;
    return this.takes;
  }
  pause(): void {
    this.asked.push('pause');
  }
  resume(): void {
    this.asked.push('resume');
  }
  start(): void {}
  ping(): void {}
  close(): void {}
  destroy(): void {}
}

async function piped() {
  const pair = await socketPair(false);
  const client = new Client();
  const pool = new BufferPool({ slots: 4, poison: true });
  const traffic = new Traffic();
  const wheel = { nowMs: 7000, tick: 1 };
  const seen = { held: 0, marks: 0, stalls: 0, flows: 0 };
  const turns = { isOver: false, mustWait: (): boolean => turns.isOver };
  const held = {
    hold(bytes: number): void {
      seen.held += bytes;
    },
    release(bytes: number): void {
      seen.held -= bytes;
    },
  };
  const owner = {
    onMark: () => void seen.marks++,
    onStall: () => void seen.stalls++,
    onFlow: () => void seen.flows++,
  };
  const pipe = new Pipe(
    client,
    pair.near,
    {
      pool,
      traffic,
      held,
      wheel,
      turns,
    },
    owner,
  );
  const chunk = (length: number): Buffer => {
    const slot = pool.take();
    return pool.lend(slot, slot + length);
  };
  return { pair, client, pool, traffic, wheel, turns, seen, pipe, chunk };
}

test('bytes are counted in their direction, for the session and for all', async () => {
  const { pair, pipe, traffic, chunk, seen } = await piped();
  await using _ = pair;
  pipe.writeToUpstream(chunk(100));
  pipe.writeToUpstream(chunk(10));
  pipe.writeToClient(Buffer.alloc(30));
  pipe.writeToClient(Buffer.alloc(3));
  assert.deepEqual([pipe.bytesToUpstream, pipe.bytesToClient], [110, 33]);
  assert.deepEqual({ ...traffic }, { bytesToUpstream: 110, bytesToClient: 33, ...NONE_PAUSED });
  assert.deepEqual(seen, { held: 0, marks: 0, stalls: 0, flows: 0 });
  assert.deepEqual([pipe.holdsForClient, pipe.heldBytes], [false, 0]);
});

test('a client that takes no more pauses the upstream once, until it has taken all', async () => {
  const { pair, client, pipe, traffic, seen } = await piped();
  await using _ = pair;
  pipe.upstream.socket.resume();
  client.takes = false;
  client.heldBytes = 500;
  pipe.writeToClient(Buffer.alloc(500));
  client.heldBytes = 800;
  pipe.writeToClient(Buffer.alloc(300));
  assert.equal(pipe.clientStalledSinceMs, 7000);
  assert.equal(pipe.upstreamStalledSinceMs, undefined);
  assert.equal(pipe.upstream.socket.isPaused(), true);
  assert.deepEqual([pipe.holdsForClient, pipe.heldBytes], [true, 800]);
  assert.deepEqual(seen, { held: 800, marks: 0, stalls: 1, flows: 0 });
  assert.deepEqual([traffic.upstreamPauses, traffic.upstreamsPausedNow], [1, 1]);
  for (let times = 0; times < 2; times++) {
    pipe.clientDrained();
    assert.equal(pipe.clientStalledSinceMs, undefined);
    assert.equal(pipe.upstream.socket.isPaused(), false);
    assert.deepEqual([pipe.heldBytes, seen.held, seen.flows], [0, 0, 1]);
    assert.deepEqual([traffic.upstreamPauses, traffic.upstreamsPausedNow], [1, 0]);
  }
});

test('an upstream that takes no more pauses the client once, until it has taken all', async () => {
  const { pair, client, pool, pipe, traffic, seen, chunk } = await piped();
  await using _ = pair;
  const { free } = pool;
  const drained = new EventTarget();
  own({
    writer: pipe.upstream,
    socketDrained: () => {
      pipe.upstreamDrained();
      drained.dispatchEvent(new Event('drained'));
    },
    socketEnded() {},
    socketClosed() {},
  });
  while (pipe.upstreamStalledSinceMs === undefined) pipe.writeToUpstream(chunk(60_000));
  pipe.writeToUpstream(chunk(60_000));
  assert.equal(pipe.upstreamStalledSinceMs, 7000);
  assert.deepEqual(client.asked, ['pause']);
  assert.equal(seen.held, pipe.heldBytes);
  assert.ok(seen.held >= 120_000);
  assert.equal(pipe.holdsForClient, false);
  assert.deepEqual([traffic.clientPauses, traffic.clientsPausedNow, seen.stalls], [1, 1, 1]);
  const drains = once(drained, 'drained');
  pair.far.resume();
  await drains;
  pipe.upstreamDrained();
  assert.equal(pipe.upstreamStalledSinceMs, undefined);
  assert.deepEqual(client.asked, ['pause', 'resume']);
  assert.deepEqual([traffic.clientPauses, traffic.clientsPausedNow, seen.held], [1, 0, 0]);
  assert.equal(pool.free, free);
});

test('after the end nothing is taken, nothing is resumed, and nobody counts as paused', async () => {
  const { pair, client, pool, pipe, traffic, seen, chunk } = await piped();
  await using _ = pair;
  client.takes = false;
  client.heldBytes = 10;
  pipe.writeToClient(Buffer.alloc(10));
  while (pipe.upstreamStalledSinceMs === undefined) pipe.writeToUpstream(chunk(60_000));
  const { free } = pool;
  const [up, down] = [pipe.bytesToUpstream, pipe.bytesToClient];
  for (let times = 0; times < 2; times++) {
    pipe.shut();
    assert.deepEqual([traffic.clientsPausedNow, traffic.upstreamsPausedNow], [0, 0]);
  }
  pipe.writeToUpstream(chunk(10));
  pipe.writeToClient(Buffer.alloc(10));
  assert.equal(pool.free, free, 'what comes too late goes back to the pool');
  pipe.clientDrained();
  pipe.upstreamDrained();
  assert.deepEqual([pipe.bytesToUpstream, pipe.bytesToClient], [up, down]);
  assert.deepEqual([traffic.clientsPausedNow, traffic.upstreamsPausedNow, seen.held], [0, 0, 0]);
  assert.equal(pipe.upstream.socket.isPaused(), true);
  assert.deepEqual(client.asked, ['pause']);
});

test('a client that takes a little again and again has been slow all the time, and not after it has caught up', async () => {
  const { pair, client, pipe, wheel } = await piped();
  await using _ = pair;
  assert.equal(pipe.clientSlowMs, 0);
  client.takes = false;
  for (let times = 0; times < 10; times++) {
    pipe.writeToClient(Buffer.alloc(10));
    wheel.nowMs += 900;
    pipe.clientDrained();
    wheel.nowMs += 100;
  }
  assert.equal(pipe.clientSlowMs, 10_000);
  wheel.nowMs += 2000;
  assert.equal(pipe.clientSlowMs, 0);
  pipe.writeToClient(Buffer.alloc(10));
  wheel.nowMs += 500;
  assert.equal(pipe.clientSlowMs, 500);
});

test('what waits is forgotten once, when the sockets are dropped', async () => {
  const { pair, client, pipe, seen, chunk } = await piped();
  await using _ = pair;
  client.takes = false;
  client.heldBytes = 10;
  pipe.writeToClient(Buffer.alloc(10));
  while (pipe.upstreamStalledSinceMs === undefined) pipe.writeToUpstream(chunk(60_000));
  pipe.forgetHeld();
  assert.deepEqual([seen.held, pipe.heldBytes], [0, 0]);
  pipe.releaseClient();
  pipe.releaseUpstream();
  assert.equal(seen.held, 0);
});

test('marks are at most 96 KiB apart, whatever the writes are like, or a reader of 5 KB/s would show nothing for half a minute', async () => {
  const { pair, pipe, wheel, seen } = await piped();
  await using _ = pair;
  const most = Buffer.alloc(64 * 1024);
  for (const bytes of [1, 1000, 32 * 1024 - 1, 32 * 1024, 62_000, 64 * 1024]) {
    wheel.tick++;
    const before = { marks: seen.marks, bytes: pipe.bytesToClient };
    while (seen.marks - before.marks < 3) pipe.writeToClient(most.subarray(0, bytes));
    const apart = (pipe.bytesToClient - before.bytes) / 3;
    assert.ok(apart <= 96 * 1024 && apart >= 32 * 1024 - 1, `${apart} with writes of ${bytes}`);
  }
});

test('one tick of the wheel brings 128 marks at most', async () => {
  const { client, pair, pipe, wheel, seen } = await piped();
  await using _ = pair;
  const write = (times: number): void => {
    for (let time = 0; time < times; time++) pipe.writeToClient(Buffer.alloc(64 * 1024));
  };
  write(200);
  assert.equal(seen.marks, 128);
  wheel.tick++;
  write(2);
  assert.deepEqual([seen.marks, client.pings], [130, 130]);
});

test('a side whose turn is over is paused, and read on when it comes again, unless bytes wait or all is over', async () => {
  const { pair, client, chunk, pipe, turns } = await piped();
  await using _ = pair;
  turns.isOver = true;
  pipe.writeToUpstream(chunk(100));
  assert.deepEqual(client.asked, ['pause']);
  pipe.writeToClient(Buffer.from('x'));
  assert.equal(pair.near.isPaused(), true);
  pipe.readOn();
  assert.deepEqual(client.asked, ['pause', 'resume']);
  assert.equal(pair.near.isPaused(), false);

  client.takes = false;
  pipe.writeToClient(Buffer.from('x'));
  pipe.readOn();
  assert.equal(pair.near.isPaused(), true, 'bytes wait for the client');
  pipe.shut();
  client.asked.length = 0;
  pipe.readOn();
  assert.deepEqual(client.asked, []);
});

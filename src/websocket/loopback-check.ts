import { createServer } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { BufferPool } from '../bytes/buffer-pool.ts';
import type { ByteSocket, ByteSocketOwner } from './byte-socket.ts';
import { canOverrideSetSocket, cutThroughEngine } from './cut-through.ts';
import { FrameCounters } from './frame-counters.ts';

/** Longer than any loopback needs; a start must not hang. */
const DEADLINE_MS = 2000;

export type CutThroughSupport = {
  /** The engine carries bytes. */
  readonly usable: boolean;
  /** It may also read accepted sockets into the pool. */
  readonly directReads: boolean;
  /** What went wrong, when something did. */
  readonly problem?: string;
};

/**
 * Proves at the start, with one connection over loopback, that the cut-through engine works with this version of Node
 * and ws. It uses internals of both.
 */
export async function checkCutThrough(): Promise<CutThroughSupport> {
  if (!canOverrideSetSocket()) {
    return {
      usable: false,
      directReads: false,
      problem: 'ws has no setSocket(socket, head, options) any more',
    };
  }
  try {
    await exchange(true);
    return { usable: true, directReads: true };
  } catch (direct) {
    const problem = (direct as Error).message;
    try {
      await exchange(false);
      return { usable: true, directReads: false, problem };
    } catch (error) {
      return { usable: false, directReads: false, problem: (error as Error).message };
    }
  }
}

const PAYLOAD = Buffer.from('natsgate asks itself');
const MASK = Buffer.from([0x12, 0x34, 0x56, 0x78]);
const FRAME = Buffer.concat([
  Buffer.from([0x82, 0x80 | PAYLOAD.length]),
  MASK,
  PAYLOAD.map((byte, index) => byte ^ (MASK[index & 3] as number)),
]);
const ECHO = Buffer.concat([Buffer.from([0x82, PAYLOAD.length]), PAYLOAD]);
const REQUEST = [
  'GET / HTTP/1.1',
  'Host: localhost',
  'Upgrade: websocket',
  'Connection: Upgrade',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
  'Sec-WebSocket-Version: 13',
  '\r\n',
].join('\r\n');

/**
 * Does a handshake and sends the same message twice, the second time after a pause; each must come back. @throws with
 * what failed.
 */
async function exchange(directReads: boolean): Promise<void> {
  const pool = new BufferPool({ slots: 1 });
  const engine = cutThroughEngine({
    pool,
    maxFrameBytes: 1024,
    maxSentFrameBytes: 1024,
    clock: { nowMs: 0 },
    counters: new FrameCounters(),
    directReads,
  });
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const sockets = new Set<Socket>();
  const server = createServer({ highWaterMark: 1 });
  server.on('upgrade', (request, socket: Socket) => {
    sockets.add(socket);
    engine.upgrade(request, socket, (client) => {
      client.start(new Echo(client, pool));
      if (directReads && socket.listenerCount('data') > 0)
        reject(new Error('sockets cannot be read directly'));
    });
  });
  server.on('error', reject);
  const deadline = setTimeout(() => reject(new Error('no echo over loopback')), DEADLINE_MS);
  server.listen(0, '127.0.0.1', () => {
    const client = connect({ host: '127.0.0.1', port: (server.address() as AddressInfo).port });
    sockets.add(client);
    client.on('error', reject);
    client.on('close', () => reject(new Error('the connection was closed')));
    let received = '';
    client.on('data', (chunk) => {
      received += chunk.toString('latin1');
      const head = received.indexOf('\r\n\r\n');
      if (head === -1) return;
      const frames = received.slice(head + 4);
      if (frames === '' || frames === ECHO.toString('latin1')) client.write(FRAME);
      else if (frames === ECHO.toString('latin1').repeat(2)) resolve();
      else if (frames.length >= 2 * ECHO.length) reject(new Error('another answer came than was sent'));
    });
    client.write(REQUEST);
  });
  try {
    await promise;
  } finally {
    clearTimeout(deadline);
    server.close();
    for (const socket of sockets) socket.destroy();
  }
}

class Echo implements ByteSocketOwner {
  readonly #client: ByteSocket;
  readonly #pool: BufferPool;

  constructor(client: ByteSocket, pool: BufferPool) {
    this.#client = client;
    this.#pool = pool;
  }

  onBytes(chunk: Buffer): void {
    this.#client.write(chunk);
    this.#pool.release(chunk);
    this.#client.pause();
    setImmediate(() => this.#client.resume());
  }

  onDrain(): void {}
  onPong(): void {}
  onAssembling(): void {}
  onActivity(): void {}
  onEnd(): void {}
  onClosed(): void {}
}

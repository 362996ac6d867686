import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { SendQueues } from '../../src/net/send-queues.ts';
import { makeCertificates, serverTls, type TestCertificates, upstreamTls } from '../support/certificates.ts';
import type { ConfigOverrides } from '../support/config.ts';
import { FakeUpstream } from '../support/fake-upstream.ts';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';
import { frame, Opcode, RawClient } from '../support/raw-client.ts';

const STALL_MS = 30_000;
const LOOK_MS = STALL_MS / 4;
/**
 * Twice as long: a look that comes late must find the stall before the silence. A slow reader outlives both.
 */
const SILENCE_MS = 2 * STALL_MS;
const SLOW_LOOKS = SILENCE_MS / LOOK_MS;
/** One more than the limit has. */
const STOPPED_LOOKS = 5;
/** At a time: far less than makes a socket writable again, which takes a third of its send buffer. */
const READ_BYTES = 40_000;
const FLOOD = Buffer.alloc(256 * 1024);
const FLOOD_FRAME = frame(Opcode.binary, FLOOD);
const TIMEOUT_MS = 180_000;

/**
 * Lets a test wait until all that was asked has its answer. Nobody asks for another side than the slow one, and each
 * question reads the kernel's table of all connections, thousands of which other tests have left.
 */
class WatchedQueues extends SendQueues {
  /** The newest answer. */
  held: number | undefined;
  #asked: Promise<unknown>[] = [];

  override async unacknowledged(socket: Socket): Promise<number | undefined> {
    const answer = super.unacknowledged(socket);
    this.#asked.push(answer);
    this.held = await answer;
    return this.held;
  }

  async answered(): Promise<void> {
    const asked = this.#asked;
    this.#asked = [];
    await Promise.all(asked);
  }
}

type Side = 'client' | 'upstream';
type Setup = {
  readonly gateway: TestGateway;
  readonly queues: WatchedQueues;
  readonly slow: Socket;
  readonly client: RawClient;
};

/** A session one side of which has stopped reading while the other floods it. */
async function withStopped(
  side: Side,
  overrides: ConfigOverrides,
  tls: TestCertificates | undefined,
  run: (setup: Setup) => Promise<void>,
): Promise<void> {
  const upstreamOptions =
    tls === undefined || side === 'client'
      ? {}
      : { tls: { cert: await readFile(tls.serverCertFile), key: await readFile(tls.serverKeyFile) } };
  const queues = new WatchedQueues(undefined, 1, 0);
  await using upstream = await FakeUpstream.start(upstreamOptions);
  await using gateway = await startTestGateway(
    upstream.port,
    {
      inspect: 'off',
      // A steady reader must not be taken for one that has vanished, either.
      timeouts: { stallMs: STALL_MS, silenceMs: SILENCE_MS, pingMs: 20_000 },
      ...(tls === undefined ? {} : { listen: { tls: serverTls(tls) } }),
      ...(side === 'client' || tls === undefined ? {} : { upstream: { tls: upstreamTls(tls) } }),
      ...overrides,
    },
    { sendQueues: queues },
  );
  await using client = await RawClient.open(gateway.port, {}, tls && {});
  const connection = await upstream.connection();
  const slow = side === 'client' ? client.socket : connection.socket;
  const other = side === 'client' ? connection.socket : client.socket;
  slow.removeAllListeners('data').pause();
  const bytes = side === 'client' ? FLOOD : FLOOD_FRAME;
  const write = (): void => {
    while (!other.destroyed && other.write(bytes));
  };
  other.on('drain', write);
  write();
  const paused = side === 'client' ? 'upstream' : 'client';
  await metric(gateway, new RegExp(`natsgate_backpressure_paused_sessions\\{side="${paused}"\\} 1`));
  await run({ gateway, queues, slow, client });
}

async function metric(gateway: TestGateway, expected: RegExp): Promise<void> {
  const deadlineMs = performance.now() + TIMEOUT_MS;
  while (!expected.test((await gateway.gateway.metrics(false)).body)) {
    assert.ok(performance.now() < deadlineMs, String(expected));
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** A byte of the client has arrived. */
async function lived(gateway: TestGateway): Promise<void> {
  const pongs = /natsgate_frames_total\{[^}]*direction="to_upstream",opcode="pong"\} (\d+)/;
  const count = async (): Promise<number> =>
    Number(pongs.exec((await gateway.gateway.metrics(false)).body)?.[1] ?? 0);
  const before = seenPongs.get(gateway) ?? 0;
  while ((await count()) === before) await new Promise((resolve) => setImmediate(resolve));
  seenPongs.set(gateway, before + 1);
}
const seenPongs = new WeakMap<TestGateway, number>();

async function read(socket: Socket, atLeast: number): Promise<void> {
  let bytes = 0;
  const count = (chunk: Buffer): void => {
    bytes += chunk.length;
    if (bytes >= atLeast) socket.off('data', count).pause();
  };
  socket.on('data', count).resume();
  while (bytes < atLeast) await once(socket, 'data', { signal: AbortSignal.timeout(TIMEOUT_MS) });
}

/** What the kernel at the other end holds for it. */
function heldFor({ localAddress, localPort, remoteAddress, remotePort }: Socket, queues: SendQueues) {
  const far = {
    localAddress: remoteAddress,
    localPort: remotePort,
    remoteAddress: localAddress,
    remotePort: localPort,
  } as Socket;
  return queues.unacknowledged(far);
}

/** Reads until the kernel at the other end knows of it: with windows of TCP that may take more than a piece. */
async function readAcknowledged(slow: Socket, queues: WatchedQueues): Promise<void> {
  const before = queues.held;
  do await read(slow, READ_BYTES);
  while ((await heldFor(slow, queues)) === before);
}

/** Waits until so many readings in a row find that nothing moves. */
async function settled(slow: Socket, queues: SendQueues): Promise<void> {
  let held: number | undefined;
  for (let still = 0; still < 5; ) {
    const before = held;
    held = await heldFor(slow, queues);
    still = held === before ? still + 1 : 0;
  }
}

async function look({ gateway, queues }: Setup): Promise<void> {
  gateway.advance(LOOK_MS);
  await queues.answered();
}

const ENDS = { client: 'slow_consumer', upstream: 'upstream_stalled' } as const;

describe('progress restarts timeouts.stall', {
  skip: process.platform !== 'linux' && 'the table of connections is Linux’s',
  timeout: 300_000,
}, () => {
  let certificates: TestCertificates;
  before(async () => {
    certificates = await makeCertificates();
  });
  after(() => certificates?.[Symbol.asyncDispose]());

  for (const side of ['client', 'upstream'] as const) {
    for (const engine of ['cut-through', 'buffered'] as const) {
      for (const secure of [false, true]) {
        test(`${side}, ${engine}, ${secure ? 'TLS' : 'clear'}: a steady slow reader lives, a stopped one ends`, async () => {
          await withStopped(side, { engine }, secure ? certificates : undefined, async (setup) => {
            const { gateway, slow, client, queues } = setup;
            // Out of the large buffers below TLS a client has read long before its kernel says so; its pongs say it.
            const answersPings = side === 'client' && secure;
            await look(setup);
            for (let looks = 0; looks < SLOW_LOOKS; looks++) {
              if (answersPings) {
                await read(slow, READ_BYTES);
                client.send(frame(Opcode.pong));
                await lived(gateway);
              } else await readAcknowledged(slow, queues);
              await look(setup);
              assert.equal(gateway.gateway.sessionCount, 1, `after ${looks + 1} looks`);
              assert.equal(
                gateway.log.lines.some((line) => line.message === 'session ended'),
                false,
              );
            }
            // What the kernels still move is progress, and would make the stall later than the silence.
            await settled(slow, queues);
            await look(setup);
            if (answersPings) {
              client.send(frame(Opcode.pong));
              await lived(gateway);
            }
            for (let still = 0; still < STOPPED_LOOKS; ) {
              const before = queues.held;
              await look(setup);
              still = queues.held === before ? still + 1 : 0;
            }
            slow.resume();
            gateway.advance(3000);
            assert.equal((await gateway.log.ended())['reason'], ENDS[side]);
          });
        });
      }
    }
  }
});

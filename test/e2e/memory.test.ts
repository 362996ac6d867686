import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, type TestContext, test } from 'node:test';
import { FakeUpstream, type UpstreamConnection } from '../support/fake-upstream.ts';
import { GatewayProcess } from '../support/gateway-process.ts';
import { frame, Opcode, RawClient } from '../support/raw-client.ts';

const KiB = 1024;
const MiB = 1024 * KiB;
const SESSIONS = 20;
const MAX_BYTES_PER_SESSION = MiB;
/** What a stalled session holds in its own queues: one read on its way, one read ahead, each up to 64 KiB. */
const MAX_QUEUED_PER_SESSION = 192 * KiB;
/** More than the noise between rounds (up to 8 MiB seen), less than what the sessions of one round may cost (20 MiB). */
const MAX_GROWTH_OF_LATER_ROUNDS = 12 * MiB;
/** What was read and passed on may lie about until it is collected, nobody helping. */
const MAX_GARBAGE_BYTES = 128 * MiB;
const ROUNDS = 2;
/** Time enough to measure what is stalled, beside other tests too; a machine that is busier gets three times as much. */
const STALL_MS = 9000;
const WARM_UP_BYTES = 64 * MiB;
const TIMEOUT_MS = 90_000;
const CHUNK = randomBytes(64 * KiB);
const FRAME = frame(Opcode.binary, CHUNK);

type Scenario = {
  readonly reason: string;
  readonly code: number;
  /** Where bytes wait. */
  readonly queue: 'client' | 'upstream';
  /** Who is not read from because of it. */
  readonly pausedSide: 'client' | 'upstream';
  stall(client: RawClient, connection: UpstreamConnection): void;
};

const slowConsumer: Scenario = {
  reason: 'slow_consumer',
  code: 1008,
  queue: 'client',
  pausedSide: 'upstream',
  stall(client, connection) {
    client.socket.pause();
    flood(connection.socket, CHUNK);
  },
};

const upstreamStalled: Scenario = {
  reason: 'upstream_stalled',
  code: 1011,
  queue: 'upstream',
  pausedSide: 'client',
  stall(client, connection) {
    connection.socket.pause();
    flood(client.socket, FRAME);
  },
};

describe(`${SESSIONS} stalled sessions cost under 1 MiB each, end in time, and leave nothing behind`, {
  concurrency: true,
  skip: process.platform !== 'linux' && 'memory is read from /proc',
  timeout: 300_000,
}, () => {
  for (const [name, scenario] of [
    ['clients that stop reading while the upstream floods', slowConsumer],
    ['an upstream that stops reading while clients flood', upstreamStalled],
  ] as const)
    test(name, async (t) => {
      for (let stallMs = STALL_MS; !(await stallAndEnd(t, scenario, stallMs)); stallMs *= 3);
    });
});

/** False: they had ended before they could be measured. */
async function stallAndEnd(t: TestContext, scenario: Scenario, stallMs: number): Promise<boolean> {
  await using upstream = await FakeUpstream.start();
  await using gateway = await GatewayProcess.start(
    upstream.port,
    { timeouts: { stall: `${stallMs / 1000}s`, close: '1s' } },
    { exactMemory: true },
  );
  const descriptorsAtStart = await gateway.openDescriptors();
  await warmUp(gateway, upstream);
  await gateway.until(() => gateway.sessionsEnded.length === 1, TIMEOUT_MS);
  await active(gateway, 0);
  const rssAfterRounds: number[] = [];

  for (let round = 0; round < ROUNDS; round++) {
    const endedBefore = gateway.sessionsEnded.length;
    const isTooLate = (): boolean => gateway.sessionsEnded.length > endedBefore;
    await using clients = await openIdle(gateway, upstream);
    const rssIdle = await gateway.rssInUse(TIMEOUT_MS);
    const startMs = performance.now();
    using peak = gateway.watchRss();
    for (const { client, connection } of clients.pairs) scenario.stall(client, connection);
    await gateway.untilFigure(
      () => gateway.metric('natsgate_backpressure_paused_sessions', { side: scenario.pausedSide }),
      (paused) => paused === SESSIONS || isTooLate(),
      'paused sessions',
      TIMEOUT_MS,
    );
    const queued = await gateway.metric('natsgate_buffered_bytes', { side: scenario.queue });
    const rssStalled = await gateway.rssInUse(TIMEOUT_MS);
    if (isTooLate()) return false;

    await gateway.until(() => gateway.sessionsEnded.length === endedBefore + SESSIONS, TIMEOUT_MS);
    const seconds = (performance.now() - startMs) / 1000;
    for (const line of gateway.sessionsEnded.slice(endedBefore)) {
      assert.equal(line['reason'], scenario.reason);
      assert.equal(line['code'], scenario.code);
    }
    assert.ok(seconds * 1000 >= stallMs, `ended after ${seconds} s, before their deadline`);
    await active(gateway, 0);
    await gateway.untilFigure(
      () => gateway.openDescriptors(),
      (count) => count === descriptorsAtStart,
      `descriptors, ${descriptorsAtStart} at the start`,
      TIMEOUT_MS,
    );
    const rssAfter = await gateway.rssInUse(TIMEOUT_MS);
    rssAfterRounds.push(rssAfter);
    const perSession = (rssStalled - rssIdle) / SESSIONS;
    t.diagnostic(
      `${scenario.reason}: RSS idle ${inMiB(rssIdle)}, peak ${inMiB(peak.bytes)}, stalled ${inMiB(rssStalled)} ` +
        `(${inKiB(perSession)} a session; queued ${inKiB(queued / SESSIONS)}), after ${inMiB(rssAfter)}; ` +
        `ended after ${seconds.toFixed(1)} s`,
    );
    assert.ok(queued > 0 && queued <= SESSIONS * MAX_QUEUED_PER_SESSION, `${queued} bytes are queued`);
    assert.ok(peak.bytes - rssIdle < MAX_GARBAGE_BYTES, `RSS rose to ${inMiB(peak.bytes)}`);
    assert.ok(perSession < MAX_BYTES_PER_SESSION, `a session costs ${perSession} bytes`);
  }

  const growth = Math.max(...rssAfterRounds) - rssAfterRounds[0]!;
  assert.ok(
    growth < MAX_GROWTH_OF_LATER_ROUNDS,
    `RSS after the rounds: ${rssAfterRounds.map(inMiB).join(', ')}`,
  );
  assert.equal(gateway.errors, '');
  return true;
}

/** 64 MiB there and back through one session, so that code and buffers of a busy process are paid for. */
async function warmUp(gateway: GatewayProcess, upstream: FakeUpstream): Promise<void> {
  await using client = await RawClient.open(gateway.port);
  let returned = 0;
  client.socket.removeAllListeners('data').on('data', (chunk: Buffer) => {
    returned += chunk.length;
    client.emit('change');
  });
  const connection = await upstream.connection(1);
  for (let sent = 0; sent < WARM_UP_BYTES; ) {
    client.send(FRAME);
    connection.socket.write(CHUNK);
    sent += CHUNK.length;
    const due = sent;
    await connection.until((one) => one.byteCount >= due, TIMEOUT_MS);
    await client.until(() => returned >= due, TIMEOUT_MS);
  }
}

type Pair = { readonly client: RawClient; readonly connection: UpstreamConnection };

async function openIdle(
  gateway: GatewayProcess,
  upstream: FakeUpstream,
): Promise<AsyncDisposable & { readonly pairs: readonly Pair[] }> {
  const pairs: Pair[] = [];
  for (let count = 0; count < SESSIONS; count++) {
    const index = upstream.connections.length;
    const client = await RawClient.open(gateway.port);
    pairs.push({ client, connection: await upstream.connection(index) });
  }
  return {
    pairs,
    async [Symbol.asyncDispose]() {
      for (const { client, connection } of pairs) {
        connection.socket.destroy();
        await client[Symbol.asyncDispose]();
      }
    },
  };
}

/** Writes for as long as somebody takes it. */
function flood(socket: RawClient['socket'], piece: Buffer): void {
  const more = (): void => {
    while (socket.writable && socket.write(piece));
  };
  socket.on('drain', more);
  more();
}

function active(gateway: GatewayProcess, sessions: number): Promise<number> {
  return gateway.untilFigure(
    () => gateway.metric('natsgate_connections_active'),
    (count) => count === sessions,
    'active sessions',
    TIMEOUT_MS,
  );
}

const inMiB = (bytes: number): string => `${(bytes / MiB).toFixed(1)} MiB`;
const inKiB = (bytes: number): string => `${Math.round(bytes / KiB)} KiB`;

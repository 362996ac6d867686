import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { EventEmitter, once } from 'node:events';
import { test } from 'node:test';
import { FakeUpstream, INFO_LINE } from '../support/fake-upstream.ts';
import { GatewayProcess } from '../support/gateway-process.ts';

const SESSIONS = 30;
const TIMEOUT_MS = 30_000;
const DELAY_MS = 500;
/** Far more than the 100 ms for each session over which a drain closes them. */
const DRAIN_MS = 30_000;
const PATTERN = randomBytes(64 * 1024);
const MESSAGE_BYTES = 4096;
const MESSAGES_ON_THEIR_WAY = 2;

test(`SIGTERM under traffic: ${SESSIONS} clients see 1001 draining, spread out; then exit code 0`, async (t) => {
  await using upstream = await startEcho();
  await using gateway = await GatewayProcess.start(upstream.port, {
    drain: { delay: `${DELAY_MS}ms`, timeout: `${DRAIN_MS / 1000}s` },
  });
  const clients = await openTalking(gateway.port);

  const startMs = performance.now();
  gateway.signal('SIGTERM');
  const end = await gateway.ended(DELAY_MS + DRAIN_MS + TIMEOUT_MS);
  const exitMs = performance.now() - startMs;
  await Promise.all(clients.map((client) => client.closed()));
  const closesMs = clients.map((client) => client.closedAtMs - startMs).sort((a, b) => a - b);
  const [firstMs, lastMs] = [closesMs[0]!, closesMs.at(-1)!];
  const echoed = clients.reduce((sum, client) => sum + client.echoedBytes, 0);
  t.diagnostic(
    `closed between ${inSeconds(firstMs)} and ${inSeconds(lastMs)}, exit after ${inSeconds(exitMs)}; ` +
      `${Math.round(echoed / 1024 / 1024)} MiB echoed`,
  );

  assert.deepEqual(end, { code: 0, signal: null });
  for (const client of clients) {
    assert.deepEqual(client.close, { code: 1001, reason: 'draining', wasClean: true });
    assert.equal(client.failure, undefined);
    assert.ok(client.echoedBytes > 0, 'traffic went through every session');
  }
  assert.ok(exitMs < DELAY_MS + DRAIN_MS, 'inside the deadline');
  assert.ok(firstMs >= DELAY_MS, 'nobody is closed during the delay');
  assert.ok(lastMs - firstMs > 1000, 'spread out, so that clients do not come back in one wave');
  assert.equal(gateway.sessionsEnded.length, SESSIONS);
  assert.deepEqual(new Set(gateway.sessionsEnded.map((line) => line['reason'])), new Set(['draining']));
  assert.equal(
    gateway.log.lines.some((line) => String(line.message).includes('cut')),
    false,
  );
  assert.equal(gateway.log.lines.at(-1)?.message, 'stopped');
  assert.equal(gateway.errors, '');
});

test('a second SIGTERM stops at once, with exit code 143', async (t) => {
  await using upstream = await startEcho();
  await using gateway = await GatewayProcess.start(upstream.port, {
    drain: { delay: '1m', timeout: '1m' },
  });
  const clients = await openTalking(gateway.port);

  gateway.signal('SIGTERM');
  await gateway.log.find((line) => line.message === 'draining');
  const echoedBefore = clients[0]!.echoedBytes;
  await clients[0]!.until(() => clients[0]!.echoedBytes > echoedBefore);
  const startMs = performance.now();
  gateway.signal('SIGTERM');
  const end = await gateway.ended(TIMEOUT_MS);
  const exitMs = performance.now() - startMs;
  await Promise.all(clients.map((client) => client.closed()));
  t.diagnostic(`exit after ${inSeconds(exitMs)}`);

  assert.deepEqual(end, { code: 143, signal: null });
  assert.equal(gateway.sessionsEnded.length, SESSIONS);
  assert.equal(gateway.log.lines.at(-1)?.message, 'stopped');
  assert.equal(gateway.errors, '');
});

function startEcho(): Promise<FakeUpstream> {
  // The fake upstream's own echo keeps what came; this keeps nothing and waits for slow readers.
  return FakeUpstream.start({ paused: true, onConnection: ({ socket }) => void socket.pipe(socket) });
}

async function openTalking(port: number): Promise<TalkingClient[]> {
  const clients: TalkingClient[] = [];
  for (let count = 0; count < SESSIONS; count++) clients.push(await TalkingClient.open(port));
  // Not earlier: who talks takes the processor from the handshakes of the others.
  for (const client of clients) client.talk();
  const warm = (client: TalkingClient): boolean => client.echoedBytes >= 4 * MESSAGE_BYTES;
  await Promise.all(clients.map((client) => client.until(() => warm(client))));
  return clients;
}

/** The platform's own WebSocket against an echo: sends the next message when one has come back whole. */
class TalkingClient extends EventEmitter {
  readonly #socket: WebSocket;
  #sentBytes = 0;
  #gotInfo = false;
  echoedBytes = 0;
  /** The first byte that was not the one sent. */
  failure: string | undefined;
  close: { readonly code: number; readonly reason: string; readonly wasClean: boolean } | undefined;
  closedAtMs = 0;

  private constructor(port: number) {
    super();
    this.#socket = new WebSocket(`ws://127.0.0.1:${port}`);
    this.#socket.binaryType = 'arraybuffer';
    this.#socket.onmessage = ({ data }) => this.#onMessage(Buffer.from(data as ArrayBuffer));
    this.#socket.onclose = ({ code, reason, wasClean }) => {
      this.close = { code, reason, wasClean };
      this.closedAtMs = performance.now();
      this.emit('change');
    };
  }

  static async open(port: number): Promise<TalkingClient> {
    const client = new TalkingClient(port);
    await client.until(() => client.#gotInfo);
    return client;
  }

  /** From now on messages are on their way. */
  talk(): void {
    for (let count = 0; count < MESSAGES_ON_THEIR_WAY; count++) this.#sendNext();
  }

  closed(): Promise<void> {
    return this.until(() => this.close !== undefined);
  }

  async until(holds: () => boolean): Promise<void> {
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    while (!holds()) {
      if (this.close !== undefined) throw new Error(`closed: ${JSON.stringify(this.close)}`);
      await once(this, 'change', { signal });
    }
  }

  #onMessage(bytes: Buffer): void {
    if (this.#gotInfo) this.#onEcho(bytes);
    else if (bytes.toString() === INFO_LINE) this.#gotInfo = true;
    else this.failure ??= `${bytes} came in place of INFO`;
    this.emit('change');
  }

  #onEcho(bytes: Buffer): void {
    for (let from = 0; from < bytes.length; ) {
      const at = this.echoedBytes % PATTERN.length;
      const piece = bytes.subarray(from, from + PATTERN.length - at);
      if (!piece.equals(PATTERN.subarray(at, at + piece.length))) {
        this.failure ??= `wrong bytes behind byte ${this.echoedBytes}`;
      }
      from += piece.length;
      this.echoedBytes += piece.length;
    }
    while (
      this.#socket.readyState === WebSocket.OPEN &&
      this.#sentBytes - this.echoedBytes <= (MESSAGES_ON_THEIR_WAY - 1) * MESSAGE_BYTES
    ) {
      this.#sendNext();
    }
  }

  #sendNext(): void {
    const at = this.#sentBytes % PATTERN.length;
    this.#socket.send(PATTERN.subarray(at, at + MESSAGE_BYTES));
    this.#sentBytes += MESSAGE_BYTES;
  }
}

const inSeconds = (ms: number): string => `${(ms / 1000).toFixed(2)} s`;

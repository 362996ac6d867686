import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { after, before, test } from 'node:test';
import { type Draw, drawFrom } from '../fuzz/nats-lines.ts';
import { rulesOf } from '../policy/support.ts';
import { FakeUpstream, type UpstreamConnection } from '../support/fake-upstream.ts';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';
import { frame, Opcode, plainPayload, RawClient } from '../support/raw-client.ts';

/**
 * What a policy refuses, over real sockets: the server gets exactly the other operations, and the client one error for
 * each refused one, in order, whoever does not read for a while. FUZZ_OPERATIONS: how many, 20,000 when not set; a million
 * after a change of how operations are dropped. FUZZ_SEED: the seed that a failure printed.
 */
const OPERATIONS = Number(process.env['FUZZ_OPERATIONS'] ?? 20_000);
const SEED = Number(process.env['FUZZ_SEED'] ?? Date.now() | 0);
const BATCH = 500;
/** Of one session that waits for both sides: two reads to the server, and the errors for two reads. */
const MAX_HELD_BYTES = 1024 * 1024;
const TIMEOUT_MS = 3_600_000;

type Said = { readonly bytes: string; readonly error?: string };
const PAYLOADS = ['', 'x', 'PUB no 1\r\n', 'PING\r\n', 'SUB ok 1\r\n', '\r\n', '\r', '\n', "-ERR 'x'\r\n"];
const denied = (what: string): string => `-ERR 'Permissions Violation for ${what}'\r\n`;

const message = (to: string, payload: string, header?: string): string => {
  if (header === undefined) return `PUB ${to} ${payload.length}\r\n${payload}\r\n`;
  const block = `NATS/1.0\r\n${header}\r\n\r\n`;
  return `HPUB ${to} ${block.length} ${block.length + payload.length}\r\n${block}${payload}\r\n`;
};

/** `at` makes it another one than all before. */
function say(draw: Draw, at: number, padding: string): Said {
  const subject = `${at}.${padding.slice(0, draw.below(padding.length + 1))}x`;
  const payload = draw.pick(PAYLOADS) + padding.slice(0, draw.below(padding.length + 1));
  switch (draw.below(9)) {
    case 0:
      return { bytes: message(`no.${subject}`, payload), error: denied(`Publish to "no.${subject}"`) };
    case 1:
      return {
        bytes: message(`no.${subject}`, payload, 'A: b'),
        error: denied(`Publish to "no.${subject}"`),
      };
    case 2:
      return {
        bytes: message(`ok.${subject}`, payload, 'nats-ttl: 1'),
        error: denied(`Publish to "ok.${subject}" (header nats-ttl)`),
      };
    case 3:
      return { bytes: `SUB no.${subject} ${at}\r\n`, error: denied(`Subscription to "no.${subject}"`) };
    case 4:
      return {
        bytes: `SUB no.${subject} q ${at}\r\n`,
        error: denied(`Subscription to "no.${subject}" using queue "q"`),
      };
    case 5:
      return { bytes: `SUB ok.${subject} ${at}\r\n` };
    case 6:
      return { bytes: `UNSUB ${at}\r\n` };
    case 7:
      return { bytes: message(`ok.${subject}`, payload, 'A: b') };
    default:
      return { bytes: message(`ok.${subject}`, payload) };
  }
}

const binary = (bytes: Buffer | string): Buffer => frame(Opcode.binary, bytes);

/** The bytes in frames of any size, so that operations are cut anywhere. */
function framed(draw: Draw, bytes: Buffer): Buffer {
  const frames: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    const most = draw.pick([3, 60, 5000, 30_000]);
    for (let count = 0; count < 40 && at < bytes.length; count++) {
      const end = Math.min(bytes.length, at + 1 + draw.below(most));
      frames.push(binary(bytes.subarray(at, end)));
      at = end;
    }
  }
  return Buffer.concat(frames);
}

let upstream: FakeUpstream;
let gateway: TestGateway;
before(async () => {
  upstream = await FakeUpstream.start();
  const role = rulesOf({
    publish: { allow: ['ok.>'] },
    subscribe: { allow: ['ok.>'] },
    headers: { deny: ['Nats-*'], allow: [] },
  });
  gateway = await startTestGateway(upstream.port, {
    policy: { mode: 'enforce', roles: [role], onDeny: 'error', denialsBeforeClose: undefined },
  });
});
after(async () => {
  await gateway?.[Symbol.asyncDispose]();
  await upstream?.[Symbol.asyncDispose]();
});

/** A client that has logged in, its connection at the server, and what both must have got at the end. */
class Conversation implements AsyncDisposable {
  readonly client: RawClient;
  readonly connection: UpstreamConnection;
  readonly #expected = createHash('sha256');
  readonly #errors: string[] = [];
  #errorBytes = 0;
  #bytes: number;

  private constructor(client: RawClient, connection: UpstreamConnection) {
    this.client = client;
    this.connection = connection;
    this.#expected.update(connection.received);
    this.#bytes = connection.byteCount;
  }

  static async begin(): Promise<Conversation> {
    const index = upstream.connections.length;
    const client = await RawClient.open(gateway.port);
    const connection = await upstream.connection(index);
    client.send(binary('CONNECT {"headers":true}\r\nPING\r\n'));
    await connection.until(({ received }) => received.includes('PING\r\n'));
    connection.socket.write('PONG\r\n');
    await client.until(() => client.data.includes('PONG\r\n'));
    return new Conversation(client, connection);
  }

  /** What both sides must get of these. Returns their bytes. */
  expect(said: readonly Said[]): Buffer {
    for (const { bytes, error } of said) {
      if (error === undefined) {
        this.#expected.update(bytes);
        this.#bytes += bytes.length;
      } else {
        this.#errors.push(error);
        this.#errorBytes += error.length;
      }
    }
    return Buffer.from(said.map(({ bytes }) => bytes).join(''));
  }

  get isAllPassed(): boolean {
    return this.connection.byteCount >= this.#bytes;
  }

  /** Until both sides have got all of it, and nothing else. */
  async end(): Promise<void> {
    const { client, connection } = this;
    await connection.until(() => this.isAllPassed, TIMEOUT_MS);
    assert.equal(connection.byteCount, this.#bytes);
    assert.equal(connection.sha256, this.#expected.digest('hex'));
    const errors = () => client.frames.slice(2);
    const isWhole = () => errors().reduce((sum, { payload }) => sum + payload.length, 0) >= this.#errorBytes;
    if (!isWhole()) await client.until(isWhole, TIMEOUT_MS);
    const got = Buffer.concat(errors().map(plainPayload)).toString();
    const expected = this.#errors.join('');
    if (got !== expected) {
      const at = [...got].findIndex((character, index) => character !== expected[index]);
      assert.fail(`other errors from ${at} on: ${got.slice(at, at + 200)}`);
    }
    assert.equal(client.closed, false);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.client[Symbol.asyncDispose]();
  }
}

async function numberOf(name: string): Promise<number> {
  const { body } = await gateway.gateway.metrics(false);
  return Number(
    body
      .split('\n')
      .find((line) => line.startsWith(`${name} `))
      ?.split(' ')[1],
  );
}

const batchOf = (draw: Draw, from: number, padding: string): Said[] =>
  Array.from({ length: BATCH }, (_, index) => say(draw, from + index, padding));

for (const stuck of [['client'], ['upstream'], ['client', 'upstream']] as const)
  test(`${stuck.join(' and ')} not reading: the gateway waits with little in its memory, and then all of it comes (seed ${SEED})`, {
    timeout: TIMEOUT_MS,
  }, async () => {
    const draw = drawFrom(SEED);
    await using conversation = await Conversation.begin();
    const { client, connection } = conversation;
    const sockets = { client: client.socket, upstream: connection.socket };
    for (const side of stuck) sockets[side].pause();
    // More than the kernel holds for both.
    for (let from = 0; from < 12_000; from += BATCH)
      client.send(framed(draw, conversation.expect(batchOf(draw, from, 'y'.repeat(3000)))));
    // Whoever of the two does not read, then the gateway does not read the client.
    const waits = (side: string) => numberOf(`natsgate_buffered_bytes{side="${side}"}`);
    const signal = AbortSignal.timeout(180_000);
    while ((await waits('client')) + (await waits('upstream')) === 0) {
      signal.throwIfAborted();
      await new Promise((resolve) => setImmediate(resolve));
    }
    for (let look = 0; look < 50; look++) {
      assert.ok((await numberOf('natsgate_buffer_held_bytes')) <= MAX_HELD_BYTES);
      await new Promise((resolve) => setImmediate(resolve));
    }
    assert.equal(conversation.isAllPassed, false);
    assert.ok(client.socket.writableLength > 0);
    for (const side of stuck) sockets[side].resume();
    await conversation.end();
  });

test(`of ${OPERATIONS} mixed operations each allowed one arrives once, and no other (seed ${SEED})`, {
  timeout: TIMEOUT_MS,
}, async () => {
  const draw = drawFrom(SEED);
  await using conversation = await Conversation.begin();
  const { client, connection } = conversation;
  const sockets = [client.socket, connection.socket];
  for (let from = 0; from < OPERATIONS; from += BATCH) {
    const padding = 'y'.repeat(draw.pick([0, 20, 200]));
    const bytes = framed(draw, conversation.expect(batchOf(draw, from, padding)));
    for (const socket of sockets)
      if (draw.chance(20)) socket.pause();
      else socket.resume();
    if (client.socket.write(bytes)) continue;
    for (const socket of sockets) socket.resume();
    await once(client.socket, 'drain');
  }
  for (const socket of sockets) socket.resume();
  await conversation.end();
});

for (const bytes of [0, 1, 4096, 1 << 20])
  test(`a refused message of ${bytes} bytes over 40 frames, and between others in one`, async () => {
    const draw = drawFrom(SEED);
    await using conversation = await Conversation.begin();
    const said: Said[] = [];
    for (const header of [undefined, 'A: b', 'Nats-TTL: 1']) {
      const to = header === 'Nats-TTL: 1' ? 'ok.x' : 'no.x';
      const why = header === 'Nats-TTL: 1' ? ' (header Nats-TTL)' : '';
      said.push({
        bytes: message(to, 'x'.repeat(bytes), header),
        error: denied(`Publish to "${to}"${why}`),
      });
      said.push(say(draw, said.length, ''));
    }
    const whole = conversation.expect(said);
    conversation.client.send(binary(whole));
    const again = conversation.expect(said);
    const most = Math.ceil(again.length / 40);
    for (let at = 0; at < again.length; at += most)
      conversation.client.send(binary(again.subarray(at, at + most)));
    await conversation.end();
  });

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { BufferPool } from '../../src/bytes/buffer-pool.ts';
import type { RunningNatsServer } from '../../src/dev/nats-process.ts';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';
import { realNatsServer } from '../support/nats.ts';
import { frame, Opcode, RawClient } from '../support/raw-client.ts';
import { type Draw, drawFrom } from './nats-lines.ts';

/**
 * Publishers past the gateway say raw bytes to nats-server, whatever it may take; an inspected subscriber must get what a
 * subscriber beside the gateway gets, byte by byte, and stay connected. FUZZ_RUNS messages to each level, 3000 when not
 * set; FUZZ_SEED, one and the same when not set.
 */
const RUNS = Number(process.env['FUZZ_RUNS'] ?? 3000);
const SEED = Number(process.env['FUZZ_SEED'] ?? 6);
const MESSAGES_OF_A_PUBLISHER = 100;
const PUBLISHERS_OF_A_SUBSCRIBER = 10;

/** A subject as it was published, put behind a prefix by an import, and turned round by a mapping. */
const ACCOUNTS = `
accounts {
  A: { users: [ { user: a, password: p } ], exports: [ { stream: ">" } ], mappings: { "*.m": "out.{{wildcard(1)}}" } }
  B: { users: [ { user: b, password: p } ], imports: [ { stream: { account: A, subject: ">" }, prefix: "pre" } ] }
}
`;
const USERS = ['a', 'b'] as const;
const hello = (user: string): string =>
  `CONNECT {"verbose":false,"headers":true,"pedantic":false,"user":"${user}","pass":"p"}\r\n`;

const LIKE = [
  'INFO {"connect_urls":["10.0.0.1:4222"],"ldm":true}\r\n',
  '\r\n',
  "-ERR 'x'\r\n",
  'MSG a 1 2\r\n',
  'NATS/1.0',
  '\r',
  '\n',
  'PONG\r\n',
  '\0',
];
const TOKENS = [
  'a',
  'm',
  'INFO',
  'MSG',
  '-ERR',
  'PING',
  '1',
  '0002',
  '*',
  '>',
  '',
  '\xff\xfe',
  'b\0',
  '\xc3\xa9',
  '\x0b',
  '\x7f',
  '\r',
  'c\rd',
  '\rMSG',
  "'",
  '"{}',
];
const SIZES = ['00', '-1', '+1', '1x', '9999999999', ''];

let server: RunningNatsServer;
before(async () => {
  server = await realNatsServer({ config: ACCOUNTS });
});
after(() => server?.close());

function bytes(draw: Draw): string {
  const parts = Array.from({ length: draw.below(5) }, () =>
    draw.chance(60)
      ? draw.pick(LIKE)
      : Array.from({ length: draw.below(40) }, () => String.fromCharCode(draw.below(256))).join(''),
  );
  return parts.join('') + (draw.below(400) === 0 ? draw.pick(LIKE).repeat(1 + draw.below(6000)) : '');
}

/** The server takes an LF as the first byte of a subject. */
function subject(draw: Draw): string {
  const token = (): string => (draw.below(100) === 0 ? 's'.repeat(1 + draw.below(3000)) : draw.pick(TOKENS));
  const tokens = Array.from({ length: 1 + draw.below(3) }, token);
  const text = (draw.chance(30) ? '\n' : '') + tokens.join('.') + (draw.chance(30) ? '.m' : '');
  return text === '' ? 'e' : text;
}

function publish(draw: Draw): string {
  const blank = (): string => (draw.chance(90) ? ' ' : draw.pick(['\t', '  ', ' \t ']));
  const to = `${blank()}${subject(draw)}${blank()}${draw.chance(30) ? draw.pick(TOKENS) + blank() : ''}`;
  const payload = bytes(draw);
  const zeros = '0'.repeat(draw.chance(20) ? draw.below(3) : 0);
  const block = draw.chance(50) ? bytes(draw) : undefined;
  const total = payload.length + (block?.length ?? 0);
  // A wrong one ends the publisher.
  const size = draw.below(300) === 0 ? draw.pick(SIZES) : `${zeros}${total}`;
  const verb = block === undefined ? 'PUB' : 'HPUB';
  const sizes = block === undefined ? size : `${block.length}${blank()}${size}`;
  return `${draw.chance(90) ? verb : verb.toLowerCase()}${to}${sizes}\r\n${block ?? ''}${payload}\r\n`;
}

/** Until the server has read all of it, or has hung up. */
async function say(text: string, draw: Draw): Promise<void> {
  const socket = connect({ port: server.port, host: '127.0.0.1', noDelay: true });
  const closed = once(socket, 'close').catch(() => {});
  socket.on('error', () => {}).resume();
  const all = Buffer.from(`${hello('a')}${text}`, 'latin1');
  for (let at = 0; at < all.length; ) {
    const end = draw.chance(70) ? all.length : Math.min(all.length, at + 1 + draw.below(2000));
    socket.write(all.subarray(at, end));
    at = end;
    await turn();
  }
  socket.end();
  await closed;
}

/** A connection to the server itself, in the place of the gateway's client. */
class PlainSubscriber {
  readonly socket: Socket;
  readonly #chunks: Buffer[] = [];

  constructor() {
    this.socket = connect({ port: server.port, host: '127.0.0.1' });
    this.socket.on('data', (chunk: Buffer) => void this.#chunks.push(chunk));
  }

  get data(): Buffer {
    return Buffer.concat(this.#chunks);
  }

  async until(holds: () => boolean): Promise<void> {
    while (!holds()) await once(this.socket, 'data', { signal: AbortSignal.timeout(20_000) });
  }
}

/** After the answer to the first PING; a PING of the server may stand anywhere, so there is none in so short a time. */
const afterPong = (all: Buffer): Buffer => all.subarray(all.indexOf('PONG\r\n') + 6);
const endsWith = (all: Buffer, last: string): boolean => all.subarray(-last.length).equals(Buffer.from(last));

/** The same messages to a subscriber through the gateway and to one beside it. Returns how many arrived, in bytes. */
async function compare(edge: TestGateway, draw: Draw, publishers: number): Promise<number> {
  await using clientA = await RawClient.open(edge.port);
  await using clientB = await RawClient.open(edge.port);
  const clients = { a: clientA, b: clientB };
  const plain = { a: new PlainSubscriber(), b: new PlainSubscriber() };
  for (const user of USERS) {
    const begin = `${hello(user)}SUB > 1\r\nPING\r\n`;
    clients[user].send(frame(Opcode.binary, begin));
    plain[user].socket.write(begin);
    await clients[user].until(() => clients[user].data.includes('PONG\r\n'));
    await plain[user].until(() => plain[user].data.includes('PONG\r\n'));
  }
  for (let count = 0; count < publishers; count++)
    await say(Array.from({ length: MESSAGES_OF_A_PUBLISHER }, () => publish(draw)).join(''), draw);
  await say('PUB last 4\r\nlast\r\n', draw);
  let received = 0;
  for (const user of USERS) {
    const client = clients[user];
    const last = `MSG ${user === 'a' ? '' : 'pre.'}last 1 4\r\nlast\r\n`;
    await plain[user].until(() => endsWith(plain[user].data, last));
    const expected = afterPong(plain[user].data);
    await client.until(() => client.closed || afterPong(client.data).length >= expected.length, 60_000);
    const got = afterPong(client.data);
    const at = got.findIndex((byte, index) => byte !== expected[index]);
    assert.ok(
      got.equals(expected),
      `user ${user}: other bytes from ${at} on: ${JSON.stringify(expected.toString('latin1', at - 100, at + 100))}`,
    );
    assert.equal(client.closed, false);
    plain[user].socket.destroy();
    received += got.length;
  }
  return received;
}

for (const inspect of ['observe', 'enforce'] as const) {
  describe(inspect, () => {
    let edge: TestGateway;
    before(async () => {
      const pool = new BufferPool({ slots: 4, poison: true });
      const limits = { maxSentFrameBytes: 3000 };
      edge = await startTestGateway(server.port, { inspect, limits }, { bufferPool: pool });
    });
    after(() => edge?.[Symbol.asyncDispose]());

    test(`what a client publishes ends no subscriber, and arrives as it is (seed ${SEED})`, {
      timeout: 3_600_000,
    }, async (t) => {
      const draw = drawFrom(SEED);
      let bytesReceived = 0;
      let messages = 0;
      while (messages < RUNS) {
        const publishers = Math.min(
          PUBLISHERS_OF_A_SUBSCRIBER,
          Math.ceil((RUNS - messages) / MESSAGES_OF_A_PUBLISHER),
        );
        bytesReceived += await compare(edge, draw, publishers);
        messages += publishers * MESSAGES_OF_A_PUBLISHER;
      }
      const { body } = await edge.gateway.metrics(false);
      const delivered = [...body.matchAll(/^natsgate_nats_operations_total\{[^}]*"H?MSG"[^}]*\} (\d+)/gm)];
      t.diagnostic(
        JSON.stringify({
          published: messages,
          delivered: delivered.reduce((sum, [, count]) => sum + Number(count), 0),
          bytes: bytesReceived,
        }),
      );
      const stop = edge.log.lines.find((line) => /NATS protocol/.test(line.message));
      assert.equal(stop, undefined, JSON.stringify(stop));
    });
  });
}

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { BufferPool } from '../../src/buffer-pool.ts';
import type { RunningNatsServer } from '../../src/cli/nats-process.ts';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';
import { realNatsServer } from '../support/nats.ts';
import { frame, Opcode, RawClient } from '../support/raw-client.ts';
import { type Draw, drawFrom } from './nats-lines.ts';

/**
 * One client publishes anything that a nats-server takes, raw and past the gateway; an inspected subscriber must get it
 * as a subscriber without a gateway gets it, and stay connected. FUZZ_RUNS messages, 3000 when not set; FUZZ_SEED.
 */
const RUNS = Number(process.env['FUZZ_RUNS'] ?? 3000);
const SEED = Number(process.env['FUZZ_SEED'] ?? Date.now() | 0);
const HELLO = 'CONNECT {"verbose":false,"headers":true,"pedantic":false}\r\n';
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

let server: RunningNatsServer;
before(async () => {
  server = await realNatsServer();
});
after(() => server?.close());

function bytes(draw: Draw): string {
  const parts = Array.from({ length: draw.below(5) }, () =>
    draw.chance(60)
      ? draw.pick(LIKE)
      : Array.from({ length: draw.below(40) }, () => String.fromCharCode(draw.below(256))).join(''),
  );
  return parts.join('') + (draw.below(60) === 0 ? draw.pick(LIKE).repeat(1 + draw.below(6000)) : '');
}

function publish(draw: Draw): string {
  const subject = `f.${draw.chance(70) ? draw.pick(['a', 'INFO', '\xff\xfe', 'b\0', '\xc3\xa9', '\x0b']) : 's'.repeat(1 + draw.below(2000))}`;
  const reply = draw.chance(30) ? ` ${draw.pick(['r', '\xff', 'MSG'])}` : '';
  const payload = bytes(draw);
  const zeros = '0'.repeat(draw.chance(20) ? draw.below(3) : 0);
  if (draw.chance(50)) return `PUB ${subject}${reply} ${zeros}${payload.length}\r\n${payload}\r\n`;
  const block = bytes(draw);
  return `HPUB ${subject}${reply} ${block.length} ${zeros}${block.length + payload.length}\r\n${block}${payload}\r\n`;
}

async function plainSubscriber(): Promise<{ socket: Socket; received: () => Buffer }> {
  const socket = connect({ port: server.port, host: '127.0.0.1' });
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => void chunks.push(chunk));
  await once(socket, 'connect');
  return { socket, received: () => Buffer.concat(chunks) };
}

/** Behind the answer to the first PING; a PING of the server may stand anywhere, so there is none in so short a time. */
const behindPong = (all: Buffer): Buffer => all.subarray(all.indexOf('PONG\r\n') + 6);

for (const inspect of ['observe', 'enforce'] as const) {
  describe(inspect, () => {
    let edge: TestGateway;
    before(async () => {
      const pool = new BufferPool({ slots: 4, poison: true });
      const limits = { maxSentFrameBytes: 3000 };
      edge = await startTestGateway(server.port, { inspect, limits }, { bufferPool: pool });
    });
    after(() => edge?.[Symbol.asyncDispose]());

    test(`what a client publishes arrives unharmed, whatever it is (seed ${SEED})`, {
      timeout: 600_000,
    }, async () => {
      const draw = drawFrom(SEED);
      for (let left = RUNS; left > 0; left -= 500) {
        await using client = await RawClient.open(edge.port);
        const plain = await plainSubscriber();
        const begin = `${HELLO}SUB f.> 1\r\nPING\r\n`;
        client.send(frame(Opcode.binary, begin));
        plain.socket.write(begin);
        await client.until(() => client.data.includes('PONG\r\n'));
        while (!plain.received().includes('PONG\r\n')) await once(plain.socket, 'data');
        const publisher = connect({ port: server.port, host: '127.0.0.1' });
        publisher.resume();
        const messages = Array.from({ length: Math.min(500, left) }, () => publish(draw));
        publisher.write(Buffer.from(`${HELLO}${messages.join('')}PUB f.last 4\r\nlast\r\n`, 'latin1'));
        const last = Buffer.from('MSG f.last 1 4\r\nlast\r\n');
        const ends = (all: Buffer): boolean => all.subarray(-last.length).equals(last);
        while (!ends(plain.received())) await once(plain.socket, 'data');
        const expected = behindPong(plain.received());
        await client.until(() => client.closed || behindPong(client.data).length >= expected.length, 60_000);
        assert.ok(behindPong(client.data).equals(expected), `seed ${SEED}`);
        assert.equal(client.closed, false);
        publisher.destroy();
        plain.socket.destroy();
      }
      assert.ok(
        !edge.log.lines.some((line) => /NATS protocol/.test(line.message)),
        JSON.stringify(edge.log.lines.at(-1)),
      );
    });
  });
}

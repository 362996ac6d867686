import assert from 'node:assert/strict';
import { after, before, describe, type TestContext, test } from 'node:test';
import type { EngineName } from '../../src/config/config.ts';
import { makeCertificates, serverTls, type TestCertificates } from '../support/certificates.ts';
import type { ConfigOverrides } from '../support/config.ts';
import { FakeUpstream, INFO_LINE, type UpstreamConnection } from '../support/fake-upstream.ts';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';
import { frame, Opcode, RawClient } from '../support/raw-client.ts';

/**
 * Clients such as nats.go (#2024) read what is there, and if a close frame is in it they may lose what is before it in
 * that read. So the close frame of an end with an `-ERR` leaves a moment later, by a timer that these tests turn.
 */

let certificates: TestCertificates;
before(async () => {
  certificates = await makeCertificates();
});
after(() => certificates?.[Symbol.asyncDispose]());

const GAP_MS = 10;
const CONNECT = 'CONNECT {"verbose":false,"protocol":1}\r\n';

type Ending = {
  readonly name: string;
  readonly overrides?: ConfigOverrides;
  readonly end: (client: RawClient, server: UpstreamConnection, gateway: TestGateway) => Promise<void> | void;
  readonly error: string;
  readonly close: { readonly code: number; readonly reason: string };
};

const say = (client: RawClient, bytes: string): void => client.send(frame(Opcode.binary, bytes));

/** Not further: the close deadline is part of the same clock. */
function reachAge({ advance, gateway }: TestGateway): void {
  const isOpen = (): boolean => gateway.status.openSessions()[0]?.ending === undefined;
  for (let step = 0; step < 300 && isOpen(); step++) advance(250);
}

const ENDINGS: readonly Ending[] = [
  {
    name: 'what the server says last, unread by the gateway',
    end: (_, { socket }) => void socket.end("-ERR 'Authorization Violation'\r\n"),
    error: "-ERR 'Authorization Violation'\r\n",
    close: { code: 1001, reason: 'upstream_closed' },
  },
  {
    name: 'what the server says last, and the gateway reads',
    overrides: { inspect: 'observe' },
    end: (_, { socket }) => void socket.end("-ERR 'Authorization Violation'\r\n"),
    error: "-ERR 'Authorization Violation'\r\n",
    close: { code: 1008, reason: 'upstream_closed' },
  },
  {
    name: 'the age of a session',
    overrides: { inspect: 'observe', limits: { sessionAgeMs: 60_000 } },
    end: (_client, _server, gateway) => reachAge(gateway),
    error: "-ERR 'Stale Connection'\r\n",
    close: { code: 1001, reason: 'session_expired' },
  },
  {
    name: 'an end that waits for the end of an operation of the server',
    overrides: { inspect: 'observe', limits: { sessionAgeMs: 60_000 } },
    end: async (client, { socket }, gateway) => {
      socket.write('MSG a 1 4\r\nab');
      await client.until(() => client.data.includes('ab'));
      reachAge(gateway);
      socket.write('cd\r\n');
    },
    error: "MSG a 1 4\r\nabcd\r\n-ERR 'Stale Connection'\r\n",
    close: { code: 1001, reason: 'session_expired' },
  },
  {
    name: 'a line that is no operation',
    overrides: { inspect: 'enforce' },
    end: (client) => say(client, `${CONNECT}NONSENSE\r\n`),
    error: "-ERR 'Unknown Protocol Operation'\r\n",
    close: { code: 1008, reason: 'nats_violation' },
  },
  {
    name: 'credentials that are refused',
    overrides: { inspect: 'enforce', connect: { clientCredentials: 'refuse' } },
    end: (client) => say(client, 'CONNECT {"user":"a","pass":"b"}\r\n'),
    error: "-ERR 'Authorization Violation'\r\n",
    close: { code: 1008, reason: 'forbidden' },
  },
  {
    name: 'a text message',
    overrides: { inspect: 'observe' },
    end: (client) => client.send(frame(Opcode.text, 'a')),
    error: "-ERR 'Unknown Protocol Operation'\r\n",
    close: { code: 1003, reason: 'not_binary' },
  },
  {
    name: 'a frame that is not masked, which ws would answer by itself',
    overrides: { inspect: 'observe' },
    end: (client) => client.send(frame(Opcode.binary, 'a', { mask: null })),
    error: "-ERR 'Unknown Protocol Operation'\r\n",
    close: { code: 1002, reason: 'frame_violation' },
  },
  {
    name: 'a frame that is too large, which ws would answer by itself',
    overrides: { inspect: 'observe', limits: { maxFrameBytes: 1024 } },
    end: (client) => client.send(frame(Opcode.binary, Buffer.alloc(1025))),
    error: "-ERR 'Maximum Payload Violation'\r\n",
    close: { code: 1009, reason: 'message_too_big' },
  },
  {
    name: 'a flood of control frames',
    overrides: { inspect: 'observe' },
    end: (client) => client.send(Buffer.concat(Array.from({ length: 150 }, () => frame(Opcode.pong)))),
    error: "-ERR 'Stale Connection'\r\n",
    close: { code: 1008, reason: 'rate_exceeded' },
  },
];

const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const hasClose = (client: RawClient): boolean => client.frames.some(({ opcode }) => opcode === Opcode.close);

/** The error comes alone; after the gap the close frame, which is the last. */
async function errorThenClose(t: TestContext, client: RawClient, { error, close }: Ending): Promise<void> {
  await client.until(() => client.data.toString().endsWith(error) || hasClose(client));
  assert.match(client.data.toString(), /^INFO .*\r\n/);
  assert.ok(client.data.toString().endsWith(`\r\n${error}`), client.data.toString());
  assert.equal(hasClose(client), false, 'the close frame came with the error');
  for (let turn = 0; turn < 5; turn++) await nextTurn();
  assert.equal(hasClose(client), false, 'the close frame came in a turn of its own, and no later');
  // Over TLS the timer begins when the write is done, which is after the client has it.
  const deadline = AbortSignal.timeout(30_000);
  while (!hasClose(client) && !client.closed) {
    deadline.throwIfAborted();
    t.mock.timers.tick(GAP_MS);
    await nextTurn();
  }
  assert.deepEqual(await client.closeReceived(), close);
  assert.match(client.data.toString(), /^INFO .*\r\n/);
  assert.ok(client.data.toString().endsWith(`\r\n${error}`), client.data.toString());
}

for (const engine of ['cut-through', 'buffered'] as const satisfies readonly EngineName[])
  for (const secure of [false, true])
    describe(`${engine}${secure ? ' over TLS' : ''}`, () => {
      for (const ending of ENDINGS)
        test(`the -ERR comes alone, and a close frame later: ${ending.name}`, async (t) => {
          await using upstream = await FakeUpstream.start();
          const tls = secure ? serverTls(certificates) : undefined;
          const overrides = { ...ending.overrides, engine, listen: { tls } };
          await using gateway = await startTestGateway(upstream.port, overrides);
          await using client = await RawClient.open(gateway.port, {}, secure ? {} : undefined);
          const server = await upstream.connection();
          // Over TLS the write of INFO is done after the client has it.
          for (let turn = 0; turn < 5; turn++) await nextTurn();
          t.mock.timers.enable({ apis: ['setTimeout'] });
          await ending.end(client, server, gateway);
          await errorThenClose(t, client, ending);
        });

      test('a server that refuses at once: INFO and -ERR with the 101, and the close frame later', async (t) => {
        const error = "-ERR 'maximum connections exceeded'\r\n";
        const tls = secure ? serverTls(certificates) : undefined;
        await using upstream = await FakeUpstream.start({
          greeting: '',
          onConnection: ({ socket }) => socket.end(INFO_LINE + error),
        });
        await using gateway = await startTestGateway(upstream.port, { engine, listen: { tls } });
        t.mock.timers.enable({ apis: ['setTimeout'] });
        await using client = await RawClient.open(gateway.port, {}, secure ? {} : undefined);
        const close = { code: 1001, reason: 'upstream_closed' };
        await errorThenClose(t, client, { name: '', end() {}, error, close });
      });

      test('a slow client gets all that was for it, then the -ERR, then the close frame', async () => {
        const tls = secure ? serverTls(certificates) : undefined;
        const message = `MSG a 1 1000000\r\n${'x'.repeat(1_000_000)}\r\n`;
        await using upstream = await FakeUpstream.start();
        await using gateway = await startTestGateway(upstream.port, {
          engine,
          inspect: 'observe',
          listen: { tls },
        });
        await using client = await RawClient.open(gateway.port, {}, secure ? {} : undefined);
        client.socket.pause();
        const { socket } = await upstream.connection();
        for (let count = 0; count < 20; count++) socket.write(message);
        const error = "-ERR 'Slow Consumer'\r\n";
        socket.end(error);
        client.socket.resume();
        assert.deepEqual(await client.closeReceived(), { code: 1008, reason: 'upstream_closed' });
        assert.equal(client.frames.at(-1)?.opcode, Opcode.close);
        const { data } = client;
        assert.equal(data.length, INFO_LINE.length + 20 * message.length + error.length);
        assert.ok(data.toString().endsWith(`\r\n${error}`));
      });
    });

test('a session that is cut within the gap has its close frame all the same', async (t) => {
  await using upstream = await FakeUpstream.start();
  await using gateway = await startTestGateway(upstream.port);
  await using client = await RawClient.open(gateway.port);
  t.mock.timers.enable({ apis: ['setTimeout'] });
  (await upstream.connection()).socket.end("-ERR 'Authorization Violation'\r\n");
  await client.until(() => client.data.includes('Violation'));
  await gateway.gateway.stop();
  assert.deepEqual(await client.closeReceived(), { code: 1001, reason: 'upstream_closed' });
});

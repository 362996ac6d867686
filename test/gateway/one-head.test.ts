import assert from 'node:assert/strict';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { makeCertificates, serverTls, type TestCertificates } from '../support/certificates.ts';
import { FakeUpstream } from '../support/fake-upstream.ts';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';
import { handshakeRequest, RawClient } from '../support/raw-client.ts';
import { rounds } from '../support/rounds.ts';

/** Node's HTTP parser gets one head of each connection, and nothing that comes behind it. */

const good = handshakeRequest();
const MANY = Buffer.from('GET / HTTP/1.1\r\n\r\n'.repeat(3612));

/** What is read and dropped behind an answer, and what reads under way bring beyond it. */
const MOST_READ = 256 * 1024 + 4 * 64 * 1024;

let certificates: TestCertificates;
let upstream: FakeUpstream;
before(async () => {
  certificates = await makeCertificates();
  upstream = await FakeUpstream.start();
});
after(async () => {
  await upstream?.[Symbol.asyncDispose]();
  await certificates?.[Symbol.asyncDispose]();
});

for (const secure of [false, true]) {
  describe(secure ? 'over TLS' : 'in clear', () => {
    let gateway: TestGateway;
    before(async () => {
      const tls = secure ? serverTls(certificates) : undefined;
      gateway = await startTestGateway(upstream.port, { listen: { tls } });
    });
    after(() => gateway?.[Symbol.asyncDispose]());
    const connect = (): Promise<RawClient> => RawClient.connect(gateway.port, secure ? {} : undefined);

    for (const [name, first, status] of [
      ['an upgrade', good, 400],
      ['a refused one', good.replace('websocket', 'h2c'), 400],
      ['one without Host', 'GET / HTTP/1.1\r\n\r\n', 400],
      ['a head that is too large', `GET / HTTP/1.1\r\n${'a:\r\n'.repeat(65)}`, 431],
      ['one that is no HTTP', 'HELO\r\n\r\n', 400],
      ['an upgrade with a body', good.replace('Origin', 'Content-Length: 900\r\nOrigin'), 400],
    ] as const) {
      test(`3,612 requests pipelined behind ${name} reach no parser`, async () => {
        using requests = countRequests();
        for (let round = 0; round < 5; round++) {
          await using client = await connect();
          client.send(Buffer.concat([Buffer.from(first), MANY]));
          assert.equal((await client.answer()).status, status);
          client.send(MANY);
          await client.until(() => client.ended || client.closed);
          await client.until(() => client.socket.writableLength === 0 || client.closed);
        }
        assert.ok(requests.count <= 5, `${requests.count} requests were made of 5`);
      });
    }

    test('65 lines of an unfinished head are refused without waiting for its end', async () => {
      await using client = await connect();
      client.send(`GET / HTTP/1.1\r\n${'X-Line: 1\r\n'.repeat(65)}`);
      assert.match((await client.answer()).body, /^header_too_large: /);
    });

    test('8 KiB of an unfinished head are refused without waiting for its end', async () => {
      await using client = await connect();
      client.send(`GET / HTTP/1.1\r\nX-Fill: ${'x'.repeat(8192)}`);
      assert.match((await client.answer()).body, /^header_too_large: /);
    });

    test('an upgrade with a body that never comes whole: refused, and nothing fails when the client leaves', async () => {
      await using client = await connect();
      client.send(`${good.replace('Origin', 'Content-Length: 9\r\nOrigin')}1234`);
      assert.match((await client.answer()).body, /^body: /);
      await client.until(() => client.closed);
      await (await connect())[Symbol.asyncDispose]();
    });

    test('a body of 4 MB behind a refused head: answered, and the rest stays in the kernel', async () => {
      using accepted = acceptedSockets();
      await using client = await connect();
      client.endsToo = false;
      client.send('POST / HTTP/1.1\r\nHost: gw\r\nContent-Length: 4000000\r\n\r\n');
      client.send(Buffer.alloc(4_000_000, 'x'));
      assert.match((await client.answer()).body, /^method: /);
      const [socket] = accepted.sockets;
      assert.ok(socket !== undefined);
      if (!socket.closed) await once(socket, 'close', { signal: AbortSignal.timeout(30_000) });
      assert.ok(socket.bytesRead <= MOST_READ, `${socket.bytesRead} bytes were read`);
    });
  });
}

describe('the verdict on a head does not depend on how it is cut', () => {
  let gateway: TestGateway;
  before(async () => {
    gateway = await startTestGateway(upstream.port);
  });
  after(() => gateway?.[Symbol.asyncDispose]());

  const changed = (from: string | RegExp, to: string): string => good.replace(from, to);
  const HEADS: readonly [name: string, head: string | Buffer][] = [
    ['good', good],
    ['two empty lines first', `\r\n\r\n${good}`],
    ['five empty lines first', `${'\r\n'.repeat(5)}${good}`],
    ['bare LF', good.replaceAll('\r\n', '\n')],
    ['one bare LF', changed('\r\nUpgrade', '\nUpgrade')],
    ['CR before the method', `\r${good}`],
    ['two blanks', changed('GET /', 'GET  /')],
    ['HTTP/1.0', changed('HTTP/1.1', 'HTTP/1.0')],
    ['HTTP/0.9', 'GET /\r\n\r\n'],
    ['plain GET', 'GET / HTTP/1.1\r\nHost: gw\r\n\r\n'],
    ['folded line', changed('Upgrade: websocket', 'X: a\r\n b\r\nUpgrade: websocket')],
    ['a line without colon, then too many', `GET / HTTP/1.1\r\nX\r\n${'a:\r\n'.repeat(70)}\r\n`],
    ['too many lines, then one without colon', `GET / HTTP/1.1\r\n${'a:\r\n'.repeat(65)}X\r\n\r\n`],
    ['no HTTP', 'SSH-2.0-OpenSSH_9.2\r\n'],
    ['TLS', Buffer.from('16030100050100000100', 'hex')],
    ['HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
    ['CONNECT', 'CONNECT gw:80 HTTP/1.1\r\nHost: gw:80\r\n\r\n'],
    ['end of body first', `0\r\n\r\n${good}`],
  ];
  for (const [name, head] of HEADS) {
    test(name, async () => {
      const bytes = Buffer.from(head);
      const whole = await verdict(gateway, [bytes]);
      assert.notEqual(whole, '408');
      // Of a long one some places are enough, but for the first, which has all that the others have.
      const step = head === good || bytes.length < 50 ? 1 : rounds(3, 1);
      for (let cut = 1; cut < bytes.length; cut += step)
        assert.equal(
          await verdict(gateway, [bytes.subarray(0, cut), bytes.subarray(cut)]),
          whole,
          `at ${cut}`,
        );
    });
  }

  const MUTATED = rounds(100, 400);
  test(`${MUTATED} mutated heads in three pieces`, async () => {
    const next = randomNumbers(11);
    const bytes = ['\r', '\n', '\r\n', '\0', ' ', ':', ',', '\t', 'x', '\r\n\r\n', '\x80'];
    for (let round = 0; round < MUTATED; round++) {
      const at = next(good.length);
      const text = good.slice(0, at) + bytes[next(bytes.length)] + good.slice(at + next(3));
      const head = Buffer.from(text, 'latin1');
      const cuts = [next(head.length), next(head.length)].toSorted((a, b) => a - b);
      const pieces = [head.subarray(0, cuts[0]), head.subarray(cuts[0], cuts[1]), head.subarray(cuts[1])];
      const end = head.indexOf('\r\n\r\n');
      // Bytes behind the head are early data in one piece, and may come behind the answer in two.
      if (end !== -1 && end + 4 < head.length) continue;
      if (end === -1) continue;
      assert.equal(await verdict(gateway, pieces), await verdict(gateway, [head]), JSON.stringify(text));
    }
  });
});

/** Status and token of the answer to a head whose pieces are read one by one. */
async function verdict(gateway: TestGateway, pieces: readonly Buffer[]): Promise<string> {
  using accepted = acceptedSockets();
  await using client = await RawClient.connect(gateway.port);
  let sent = 0;
  for (const piece of pieces) {
    client.send(piece);
    sent += piece.length;
    const done = (): boolean => {
      const [socket] = accepted.sockets;
      return (
        client.ended ||
        client.closed ||
        (socket !== undefined && (socket.destroyed || socket.bytesRead >= sent))
      );
    };
    while (!done()) await new Promise((resolve) => setImmediate(resolve));
  }
  const status = await client.status();
  return status === 101 || status === 'close'
    ? String(status)
    : `${status} ${(await client.answer()).body.split(':', 1)[0]}`;
}

/** What Node's HTTP server made a request of, upgrades aside. */
function countRequests(): Disposable & { readonly count: number } {
  let count = 0;
  const onRequest = (): void => void count++;
  subscribe('http.server.request.start', onRequest);
  return {
    get count() {
      return count;
    },
    [Symbol.dispose]: () => void unsubscribe('http.server.request.start', onRequest),
  };
}

function acceptedSockets(): Disposable & { readonly sockets: readonly Socket[] } {
  const sockets: Socket[] = [];
  const onSocket = (message: unknown): void => void sockets.push((message as { socket: Socket }).socket);
  subscribe('net.server.socket', onSocket);
  return { sockets, [Symbol.dispose]: () => void unsubscribe('net.server.socket', onSocket) };
}

/** The same numbers each time. */
function randomNumbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

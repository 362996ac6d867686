import assert from 'node:assert/strict';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { after, before, describe, test } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { type Endpoint, encodeProxyHeader, readProxyHeader } from '../../src/net/proxy-protocol.ts';
import { makeCertificates, serverTls, type TestCertificates } from '../support/certificates.ts';
import { testEngine } from '../support/config.ts';
import { FakeUpstream, INFO_LINE } from '../support/fake-upstream.ts';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';
import { closeFrame, frame, handshakeRequest, Opcode, RawClient } from '../support/raw-client.ts';

/** PROXY headers in front of the listener, and what of them reaches the server. */

const CLIENT: Endpoint = { address: '203.0.113.9', port: 50_123 };
const REACHED: Endpoint = { address: '192.0.2.1', port: 443 };
const LISTED = { proxyProtocol: ['127.0.0.0/8'] } as const;
const v1 = encodeProxyHeader('v1', CLIENT, REACHED);
const v2 = encodeProxyHeader('v2', CLIENT, REACHED);
const v2Local = encodeProxyHeader('v2', undefined, undefined);

/** With one byte of another value. */
function changed(header: Buffer, index: number, value: number): Buffer {
  const copy = Buffer.from(header);
  copy[index] = value;
  return copy;
}

let certificates: TestCertificates;
let upstream: FakeUpstream;
before(async () => {
  certificates = await makeCertificates();
  upstream = await FakeUpstream.start({ echo: true });
});
after(async () => {
  await upstream?.[Symbol.asyncDispose]();
  await certificates?.[Symbol.asyncDispose]();
});

const HEADERS: readonly [string, readonly Buffer[], string][] = [
  ['v1', [v1], CLIENT.address],
  ['v2', [v2], CLIENT.address],
  ['v2 with TLVs', [Buffer.concat([changed(v2, 15, 17), Buffer.from('0400020000', 'hex')])], CLIENT.address],
  ['v2 over IPv6', [encodeProxyHeader('v2', { address: '2001:db8::7', port: 1 }, REACHED)], '2001:db8::7'],
  ['v1 byte by byte', [...v1].map((byte) => Buffer.from([byte])), CLIENT.address],
  ['v2 LOCAL', [v2Local], '127.0.0.1'],
  ['v1 UNKNOWN', [Buffer.from('PROXY UNKNOWN\r\n')], '127.0.0.1'],
];

for (const secure of [false, true]) {
  describe(secure ? 'on a TLS listener' : 'on a plain listener', () => {
    let gateway: TestGateway;
    before(async () => {
      const tls = secure ? serverTls(certificates) : undefined;
      gateway = await startTestGateway(upstream.port, { listen: { ...LISTED, tls } });
    });
    after(() => gateway?.[Symbol.asyncDispose]());

    for (const [name, pieces, client] of HEADERS) {
      for (const glued of [false, true]) {
        test(`${name}${glued ? ', and the rest in the same packet' : ''}`, async () => {
          const raw = await dialled(gateway.port);
          const last = pieces.at(-1)!;
          for (const piece of pieces.slice(0, -1)) await sent(raw, piece);
          if (!glued) await sent(raw, last);
          const stream = glued ? new Behind(raw, last) : raw;
          await using one = RawClient.over(
            secure ? connectTls({ socket: stream, rejectUnauthorized: false }) : raw,
          );
          const request = handshakeRequest();
          one.send(glued && !secure ? Buffer.concat([last, Buffer.from(request)]) : request);
          assert.equal((await one.answer()).status, 101);
          const echo = Buffer.alloc(300_000, 'natsgate');
          one.send(frame(Opcode.binary, echo));
          await one.until(() => one.data.length === INFO_LINE.length + echo.length);
          assert.ok(one.data.subarray(INFO_LINE.length).equals(echo));
          one.send(closeFrame(1000));
          await one.closeReceived();
          const ended = await gateway.log.find((line) => line.message === 'session ended' && !SEEN.has(line));
          SEEN.add(ended);
          assert.deepEqual([ended['reason'], ended['client']], ['client_closed', client]);
        });
      }
    }

    test('header fields of exactly 8 KiB are not made longer by the header', async () => {
      const bare = handshakeRequest({ requestLine: '', headers: { 'X-Fill': '' } }).slice('\r\n'.length);
      const request = (bytes: number): string =>
        handshakeRequest({ headers: { 'X-Fill': 'x'.repeat(bytes - bare.length) } });
      for (const [bytes, status] of [
        [8192, 101],
        [8193, 431],
      ] as const) {
        const raw = await dialled(gateway.port);
        await sent(raw, v2);
        await using one = RawClient.over(
          secure ? connectTls({ socket: raw, rejectUnauthorized: false }) : raw,
        );
        one.send(request(bytes));
        assert.equal((await one.answer()).status, status);
      }
    });

    for (const [name, bytes] of [
      [
        'none, but what the listener would take without',
        secure ? Buffer.from([0x16, 3, 1, 2, 0]) : handshakeRequest(),
      ],
      ['malformed', 'PROXY TCP4 203.0.113.9 192.0.2.1 50123\r\n'],
      ['of datagrams', changed(v2, 13, 0x12)],
    ] as const) {
      test(`a header that is ${name}: ${secure ? 'closed' : '400 proxy_header'}`, async () => {
        const from = gateway.log.lines.length;
        await using one = RawClient.over(await dialled(gateway.port));
        one.send(Buffer.from(bytes));
        if (secure) assert.equal(await one.status(), 'close');
        else assert.match((await one.answer()).body, /^proxy_header: .*must begin with a valid PROXY header/);
        await one.until(() => one.ended || one.closed);
        const line = await gateway.log.find(
          (each) => each['outcome'] === 'proxy_header' && gateway.log.lines.indexOf(each) >= from,
        );
        assert.match(String(line['cause']), /^PROXY header: /);
        assert.equal(line['client'], '127.0.0.1');
      });
    }
  });
}

const SEEN = new WeakSet<object>();
const NOTHING = Buffer.alloc(0);

describe('whom it concerns', () => {
  test('no header in time: refused after two seconds, and nothing is left', async () => {
    await using gateway = await startTestGateway(upstream.port, { listen: LISTED });
    const startMs = performance.now();
    await using one = RawClient.over(await dialled(gateway.port));
    one.send('PROXY TCP4 ');
    assert.match((await one.answer()).body, /^proxy_header: /);
    const tookMs = performance.now() - startMs;
    assert.ok(tookMs > 1900, `${tookMs} ms`);
    const line = await gateway.log.find((each) => each['outcome'] === 'proxy_header');
    assert.match(String(line['cause']), /no PROXY header within 2000 ms/);
  });

  test('a port check, which connects and leaves, is no refusal', async () => {
    await using gateway = await startTestGateway(upstream.port, { listen: LISTED });
    const raw = await dialled(gateway.port);
    const closed = once(raw, 'close');
    raw.end();
    await closed;
    assert.equal(gateway.log.lines.filter((line) => line.message === 'handshake refused').length, 0);
  });

  test('a stop does not wait for headers', async () => {
    const gateway = await startTestGateway(upstream.port, { listen: LISTED });
    const raw = await dialled(gateway.port);
    await sent(raw, Buffer.from('PROXY '));
    const closed = new Promise((resolve) => raw.on('error', () => {}).once('close', resolve));
    await gateway[Symbol.asyncDispose]();
    await closed;
  });

  test('from a network that is not listed a header is garbage: 400 bad_request', async () => {
    await using gateway = await startTestGateway(upstream.port, {
      listen: { proxyProtocol: ['10.0.0.0/8'] },
    });
    for (const header of [v1, v2]) {
      await using one = RawClient.over(await dialled(gateway.port));
      one.send(Buffer.concat([header, Buffer.from(handshakeRequest())]));
      assert.match((await one.answer()).body, /^bad_request: /);
    }
    await using plain = await RawClient.open(gateway.port);
    assert.equal(plain.data.toString(), INFO_LINE);
  });

  test('the sender in the header counts as the peer: its X-Forwarded-For is believed where it is trusted', async () => {
    for (const [trusted, client] of [
      [['203.0.113.0/24'], '198.51.100.4'],
      [['127.0.0.0/8'], CLIENT.address],
    ] as const) {
      await using gateway = await startTestGateway(upstream.port, {
        listen: { ...LISTED, trustedProxies: trusted },
      });
      await using one = RawClient.over(await dialled(gateway.port));
      const request = handshakeRequest({ headers: { 'X-Forwarded-For': '198.51.100.4' } });
      one.send(Buffer.concat([v1, Buffer.from(request), NOTHING]));
      assert.equal((await one.answer()).status, 101);
      one.socket.destroy();
      assert.equal((await gateway.log.ended())['client'], client);
    }
  });

  test('behind a header, too, the socket is read into the shared area', async (t) => {
    if (testEngine() !== 'cut-through') return t.skip('the buffered engine reads by events');
    await using gateway = await startTestGateway(upstream.port, { listen: LISTED });
    const accepted: Socket[] = [];
    const onAccepted = (message: unknown): void => {
      const { socket } = message as { socket: Socket };
      if (socket.localPort === gateway.port) accepted.push(socket);
    };
    subscribe('net.server.socket', onAccepted);
    try {
      await using one = RawClient.over(await dialled(gateway.port));
      one.send(Buffer.concat([v2, Buffer.from(handshakeRequest())]));
      await one.until(() => one.frames.length > 0);
      assert.deepEqual(
        accepted.map((socket) => socket.listenerCount('data')),
        [0],
      );
    } finally {
      unsubscribe('net.server.socket', onAccepted);
    }
  });

  test('both ways: the server gets the client and where it connected to', async () => {
    for (const version of ['v1', 'v2'] as const) {
      await using server = await FakeUpstream.start();
      await using gateway = await startTestGateway(server.port, {
        listen: LISTED,
        upstream: { proxyProtocol: version },
      });
      await using one = RawClient.over(await dialled(gateway.port));
      one.send(Buffer.concat([v2, Buffer.from(handshakeRequest())]));
      assert.equal((await one.answer()).status, 101);
      one.send(frame(Opcode.binary, 'CONNECT {}\r\n'));
      const connection = await server.connection();
      await connection.until((each) => each.received.includes('CONNECT {}\r\n'));
      const header = readProxyHeader(connection.received);
      assert.deepEqual(header, {
        kind: 'header',
        length: connection.received.length - 'CONNECT {}\r\n'.length,
        source: CLIENT,
        destination: REACHED,
      });
    }
  });
});

/** A connection whose first bytes leave in one write with `header` in front. */
class Behind extends Duplex {
  #header: Buffer;
  readonly #raw: Socket;

  constructor(raw: Socket, header: Buffer) {
    super();
    this.#raw = raw;
    this.#header = header;
    raw.on('data', (chunk: Buffer) => this.push(chunk)).on('end', () => this.push(null));
    raw.on('error', () => {}).on('close', () => this.destroy());
  }

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.#raw.write(Buffer.concat([this.#header, chunk]), () => done());
    this.#header = NOTHING;
  }

  override _final(done: () => void): void {
    this.#raw.end();
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#raw.destroy();
    done(error);
  }
}

async function dialled(port: number): Promise<Socket> {
  const socket = connect({ host: '127.0.0.1', port, noDelay: true });
  await once(socket, 'connect');
  return socket;
}

/** Resolves when the bytes have left this process, so that each piece is a packet of its own. */
function sent(socket: Socket, bytes: Buffer): Promise<void> {
  return new Promise((resolve) => socket.write(bytes, () => setImmediate(resolve)));
}

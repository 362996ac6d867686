import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { type AddressInfo, connect, createServer, Socket } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { connect as connectTls, TLSSocket, type TlsOptions } from 'node:tls';
import type { HandshakeOutcome } from '../../src/handshake-outcome.ts';
import type { HandshakeRules } from '../../src/listener/handshake.ts';
import { Listener } from '../../src/listener/listener.ts';
import { compileOrigins } from '../../src/listener/origin.ts';
import { type DropReason, PendingConnections, pendingLimits } from '../../src/listener/pending.ts';
import { PendingConnection } from '../../src/listener/pending-connection.ts';
import type { PendingHandshake } from '../../src/listener/pending-handshake.ts';
import { compileTrustedProxies } from '../../src/net/networks.ts';
import { encodeProxyHeader } from '../../src/net/proxy-protocol.ts';
import { makeCertificates, type TestCertificates } from '../support/certificates.ts';
import { handshakeRequest } from '../support/raw-client.ts';

/** Who keeps a place while he has not shown to be a client. Here 16 places, 4 of them in TLS; 2 for one address. */
const LIMITS = pendingLimits(16);

const ATTACKER = '127.0.0.66';
const OTHER_ATTACKER = '127.0.0.67';
const HONEST = '127.0.0.7';

test('the parts of the limit', () => {
  assert.deepEqual(LIMITS, { pendingConnections: 16, pendingTls: 4, pendingPerAddress: 2 });
  assert.deepEqual(pendingLimits(), { pendingConnections: 512, pendingTls: 128, pendingPerAddress: 64 });
  assert.deepEqual(pendingLimits(1), { pendingConnections: 1, pendingTls: 1, pendingPerAddress: 1 });
});

test('a client whose TLS connection was reset is still known by its address: log lines had none', async () => {
  await using server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = connect({
    port: (server.address() as AddressInfo).port,
    host: '127.0.0.1',
    localAddress: HONEST,
  });
  const [accepted] = (await once(server, 'connection')) as [Socket];
  // The listener looks at it once, before TLS.
  assert.equal(accepted.remoteAddress, HONEST);
  const connection = new PendingConnection(accepted, 0, () => {});
  connection.socket = new TLSSocket(accepted, { isServer: true }).on('error', () => {});
  client.destroy();
  connection.socket.destroy();
  await closed(accepted);
  assert.equal(connection.peer.address, HONEST);
});

test('a connection that was answered keeps its place until another one needs it: its client still reads', () => {
  const pending = new PendingConnections(pendingLimits(2), 1000, {
    onDropped: () => assert.fail(),
    onExpired: () => assert.fail(),
  });
  const [first, second, third] = Array.from({ length: 3 }, () => {
    const connection = new PendingConnection(new Socket(), performance.now(), () => {});
    return { connection, isGone: () => connection.socket.destroyed };
  });
  pending.add(first!.connection);
  pending.answered(first!.connection);
  pending.add(second!.connection);
  pending.answered(second!.connection);
  assert.deepEqual([first!.isGone(), second!.isGone(), pending.size], [false, false, 2]);
  pending.add(third!.connection);
  assert.deepEqual([first!.isGone(), second!.isGone(), pending.size], [true, false, 2]);
  // Fewer may be pending from now on.
  pending.configure(pendingLimits(1), 1000);
  pending.answered(third!.connection);
  assert.deepEqual([second!.isGone(), third!.isGone(), pending.size], [true, false, 1]);
  pending.close();
  assert.equal(third!.isGone(), true);
});

describe('in clear', () => {
  test('one address may have all places, and loses its oldest first when there is none left', async () => {
    await using listener = await TestListener.start();
    const clients = await listener.connections(ATTACKER, 20);
    await listener.until(() => listener.dropped.length === 4);
    for (const client of clients.slice(0, 4)) await closed(client);
    assert.deepEqual(listener.dropped, Array(4).fill('pending_address'));
    assert.equal(listener.pending, 16);
  });

  test('an honest client that came before 200 silent connections of another address is let in', async () => {
    await using listener = await TestListener.start();
    const honest = await listener.connection(HONEST);
    const half = handshakeRequest().length / 2;
    honest.write(handshakeRequest().slice(0, half));
    await listener.connections(ATTACKER, 200);
    honest.write(handshakeRequest().slice(half));
    await listener.until(() => listener.handshakes.length === 1);
    assert.equal(listener.handshakes[0]?.facts.clientAddress, HONEST);
    assert.ok(listener.dropped.every((reason) => reason === 'pending_address'));
  });

  test('from as many addresses as there are places the oldest of all goes', async () => {
    await using listener = await TestListener.start();
    for (let last = 1; last <= 20; last++) await listener.connection(`127.0.1.${last}`);
    await listener.until(() => listener.dropped.length === 4);
    assert.deepEqual(listener.dropped, Array(4).fill('pending'));
    assert.equal(listener.pending, 16);
  });

  test('500 unfinished heads hold 16 places', async () => {
    await using listener = await TestListener.start();
    for (let round = 0; round < 500; round++)
      (await listener.connection(ATTACKER)).write(`GET / HTTP/1.1\r\nX: ${'x'.repeat(4000)}`);
    await listener.until(() => listener.dropped.length === 484);
    assert.equal(listener.pending, 16);
  });

  test('whoever was answered and does not leave gives its place first', async () => {
    await using listener = await TestListener.start();
    for (let round = 0; round < 16; round++) {
      const client = await listener.connection(HONEST, true);
      client.write('GET / HTTP/1.1\r\n\r\n');
      await once(client, 'data');
    }
    const silent = await listener.connections(HONEST, 16);
    assert.ok(silent.every((client) => !client.closed));
    assert.deepEqual(listener.dropped, []);
    assert.equal(listener.pending, 16);
  });

  test('a place is free again when its connection leaves, becomes a handshake, or runs out of time', async () => {
    await using listener = await TestListener.start({ handshakeMs: 2000 });
    const leaves = await listener.connection(HONEST);
    const asks = await listener.connection(HONEST);
    await listener.connection(HONEST);
    await listener.until(() => listener.pending === 3);
    leaves.resetAndDestroy();
    asks.write(handshakeRequest());
    await listener.until(() => listener.pending === 1);
    await listener.until(() => listener.pending === 0);
    assert.deepEqual(listener.outcomes, ['timeout', 'timeout']);
  });

  test('a handshake that was refused keeps a place until its client leaves; one that was accepted, or left, keeps none', async () => {
    await using listener = await TestListener.start();
    const [refused, accepted, left] = await Promise.all(
      [HONEST, ATTACKER, OTHER_ATTACKER].map((address) => listener.connection(address, true)),
    );
    for (const client of [refused, accepted, left]) client!.write(handshakeRequest());
    await listener.until(() => listener.handshakes.length === 3);
    assert.equal(listener.pending, 0);
    const of = (address: string): PendingHandshake =>
      listener.handshakes.find(({ facts }) => facts.clientAddress === address)!;
    of(HONEST).refuse('over_capacity');
    of(ATTACKER).accept(() => true);
    assert.equal(listener.pending, 1);
    refused!.end();
    await listener.until(() => listener.pending === 0);
    left!.resetAndDestroy();
    await listener.until(() => listener.outcomes.length === 3);
    assert.deepEqual(listener.outcomes, ['over_capacity', 'accepted', 'client_abort']);
    assert.equal(listener.pending, 0);
    assert.ok(!accepted!.closed);
  });

  test('the connections of a trusted proxy are not the share of one address', async () => {
    await using listener = await TestListener.start({ trustedProxies: [`${HONEST}/32`] });
    const proxied = await listener.connections(HONEST, 8);
    await listener.connections(ATTACKER, 50);
    await listener.until(() => listener.dropped.length === 42);
    assert.ok(proxied.every((client) => !client.closed));
    assert.deepEqual(new Set(listener.dropped), new Set(['pending_address']));
  });

  test('behind a PROXY header the share is that of the client', async () => {
    await using listener = await TestListener.start({ proxyProtocol: [`${HONEST}/32`] });
    const send = async (address: string): Promise<Socket> => {
      const client = await listener.connection(HONEST);
      client.write(encodeProxyHeader('v2', { address, port: 1 }, { address: '192.0.2.1', port: 443 }));
      return client;
    };
    const honest = [await send('203.0.113.1'), await send('203.0.113.2')];
    for (let round = 0; round < 50; round++) await send('203.0.113.66');
    await listener.until(() => listener.dropped.length === 36);
    assert.ok(honest.every((client) => !client.closed));
    assert.deepEqual(new Set(listener.dropped), new Set(['pending_address']));
  });
});

describe('over TLS', () => {
  let certificates: TestCertificates;
  let tls: TlsOptions;
  before(async () => {
    certificates = await makeCertificates();
    tls = {
      cert: await readFile(certificates.serverCertFile),
      key: await readFile(certificates.serverKeyFile),
    };
  });
  after(() => certificates?.[Symbol.asyncDispose]());

  test('half-open handshakes have four places, and an honest one ends among 200 of them', async () => {
    await using listener = await TestListener.start({ tls });
    const honest = await listener.connection(HONEST);
    const hello = Buffer.from('1603010200010001fc0303', 'hex');
    for (let round = 0; round < 100; round++) (await listener.connection(ATTACKER)).write(hello);
    for (let round = 0; round < 100; round++) (await listener.connection(OTHER_ATTACKER)).write(hello);
    await listener.until(() => listener.dropped.length === 197);
    const secure = connectTls({ socket: honest, rejectUnauthorized: false });
    await once(secure, 'secureConnect');
    secure.write(handshakeRequest());
    await listener.until(() => listener.handshakes.length === 1);
    assert.equal(listener.pending, 3);
  });

  test('whoever has ended TLS holds none of its places any more', async () => {
    await using listener = await TestListener.start({ tls });
    for (let round = 0; round < 10; round++) {
      const secure = connectTls({ socket: await listener.connection(HONEST), rejectUnauthorized: false });
      await once(secure, 'secureConnect');
    }
    await listener.until(() => listener.pending === 10);
    assert.deepEqual(listener.dropped, []);
  });

  test('one deadline for TLS and head: whoever is silent behind TLS is answered', async () => {
    await using listener = await TestListener.start({ tls, handshakeMs: 2000 });
    const secure = connectTls({ socket: await listener.connection(HONEST), rejectUnauthorized: false });
    const [answer] = await once(secure, 'data');
    assert.match(String(answer), /^HTTP\/1\.1 408 /);
    await listener.until(() => listener.pending === 0);
  });
});

async function closed(socket: Socket): Promise<void> {
  if (!socket.closed) await once(socket, 'close', { signal: AbortSignal.timeout(30_000) });
}

type StartOptions = {
  readonly tls?: TlsOptions;
  readonly handshakeMs?: number;
  readonly trustedProxies?: readonly string[];
  readonly proxyProtocol?: readonly string[];
};

/** A listener alone, whose handshakes nobody answers. */
class TestListener implements AsyncDisposable {
  readonly dropped: DropReason[] = [];
  readonly handshakes: PendingHandshake[] = [];
  readonly outcomes: HandshakeOutcome[] = [];
  readonly #listener: Listener;
  readonly #clients = new Set<Socket>();
  #port = 0;

  static async start(options: StartOptions = {}): Promise<TestListener> {
    const listener = new TestListener(options);
    listener.#port = (await listener.#listener.listen({ host: '0.0.0.0', port: 0 })).port;
    return listener;
  }

  private constructor({ tls, handshakeMs = 30_000, trustedProxies = [], proxyProtocol = [] }: StartOptions) {
    const rules: HandshakeRules = {
      health: undefined,
      trustedProxies: compileTrustedProxies(trustedProxies),
      hosts: [],
      routes: [
        {
          name: 'default',
          host: undefined,
          path: '/',
          subprotocols: [],
          explain: false,
          origins: compileOrigins({ allow: ['https://app.example.com'], missing: 'deny', opaque: 'deny' }),
        },
      ],
    };
    const limits = {
      handshakeMs,
      maxConnections: 1000,
      pending: LIMITS,
      head: { headBytes: 8192, headLines: 64 },
    };
    this.#listener = new Listener(tls, rules, compileTrustedProxies(proxyProtocol), limits, {
      isReady: () => true,
      onHandshake: (pending) => void this.handshakes.push(pending),
      onOutcome: (outcome) => void this.outcomes.push(outcome),
      onExplained: () => {},
      onHttpAnswer: () => {},
      onTlsHandshake: () => {},
      onDropped: (reason) => void this.dropped.push(reason),
    });
  }

  get pending(): number {
    return this.#listener.pending;
  }

  /** From an address of loopback that is as good as any. `stays`: it does not close when it has its answer. */
  async connection(localAddress: string, stays = false): Promise<Socket> {
    const client = connect({ host: '127.0.0.1', port: this.#port, localAddress, allowHalfOpen: stays });
    client.on('error', () => {});
    this.#clients.add(client);
    await once(client, 'connect');
    return client;
  }

  async connections(localAddress: string, count: number): Promise<Socket[]> {
    const clients: Socket[] = [];
    for (let round = 0; round < count; round++) clients.push(await this.connection(localAddress));
    return clients;
  }

  /** Looks again in each turn of the loop. */
  async until(holds: () => boolean): Promise<void> {
    const latest = performance.now() + 30_000;
    while (!holds()) {
      assert.ok(performance.now() < latest, `waited in vain: ${this.pending} pending, ${this.dropped}`);
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const pending of this.handshakes) pending.refuse('draining');
    await this.#listener.close();
    for (const client of this.#clients) client.destroy();
  }
}

import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import { after, afterEach, before, describe, test } from 'node:test';
import { wsconnect } from '@nats-io/nats-core';
import { connect as natsWsConnect } from 'nats.ws';
import type { RunningNatsServer } from '../../src/dev/nats-process.ts';
import { freePort } from '../support/free-port.ts';
import { startTestGateway } from '../support/gateway.ts';
import { startHaproxy } from '../support/haproxy.ts';
import { realNatsServer } from '../support/nats.ts';
import { connectRaw } from '../support/raw-nats.ts';

const SIZE = 3;
const TIMEOUT_MS = 180_000;
const options = { timeout: 300_000 } as const;

/** What the tests need of both clients; their types differ in what is not used here. */
type Client = {
  readonly info?: { readonly server_name?: string; readonly connect_urls?: string[] } | undefined;
  publish(subject: string, payload?: string): void;
  subscribe(subject: string, options: { callback: () => void }): unknown;
  flush(): Promise<void>;
  close(): Promise<void>;
  status(): AsyncIterable<{ readonly type: string }>;
};
type Connect = (servers: string) => Promise<Client>;

const TRY_FOR_EVER = {
  reconnectTimeWait: 50,
  reconnectJitter: 0,
  maxReconnectAttempts: -1,
  noRandomize: true,
};
const CLIENTS: readonly (readonly [name: string, connect: Connect])[] = [
  ['nats-core', async (servers) => (await wsconnect({ servers, ...TRY_FOR_EVER })) as unknown as Client],
  ['nats.ws', async (servers) => (await natsWsConnect({ servers, ...TRY_FOR_EVER })) as unknown as Client],
];

describe('three clustered servers behind one gateway', () => {
  const resources = new AsyncDisposableStack();
  const servers: RunningNatsServer[] = [];
  let balancerPort: number;
  let dialled: Dialled;

  before(async () => {
    dialled = resources.use(new Dialled());
    const routePorts = await Promise.all(Array.from({ length: SIZE }, freePort));
    const routes = routePorts.map((port) => `nats://127.0.0.1:${port}`).join(', ');
    for (const [index, port] of routePorts.entries()) {
      const config = `server_name: n${index}\ncluster { name: c, listen: "127.0.0.1:${port}", routes: [${routes}] }\n`;
      servers.push(resources.use(await realNatsServer({ config })));
    }
    await allKnown();
    balancerPort = resources.use(await startHaproxy(servers.map((server) => server.port))).port;
  });
  const open: Client[] = [];
  afterEach(async () => {
    for (const client of open.splice(0)) await client.close();
  });
  after(() => resources.disposeAsync());

  async function connected(connect: Connect, servers: string): Promise<Client> {
    const client = await connect(servers);
    open.push(client);
    return client;
  }

  /** Every server tells its clients of all. */
  async function allKnown(): Promise<void> {
    const deadlineMs = performance.now() + TIMEOUT_MS;
    for (const server of servers) {
      for (;;) {
        await using client = await connectRaw(server.port);
        if (JSON.parse(client.info.slice(5)).connect_urls?.length === SIZE) break;
        assert.ok(performance.now() < deadlineMs, 'the cluster is complete');
      }
    }
  }

  const internal = (): string[] => servers.map((server) => `ws://127.0.0.1:${server.port}`);

  /** Kills the server that the client is on; it is up again, and known, when the work is done. */
  async function withoutServerOf(client: Client, work: (name: string) => Promise<void>): Promise<void> {
    const name = client.info?.server_name ?? '';
    const server = servers[Number(name.slice(1))];
    assert.ok(server !== undefined, name);
    server.kill('SIGKILL');
    await server.exited;
    try {
      await work(name);
    } finally {
      await server.restart();
      await allKnown();
    }
  }

  for (const [name, connect] of CLIENTS) {
    test(`drop: ${name} keeps to the gateway through the kill of its server`, options, async () => {
      await using gateway = await startTestGateway(balancerPort, {
        inspect: 'enforce',
        info: { connectUrls: 'drop' },
      });
      const url = `ws://127.0.0.1:${gateway.port}`;
      const client = await connected(connect, url);
      dialled.forget();
      assert.equal(client.info?.connect_urls, undefined);
      const reconnected = statusOf(client, 'reconnect');
      await withoutServerOf(client, async (killed) => {
        await reconnected;
        assert.notEqual(client.info?.server_name, killed);
        await roundTrip(client);
      });
      // The cluster has changed twice, and each server told its clients so.
      await roundTrip(client);
      assert.equal(client.info?.connect_urls, undefined);
      assert.deepEqual([...new Set(dialled.urls)], [url]);
    });

    test(
      `a list: ${name} connects to the listed public address when the first is gone`,
      options,
      async () => {
        await using second = await startTestGateway(balancerPort, {
          inspect: 'enforce',
          info: { connectUrls: 'drop' },
        });
        const listed = `127.0.0.1:${second.port}`;
        await using first = await startTestGateway(balancerPort, {
          inspect: 'enforce',
          info: { connectUrls: [listed] },
        });
        const client = await connected(connect, `ws://127.0.0.1:${first.port}`);
        await roundTrip(client);
        assert.deepEqual(client.info?.connect_urls, [listed]);
        dialled.forget();
        const reconnected = statusOf(client, 'reconnect');
        await first.gateway.stop();
        await reconnected;
        await roundTrip(client);
        assert.equal(second.gateway.sessionCount, 1);
        assert.deepEqual(
          dialled.urls.filter((url) => internal().includes(url)),
          [],
        );
      },
    );

    for (const inspect of ['off', 'observe', 'enforce'] as const) {
      test(
        `keep, ${inspect}: ${name} learns the internal addresses and runs there in vain`,
        options,
        async () => {
          await using gateway = await startTestGateway(balancerPort, { inspect });
          const client = await connected(connect, `ws://127.0.0.1:${gateway.port}`);
          await roundTrip(client);
          assert.equal(client.info?.connect_urls?.length, SIZE);
          dialled.forget();
          let reconnects = 0;
          await withoutServerOf(client, async (killed) => {
            // Whether a client tries the gateway or one of the others first is chance; without it only these are left.
            await gateway.gateway.stop();
            void statusOf(client, 'reconnect').then(() => reconnects++);
            const alive = internal().filter((_, index) => `n${index}` !== killed);
            for (let round = 0; round < 2; round++) {
              for (const one of alive) await dialled.until((url) => url === one);
              dialled.forget();
            }
          });
          assert.equal(reconnects, 0, 'these servers live, and speak no WebSocket');
        },
      );
    }
  }
});

async function roundTrip(client: Client): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const subject = `there.${Math.random().toString(36).slice(2)}`;
  client.subscribe(subject, { callback: resolve });
  client.publish(subject, 'and back');
  await client.flush();
  await promise;
}

async function statusOf(client: Client, type: string): Promise<void> {
  for await (const status of client.status()) if (status.type === type) return;
}

/** Every address to which this process opens a WebSocket. */
class Dialled extends EventEmitter implements AsyncDisposable {
  urls: string[] = [];
  readonly #original = globalThis.WebSocket;

  constructor() {
    super();
    const dialled = this;
    globalThis.WebSocket = class extends WebSocket {
      constructor(...args: ConstructorParameters<typeof WebSocket>) {
        super(...args);
        dialled.urls.push(String(args[0]).replace(/\/$/, ''));
        dialled.emit('change');
      }
    };
  }

  forget(): void {
    this.urls = [];
  }

  async until(matches: (url: string) => boolean): Promise<void> {
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    while (!this.urls.some(matches)) await once(this, 'change', { signal });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    globalThis.WebSocket = this.#original;
  }
}

import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import { connect } from 'node:net';
import { after, before, describe, type TestContext, test } from 'node:test';
import type { RunningNatsServer } from '../../src/dev/nats-process.ts';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';
import { realNatsServer } from '../support/nats.ts';
import { closeFrame, handshakeRequest, Opcode, RawClient } from '../support/raw-client.ts';
import { rounds } from '../support/rounds.ts';

const CLIENTS = rounds(40, 100);
const NAMES = ['n0', 'n1', 'n2'] as const;
const DEADLINE_MS = 180_000;
/** Less than a dial may take: who is refused waits so long. */
const HANDSHAKE_MS = 20_000;

type Handshake = { readonly answer: string; readonly ms: number; readonly server: string };

/** Clients that come back at once whenever their session ends, as programs do. */
class Fleet extends EventEmitter {
  readonly #port: number;
  readonly #clients: (RawClient | undefined)[] = Array.from({ length: CLIENTS }, () => undefined);
  /** Server of each client by the name in its INFO; undefined while it has no session. */
  readonly servers: (string | undefined)[] = Array.from({ length: CLIENTS }, () => undefined);
  handshakes: Handshake[] = [];
  #stopped = false;
  readonly #lives: Promise<void>[];

  constructor(port: number) {
    super();
    this.#port = port;
    this.#lives = this.#clients.map((_, index) => this.#live(index));
  }

  async #live(index: number): Promise<void> {
    while (!this.#stopped) {
      await using client = await RawClient.connect(this.#port);
      this.#clients[index] = client;
      const startMs = performance.now();
      client.send(handshakeRequest());
      const answer = await client.answer().catch(() => undefined);
      const ms = performance.now() - startMs;
      if (answer?.status === 101) await client.until(() => client.frames.length > 0 || client.closed);
      const server = /"server_name":"(\w+)"/.exec(client.data.toString('latin1'))?.[1];
      this.handshakes.push({
        answer: answer === undefined ? 'none' : `${answer.status} ${answer.body.split(':')[0]}`.trim(),
        ms,
        server: server ?? '',
      });
      this.servers[index] = server;
      this.emit('change');
      if (server !== undefined) await client.until(() => isOver(client), 600_000);
      this.servers[index] = undefined;
      this.emit('change');
    }
  }

  /** These clients end their sessions (and come back). */
  leave(which: (server: string | undefined) => boolean): number {
    const leaving = this.#clients.filter((_, index) => which(this.servers[index]));
    for (const client of leaving) client?.send(closeFrame(1000));
    return leaving.length;
  }

  count(server: string): number {
    return this.servers.filter((one) => one === server).length;
  }

  async until(holds: () => boolean): Promise<void> {
    const signal = AbortSignal.timeout(DEADLINE_MS);
    while (!holds()) await once(this, 'change', { signal });
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    for (const client of this.#clients) client?.socket.destroy();
    await Promise.all(this.#lives);
  }
}

const isOver = (client: RawClient): boolean =>
  client.closed || client.ended || client.frames.some((one) => one.opcode === Opcode.close);

/** Waits until the server takes no connections any more. */
async function untilRefused(port: number): Promise<void> {
  const deadlineMs = performance.now() + DEADLINE_MS;
  for (;;) {
    const socket = connect(port, '127.0.0.1');
    const refused = await new Promise<boolean>((resolve) => {
      socket.on('connect', () => resolve(false)).on('error', () => resolve(true));
    });
    socket.destroy();
    if (refused) return;
    assert.ok(performance.now() < deadlineMs, 'the server still listens');
  }
}

function report(context: TestContext, what: string, handshakes: readonly Handshake[]): void {
  const times = handshakes.map(({ ms }) => ms).toSorted((one, other) => one - other);
  const at = (share: number): string =>
    (times[Math.min(times.length - 1, Math.floor(times.length * share))] ?? 0).toFixed(0);
  context.diagnostic(
    `${what}: ${handshakes.length} handshakes, ms: p50 ${at(0.5)}, p99 ${at(0.99)}, max ${at(1)}`,
  );
}

for (const checks of ['without health checks', 'with health checks'] as const) {
  describe(`three servers under ${CLIENTS} returning clients, ${checks}`, { timeout: 300_000 }, () => {
    const servers: RunningNatsServer[] = [];
    let gateway: TestGateway;
    let fleet: Fleet;
    before(async () => {
      for (const name of NAMES) {
        servers.push(await realNatsServer({ monitor: true, args: ['-n', name] }));
      }
      gateway = await startTestGateway(0, {
        upstream: {
          // A frozen server accepts, and then says nothing.
          connectTimeoutMs: 1000,
          servers: servers.map(({ port }) => ({ host: '127.0.0.1', port, name: `127.0.0.1:${port}` })),
          health: {
            urls:
              checks === 'with health checks'
                ? servers.map(({ monitorPort }) => `http://{host}:${monitorPort}/healthz`)
                : [],
            intervalMs: 200,
          },
        },
      });
      fleet = new Fleet(gateway.port);
      await fleet.until(() => fleet.servers.every((server) => server !== undefined));
    });
    after(async () => {
      await fleet?.stop();
      await gateway?.[Symbol.asyncDispose]();
      for (const server of servers) {
        server.kill('SIGCONT');
        await server.close();
      }
    });

    /** All clients have a session, none of them on `victim`, and every handshake meanwhile went well. */
    const assertMoved = async (context: TestContext, victim: string, what: string): Promise<void> => {
      await fleet.until(() => fleet.servers.every((server) => server !== undefined && server !== victim));
      const { handshakes } = fleet;
      report(context, `${what} ${victim}`, handshakes);
      assert.ok(handshakes.length > 0);
      assert.deepEqual(
        handshakes.filter(({ answer }) => answer !== '101'),
        [],
      );
      assert.deepEqual(
        handshakes.filter(({ server }) => server === victim),
        [],
        'a session was placed on it',
      );
      assert.ok(Math.max(...handshakes.map(({ ms }) => ms)) < HANDSHAKE_MS);
    };

    /** The server is back, and is found: clients come and go until one of them lands there. */
    const untilUsed = async (victim: string): Promise<void> => {
      const deadlineMs = performance.now() + DEADLINE_MS;
      while (fleet.count(victim) === 0) {
        assert.ok(performance.now() < deadlineMs, `${victim} is not used again`);
        const before = fleet.handshakes.length;
        const left = fleet.leave(() => true);
        await fleet.until(() => fleet.handshakes.length >= before + left);
      }
    };

    for (const [index, name] of NAMES.entries()) {
      test(`${name} killed, frozen, a lame duck, restarted: nobody is refused`, async (context) => {
        const server = servers[index]!;
        await untilUsed(name);

        fleet.handshakes = [];
        server.kill('SIGKILL');
        await assertMoved(context, name, 'killed');
        fleet.handshakes = [];
        await server.restart();
        await untilUsed(name);
        report(context, `back ${name}`, fleet.handshakes);

        fleet.handshakes = [];
        server.kill('SIGSTOP');
        // Its clients notice by their own pings and come back.
        fleet.leave((at) => at === name);
        await assertMoved(context, name, 'frozen');
        server.kill('SIGCONT');
        await untilUsed(name);

        server.kill('SIGUSR2');
        await untilRefused(server.port);
        fleet.handshakes = [];
        for (let round = 0; round < 3; round++) {
          const before = fleet.handshakes.length;
          const left = fleet.leave(() => true);
          await fleet.until(() => fleet.handshakes.length >= before + left);
        }
        await assertMoved(context, name, 'lame duck');

        // A lame duck takes its time to end in order.
        server.kill('SIGKILL');
        await server.restart();
        await untilUsed(name);
        fleet.handshakes = [];
        const there = fleet.count(name);
        await server.restart();
        await fleet.until(
          () => fleet.handshakes.length >= there && fleet.servers.every((at) => at !== undefined),
        );
        report(context, `restarted ${name}`, fleet.handshakes);
        assert.deepEqual(
          fleet.handshakes.filter(({ answer }) => answer !== '101'),
          [],
        );
      });
    }

    test('nothing is left: sessions and attempts are what they should be', async () => {
      await fleet.until(() => fleet.servers.every((server) => server !== undefined));
      const status = gateway.gateway.status.gateway() as {
        readonly upstreamServers: readonly { readonly sessions: number; readonly state: string }[];
      };
      const placed = status.upstreamServers.map(({ sessions }) => sessions);
      assert.equal(
        placed.reduce((sum, count) => sum + count, 0),
        CLIENTS,
        placed.join(),
      );
    });
  });
}

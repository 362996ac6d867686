import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { UpstreamConfig, UpstreamServer } from '../../src/config/config.ts';
import { FakeUpstream, INFO_LINE } from '../support/fake-upstream.ts';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';
import { realNatsServer } from '../support/nats.ts';
import { closeFrame, handshakeRequest, RawClient } from '../support/raw-client.ts';
import { LOOKING, ReloadableGateway } from '../support/reloadable.ts';

const address = (port: number, host = '127.0.0.1'): UpstreamServer => ({
  host,
  port,
  name: `${host}:${port}`,
});
const start = (servers: readonly UpstreamServer[], upstream: Partial<UpstreamConfig> = {}) =>
  startTestGateway(0, { upstream: { servers, order: 'first', ...upstream } });

type ServerStatus = { name: string; state: string; sessions: number; lastError?: string };
const statusOf = ({ gateway }: TestGateway): readonly ServerStatus[] =>
  (gateway.status.gateway() as { readonly upstreamServers: readonly ServerStatus[] }).upstreamServers;

const readyz = async ({ adminPort }: TestGateway): Promise<string> => {
  const answer = await fetch(`http://127.0.0.1:${adminPort}/readyz`);
  return `${answer.status} ${(await answer.text()).trim()}`;
};

/** Asks again and again: what is waited for shows in nothing else. */
async function untilReadyz(gateway: TestGateway, expected: string): Promise<void> {
  const deadlineMs = performance.now() + 30_000;
  for (let answer = ''; answer !== expected; answer = await readyz(gateway))
    assert.ok(performance.now() < deadlineMs, `still ${answer}`);
}

const LAME_INFO = INFO_LINE.replace('{', '{"ldm":true,');

describe('several upstream servers', () => {
  test('an INFO that says ldm: the session goes to the next, the other connection is closed', async () => {
    await using lame = await FakeUpstream.start({ greeting: LAME_INFO });
    await using good = await FakeUpstream.start();
    await using gateway = await start([address(lame.port), address(good.port)]);
    await using first = await RawClient.open(gateway.port);
    await (await lame.connection()).until(({ closed, ended }) => closed || ended);
    await using second = await RawClient.open(gateway.port);
    for (const client of [first, second]) assert.doesNotMatch(client.data.toString(), /ldm/);
    assert.equal(lame.connections.length, 1);
    assert.equal(good.connections.length, 2);
    assert.deepEqual(
      statusOf(gateway).map(({ state, sessions }) => [state, sessions]),
      [
        ['lame_duck', 0],
        ['up', 2],
      ],
    );
    const told = await gateway.log.find(({ message }) => message === 'upstream server changed');
    assert.deepEqual(
      [told['level'], told['server'], told['state']],
      ['warn', `127.0.0.1:${lame.port}`, 'lame_duck'],
    );
  });

  for (const inspect of ['observe', 'enforce'] as const) {
    test(`${inspect}: a session is told ldm, and the next clients go elsewhere`, async () => {
      await using first = await FakeUpstream.start();
      await using second = await FakeUpstream.start();
      await using gateway = await startTestGateway(0, {
        inspect,
        upstream: { servers: [address(first.port), address(second.port)], order: 'first' },
      });
      await using told = await RawClient.open(gateway.port);
      (await first.connection()).socket.write(LAME_INFO);
      await told.until(() => told.data.includes('"ldm":true'));
      await using next = await RawClient.open(gateway.port);
      assert.deepEqual([first.connections.length, second.connections.length], [1, 1]);
      assert.deepEqual(
        statusOf(gateway).map(({ state, sessions }) => [state, sessions]),
        [
          ['lame_duck', 1],
          ['up', 1],
        ],
      );
      const { body } = await gateway.gateway.metrics(false);
      const label = `upstream="default",server="127.0.0.1:${first.port}"`;
      assert.match(body, new RegExp(`^natsgate_nats_lame_duck_total{${label}} 1$`, 'm'));
      assert.equal(next.closed, false);
      (await first.connection()).socket.end();
      await told.closeReceived();
      told.socket.destroy();
      const line = await gateway.log.ended();
      assert.deepEqual(
        [line['reason'], line?.['hint']],
        ['upstream_closed', 'the server was in lame duck mode'],
      );
    });
  }

  test('only lame ducks are left: better than nothing', async () => {
    await using lame = await FakeUpstream.start({ greeting: LAME_INFO });
    await using gateway = await start([address(lame.port), address(1)]);
    await using client = await RawClient.open(gateway.port);
    assert.match(client.data.toString(), /"ldm":true/);
    assert.equal(lame.connections.length, 1);
  });

  test('one that is silent, one that resets, one that speaks HTTP: the fourth has the session', async () => {
    await using silent = await FakeUpstream.start({ greeting: '' });
    await using resets = await FakeUpstream.start({
      greeting: '',
      onConnection: ({ socket }) => socket.resetAndDestroy(),
    });
    await using http = await FakeUpstream.start({ greeting: 'HTTP/1.1 400 Bad Request\r\n\r\n' });
    await using good = await FakeUpstream.start();
    await using gateway = await start([silent, resets, http, good].map(({ port }) => address(port)));
    await using client = await RawClient.open(gateway.port);
    assert.equal(good.connections.length, 1);
    assert.equal(client.closed, false);
    // The one that was overtaken is not waited for any longer.
    await (await silent.connection()).until(({ closed, ended }) => closed || ended);
    assert.deepEqual(
      statusOf(gateway).map(({ state }) => state),
      ['down', 'down', 'down', 'up'],
    );
  });

  test('all fail: one refusal that names them, and what a server says is escaped', async () => {
    await using says = await FakeUpstream.start({ greeting: "-ERR 'no\u001b[31m'\r\n" });
    await using gateway = await start([address(1), address(says.port)]);
    await using client = await RawClient.connect(gateway.port);
    client.send(handshakeRequest());
    assert.equal((await client.answer()).status, 502);
    const refused = await gateway.log.find(({ message }) => message === 'handshake refused');
    assert.match(String(refused['cause']), /^127\.0\.0\.1:1: ECONNREFUSED; 127\.0\.0\.1:\d+: answered -ERR/);
    assert.equal(statusOf(gateway)[1]?.lastError?.endsWith("answered -ERR 'no\\u{1b}[31m'"), true);
  });

  test('least-sessions: thirty clients on three servers are ten each, also after one was empty', async () => {
    await using stack = new AsyncDisposableStack();
    const servers: FakeUpstream[] = [];
    for (let index = 0; index < 3; index++) servers.push(stack.use(await FakeUpstream.start()));
    const ports = servers.map(({ port }) => address(port));
    const gateway = stack.use(await start(ports, { order: 'least-sessions' }));
    const open = () => Promise.all(Array.from({ length: 15 }, () => RawClient.open(gateway.port)));
    const clients = [...(await open()), ...(await open())];
    for (const client of clients) stack.use(client);
    const counts = (): number[] => statusOf(gateway).map(({ sessions }) => sessions);
    assert.deepEqual(counts(), [10, 10, 10]);
    for (const { socket } of servers[1]!.connections) socket.end();
    // A client whose session has ended answers with the end of its connection.
    for (const client of clients)
      client.on('change', () => client.frames.length > 1 && client.socket.destroy());
    const ended = (): number => gateway.log.lines.filter(({ message }) => message === 'session ended').length;
    await gateway.log.find(() => ended() === 10);
    assert.deepEqual(counts(), [10, 0, 10]);
    for (const client of await open()) stack.use(client);
    assert.deepEqual(
      counts().toSorted((one, other) => one - other),
      [11, 12, 12],
    );
  });

  test('least-sessions: another pool for the same servers knows what they carry', async () => {
    await using stack = new AsyncDisposableStack();
    const servers: FakeUpstream[] = [];
    for (let index = 0; index < 2; index++) servers.push(stack.use(await FakeUpstream.start()));
    const upstream = (list: readonly FakeUpstream[], order: string) => ({
      upstream: { servers: list.map(({ port }) => `nats://127.0.0.1:${port}`), order },
    });
    const [one, two] = servers as [FakeUpstream, FakeUpstream];
    const gateway = stack.use(await ReloadableGateway.start(one.port, upstream([one], 'first'), {}, LOOKING));
    const open = async (count: number): Promise<RawClient[]> => {
      const clients: RawClient[] = [];
      for (let index = 0; index < count; index++) clients.push(stack.use(await RawClient.open(gateway.port)));
      return clients;
    };
    const counts = (): number[] =>
      (gateway.gateway.status.gateway() as { upstreamServers: { sessions: number }[] }).upstreamServers.map(
        ({ sessions }) => sessions,
      );
    const [first] = await open(6);
    await gateway.write(upstream([one, two], 'least-sessions'));
    await gateway.report(0);
    assert.deepEqual(counts(), [6, 0]);
    await open(4);
    assert.deepEqual(counts(), [6, 4]);
    // A session that the first pool has placed.
    first?.socket.destroy();
    await gateway.log.find(({ message }) => message === 'session ended');
    assert.deepEqual(counts(), [5, 4]);
    await open(3);
    assert.deepEqual(counts(), [6, 6]);
  });

  test('a name is resolved to its addresses, and stays the name in log and metrics', async () => {
    await using good = await FakeUpstream.start();
    await using gateway = await start([address(good.port, 'localhost')]);
    const label = `upstream="default",server="localhost:${good.port}"`;
    const { body: before } = await gateway.gateway.metrics(false);
    assert.match(before, new RegExp(`^natsgate_upstream_server_state{${label},state="untried"} 1$`, 'm'));
    // Nothing is known against it, so it gets sessions; an alert on 0 must not fire at each start.
    assert.match(before, new RegExp(`^natsgate_upstream_healthy{${label}} 1$`, 'm'));
    await using client = await RawClient.open(gateway.port);
    const { body } = await gateway.gateway.metrics(false);
    assert.match(body, new RegExp(`^natsgate_upstream_connections_active{${label}} 1$`, 'm'));
    assert.match(body, new RegExp(`^natsgate_upstream_server_state{${label},state="up"} 1$`, 'm'));
    assert.match(body, new RegExp(`^natsgate_upstream_healthy{${label}} 1$`, 'm'));
    assert.match(body, new RegExp(`^natsgate_upstream_dials_total{${label},outcome="ok"} 1$`, 'm'));
    assert.doesNotMatch(body, /server="127\.|server="\[/);
    client.send(closeFrame(1000));
    assert.equal((await gateway.log.ended())['upstream'], `localhost:${good.port}`);
  });

  test('a name that does not exist → 502 at once', async () => {
    await using gateway = await start([address(4222, 'no-such-host.invalid')]);
    await using client = await RawClient.connect(gateway.port);
    client.send(handshakeRequest());
    assert.match((await client.answer()).body, /^upstream_(refused|timeout): /);
  });
});

describe('readiness', () => {
  test('process: ready without any upstream', async () => {
    await using gateway = await start([address(1)]);
    assert.equal(await readyz(gateway), '200 ok');
  });

  test('upstream: what the gateway asks for itself begins with a PROXY header of nobody', async () => {
    await using upstream = await FakeUpstream.start();
    const more = { readiness: 'upstream', proxyProtocol: 'v1' } as const;
    await using gateway = await start([address(upstream.port)], more);
    const connection = await upstream.connection();
    await connection.until(({ received }) => received.includes('\n'));
    assert.equal(connection.received.toString(), 'PROXY UNKNOWN\r\n');
    await untilReadyz(gateway, '200 ok');
  });

  test('upstream: follows a real server, and /livez does not', { timeout: 300_000 }, async () => {
    await using server = await realNatsServer();
    await server.stop();
    await using gateway = await start([address(server.port)], { readiness: 'upstream' });
    assert.equal(await readyz(gateway), '503 upstream: no nats-server answers');
    assert.equal((await fetch(`http://127.0.0.1:${gateway.adminPort}/livez`)).status, 200);
    await server.restart();
    await untilReadyz(gateway, '200 ok');
    const startMs = performance.now();
    await server.stop();
    await untilReadyz(gateway, '503 upstream: no nats-server answers');
    assert.ok(performance.now() - startMs > 4000, 'a moment without upstream does not count');
    await server.restart();
    await untilReadyz(gateway, '200 ok');
  });
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeUpstream } from '../support/fake-upstream.ts';
import { type LogLine, startTestGateway } from '../support/gateway.ts';
import { realNatsServer } from '../support/nats.ts';
import { ReloadableGateway } from '../support/reloadable.ts';

const states = (gateway: { readonly status: { gateway(): unknown } }): readonly string[] =>
  (gateway.status.gateway() as { upstreamServers: { state: string }[] }).upstreamServers.map(
    ({ state }) => state,
  );

const without = ({ time: _, message: __, ...fields }: LogLine): object => fields;

test('the log says which nats-server answered, and its state is no longer untried', async () => {
  await using server = await realNatsServer({ args: ['-n', 'one'] });
  await using gateway = await startTestGateway(server.port, {}, { firstDial: true });
  const line = await gateway.log.find(({ message }) => message === 'nats-server answers');
  const { version, ...fields } = without(line) as Record<string, unknown>;
  assert.match(String(version), /^2\.\d+\.\d+/);
  assert.deepEqual(fields, { level: 'info', server: `127.0.0.1:${server.port}`, name: 'one' });
  assert.deepEqual(states(gateway.gateway), ['up']);
});

test('a wrong address shows at the start, with the reason, and the start is none the worse for it', async () => {
  await using gateway = await startTestGateway(1, {}, { firstDial: true });
  assert.equal(gateway.gateway.ready, true);
  const line = await gateway.log.find(({ message }) => message.startsWith('no upstream server answers'));
  assert.deepEqual(without(line), { level: 'warn', errors: ['127.0.0.1:1: ECONNREFUSED'] });
  assert.deepEqual(states(gateway.gateway), ['down']);
  assert.equal(gateway.gateway.ready, true);
});

test('of several servers each is dialled once; one that is down has its own line', async () => {
  await using one = await FakeUpstream.start();
  await using two = await FakeUpstream.start();
  const servers = [one.port, 1, two.port].map((port) => ({
    host: '127.0.0.1',
    port,
    name: `127.0.0.1:${port}`,
  }));
  await using gateway = await startTestGateway(0, { upstream: { servers } }, { firstDial: true });
  const answers = (): readonly LogLine[] =>
    gateway.log.lines.filter(({ message }) => message === 'nats-server answers');
  await gateway.log.find(() => answers().length === 2);
  const down = await gateway.log.find(({ message }) => message === 'upstream server changed');
  assert.deepEqual([down['server'], down['state']], ['127.0.0.1:1', 'down']);
  assert.deepEqual(states(gateway.gateway), ['up', 'down', 'up']);
  for (const server of [one, two]) {
    await server.connections[0]?.until(({ closed }) => closed);
    assert.equal(server.connections.length, 1);
  }
});

test('an upstream that a reload brings is dialled, one that stays is not', async () => {
  await using first = await FakeUpstream.start();
  await using second = await FakeUpstream.start();
  await using gateway = await ReloadableGateway.start(first.port, {}, {}, { firstDial: true });
  const answered = (server: FakeUpstream): Promise<LogLine> =>
    gateway.log.find(
      ({ message, ...fields }) =>
        message === 'nats-server answers' && fields['server'] === `127.0.0.1:${server.port}`,
    );
  await answered(first);
  const route = { path: '/other', upstream: `nats://127.0.0.1:${second.port}` };
  await gateway.write({ routes: [route] });
  await gateway.gateway.reload('signal');
  assert.equal((await answered(second))['upstream'], '/other');
  await (await second.connection()).until(({ closed }) => closed);
  assert.deepEqual([first.connections.length, second.connections.length], [1, 1]);
});

test('what a server calls itself is escaped', async () => {
  const greeting =
    'INFO {"server_id":"S","server_name":"n\u202e\\u001b[2J","version":"2","max_payload":1}\r\n';
  await using upstream = await FakeUpstream.start({ greeting });
  await using gateway = await startTestGateway(upstream.port, {}, { firstDial: true });
  const line = await gateway.log.find(({ message }) => message === 'nats-server answers');
  assert.equal(line['name'], 'n\\u{202e}\\u{1b}[2J');
});

test('a gateway that stops meanwhile says nothing of it', async () => {
  await using silent = await FakeUpstream.start({ greeting: '' });
  const gateway = await startTestGateway(silent.port, {}, { firstDial: true });
  const connection = await silent.connection();
  await gateway.gateway.stop();
  await connection.until(({ closed, ended }) => closed || ended);
  assert.deepEqual(
    gateway.log.lines.map(({ message }) => message),
    ['ready', 'stopped'],
  );
});

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { SESSION_SCHEMAS } from '../../src/admin/openapi/session-schemas.ts';
import { FakeUpstream } from '../support/fake-upstream.ts';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';
import { differences } from '../support/json-schema.ts';
import { closeFrame, frame, Opcode, RawClient } from '../support/raw-client.ts';
import { Watching } from '../support/watching.ts';

let upstream: FakeUpstream;
before(async () => {
  upstream = await FakeUpstream.start();
});
after(() => upstream[Symbol.asyncDispose]());

const refusal = async (gateway: TestGateway, session: number): Promise<string> => {
  const response = await fetch(`http://127.0.0.1:${gateway.adminPort}/api/sessions/${session}/operations`);
  assert.equal(response.headers.get('content-type'), 'application/problem+json');
  const { code, detail } = (await response.json()) as { code: string; detail: string };
  return `${response.status} ${code}: ${detail}`;
};

test('what cannot be watched is refused in a sentence', async () => {
  await using read = await startTestGateway(upstream.port, { inspect: 'observe' });
  assert.match(await refusal(read, 7), /^404 no_session/);
  await using unread = await startTestGateway(upstream.port, { inspect: 'off' });
  await using _client = await RawClient.open(unread.port);
  assert.match(await refusal(unread, 1), /^409 inspect_off: .* set inspect: observe\.$/);
});

test('eight watched sessions, a ninth is refused; probes are answered, and each watch is two lines of the log', async () => {
  await using gateway = await startTestGateway(upstream.port, { inspect: 'observe' });
  await using clients = new AsyncDisposableStack();
  await using watching = new AsyncDisposableStack();
  for (let id = 1; id <= 9; id++) clients.use(await RawClient.open(gateway.port));
  const first = await Watching.open(gateway.adminPort, 1);
  for (let id = 2; id <= 8; id++) watching.use(await Watching.open(gateway.adminPort, id));
  assert.match(await refusal(gateway, 9), /^503 too_many_watched: 8 sessions are watched already/);
  assert.equal((await fetch(`http://127.0.0.1:${gateway.adminPort}/livez`)).status, 200);
  await first[Symbol.asyncDispose]();
  const line = await gateway.log.find(({ message }) => message === 'session no longer watched by the API');
  assert.deepEqual([line['session'], line['client']], [1, '127.0.0.1']);
});

test('a reader that comes back goes on after the last event that it has seen', async () => {
  await using gateway = await startTestGateway(upstream.port, { inspect: 'observe' });
  await using client = await RawClient.open(gateway.port);
  const page = await Watching.open(gateway.adminPort, 1);
  client.send(frame(Opcode.binary, 'PUB first 0\r\n\r\n'));
  await page.until(() => page.events.length > 0);
  await page[Symbol.asyncDispose]();
  client.send(frame(Opcode.binary, 'PUB second 0\r\n\r\n'));
  await using again = await Watching.open(gateway.adminPort, 1, { 'Last-Event-ID': page.lastId });
  await again.until(() => again.events.length > 0);
  assert.deepEqual(
    again.events.map(({ id, subj }) => [id, subj]),
    [[2, 'second']],
  );
});

test('what subscriptions get is told each second, also to a reader that comes later', async () => {
  await using gateway = await startTestGateway(upstream.port, { inspect: 'observe' });
  await using client = await RawClient.open(gateway.port);
  await using watching = await Watching.open(gateway.adminPort, 1);
  upstream.connections.at(-1)?.socket.write('MSG a 7 5\r\nhello\r\n');
  await watching.until(() => watching.subscriptions !== undefined);
  const schema = SESSION_SCHEMAS['WatchedSubscriptions'] ?? assert.fail();
  assert.deepEqual(differences(watching.subscriptions, schema, SESSION_SCHEMAS), []);
  await using late = await Watching.open(gateway.adminPort, 1);
  await late.until(() => late.subscriptions !== undefined);
  const [one] = late.subscriptions?.subscriptions ?? [];
  assert.deepEqual([one?.sid, one?.messages, one?.bytes], ['7', 1, 5]);
  client.send(closeFrame(1000));
});

test('what natsgate refuses and closes is there, with its cause', async () => {
  await using gateway = await startTestGateway(upstream.port, { inspect: 'enforce' });
  await using client = await RawClient.open(gateway.port);
  await using watching = await Watching.open(gateway.adminPort, 1);
  client.send(frame(Opcode.binary, 'CONNECT {}\r\nPUB a b c d\r\n'));
  await client.closeReceived();
  client.send(closeFrame(1000));
  await watching.until(() => watching.ended);
  assert.deepEqual(
    watching.named('CONNECT').map(({ d, v }) => [d, v]),
    [
      ['c>', 'replaced'],
      ['>s', undefined],
    ],
  );
  assert.deepEqual(
    watching.named('-ERR').map(({ d }) => d),
    ['>c'],
  );
  assert.match(watching.text, /event: end\ndata: \{"reason":"nats_violation","code":1008/);
});

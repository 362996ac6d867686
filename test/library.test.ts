import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { test } from 'node:test';
import { WebSocket } from 'ws';
import { type Configuration, ConfigurationError, startGateway } from '../src/library.ts';
import { FakeUpstream } from './support/fake-upstream.ts';

const ORIGIN = 'https://app.example.com';

const configuration = (upstreamPort: number, more: Partial<Configuration> = {}): Configuration => ({
  listen: '127.0.0.1:0',
  admin: '127.0.0.1:0',
  origins: ORIGIN,
  upstream: `127.0.0.1:${upstreamPort}`,
  drain: { delay: '0s', timeout: '1s' },
  ...more,
});

test('a gateway of an object: sessions, log lines, and a drain that closes all', async () => {
  await using upstream = await FakeUpstream.start();
  const lines: string[] = [];
  await using gateway = await startGateway(configuration(upstream.port), {
    log: { write: (line) => lines.push(line) },
  });
  const client = new WebSocket(`ws://127.0.0.1:${gateway.address.port}`, { origin: ORIGIN });
  await once(client, 'message');
  assert.equal(gateway.sessions, 1);
  const status = await fetch(`http://127.0.0.1:${gateway.adminAddress.port}/api/status`);
  assert.match(((await status.json()) as { version: string }).version, /^\d+\.\d+\.\d+$/);
  const closed = once(client, 'close');
  await Promise.all([gateway.drain(), gateway.drain()]);
  const [code, reason] = await closed;
  assert.deepEqual([code, String(reason), gateway.sessions], [1001, 'draining', 0]);
  const messages = lines.map((line) => (JSON.parse(line) as { message: string }).message);
  assert.ok(messages.includes('ready') && messages.includes('session ended'), messages.join());
});

test('what is wrong is one error with all problems, without places in a text that nobody wrote', async () => {
  const wrong = { ...configuration(1), origins: 'app.example.com', timeouts: { ping: '5' } };
  const error = await startGateway(wrong).then(
    () => assert.fail('it started'),
    (thrown: unknown) => thrown as ConfigurationError,
  );
  assert.ok(error instanceof ConfigurationError);
  assert.deepEqual(
    error.problems.map(({ where, key }) => [where, key]),
    [
      ['', 'origins'],
      ['', 'timeouts.ping'],
    ],
  );
  assert.match(error.message, /^origins: .*\ntimeouts\.ping: "5" has no unit; write 5s or 5ms$/);
});

test('a file, and variables that are handed in; a missing one is a problem with its name', async () => {
  await assert.rejects(startGateway('/nonexistent/natsgate.yaml'), /"\/nonexistent\/natsgate\.yaml"/);
  await using upstream = await FakeUpstream.start();
  const { upstream: _, ...rest } = configuration(upstream.port);
  const env = { NATSGATE_UPSTREAM: `127.0.0.1:${upstream.port}` };
  await using gateway = await startGateway(rest as Configuration, { env });
  assert.ok(gateway.address.port > 0);
});

test('a port in use is an error of the system, and nothing is left open', async () => {
  const taken = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  const { port } = taken.address() as { port: number };
  await assert.rejects(startGateway(configuration(1, { listen: `127.0.0.1:${port}` })), {
    code: 'EADDRINUSE',
  });
  taken.close();
});

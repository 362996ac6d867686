import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { startNatsServer } from '../../src/dev/nats-process.ts';
import { natsServerBinary, realNatsServer } from '../support/nats.ts';

/** The INFO that a client gets as its first line. */
async function infoFrom(port: number): Promise<Record<string, unknown>> {
  const socket = connect({ host: '127.0.0.1', port });
  try {
    socket.setEncoding('utf8');
    let text = '';
    while (!text.includes('\r\n')) {
      const [chunk] = (await once(socket, 'data', { signal: AbortSignal.timeout(30_000) })) as [string];
      text += chunk;
    }
    const json = /^INFO (\{.*\})/.exec(text)?.[1];
    return JSON.parse(json ?? '{}');
  } finally {
    socket.destroy();
  }
}

// A temporary folder of this file's own, so that what other test processes keep does not count.
const temporary = mkdtempSync(join(tmpdir(), 'natsgate-test-'));
process.env['TMPDIR'] = temporary;
after(() => rmSync(temporary, { recursive: true, force: true }));

test('a private server listens on 127.0.0.1 with JetStream and a monitor, on free ports', async () => {
  await using server = await realNatsServer({ jetstream: true, monitor: true });
  const info = await infoFrom(server.port);
  assert.equal(info['jetstream'], true);
  assert.equal(info['host'], '127.0.0.1');
  assert.equal(info['port'], server.port);
  const health = await fetch(`http://127.0.0.1:${server.monitorPort}/healthz`, {
    signal: AbortSignal.timeout(30_000),
  });
  assert.equal(health.status, 200);
  assert.match(server.log, /Server is ready/);
});

test('a killed server starts again on the same port', async () => {
  await using server = await realNatsServer();
  const { port } = server;
  assert.equal(server.kill('SIGKILL'), true);
  assert.deepEqual(await server.exited, { code: null, signal: 'SIGKILL' });
  assert.equal(server.running, false);
  assert.equal(server.kill(), false, 'nobody is left to signal');
  await assert.rejects(infoFrom(port), { code: 'ECONNREFUSED' });
  await server.restart();
  assert.equal(server.port, port);
  assert.equal((await infoFrom(port))['port'], port);
});

test('stop and restart asked for at once happen in turn', async () => {
  await using server = await realNatsServer();
  await Promise.all([server.stop(), server.restart(), server.restart(), server.stop(), server.restart()]);
  assert.equal(server.running, true);
  assert.ok(await infoFrom(server.port));
});

test('a frozen server is ended by force', async () => {
  const server = await realNatsServer();
  server.kill('SIGSTOP');
  await server.close();
  assert.equal((await server.exited).signal, 'SIGKILL');
});

test('its configuration is used, but for address and ports', async () => {
  const config = 'server_name: from_the_file\nlisten: 0.0.0.0:4222\nmax_payload: 4096\n';
  await using server = await realNatsServer({ config });
  const info = await infoFrom(server.port);
  assert.equal(info['server_name'], 'from_the_file');
  assert.equal(info['max_payload'], 4096);
  assert.equal(info['host'], '127.0.0.1');
  assert.notEqual(server.port, 4222);
});

test('a server that cannot start says why and leaves nothing behind', async () => {
  const { path } = await natsServerBinary();
  await assert.rejects(startNatsServer(path, { config: 'port: {' }), /ended at its start: .*Parse error/s);
  await assert.rejects(startNatsServer('/nowhere/nats-server'), /ended at its start: .*ENOENT/);
  assert.deepEqual(await readdir(temporary), []);
});

test('closing removes the data; a closed server does not come back', async () => {
  const server = await realNatsServer({ jetstream: true });
  await Promise.all([server.close(), server.close()]);
  assert.deepEqual(await readdir(temporary), []);
  await assert.rejects(server.restart(), /was closed/);
  await assert.rejects(infoFrom(server.port), { code: 'ECONNREFUSED' });
});

test('abort ends it in the same turn', async () => {
  const server = await realNatsServer();
  server.abort();
  assert.equal((await server.exited).signal, 'SIGKILL');
  assert.deepEqual(await readdir(temporary), []);
  await server.close();
});

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import type { Config } from '../../src/config/config.ts';
import { type DevOptions, dev } from '../../src/dev/dev.ts';
import { FakeUpstream } from '../support/fake-upstream.ts';

const root = join(import.meta.dirname, '..', '..');
const temporary = mkdtempSync(join(tmpdir(), 'natsgate-test-'));
process.env['TMPDIR'] = temporary;
after(() => rmSync(temporary, { recursive: true, force: true }));

function options(startGateway: DevOptions['startGateway']): DevOptions & { readonly said: string[] } {
  const said: string[] = [];
  const say = (line: string) => void said.push(line);
  return { root, env: process.env, say, said, startGateway, pagePort: 0, gatewayPort: 0, adminPort: 0 };
}

test('server, gateway and page are brought up together and end together', async () => {
  let given: Config | undefined;
  let isClosed = false;
  const started = options(async (config) => {
    given = config;
    const close = async () => {
      isClosed = true;
    };
    return { port: 4711, adminPort: 4712, drain: async () => {}, close };
  });
  const running = await dev(started);
  const { natsServer, url } = running;
  assert.deepEqual(given?.origins.allow, [url]);
  assert.deepEqual(
    given?.upstream.servers.map(({ port }) => port),
    [natsServer.port],
  );
  assert.equal(given?.listen.address.host, '127.0.0.1');
  assert.equal(given?.log.level, 'debug', 'a session that begins is seen');
  assert.ok(
    started.said.some((line) => line.includes(url)),
    'the address of the page is said',
  );

  const { port } = new URL(url);
  assert.deepEqual(await (await fetch(`${url}/dev/config.json`)).json(), {
    gatewayUrl: 'ws://127.0.0.1:4711',
    adminUrl: 'http://127.0.0.1:4712/',
    allowedOrigin: url,
    refusedUrl: `http://127.0.0.1:${port}/`,
  });
  const act = (action: string) =>
    fetch(`${url}/dev/nats/${action}`, { method: 'POST', headers: { Origin: url } });
  assert.equal((await act('stop')).status, 204);
  assert.equal(natsServer.running, false);
  assert.equal((await act('start')).status, 204);
  assert.equal(natsServer.running, true);

  await Promise.all([running.close(), running.close()]);
  assert.equal(isClosed, true);
  assert.equal(natsServer.running, false);
  await assert.rejects(fetch(url));
  assert.deepEqual(await readdir(temporary), []);
});

test('when the gateway cannot start, what was started before it is ended', async () => {
  await assert.rejects(dev(options(() => Promise.reject(new Error('no gateway')))), /no gateway/);
  assert.deepEqual(await readdir(temporary), []);
});

test('ports that others have: other ports are taken, and it is said why', async () => {
  await using taken = await FakeUpstream.start();
  const ports = { pagePort: taken.port, gatewayPort: taken.port, adminPort: taken.port };
  let given: Config | undefined;
  const started = options(async (config) => {
    given = config;
    return { port: 4711, adminPort: 4712, drain: async () => {}, close: async () => {} };
  });
  const running = await dev({ ...started, ...ports });
  await running.close();
  assert.deepEqual([given?.listen.address.port, given?.admin.address.port], [0, 0]);
  assert.deepEqual(
    started.said.filter((line) => line.includes('is in use')),
    [
      `  port ${taken.port} is in use by another program; the page has ${new URL(running.url).port} instead`,
      `  port ${taken.port} is in use by another program; the gateway has 4711 instead`,
      `  port ${taken.port} is in use by another program; the admin port has 4712 instead`,
    ],
  );
});

test('abort leaves nothing in the same turn', async () => {
  const running = await dev(options(async () => ({ port: 1, drain: async () => {}, close: async () => {} })));
  running.abort();
  assert.deepEqual(await readdir(temporary), []);
  assert.equal((await running.natsServer.exited).signal, 'SIGKILL');
  await running.close();
});

test('a drained gateway is started again on its ports, unless dev ends meanwhile', async () => {
  const given: Config[] = [];
  const drained = Promise.withResolvers<void>();
  let drains = 0;
  const running = await dev(
    options(async (config) => {
      given.push(config);
      const drain = () => (++drains === 1 ? Promise.resolve() : drained.promise);
      return { port: 4711, adminPort: 4712, drain, close: async () => drained.resolve() };
    }),
  );
  const ask = (path: string) =>
    fetch(`${running.url}/dev/${path}`, { method: 'POST', headers: { Origin: running.url } });
  assert.equal((await ask('gateway/drain')).status, 204);
  assert.equal(given.length, 2);
  assert.deepEqual([given[1]?.listen.address.port, given[1]?.admin.address.port], [4711, 4712]);
  const second = ask('gateway/drain');
  second.catch(() => {}); // its connection may end first
  while (drains < 2) await new Promise(setImmediate);
  await running.close();
  assert.equal(given.length, 2);
});

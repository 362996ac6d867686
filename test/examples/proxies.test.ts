import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { ConnectionOptions } from 'node:tls';
import { wsconnect } from '@nats-io/nats-core';
import { type ClientOptions, WebSocket } from 'ws';
import { parseAllDocuments } from 'yaml';
import { loadConfig } from '../../src/config/load.ts';
import type { RunningNatsServer } from '../../src/dev/nats-process.ts';
import { startGateway } from '../../src/gateway.ts';
import { createLog } from '../../src/log.ts';
import { makeCertificates, type TestCertificates } from '../support/certificates.ts';
import { LogCapture } from '../support/gateway.ts';
import { realNatsServer } from '../support/nats.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { type PROXIES, startProxy } from '../support/web-proxies.ts';

const EXAMPLES = join(import.meta.dirname, '..', '..', 'examples', 'proxies');
const ORIGIN = 'https://app.example.com';
/** Another address of loopback than that of the proxies. */
const CLIENT = '127.0.0.2';
const FORGED = '203.0.113.66';

type Edge = { readonly port: number; readonly adminPort: number; readonly log: LogCapture };

const resources = new AsyncDisposableStack();
let certificates: TestCertificates;
let nats: RunningNatsServer;
let edge: Edge;
before(async () => {
  certificates = resources.use(await makeCertificates());
  nats = resources.use(await realNatsServer());
  edge = await startEdge(join(EXAMPLES, 'natsgate.yaml'));
});
after(() => resources.disposeAsync());

/** A gateway by a configuration file, on other ports. */
async function startEdge(file: string): Promise<Edge> {
  const flags = { listen: '127.0.0.1:0', admin: '127.0.0.1:0', upstream: [`127.0.0.1:${nats.port}`] };
  const loaded = await loadConfig({ file, flags, env: {} });
  assert.ok(loaded.ok, JSON.stringify(loaded));
  const log = new LogCapture();
  const gateway = await startGateway(loaded.config, { log: createLog(loaded.config.log, log) });
  resources.defer(() => gateway.stop());
  return { port: gateway.address.port, adminPort: gateway.adminAddress.port, log };
}

function dial(port: number, origin: string): WebSocket {
  const options: ClientOptions & ConnectionOptions = {
    ca: readFileSync(certificates.serverCertFile),
    servername: 'gw.example.com',
    localAddress: CLIENT,
    origin,
    headers: { host: 'gw.example.com', 'x-forwarded-for': FORGED },
  };
  return new WebSocket(`wss://127.0.0.1:${port}/`, options);
}

/** A NATS client through the proxy is served, by its own address; a foreign page is refused. */
async function serves(name: keyof typeof PROXIES, gateway: Edge): Promise<void> {
  await using proxy = await startProxy(name, { gateway, certificates });
  const client = await wsconnect({
    servers: `wss://127.0.0.1:${proxy.port}`,
    reconnect: false,
    wsFactory: (_url) =>
      Promise.resolve({
        socket: dial(proxy.port, ORIGIN) as unknown as globalThis.WebSocket,
        encrypted: true,
      }),
  });
  client.subscribe('echo', {
    callback: (_error, message) => {
      message.respond(message.data);
    },
  });
  const large = new Uint8Array(300_000).fill(7);
  assert.deepEqual((await client.request('echo', large, { timeout: 30_000 })).data, large);
  await client.close();
  const ended = await gateway.log.find((line) => line.message === 'session ended');
  assert.equal(ended['client'], CLIENT);

  const [, answer] = await once(dial(proxy.port, 'https://evil.example'), 'unexpected-response');
  assert.equal(answer.statusCode, 403);
  answer.destroy();
}

const serving = async (name: keyof typeof PROXIES): Promise<void> => {
  edge.log.lines.length = 0;
  await serves(name, edge);
};

test('examples/proxies/nginx.conf', () => serving('nginx.conf'));
test('examples/proxies/haproxy.cfg', () => serving('haproxy.cfg'));
test('examples/proxies/apache.conf', () => serving('apache.conf'));
test('examples/proxies/Caddyfile', () => serving('Caddyfile'));

test('examples/proxies/haproxy-tcp.cfg: TLS ends in natsgate, which learns the address by the PROXY protocol', async () => {
  await using folder = await temporaryFolder();
  const file = join(folder.path, 'natsgate.yaml');
  // What the comment at the top of the file asks for.
  const { serverCertFile, serverKeyFile } = certificates;
  const asked = (await readFile(join(EXAMPLES, 'haproxy-tcp.cfg'), 'utf8'))
    .split('\n')
    .flatMap((line) => /^# {3}(.*)$/.exec(line)?.[1] ?? [])
    .join('\n')
    .replace('certFile: …', `certFile: ${serverCertFile}`)
    .replace('keyFile: …', `keyFile: ${serverKeyFile}`);
  await writeFile(file, `${asked}\norigins: ${ORIGIN}\nupstream: 127.0.0.1:4222\n`);
  await serves('haproxy-tcp.cfg', await startEdge(file));
});

test('the files for proxies that are not run here can be parsed', async () => {
  for (const name of ['traefik.yaml', 'envoy.yaml', 'istio.yaml', 'cloudflared.yml']) {
    for (const document of parseAllDocuments(await readFile(join(EXAMPLES, name), 'utf8')))
      assert.deepEqual(document.errors, [], name);
  }
});

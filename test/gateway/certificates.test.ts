import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { ConnectionOptions, TLSSocket } from 'node:tls';
import { loadConfig } from '../../src/config/load.ts';
import { startGateway } from '../../src/gateway.ts';
import { createLog } from '../../src/log.ts';
import { selfSigned } from '../config/self-signed.ts';
import { makeCertificates, type TestCertificates } from '../support/certificates.ts';
import { FakeUpstream } from '../support/fake-upstream.ts';
import { handshakeRequest, RawClient } from '../support/raw-client.ts';
import { ReloadableGateway } from '../support/reloadable.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

type Pair = { readonly certificate: string; readonly key: string };

let certificates: TestCertificates;
let upstream: FakeUpstream;
const resources = new AsyncDisposableStack();
before(async () => {
  certificates = resources.use(await makeCertificates());
  upstream = resources.use(await FakeUpstream.start());
});
after(() => resources.disposeAsync());

const filesOf = ({ certificate, key }: Pair): Record<string, string> => ({
  'tls.crt': certificate,
  'tls.key': key,
});
const fingerprint = (pem: string): string => new X509Certificate(pem).fingerprint256;
const endOf = (pem: string): number => new X509Certificate(pem).validToDate.getTime() / 1000;

/** The certificate that a new connection is shown, and the status of its handshake; undefined: TLS failed. */
async function knock(port: number, tls: ConnectionOptions = {}) {
  try {
    await using client = await RawClient.connect(port, tls);
    client.send(handshakeRequest());
    const { status } = await client.answer();
    return { status, shown: (client.socket as TLSSocket).getPeerX509Certificate()?.fingerprint256 };
  } catch {
    return undefined;
  }
}

/** Values of the metric by role. */
async function ends({ gateway }: ReloadableGateway): Promise<Record<string, number>> {
  const { body } = await gateway.metrics(false);
  const rows = body.matchAll(
    /^natsgate_tls_certificate_not_after_timestamp_seconds\{role="(\w+)"\} (\S+)$/gm,
  );
  return Object.fromEntries([...rows].map(([, role, value]) => [role, Number(value)]));
}

test('files are read once: what was judged is what is shown, whatever has become of the files since', async () => {
  await using folder = await temporaryFolder();
  const at = (name: string): string => join(folder.path, name);
  const pair = selfSigned();
  await writeFile(at('tls.crt'), pair.certificate);
  await writeFile(at('tls.key'), pair.key, { mode: 0o400 });
  const listen = { address: '127.0.0.1:0', tls: { certFile: 'tls.crt', keyFile: 'tls.key' } };
  const settings = {
    listen,
    admin: '127.0.0.1:0',
    origins: 'self',
    upstream: `nats://127.0.0.1:${upstream.port}`,
  };
  await writeFile(at('natsgate.yaml'), JSON.stringify(settings));
  const loaded = await loadConfig({ file: at('natsgate.yaml'), flags: {}, env: {} });
  assert.ok(loaded.ok, JSON.stringify(loaded));
  await rm(at('tls.key'), { force: true });
  await writeFile(at('tls.crt'), selfSigned().certificate);
  await using gateway = await startGateway(loaded.config, {
    log: createLog(loaded.config.log, { write: () => {} }),
  });
  assert.equal((await knock(gateway.address.port))?.shown, fingerprint(pair.certificate));
});

test('expiry by the kind of file: the earliest of each, of all upstreams together, and of those that are configured', async () => {
  const [server, longer, soon, later] = [
    selfSigned(20),
    selfSigned(40),
    selfSigned(5),
    selfSigned(30),
  ] as const;
  const files = {
    'tls.crt': server.certificate + soon.certificate,
    'tls.key': server.key,
    'clients.crt': longer.certificate + later.certificate,
    'ca.crt': later.certificate,
    'other-ca.crt': longer.certificate + server.certificate,
    'own.crt': longer.certificate,
    'own.key': longer.key,
  };
  const tls = { mode: 'after-info', caFile: 'ca.crt' };
  const at = `nats://127.0.0.1:${upstream.port}`;
  const listen = {
    address: '127.0.0.1:0',
    tls: { certFile: 'tls.crt', keyFile: 'tls.key', clientCaFile: 'clients.crt' },
  };
  const settings = {
    listen,
    upstream: { servers: at, tls },
    routes: [
      {
        path: '/b',
        upstream: {
          servers: at,
          tls: { ...tls, caFile: 'other-ca.crt', certFile: 'own.crt', keyFile: 'own.key' },
        },
      },
    ],
  };
  await using gateway = await ReloadableGateway.start(upstream.port, settings, files);
  assert.deepEqual(await ends(gateway), {
    server: endOf(soon.certificate),
    client_ca: endOf(later.certificate),
    upstream_ca: endOf(server.certificate),
    upstream_client: endOf(longer.certificate),
  });
  // A series is there for what is configured now.
  await gateway.write({ listen, upstream: at }, files);
  assert.equal((await gateway.gateway.reload('signal'))?.outcome, 'applied');
  assert.deepEqual(Object.keys(await ends(gateway)), ['server', 'client_ca']);
});

test('a gateway without TLS has the series of its upstream as soon as that has files', async () => {
  const authority = selfSigned();
  const files = { 'ca.crt': authority.certificate };
  await using gateway = await ReloadableGateway.start(upstream.port, {}, files);
  assert.deepEqual(await ends(gateway), {});
  const tls = { mode: 'after-info', caFile: 'ca.crt' };
  const settings = { upstream: { servers: `nats://127.0.0.1:${upstream.port}`, tls } };
  await gateway.write(settings, files);
  assert.equal((await gateway.gateway.reload('signal'))?.outcome, 'applied');
  assert.deepEqual(await ends(gateway), { upstream_ca: endOf(authority.certificate) });
});

test('while client certificates wait for a restart, the own certificate is renewed all the same', async () => {
  const [first, next, last] = [selfSigned(), selfSigned(), selfSigned()] as const;
  const authority = { 'clients.crt': selfSigned().certificate };
  const tls = { certFile: 'tls.crt', keyFile: 'tls.key' };
  const plain = { listen: { address: '127.0.0.1:0', tls } };
  const asking = { listen: { address: '127.0.0.1:0', tls: { ...tls, clientCaFile: 'clients.crt' } } };
  await using gateway = await ReloadableGateway.start(upstream.port, plain, {
    ...filesOf(first),
    ...authority,
  });
  await gateway.write(asking, { ...filesOf(next), ...authority });
  const report = await gateway.gateway.reload('signal');
  assert.equal(report?.outcome, 'restart_needed');
  assert.deepEqual(
    report?.changes.map(({ key }) => key),
    ['listen.tls.certFile', 'listen.tls.keyFile'],
  );
  assert.deepEqual(
    report?.restartNeeded.map(({ key }) => key),
    ['listen.tls.clientCaFile'],
  );
  assert.deepEqual(await knock(gateway.port), { status: 101, shown: fingerprint(next.certificate) });
  assert.deepEqual(Object.keys(await ends(gateway)), ['server']);
  // And when the rest of the file is broken.
  await gateway.writeText('origins: [', { ...filesOf(last), ...authority });
  const broken = await gateway.gateway.reload('signal');
  assert.deepEqual(
    broken?.changes.map(({ key }) => key),
    ['listen.tls.certFile', 'listen.tls.keyFile'],
  );
  assert.deepEqual(await knock(gateway.port), { status: 101, shown: fingerprint(last.certificate) });
});

test('client certificates that wait to be switched off are asked for until then, whatever is renewed', async () => {
  const [first, next] = [selfSigned(), selfSigned()] as const;
  const tls = { certFile: 'tls.crt', keyFile: 'tls.key' };
  const asking = {
    listen: { address: '127.0.0.1:0', tls: { ...tls, clientCaFile: certificates.clientCaFile } },
  };
  await using gateway = await ReloadableGateway.start(upstream.port, asking, filesOf(first));
  const { client } = certificates;
  assert.equal((await knock(gateway.port, client))?.status, 101);
  await gateway.write({ listen: { address: '127.0.0.1:0', tls } }, filesOf(next));
  const report = await gateway.gateway.reload('signal');
  assert.deepEqual(
    report?.restartNeeded.map(({ key }) => key),
    ['listen.tls.clientCaFile'],
  );
  assert.deepEqual(await knock(gateway.port, client), { status: 101, shown: fingerprint(next.certificate) });
  assert.equal(await knock(gateway.port), undefined);
  assert.equal(await knock(gateway.port, certificates.stranger), undefined);
  await gateway.writeText('origins: [', filesOf(first));
  assert.equal((await gateway.gateway.reload('signal'))?.outcome, 'refused');
  assert.deepEqual(await knock(gateway.port, client), { status: 101, shown: fingerprint(first.certificate) });
  assert.equal(await knock(gateway.port), undefined);
});

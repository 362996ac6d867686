import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { after, before, test } from 'node:test';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { ADMIN_CONNECTIONS } from '../../src/admin/admin-server.ts';
import { answer } from '../../src/private-http/answer.ts';
import { DEADLINES } from '../../src/private-http/connection.ts';
import { PrivateServer } from '../../src/private-http/server.ts';
import { selfSigned } from '../config/self-signed.ts';
import { makeCertificates, serverTls, type TestCertificates } from '../support/certificates.ts';
import { FakeUpstream } from '../support/fake-upstream.ts';
import { RawClient } from '../support/raw-client.ts';
import { LOOKING, ReloadableGateway } from '../support/reloadable.ts';

const PROBE = 'GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n';
const ANYONE = { rejectUnauthorized: false };

let certificates: TestCertificates;
let upstream: FakeUpstream;
const resources = new AsyncDisposableStack();
before(async () => {
  certificates = resources.use(await makeCertificates());
  upstream = resources.use(await FakeUpstream.start());
});
after(() => resources.disposeAsync());

type Pair = ReturnType<typeof selfSigned>;
const filesOf = ({ certificate, key }: Pair): Record<string, string> => ({
  'tls.crt': certificate,
  'tls.key': key,
});
const ADMIN = { admin: { address: '127.0.0.1:0', tls: { certFile: 'tls.crt', keyFile: 'tls.key' } } };

/** What the port answers, and the certificate that it shows. */
async function ask(port: number, request = PROBE) {
  await using client = await RawClient.connect(port, ANYONE);
  client.send(request);
  const { status, body } = await client.answer();
  return { status, body, shown: (client.socket as TLSSocket).getPeerX509Certificate()?.toString() };
}

/** A private server with TLS of its own, whose deadlines can be short. */
async function serve(deadlines: Partial<typeof DEADLINES> = {}) {
  const server = new PrivateServer({
    hosts: () => [],
    hostless: [],
    brief: ['/livez'],
    maxConnections: ADMIN_CONNECTIONS,
    tls: serverTls(certificates),
    deadlines: { ...DEADLINES, ...deadlines },
  });
  server.routes.get('/livez', (exchange) => answer(exchange, 'ok\n'));
  server.routes.get('/big', (exchange) => answer(exchange, 'x'.repeat(5_000_000)));
  const { port } = await server.listen({ host: '127.0.0.1', port: 0 });
  return { server, port, [Symbol.asyncDispose]: () => server.close() };
}

test('with admin.tls it answers by https alone, to its own origin alone', async () => {
  const pair = selfSigned();
  await using gateway = await ReloadableGateway.start(upstream.port, ADMIN, filesOf(pair));
  const port = gateway.adminPort;
  const { status, shown } = await ask(port);
  assert.deepEqual([status, shown], [200, pair.certificate]);
  assert.match(String(gateway.log.lines.find(({ message }) => message === 'ready')?.['admin']), /^https:/);

  const from = (origin: string): string => PROBE.replace('\r\n\r\n', `\r\nOrigin: ${origin}\r\n\r\n`);
  assert.equal((await ask(port, from('https://localhost'))).status, 200);
  assert.equal((await ask(port, from('http://localhost'))).status, 403);
  assert.equal((await ask(port, PROBE.replace('/livez', 'https://localhost/livez'))).status, 200);
  assert.equal((await ask(port, PROBE.replace('/livez', 'http://localhost/livez'))).status, 421);

  await using clear = await RawClient.connect(port);
  clear.send(PROBE);
  await clear.until(() => clear.ended || clear.closed);
  const { body } = await gateway.gateway.metrics(false);
  assert.match(body, /natsgate_admin_connections_dropped_total\{reason="tls"\} 1\n/);
  assert.match(body, /not_after_timestamp_seconds\{role="admin"\} \d+/);
});

test('its certificate is renewed by itself; TLS on and off waits for a restart', async () => {
  const [first, next, last] = [selfSigned(), selfSigned(), selfSigned()] as const;
  await using gateway = await ReloadableGateway.start(upstream.port, ADMIN, filesOf(first), LOOKING);
  await gateway.write(ADMIN, filesOf(next));
  assert.equal((await gateway.report(0)).message, 'configuration reloaded');
  assert.equal((await ask(gateway.adminPort)).shown, next.certificate);
  // In a configuration that is refused as a whole, too.
  await gateway.writeText('listen: {nonsense: 1}', filesOf(last));
  assert.equal((await gateway.report(1)).message, 'configuration refused; the old one stays');
  assert.equal((await ask(gateway.adminPort)).shown, last.certificate);

  await gateway.write({}, filesOf(last));
  const { restartNeeded } = await gateway.report(2);
  assert.match(JSON.stringify(restartNeeded), /admin\.tls\.certFile.*admin\.tls\.keyFile/);
  assert.equal((await ask(gateway.adminPort)).status, 200);
});

test('probes get through while twice as many connections say nothing before or after TLS', async () => {
  await using served = await serve({ tlsMs: 4000, firstByteMs: 4000 });
  const silent = Array.from({ length: 2 * ADMIN_CONNECTIONS }, (_, index) =>
    index % 2 === 0
      ? connect(served.port, '127.0.0.1')
      : connectTls({ port: served.port, host: '127.0.0.1', ...ANYONE }),
  );
  const closed = silent.map((socket) => once(socket.on('error', () => {}).resume(), 'close'));
  for (let probe = 0; probe < 10; probe++) assert.equal((await ask(served.port)).status, 200);
  assert.ok(served.server.drops.crowded >= ADMIN_CONNECTIONS);
  await Promise.all(closed);
  assert.ok(served.server.drops.tls > 0, 'the TLS handshake has a deadline');
  assert.ok(served.server.drops.silent > 0, 'and what comes after it');
});

test('a long answer arrives whole, and one that nobody reads is ended', async () => {
  const request = PROBE.replace('/livez', '/big');
  await using patient = await serve({ takeMs: 60_000, lingerMs: 60_000 });
  assert.equal((await ask(patient.port, request)).body.length, 5_000_000);
  await using served = await serve({ takeMs: 1000 });
  await using sleeper = await RawClient.connect(served.port, ANYONE);
  sleeper.socket.pause();
  sleeper.send(request);
  while (served.server.drops.slow_reader === 0) await ask(served.port);
});

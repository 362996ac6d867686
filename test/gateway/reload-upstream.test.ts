import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { describe, test } from 'node:test';
import type { TLSSocket, TLSSocketOptions } from 'node:tls';
import { selfSigned } from '../config/self-signed.ts';
import { FakeUpstream, INFO_LINE, TLS_INFO_LINE } from '../support/fake-upstream.ts';
import { frame, handshakeRequest, Opcode, RawClient } from '../support/raw-client.ts';
import { LOOKING, ReloadableGateway, type Settings } from '../support/reloadable.ts';
import { rounds } from '../support/rounds.ts';

const SWAPS = rounds(6, 20);
const CLIENTS = 20;
const CONNECT = 'CONNECT {"verbose":false}\r\n';

type Pair = { readonly certificate: string; readonly key: string };

/** The gateway's own pair, and the authorities that it believes. */
const filesOf = (own: Pair, ...authorities: readonly Pair[]): Record<string, string> => ({
  'ca.crt': authorities.map(({ certificate }) => certificate).join(''),
  'own.crt': own.certificate,
  'own.key': own.key,
});

const overTls = (port: number): Settings => ({
  upstream: {
    servers: `nats://127.0.0.1:${port}`,
    tls: {
      mode: 'after-info',
      caFile: 'ca.crt',
      certFile: 'own.crt',
      keyFile: 'own.key',
      serverName: 'natsgate.test',
    },
  },
});

/** A server that shows what `identity` holds when a connection comes, asks for a certificate, and answers PING. */
const pongUpstream = (identity: TLSSocketOptions): Promise<FakeUpstream> =>
  FakeUpstream.start({
    greeting: TLS_INFO_LINE,
    tls: identity,
    onConnection: ({ socket }) => {
      let held = '';
      socket.on('data', (chunk: Buffer) => {
        held += chunk.toString('latin1');
        const lines = held.split('\r\n');
        held = lines.pop() ?? '';
        for (const line of lines) if (line === 'PING') socket.write('PONG\r\n');
      });
    },
  });

/** What new sessions show to the server: one of them is told apart by having had its answer. */
async function shownCertificates(port: number, upstream: FakeUpstream): Promise<(string | undefined)[]> {
  const before = upstream.connections.length;
  await using client = await RawClient.open(port);
  client.send(frame(Opcode.binary, `${CONNECT}PING\r\n`));
  await client.until(() => client.closed || pongs(client) === 1);
  return upstream.connections
    .slice(before)
    .map(({ socket }) => (socket as TLSSocket).getPeerX509Certificate()?.fingerprint256);
}
const fingerprintOf = ({ certificate }: Pair): string => new X509Certificate(certificate).fingerprint256;

async function knock(port: number): Promise<number | 'close'> {
  await using client = await RawClient.connect(port);
  client.send(handshakeRequest());
  return await client.status();
}

const pongs = (client: RawClient): number => client.data.toString('latin1').split('PONG\r\n').length - 1;

test(`${SWAPS} swaps of the files for TLS to the server: no session cut, no handshake refused, each connection after the report shows and believes the new ones`, async (t) => {
  // OpenSSL finds an authority by its name, so each has its own.
  const servers = Array.from({ length: SWAPS + 3 }, (_, index) => selfSigned(30, `authority ${index}`));
  const authorities = (round: number): Pair[] => servers.slice(round, round + 3);
  const identity = { cert: servers[0]!.certificate, key: servers[0]!.key, requestCert: true };
  await using upstream = await pongUpstream(identity);
  const settings = overTls(upstream.port);
  await using gateway = await ReloadableGateway.start(
    upstream.port,
    settings,
    filesOf(selfSigned(), ...authorities(0)),
    LOOKING,
  );
  const clients = await Promise.all(Array.from({ length: CLIENTS }, () => RawClient.open(gateway.port)));
  for (const client of clients) client.send(frame(Opcode.binary, CONNECT));
  let stopping = false;
  let answers = 0;
  let handshakes = 0;
  let failures = 0;
  const talking = clients.map(async (client) => {
    while (!stopping) {
      client.send(frame(Opcode.binary, 'PING\r\n'));
      await client.until(() => client.closed || pongs(client) === 1);
      assert.equal(client.closed, false, 'a session was cut');
      client.frames.splice(0);
      answers++;
    }
  });
  const knocking = (async () => {
    for (; !stopping; handshakes++) if ((await knock(gateway.port).catch(() => 'error')) !== 101) failures++;
  })();
  const tookMs: number[] = [];
  try {
    for (let round = 1; round <= SWAPS; round++) {
      const own = selfSigned(40 + round);
      await gateway.write(settings, filesOf(own, ...authorities(round)));
      const swappedAtMs = performance.now();
      const report = await gateway.report(round - 1);
      tookMs.push(performance.now() - swappedAtMs);
      assert.deepEqual(report['changes'], {
        'upstream.tls.caFile': 'ca.crt -> ca.crt (new content)',
        'upstream.tls.certFile': 'own.crt -> own.crt (new content)',
        'upstream.tls.keyFile': 'own.key -> own.key (new content)',
      });
      // Believed since this reload or the last one, and never by the authorities of two before.
      Object.assign(identity, { cert: servers[round + 1]!.certificate, key: servers[round + 1]!.key });
      const shown = await shownCertificates(gateway.port, upstream);
      assert.ok(shown.includes(fingerprintOf(own)), `swap ${round}`);
    }
  } finally {
    stopping = true;
  }
  await Promise.all([...talking, knocking]);
  assert.equal(failures, 0, `${failures} of ${handshakes} handshakes failed`);
  // The servers are the same, and so is all that is known of them.
  const { body } = await gateway.gateway.metrics(false);
  assert.match(
    body,
    /natsgate_upstream_connections_active\{upstream="default",server="127[^}]*\} (2[0-9])\n/,
  );
  for (const client of clients) client.socket.destroy();
  t.diagnostic(
    `${SWAPS} swaps, ${answers} answers on ${CLIENTS} sessions and ${handshakes} handshakes meanwhile: 0 cut, 0 failed; swap to report at most ${Math.round(Math.max(...tookMs))} ms`,
  );
});

describe('files for TLS to the server', () => {
  test('that do not fit are refused, and the old ones stay', async () => {
    const [server, own, other] = [selfSigned(), selfSigned(), selfSigned()] as const;
    await using upstream = await pongUpstream({
      cert: server.certificate,
      key: server.key,
      requestCert: true,
    });
    const settings = overTls(upstream.port);
    const files = filesOf(own, server);
    await using gateway = await ReloadableGateway.start(upstream.port, settings, files);
    for (const [broken, problem] of [
      [{ ...files, 'own.key': other.key }, /upstream\.tls\.keyFile: the key does not belong/],
      [{ ...files, 'ca.crt': '' }, /upstream\.tls\.caFile: the file is empty/],
    ] as const) {
      await gateway.write(settings, broken);
      const report = await gateway.gateway.reload('signal');
      assert.equal(report?.outcome, 'refused');
      assert.match(report?.problems.join('\n') ?? '', problem);
      assert.deepEqual(await shownCertificates(gateway.port, upstream), [fingerprintOf(own)]);
    }
  });

  test('are renewed while the configuration is broken', async () => {
    const [server, own, next] = [selfSigned(), selfSigned(), selfSigned(60)] as const;
    await using upstream = await pongUpstream({
      cert: server.certificate,
      key: server.key,
      requestCert: true,
    });
    const settings = overTls(upstream.port);
    await using gateway = await ReloadableGateway.start(upstream.port, settings, filesOf(own, server));
    await gateway.write({ ...settings, nonsense: 1 }, filesOf(next, server));
    const report = await gateway.gateway.reload('signal');
    assert.equal(report?.outcome, 'refused');
    assert.deepEqual(
      report?.changes.map(({ key }) => key),
      ['upstream.tls.certFile', 'upstream.tls.keyFile'],
    );
    assert.deepEqual(await shownCertificates(gateway.port, upstream), [fingerprintOf(next)]);
  });
});

describe('a reload of upstream', () => {
  type Status = { readonly upstreamServers: readonly { name: string; state: string; sessions: number }[] };
  const serversOf = (gateway: ReloadableGateway): unknown[] =>
    (gateway.gateway.status.gateway() as Status).upstreamServers.map(({ name, state, sessions }) => [
      name,
      state,
      sessions,
    ]);

  test('of anything else leaves the servers and what is known of them', async () => {
    await using upstream = await FakeUpstream.start();
    await using gateway = await ReloadableGateway.start(upstream.port);
    await using client = await RawClient.open(gateway.port);
    await gateway.write({ drain: { delay: '1s' } });
    assert.equal((await gateway.gateway.reload('signal'))?.outcome, 'applied');
    assert.deepEqual(serversOf(gateway), [[`127.0.0.1:${upstream.port}`, 'up', 1]]);
    client.socket.destroy();
    await gateway.log.ended();
    assert.deepEqual(serversOf(gateway), [[`127.0.0.1:${upstream.port}`, 'up', 0]]);
  });

  test('a dial that is under way ends at the server that it began with', async () => {
    await using slow = await FakeUpstream.start({ greeting: '' });
    await using next = await FakeUpstream.start();
    await using gateway = await ReloadableGateway.start(slow.port);
    await using early = await RawClient.connect(gateway.port);
    early.send(handshakeRequest());
    const { socket } = await slow.connection();
    await gateway.write({ upstream: `nats://127.0.0.1:${next.port}` });
    assert.equal((await gateway.gateway.reload('signal'))?.outcome, 'applied');
    assert.equal(await knock(gateway.port), 101);
    socket.write(INFO_LINE);
    assert.equal((await early.answer()).status, 101);
    assert.deepEqual([slow.connections.length, next.connections.length], [1, 1]);
  });

  test('keeps the gateway ready where readiness follows the upstream', async () => {
    await using one = await FakeUpstream.start();
    await using two = await FakeUpstream.start();
    const following = (port: number) => ({
      upstream: { servers: `nats://127.0.0.1:${port}`, readiness: 'upstream' },
    });
    await using gateway = await ReloadableGateway.start(one.port, following(one.port));
    assert.equal(await knock(gateway.port), 101);
    assert.equal(gateway.gateway.ready, true);
    await gateway.write(following(two.port));
    assert.equal((await gateway.gateway.reload('signal'))?.outcome, 'applied');
    assert.equal(gateway.gateway.ready, true);
    // It looks for itself, though no client comes.
    await two.connection();
    assert.equal(gateway.gateway.ready, true);
  });

  test('a lame duck that a session of before is told of is passed over now', async () => {
    await using one = await FakeUpstream.start();
    await using two = await FakeUpstream.start();
    const settings = (dialTimeout: string): Settings => ({
      inspect: 'observe',
      upstream: {
        servers: [`nats://127.0.0.1:${one.port}`, `nats://127.0.0.1:${two.port}`],
        order: 'first',
        dialTimeout,
      },
    });
    await using gateway = await ReloadableGateway.start(one.port, settings('1.8s'));
    await using client = await RawClient.open(gateway.port);
    await gateway.write(settings('1.9s'));
    assert.equal((await gateway.gateway.reload('signal'))?.outcome, 'applied');
    (await one.connection()).socket.write(INFO_LINE.replace('{', '{"ldm":true,'));
    await client.until(() => client.data.includes('"ldm":true'));
    assert.equal(await knock(gateway.port), 101);
    assert.deepEqual([one.connections.length, two.connections.length], [1, 1]);
  });

  test('the rules of inspection are for sessions that begin', async () => {
    await using upstream = await FakeUpstream.start({ echo: true });
    await using gateway = await ReloadableGateway.start(upstream.port);
    await using before = await RawClient.open(gateway.port);
    await gateway.write({ info: { hide: ['server_name'] }, limits: { controlLineBytes: '512B' } });
    assert.equal((await gateway.gateway.reload('signal'))?.outcome, 'applied');
    await using after = await RawClient.open(gateway.port);
    assert.match(after.data.toString(), /"server_name":""/);
    after.send(frame(Opcode.binary, `${CONNECT}SUB ${'x'.repeat(600)} 1\r\n`));
    assert.equal((await after.closeReceived())?.reason, 'nats_violation');
    before.send(frame(Opcode.binary, 'no NATS at all'));
    await before.until(() => before.data.includes('no NATS at all'));
    assert.equal(before.data.toString(), `${INFO_LINE}no NATS at all`);
  });
});

test('a reload of listen.proxyProtocol is for connections that come', async () => {
  await using upstream = await FakeUpstream.start();
  await using gateway = await ReloadableGateway.start(upstream.port);
  const listen = { address: '127.0.0.1:0', proxyProtocol: '127.0.0.0/8' };
  await gateway.write({ listen });
  assert.equal((await gateway.gateway.reload('signal'))?.outcome, 'applied');
  assert.equal(await knock(gateway.port), 400);
  await using client = await RawClient.connect(gateway.port);
  client.send(`PROXY TCP4 203.0.113.9 127.0.0.1 5 80\r\n`);
  client.send(handshakeRequest());
  assert.equal(await client.status(), 101);
  await gateway.write({});
  assert.equal((await gateway.gateway.reload('signal'))?.outcome, 'applied');
  assert.equal(await knock(gateway.port), 101);
});

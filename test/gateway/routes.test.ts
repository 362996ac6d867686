import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { selfSigned } from '../config/self-signed.ts';
import { FakeUpstream, INFO_LINE } from '../support/fake-upstream.ts';
import { freePort } from '../support/free-port.ts';
import { closeFrame, frame, handshakeRequest, Opcode, RawClient } from '../support/raw-client.ts';
import { LOOKING, ReloadableGateway } from '../support/reloadable.ts';

const at = (path: string, headers = {}) => ({ requestLine: `GET ${path} HTTP/1.1`, headers });

/** Upgraded; nothing is awaited from the upstream. */
async function openQuiet(port: number, path: string, headers = {}): Promise<RawClient> {
  const client = await RawClient.connect(port);
  client.send(handshakeRequest(at(path, headers)));
  const { status, body } = await client.answer();
  assert.equal(status, 101, body);
  return client;
}

async function knock(port: number, path: string, headers = {}) {
  await using client = await RawClient.connect(port);
  client.send(handshakeRequest(at(path, headers)));
  const { status, body } = await client.answer();
  return [status, body.split(':')[0]];
}

for (const engine of ['cut-through', 'buffered'])
  describe(`opaque upstream, ${engine}`, () => {
    test('101 once the TCP connection stands, and every byte in both directions as it was', async () => {
      await using nats = await FakeUpstream.start();
      await using silent = await FakeUpstream.start({ greeting: '', echo: true });
      await using gateway = await ReloadableGateway.start(nats.port, {
        engine,
        routes: [{ path: '/raw', upstream: `tcp://127.0.0.1:${silent.port}` }],
      });
      await using client = await openQuiet(gateway.port, '/raw');
      assert.equal(client.frames.length, 0);
      const bytes = Buffer.from(Array.from({ length: 70_000 }, (_, index) => (index * 7) & 0xff));
      client.send(frame(Opcode.binary, bytes.subarray(0, 1000)));
      client.send(frame(Opcode.binary, bytes.subarray(1000)));
      await client.until(() => client.data.length === bytes.length);
      assert.ok(client.data.equals(bytes));
      assert.ok((await silent.connection()).socket.remoteAddress !== undefined);
      client.send(closeFrame(1000));
      assert.deepEqual(await client.closeReceived(), { code: 1000, reason: '' });
      const ended = await gateway.log.ended();
      assert.deepEqual([ended['route'], ended['reason']], ['/raw', 'client_closed']);
      assert.equal(ended['natsClientId'], undefined);
    });

    test('what the server says before the 101 arrives behind it', async () => {
      const greeting = `neither INFO nor NATS\n${'x'.repeat(100_000)}`;
      await using talking = await FakeUpstream.start({ greeting });
      await using gateway = await ReloadableGateway.start(talking.port, {
        engine,
        upstream: `tcp://127.0.0.1:${talking.port}`,
      });
      await using client = await openQuiet(gateway.port, '/');
      await client.until(() => client.data.length === greeting.length);
      assert.equal(client.data.toString(), greeting);
      (await talking.connection()).socket.end();
      assert.deepEqual(await client.closeReceived(), { code: 1001, reason: 'upstream_closed' });
    });

    test('the first subprotocol of the client that the route speaks is confirmed, and no other', async () => {
      await using upstream = await FakeUpstream.start();
      await using gateway = await ReloadableGateway.start(upstream.port, {
        engine,
        routes: [{ path: '/mqtt', subprotocols: ['mqtt', 'mqttv3.1'] }],
      });
      const confirmed = async (path: string, offer: string | undefined) => {
        await using client = await RawClient.connect(gateway.port);
        client.send(handshakeRequest(at(path, { 'Sec-WebSocket-Protocol': offer })));
        const { status, headers } = await client.answer();
        return [status, headers.get('sec-websocket-protocol')];
      };
      assert.deepEqual(await confirmed('/mqtt', 'mqttv3.1, mqtt'), [101, 'mqttv3.1']);
      assert.deepEqual(await confirmed('/mqtt', 'other, mqtt'), [101, 'mqtt']);
      // ws alone would refuse these, after the upstream was dialled.
      assert.deepEqual(await confirmed('/mqtt', ', mqtt ,,'), [101, 'mqtt']);
      assert.deepEqual(await confirmed('/', 'mqtt,'), [101, undefined]);
      assert.deepEqual(await confirmed('/mqtt', undefined), [101, undefined]);
      assert.deepEqual(await confirmed('/mqtt', 'other'), [400, undefined]);
      assert.deepEqual(await confirmed('/', 'mqtt'), [101, undefined]);
    });
  });

test('an opaque upstream that refuses, or never connects, is a 502 or 504 and no 101', async () => {
  await using nats = await FakeUpstream.start();
  await using gateway = await ReloadableGateway.start(nats.port, {
    routes: [{ path: '/off', upstream: `tcp://127.0.0.1:${await freePort()}` }],
  });
  assert.deepEqual(await knock(gateway.port, '/off'), [502, 'upstream_refused']);
  assert.deepEqual(await knock(gateway.port, '/offf'), [404, 'no_route']);
  assert.deepEqual(await knock(gateway.port, '/off/'), [404, 'no_route']);
});

test('TLS first to an opaque upstream: 101 behind the TLS handshake, and the wrong name is refused', async () => {
  const pair = selfSigned(30);
  const tls = { cert: pair.certificate, key: pair.key, first: true };
  await using secure = await FakeUpstream.start({ greeting: '', echo: true, tls });
  const route = (path: string, serverName: string) => ({
    path,
    upstream: {
      servers: `tcp://127.0.0.1:${secure.port}`,
      tls: { mode: 'first', caFile: 'ca.crt', serverName },
    },
  });
  await using nats = await FakeUpstream.start();
  await using gateway = await ReloadableGateway.start(
    nats.port,
    { routes: [route('/right', 'natsgate.test'), route('/wrong', 'other.test')] },
    { 'ca.crt': pair.certificate },
  );
  await using client = await openQuiet(gateway.port, '/right');
  client.send(frame(Opcode.binary, 'over TLS'));
  await client.until(() => client.data.toString() === 'over TLS');
  assert.deepEqual(await knock(gateway.port, '/wrong'), [502, 'upstream_tls_failed']);
});

test('each route has its own origins, frame cap, sessions and level', async () => {
  await using nats = await FakeUpstream.start();
  await using other = await FakeUpstream.start({ greeting: INFO_LINE.replace('"fake"', '"other"') });
  const origin = 'https://other.example.com';
  await using gateway = await ReloadableGateway.start(nats.port, {
    routes: [
      {
        path: '/own',
        origins: origin,
        upstream: `nats://127.0.0.1:${other.port}`,
        limits: { sessions: 1, frameBytes: '1KiB' },
        inspect: 'observe',
      },
    ],
  });
  assert.deepEqual(await knock(gateway.port, '/own'), [403, 'origin_not_listed']);
  assert.deepEqual(await knock(gateway.port, '/', { Origin: origin }), [403, 'origin_not_listed']);
  const refused = await gateway.log.find(({ outcome }) => outcome === 'origin_not_listed');
  assert.equal(refused['route'], '/own');

  await using own = await RawClient.open(gateway.port, at('/own', { Origin: origin }));
  await using top = await RawClient.open(gateway.port);
  assert.match(own.data.toString(), /"server_name":"other"/);
  assert.match(top.data.toString(), /"server_name":"fake"/);
  // Full is the route, not the gateway.
  assert.deepEqual(await knock(gateway.port, '/own', { Origin: origin }), [503, 'over_capacity']);
  assert.deepEqual((await knock(gateway.port, '/'))[0], 101);
  const detail = (id: number) =>
    gateway.gateway.status.session(id) as { route: string; inspection: { level: string } };
  assert.deepEqual([detail(1).route, detail(1).inspection.level], ['/own', 'observe']);
  assert.deepEqual([detail(2).route, detail(2).inspection.level], ['default', 'off']);

  for (const client of [own, top]) client.send(frame(Opcode.binary, Buffer.alloc(1025)));
  assert.equal((await own.closeReceived())?.code, 1009);
  own.send(closeFrame(1009));
  await gateway.log.find(({ reason }) => reason === 'message_too_big');
  assert.equal((await knock(gateway.port, '/own', { Origin: origin }))[0], 101, 'its place is free again');
  assert.equal(top.closed, false);
});

test('a reload adds, changes and takes away routes, and no session of theirs is cut', async () => {
  await using nats = await FakeUpstream.start({ echo: true });
  await using one = await FakeUpstream.start({ greeting: '', echo: true });
  await using two = await FakeUpstream.start({ greeting: '', echo: true });
  const raw = (port: number) => ({ path: '/raw', upstream: `tcp://127.0.0.1:${port}` });
  await using gateway = await ReloadableGateway.start(nats.port, {}, {}, LOOKING);
  assert.deepEqual(await knock(gateway.port, '/raw'), [404, 'no_route']);
  const clients: RawClient[] = [await RawClient.open(gateway.port)];

  await gateway.write({ routes: [raw(one.port)] });
  const added = await gateway.report(0);
  assert.deepEqual(added['changes'], { routes: '[] -> [/raw]' });
  clients.push(await openQuiet(gateway.port, '/raw'));

  await gateway.write({ routes: [{ path: '/first' }, raw(two.port)] });
  const changed = await gateway.report(1);
  assert.deepEqual(changed['changes'], {
    'routes[/raw].upstream.servers': `[tcp://127.0.0.1:${one.port}] -> [tcp://127.0.0.1:${two.port}]`,
    routes: '[/raw] -> [/first, /raw]',
  });
  clients.push(await openQuiet(gateway.port, '/raw'));
  assert.deepEqual([one.connections.length, two.connections.length], [1, 1]);

  await gateway.write({});
  await gateway.report(2);
  assert.deepEqual(await knock(gateway.port, '/raw'), [404, 'no_route']);
  for (const [index, client] of clients.entries()) {
    const text = `still here ${index}`;
    client.send(frame(Opcode.binary, text));
    await client.until(() => client.data.toString().endsWith(text));
  }
  const { body } = await gateway.gateway.metrics(false);
  assert.match(body, /^natsgate_route_connections_active\{route="\/raw"\} 2$/m);
  assert.match(body, /^natsgate_route_connections_active\{route="default"\} 1$/m);
  assert.match(body, /^natsgate_connections_active\{listener="default"\} 3$/m);
  for (const client of clients) await client[Symbol.asyncDispose]();
});

test('a broken route changes nothing and says where', async () => {
  await using nats = await FakeUpstream.start();
  await using gateway = await ReloadableGateway.start(nats.port, { routes: [{ path: '/a' }] }, {}, LOOKING);
  await gateway.write({ routes: [{ path: '/b' }, { path: 'c' }] });
  const report = await gateway.report(0);
  assert.match(JSON.stringify(report['problems']), /routes\[1\]\.path: \\"c\\" is not a path/);
  assert.equal((await knock(gateway.port, '/a'))[0], 101);
  assert.deepEqual(await knock(gateway.port, '/b'), [404, 'no_route']);
});

test('routes that inherit the upstream share its pool; a swap of its certificates reaches all of them', async () => {
  await using nats = await FakeUpstream.start();
  await using gateway = await ReloadableGateway.start(nats.port, {
    routes: [{ path: '/a' }, { path: '/b' }],
  });
  await using _a = await RawClient.open(gateway.port, at('/a'));
  await using _b = await RawClient.open(gateway.port, at('/b'));
  const { upstreamServers, routes } = gateway.gateway.status.gateway() as {
    upstreamServers: readonly { upstream: string; sessions: number }[];
    routes: readonly unknown[];
  };
  assert.deepEqual(
    upstreamServers.map(({ upstream, sessions }) => [upstream, sessions]),
    [['default', 2]],
  );
  const alike = { host: undefined, inspect: 'off', policy: undefined };
  assert.deepEqual(routes, [
    { name: 'default', path: '/', ...alike, sessions: 0 },
    { name: '/a', path: '/a', ...alike, sessions: 1 },
    { name: '/b', path: '/b', ...alike, sessions: 1 },
  ]);
});

test('routes that come and go leave nothing behind but their part of the sums', async () => {
  await using nats = await FakeUpstream.start({ echo: true });
  await using gateway = await ReloadableGateway.start(nats.port, {}, {}, LOOKING);
  const series = async (): Promise<string[]> => {
    const { body } = await gateway.gateway.metrics(false);
    return body.split('\n').filter((line) => /^natsgate_/.test(line) && !line.includes('config_info'));
  };
  const names = (lines: readonly string[]): string[] =>
    lines.map((line) => line.slice(0, line.lastIndexOf(' ')));
  const before = names(await series());
  const own = { upstream: `nats://127.0.0.1:${nats.port}`, compression: 'on' };
  for (let round = 0; round < 5; round++) {
    const path = `/r${round}`;
    await gateway.write({ routes: [{ path, ...own }] });
    await gateway.report(round);
    await using client = await RawClient.open(
      gateway.port,
      at(path, { 'Sec-WebSocket-Extensions': 'permessage-deflate; client_no_context_takeover' }),
    );
    client.send(frame(Opcode.binary, 'x'.repeat(100)));
    await client.until(() => client.data.length === INFO_LINE.length + 100);
    client.send(closeFrame(1000));
    await client.closeReceived();
  }
  const ended = (): number => gateway.log.lines.filter(({ message }) => message === 'session ended').length;
  await gateway.log.find(() => ended() === 5);
  await gateway.write({});
  await gateway.report(5);
  await gateway.write({ drain: { delay: '1s' } });
  await gateway.report(6);
  const after = await series();
  assert.deepEqual(names(after), before);
  const value = (name: string): number =>
    Number(
      after
        .find((line) => line.startsWith(name))
        ?.split(' ')
        .at(-1),
    );
  assert.equal(value('natsgate_transfer_bytes_total{listener="default",direction="to_upstream"}'), 500);
  assert.equal(value('natsgate_compression_handshakes_total{listener="default",result="compressed"}'), 5);
});

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { type ProbeOptions, probe, probeUrl, readAuthorities } from '../../src/cli/probe.ts';
import { makeCertificates, serverTls, type TestCertificates } from '../support/certificates.ts';
import { FakeUpstream } from '../support/fake-upstream.ts';
import { startTestGateway } from '../support/gateway.ts';
import { realNatsServer } from '../support/nats.ts';

type Probed = { readonly code: number; readonly line: string };

async function probed(url: string, options: Partial<ProbeOptions> = {}): Promise<Probed> {
  const lines: string[] = [];
  const code = await probe(new URL(url), { timeoutMs: 10_000, say: (line) => lines.push(line), ...options });
  assert.equal(lines.length, 1, lines.join('\n'));
  return { code, line: lines[0] ?? '' };
}

async function fails(url: string, sentence: RegExp, options: Partial<ProbeOptions> = {}): Promise<void> {
  const { code, line } = await probed(url, options);
  assert.equal(code, 1, line);
  assert.match(line, sentence);
}

describe('a healthy probe', () => {
  test('closes in order, so that its session is client_closed and not a lost client', async () => {
    await using server = await realNatsServer();
    await using gateway = await startTestGateway(server.port);
    const { code, line } = await probed(`ws://127.0.0.1:${gateway.port}`);
    assert.equal(code, 0, line);
    assert.match(line, /^probe: ok, nats-server 2\.\S+ answered in \d+ ms$/);
    const ended = await gateway.log.ended();
    assert.deepEqual([ended['reason'], ended['code']], ['client_closed', 1000]);
  });

  test('does not wait for a peer that never closes', async () => {
    await using server = await realNatsServer();
    await using gateway = await startTestGateway(server.port);
    // Between the two, a proxy that swallows what the client says from its close frame on.
    const frozen = createTcpServer(async (client) => {
      const { connect } = await import('node:net');
      const upstream = connect(gateway.port, '127.0.0.1');
      client.on('error', () => {}).on('close', () => upstream.destroy());
      upstream.on('error', () => {}).pipe(client, { end: false });
      client.on('data', (bytes: Buffer) => {
        if (bytes[0] !== 0x88) upstream.write(bytes);
      });
    }).listen(0, '127.0.0.1');
    await once(frozen, 'listening');
    const { code, line } = await probed(`ws://127.0.0.1:${(frozen.address() as AddressInfo).port}`);
    assert.equal(code, 0, line);
    frozen.close();
  });

  test('a server that wants a login is alive', async () => {
    await using server = await realNatsServer({
      config: ['authorization { user: a, password: b }'].join('\n'),
    } as never);
    await using gateway = await startTestGateway(server.port);
    const { code, line } = await probed(`ws://127.0.0.1:${gateway.port}`);
    assert.equal(code, 0, line);
    assert.match(line, /asks for a login/);
  });
});

describe('a sentence of its own for each failure', () => {
  test('the client port of nats-server', async () => {
    await using server = await realNatsServer();
    await fails(
      `ws://127.0.0.1:${server.port}`,
      /client port of nats-server.*probe the public port of natsgate/,
    );
    await fails(`wss://127.0.0.1:${server.port}`, /answers in clear, without TLS; write ws:\/\//);
  });

  test('the admin port, with and without an Origin', async () => {
    await using gateway = await startTestGateway(1);
    const url = `ws://127.0.0.1:${gateway.adminPort}`;
    await fails(url, /this is the admin port of natsgate; probe its public port/);
    await fails(url, /this is the admin port of natsgate/, { origin: 'https://app.example.com' });
  });

  test('TLS where there is none', async () => {
    await using gateway = await startTestGateway(1);
    await fails(
      `wss://127.0.0.1:${gateway.port}`,
      new RegExp(`the port answers in clear, without TLS; write ws://127\\.0\\.0\\.1:${gateway.port} `),
    );
  });

  test('answers of HTTP: the sentence of the gateway, another server, a redirect', async () => {
    await using gateway = await startTestGateway(1, { origins: { missing: 'deny' } });
    await fails(`ws://127.0.0.1:${gateway.port}`, /HTTP 403 origin_missing: No Origin header\..*--origin/);
    const allowed = { origin: 'https://app.example.com' };
    await fails(`ws://127.0.0.1:${gateway.port}`, /HTTP 502 upstream_refused: /, allowed);
    await fails(`ws://127.0.0.1:${gateway.port}/other`, /HTTP 404 no_route: /, allowed);
    const other = createServer((request, response) => {
      if (request.url === '/moved') response.writeHead(301, { Location: 'https://elsewhere.example/' }).end();
      else if (request.url === '/proxy') response.writeHead(502).end('<html>502 Bad Gateway</html>');
      else response.writeHead(200, { 'Content-Type': 'text/html' }).end('<html>\u001b[2J</html>');
    }).listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;
    await fails(
      `ws://127.0.0.1:${port}`,
      /^probe: failed: HTTP 200 OK: this is HTTP but not natsgate, or a proxy/,
    );
    await fails(
      `ws://127.0.0.1:${port}/proxy`,
      /HTTP 502 Bad Gateway: a proxy answers, .* is natsgate running/,
    );
    await fails(
      `ws://127.0.0.1:${port}/moved`,
      /HTTP 301 Moved Permanently: it redirects to https:\/\/elsewhere/,
    );
    other.closeAllConnections();
    other.close();
  });

  test('nobody at the address, an unknown name, a silent peer, one that closes', async () => {
    await fails(
      'ws://127.0.0.1:1',
      /nothing listens at 127\.0\.0\.1:1; is the gateway running\? \(ECONNREFUSED\)/,
    );
    await fails('ws://localhost:1', /nothing listens at localhost:1/);
    await fails(
      'ws://no-such-host.invalid',
      /no-such-host\.invalid (is not known here|cannot be looked up now)/,
    );
    await using silent = await FakeUpstream.start({ greeting: '' });
    await fails(`ws://127.0.0.1:${silent.port}`, /200 ms are over: no answer to the WebSocket handshake/, {
      timeoutMs: 200,
    });
    await using closing = await FakeUpstream.start({
      greeting: '',
      onConnection: (connection) => connection.socket.destroy(),
    });
    await fails(
      `ws://127.0.0.1:${closing.port}`,
      /closed without an answer; if the port speaks TLS, write wss:/,
    );
    await using nonsense = await FakeUpstream.start({ greeting: 'SSH-2.0-OpenSSH_9.2\r\n' });
    await fails(`ws://127.0.0.1:${nonsense.port}`, /does not speak HTTP/);
  });

  test('a WebSocket without NATS', async () => {
    await using upstream = await FakeUpstream.start({ greeting: '' });
    const servers = [{ host: '127.0.0.1', port: upstream.port, name: 'mqtt:1883', opaque: true }];
    await using gateway = await startTestGateway(upstream.port, { upstream: { servers } });
    await fails(`ws://127.0.0.1:${gateway.port}`, /500 ms are over: .* no INFO came \(a route to tcp:/, {
      timeoutMs: 500,
    });
  });
});

describe('TLS', () => {
  let certificates: TestCertificates;
  let ca: string;
  before(async () => {
    certificates = await makeCertificates();
    ca = await readFile(certificates.serverCertFile, 'utf8');
  });
  after(() => certificates[Symbol.asyncDispose]());

  test('--ca and --server-name are what it takes to trust the gateway', async () => {
    await using server = await realNatsServer();
    await using gateway = await startTestGateway(server.port, { listen: { tls: serverTls(certificates) } });
    const url = `wss://127.0.0.1:${gateway.port}`;
    await fails(url, /signed by an authority that is not known here; give its file with --ca \(/);
    await fails(
      url,
      /the certificate is not for 127\.0\.0\.1 but for .*gw\.example\.com.*; give --server-name/,
      { ca },
    );
    const { code, line } = await probed(url, { ca, serverName: 'gw.example.com' });
    assert.equal(code, 0, line);
    const strangers = await readFile(certificates.strangerCertFile, 'utf8');
    await fails(url, /not signed by an authority in the file of --ca/, { ca: strangers });
    await fails(`ws://127.0.0.1:${gateway.port}`, /TLS.*write wss:\/\/127/);
  });

  test('a gateway that wants client certificates', async () => {
    const tls = serverTls(certificates, { clientCaFile: certificates.clientCaFile });
    await using gateway = await startTestGateway(1, { listen: { tls } });
    const options = { ca, serverName: 'gw.example.com' };
    await fails(`wss://127.0.0.1:${gateway.port}`, /wants a client certificate/, options);
  });

  test('the file of --ca', async () => {
    assert.equal(await readAuthorities(certificates.serverCertFile), ca);
    for (const [file, problem] of [
      ['/nonexistent', /cannot be read: there is no such file/],
      [certificates.serverKeyFile, /^--ca: ".*": the file holds a private key and no certificate; write/],
    ] as const) {
      const read = await readAuthorities(file);
      assert.match(typeof read === 'string' ? '' : read.problem, problem);
    }
  });
});

test('URLs: ws and wss, and what to write in place of others', () => {
  for (const text of ['ws://a:1', 'WSS://a/path?x#y']) {
    const url = probeUrl(text);
    assert.ok(url instanceof URL, text);
    assert.equal(url.hash, '');
  }
  for (const [text, problem] of [
    ['localhost:8080', /"localhost:8080" is no URL; write ws:\/\/host:port/],
    ['http://a', /http:\/\/ opens no WebSocket; write ws:\/\/$/],
    ['https://a', /write wss:\/\/$/],
    ['nats://user:CANARY@a:4222', /write ws:\/\/host:port or wss/],
    ['ws://user:CANARY@', /is no URL/],
    ['', /is no URL/],
  ] as const) {
    const url = probeUrl(text);
    assert.ok('problem' in url, text);
    assert.match(url.problem, problem);
    assert.doesNotMatch(url.problem, /CANARY/);
  }
});

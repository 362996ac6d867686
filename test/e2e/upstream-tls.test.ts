import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { createInbox, type NatsConnection, wsconnect } from '@nats-io/nats-core';
import type { UpstreamConfig, UpstreamTls } from '../../src/config/config.ts';
import type { RunningNatsServer } from '../../src/dev/nats-process.ts';
import { makeCertificates, type TestCertificates, upstreamTls } from '../support/certificates.ts';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';
import { natsServerBinary, realNatsServer } from '../support/nats.ts';
import { frame, handshakeRequest, Opcode, RawClient } from '../support/raw-client.ts';

/** A real nats-server in each of its TLS modes, with and without the PROXY protocol, behind the gateway. */

/** As auto, which waits 50 ms for the client's first byte: one that a busy machine brings later would find the INFO. */
const AUTO_FOR_SURE = 'handshake_first: "20s"';
const DIAL_MS = 1000;
const LONG_DIAL_MS = 30_000;
const CLIENT = '203.0.113.9';
const CLIENT_V6 = '2001:db8::7';
const options = { timeout: 300_000 } as const;

let certificates: TestCertificates;
let readsProxyHeaders = false;
before(async () => {
  certificates = await makeCertificates();
  const [major = 0, minor = 0, patch = 0] = (await natsServerBinary()).version.split('.').map(Number);
  // PROXY in front of TLS with allow_non_tls is the newest of what is used here.
  readsProxyHeaders = major > 2 || minor > 14 || (minor === 14 && patch >= 3);
});
after(() => certificates?.[Symbol.asyncDispose]());

type Connz = Readonly<Record<string, unknown>>;

/** A server and a gateway in front of it. `tls`: the server's tls block without its files. */
class Pair implements AsyncDisposable {
  readonly #server: RunningNatsServer;
  readonly gateway: TestGateway;

  private constructor(server: RunningNatsServer, gateway: TestGateway) {
    this.#server = server;
    this.gateway = gateway;
  }

  static async start(
    config: string,
    upstream: Partial<UpstreamConfig>,
    tls: string | undefined,
  ): Promise<Pair> {
    const files = `cert_file: "${certificates.serverCertFile}", key_file: "${certificates.serverKeyFile}", ca_file: "${certificates.clientCaFile}"`;
    const text = `${tls === undefined ? '' : `tls { ${files}, ${tls} }\n`}${config}\n`;
    const server = await realNatsServer({ config: text, monitor: true });
    try {
      const gateway = await startTestGateway(server.port, {
        listen: { trustedProxies: ['127.0.0.0/8'] },
        upstream: { dialTimeoutMs: LONG_DIAL_MS, ...upstream },
      });
      return new Pair(server, gateway);
    } catch (error) {
      await server.close();
      throw error;
    }
  }

  connect(): Promise<NatsConnection> {
    return wsconnect({
      servers: `ws://127.0.0.1:${this.gateway.port}`,
      timeout: 10_000,
      reconnect: false,
    });
  }

  /** What the server says about the connection with this id. */
  async connz(clientId: number | undefined): Promise<Connz> {
    const url = `http://127.0.0.1:${this.#server.monitorPort}/connz?auth=1&cid=${clientId}`;
    const body = (await (await fetch(url)).json()) as { connections: Connz[] };
    const [connection] = body.connections;
    assert.ok(connection !== undefined, `no connection ${clientId}`);
    return connection;
  }

  /** The connection of a client for whom a proxy in front speaks, when the server has read its header. */
  async connzBehind(forwardedFor: string): Promise<Connz> {
    await using client = await RawClient.open(this.gateway.port, {
      headers: { 'X-Forwarded-For': forwardedFor },
    });
    const clientId = /"client_id":(\d+)/.exec(client.data.toString())?.[1];
    client.send(frame(Opcode.binary, 'CONNECT {"verbose":false}\r\nPING\r\n'));
    await client.until(() => client.data.includes('PONG\r\n'));
    return await this.connz(Number(clientId));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.gateway[Symbol.asyncDispose]();
    await this.#server.close();
  }
}

const MODES: readonly {
  readonly name: string;
  readonly server: string;
  readonly config?: string;
  readonly tls: (own: { certFile: string; keyFile: string }) => Partial<UpstreamTls>;
  readonly seen: Connz;
}[] = [
  { name: 'after INFO', server: '', tls: () => ({}), seen: { tls_version: '1.3' } },
  { name: 'verify', server: 'verify: true', tls: (own) => own, seen: { tls_version: '1.3' } },
  {
    name: 'verify_and_map: the user of our certificate',
    server: 'verify_and_map: true',
    config: 'authorization { users = [ { user: "CN=test client" } ] }',
    tls: (own) => own,
    seen: { authorized_user: 'CN=test client' },
  },
  {
    name: 'allow_non_tls',
    server: '',
    config: 'allow_non_tls: true',
    tls: () => ({}),
    seen: { tls_version: '1.3' },
  },
  {
    name: 'handshake_first: true',
    server: 'handshake_first: true',
    tls: () => ({ mode: 'first' }),
    seen: { tls_version: '1.3', tls_first: true },
  },
  {
    name: 'handshake_first: true with verify',
    server: 'handshake_first: true, verify: true',
    tls: (own) => ({ ...own, mode: 'first' }),
    seen: { tls_first: true },
  },
  {
    name: 'handshake_first: auto, after INFO',
    server: 'handshake_first: auto',
    tls: () => ({}),
    seen: { tls_version: '1.3' },
  },
  {
    name: 'handshake_first: auto, first',
    server: AUTO_FOR_SURE,
    tls: () => ({ mode: 'first' }),
    seen: { tls_version: '1.3', tls_first: true },
  },
];

describe('nats-core through the gateway to a server with TLS', () => {
  for (const { name, server, config = '', tls, seen } of MODES) {
    test(name, options, async () => {
      const own = { certFile: certificates.clientCertFile, keyFile: certificates.clientKeyFile };
      const upstream = { tls: upstreamTls(certificates, tls(own)) };
      await using pair = await Pair.start(config, upstream, server);
      await using client = await pair.connect();
      await using raw = await RawClient.open(pair.gateway.port);
      assert.doesNotMatch(raw.data.toString(), /tls_/, 'the first INFO speaks of the browser side');
      const subject = createInbox();
      const subscription = client.subscribe(subject, { max: 2 });
      const payloads = [randomBytes(1024 * 1024), randomBytes(7)];
      for (const payload of payloads) client.publish(subject, payload);
      const received: Uint8Array[] = [];
      for await (const { data } of subscription) received.push(data);
      assert.ok(received.every((data, index) => payloads[index]?.equals(data)));
      assert.equal(received.length, 2);
      const connz = await pair.connz(client.info?.client_id);
      for (const [key, value] of Object.entries(seen)) assert.equal(connz[key], value, key);
    });
  }
});

test('what the server says last reaches the client when the server resets the connection, 30 times', {
  timeout: 300_000,
}, async () => {
  const upstream = { tls: upstreamTls(certificates) } as const;
  await using pair = await Pair.start('max_payload: 65536', upstream, '');
  const large = frame(Opcode.binary, `PUB a 300000\r\n${'x'.repeat(300_000)}\r\n`);
  const ends = new Map<string, number>();
  for (let count = 0; count < 30; count++) {
    await using client = await RawClient.open(pair.gateway.port);
    client.send(frame(Opcode.binary, 'CONNECT {"verbose":false}\r\nPING\r\n'));
    await client.until(() => client.data.includes('PONG\r\n'));
    client.send(large);
    const close = await client.closeReceived();
    const words = /-ERR '.*'/.exec(client.data.toString())?.[0];
    const end = `${close?.code} ${close?.reason} ${words}`;
    ends.set(end, (ends.get(end) ?? 0) + 1);
  }
  assert.deepEqual([...ends], [["1009 upstream_closed -ERR 'Maximum Payload Violation'", 30]]);
});

describe('the server sees the client by the PROXY header', () => {
  const WAYS: readonly {
    readonly name: string;
    readonly server: string | undefined;
    readonly config?: string;
    readonly mode?: UpstreamTls['mode'];
  }[] = [
    { name: 'in clear', server: undefined },
    { name: 'TLS after INFO', server: '', mode: 'after-info' },
    { name: 'TLS after INFO, allow_non_tls', server: '', config: 'allow_non_tls: true', mode: 'after-info' },
    { name: 'TLS first', server: 'handshake_first: true', mode: 'first' },
    { name: 'TLS first, handshake_first: auto', server: AUTO_FOR_SURE, mode: 'first' },
  ];
  for (const { name, server, config = '', mode } of WAYS) {
    for (const proxyProtocol of ['v1', 'v2'] as const) {
      test(`${proxyProtocol}, ${name}`, options, async (t) => {
        if (!readsProxyHeaders) return t.skip('needs nats-server 2.14.3 or newer');
        const tls = mode && upstreamTls(certificates, { mode });
        await using pair = await Pair.start(
          `proxy_protocol: true\n${config}`,
          { tls, proxyProtocol },
          server,
        );

        // The client itself, with its port: a real TCP peer.
        await using direct = await RawClient.open(pair.gateway.port);
        const clientId = Number(/"client_id":(\d+)/.exec(direct.data.toString())?.[1]);
        direct.send(frame(Opcode.binary, 'CONNECT {"verbose":false}\r\nPING\r\n'));
        await direct.until(() => direct.data.includes('PONG\r\n'));
        const { ip, port } = await pair.connz(clientId);
        assert.deepEqual([ip, port], ['127.0.0.1', direct.socket.localPort]);

        const forwarded = await pair.connzBehind(CLIENT);
        assert.equal(forwarded['ip'], CLIENT);
        assert.ok(Number(forwarded['port']) > 0);
        assert.equal((await pair.connzBehind(`6.6.6.6, ${CLIENT_V6}`))['ip'], CLIENT_V6);

        await using client = await pair.connect();
        assert.equal(await client.rtt().then((ms) => ms >= 0), true);
      });
    }
  }
});

describe('each misconfiguration has its outcome, within the deadline and without 101', () => {
  type Case = {
    readonly name: string;
    readonly server?: string;
    readonly config?: string;
    readonly tls?: () => Partial<UpstreamTls>;
    readonly proxyProtocol?: 'v1' | 'v2';
    readonly answer: string;
    readonly cause: RegExp;
  };
  const failed = '502 upstream_tls_failed';
  const late = '504 upstream_timeout';
  const cases: readonly Case[] = [
    {
      name: 'the server wants TLS, we do not',
      server: '',
      answer: '502 upstream_tls_required',
      cause: /tls_required/,
    },
    {
      name: 'we want TLS, the server has none',
      tls: () => ({}),
      answer: '502 upstream_tls_unavailable',
      cause: /neither tls_required nor tls_available/,
    },
    {
      name: 'we want TLS first, the server has none',
      tls: () => ({ mode: 'first' }),
      answer: failed,
      cause: /answered our TLS handshake in clear; .*after-info \(ERR_SSL_/,
    },
    {
      name: 'we want TLS first, the server after INFO',
      server: '',
      tls: () => ({ mode: 'first' }),
      answer: failed,
      cause: /answered our TLS handshake in clear; .*after-info \(ERR_SSL_/,
    },
    {
      name: 'we want TLS after INFO, the server first',
      server: 'handshake_first: true',
      tls: () => ({}),
      answer: late,
      cause: /no INFO line within/,
    },
    {
      name: 'no TLS, the server first',
      server: 'handshake_first: true',
      answer: late,
      cause: /no INFO line within/,
    },
    {
      name: 'another authority',
      server: '',
      tls: () => ({ caFile: certificates.clientCaFile }),
      answer: failed,
      cause: /not signed by an authority in upstream\.tls\.caFile/,
    },
    {
      name: 'no authority of our own',
      server: '',
      tls: () => ({ caFile: undefined }),
      answer: failed,
      cause: /signed by nobody we know; name its authority in upstream\.tls\.caFile/,
    },
    {
      name: 'another name',
      server: '',
      tls: () => ({ serverName: 'nats.example.com' }),
      answer: failed,
      cause: /not for nats\.example\.com; set upstream\.tls\.serverName/,
    },
    {
      name: 'an address that the certificate does not hold',
      server: '',
      tls: () => ({ serverName: undefined }),
      answer: failed,
      cause: /not for 127\.0\.0\.1; set upstream\.tls\.serverName/,
    },
    ...(['after-info', 'first'] as const).flatMap((mode): Case[] => {
      const server = `verify: true${mode === 'first' ? ', handshake_first: true' : ''}`;
      return [
        {
          name: `${mode}: no client certificate where one is wanted`,
          server,
          tls: () => ({ mode }),
          answer: failed,
          cause: /for want of a client certificate; set upstream\.tls\.certFile and keyFile/,
        },
        {
          name: `${mode}: a client certificate of nobody`,
          server,
          tls: () => ({
            mode,
            certFile: certificates.strangerCertFile,
            keyFile: certificates.strangerKeyFile,
          }),
          answer: failed,
          cause: /does not accept our certificate/,
        },
      ];
    }),
    {
      name: 'a PROXY header to a server that reads none',
      proxyProtocol: 'v2',
      answer: '502 upstream_proxy_ignored',
      cause: /names us as the client; set proxy_protocol: true/,
    },
    {
      name: 'a PROXY header to a server with TLS that reads none',
      server: '',
      tls: () => ({}),
      proxyProtocol: 'v1',
      answer: '502 upstream_proxy_ignored',
      cause: /names us as the client/,
    },
    {
      name: 'a PROXY header and TLS after INFO, to handshake_first: auto',
      server: AUTO_FOR_SURE,
      config: 'proxy_protocol: true',
      tls: () => ({}),
      proxyProtocol: 'v2',
      answer: late,
      cause: /no INFO line within/,
    },
  ];
  for (const { name, server, config = '', tls, proxyProtocol = 'off' as const, answer, cause } of cases) {
    test(`${name} → ${answer}`, options, async (t) => {
      if (config !== '' && !readsProxyHeaders) return t.skip('needs nats-server 2.14.3 or newer');
      const dialTimeoutMs = answer === late ? DIAL_MS : LONG_DIAL_MS;
      const upstream = {
        tls: tls && upstreamTls(certificates, tls()),
        proxyProtocol,
        dialTimeoutMs,
      } as const;
      await using pair = await Pair.start(config, upstream, server);
      const startMs = performance.now();
      await using client = await RawClient.connect(pair.gateway.port);
      client.send(handshakeRequest({ headers: { 'X-Forwarded-For': CLIENT } }));
      const { status, body } = await client.answer();
      const tookMs = performance.now() - startMs;
      assert.equal(`${status} ${body.split(':')[0]}`, answer);
      assert.ok(tookMs < LONG_DIAL_MS, `${tookMs} ms`);
      const refused = await pair.gateway.log.find((line) => line.message === 'handshake refused');
      assert.match(String(refused['cause']), cause);
    });
  }
});

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, describe, test } from 'node:test';
import type { TLSSocketOptions } from 'node:tls';
import type { InspectLevel, UpstreamTls } from '../../src/config/config.ts';
import { selfSigned } from '../config/self-signed.ts';
import { makeCertificates, type TestCertificates, upstreamTls } from '../support/certificates.ts';
import {
  FakeUpstream,
  type FakeUpstreamOptions,
  INFO_LINE,
  TLS_INFO_LINE,
} from '../support/fake-upstream.ts';
import { startTestGateway, turnUntil } from '../support/gateway.ts';
import { frame, handshakeRequest, Opcode, RawClient } from '../support/raw-client.ts';

/** TLS to the server where a real one cannot be made to misbehave; the real one is in test/e2e/upstream-tls.test.ts. */

/** Only for who is silent. */
const DIAL_MS = 500;
const LONG_DIAL_MS = 30_000;

/** What the browser's side is told: its own TLS and address. */
const CLIENT_INFO_LINE = INFO_LINE.replace('}\r\n', ',"client_ip":"127.0.0.1"} \r\n');

let certificates: TestCertificates;
let identity: TLSSocketOptions;
before(async () => {
  certificates = await makeCertificates();
  identity = {
    cert: await readFile(certificates.serverCertFile),
    key: await readFile(certificates.serverKeyFile),
  };
});
after(() => certificates?.[Symbol.asyncDispose]());

describe('no 101', () => {
  type Case = {
    readonly name: string;
    readonly upstream: () => FakeUpstreamOptions;
    readonly tls?: Partial<UpstreamTls>;
    readonly answer: string;
    readonly cause: RegExp;
  };
  const expired = selfSigned(0.5);
  const foreign = selfSigned();
  const cases: readonly Case[] = [
    {
      name: 'an INFO without TLS flags',
      upstream: () => ({ greeting: INFO_LINE }),
      answer: '502 upstream_tls_unavailable',
      cause: /neither tls_required nor tls_available/,
    },
    {
      name: 'bytes in clear behind the INFO, in one packet',
      upstream: () => ({ greeting: `${TLS_INFO_LINE}PING\r\n` }),
      answer: '502 upstream_tls_failed',
      cause: /bytes in clear came between/,
    },
    {
      name: 'bytes in clear a moment later',
      upstream: () => ({
        greeting: TLS_INFO_LINE,
        onConnection: ({ socket }) => socket.once('data', () => socket.write("-ERR 'no'\r\n")),
      }),
      answer: '502 upstream_tls_failed',
      cause: /went on in clear after its INFO \(ERR_SSL_/,
    },
    {
      name: 'a server that hangs up when TLS begins',
      upstream: () => ({
        greeting: TLS_INFO_LINE,
        onConnection: ({ socket }) => socket.once('data', () => socket.destroy()),
      }),
      answer: '502 upstream_tls_failed',
      cause: /closed the connection during the TLS handshake/,
    },
    {
      name: 'a server that is silent when TLS begins',
      upstream: () => ({ greeting: TLS_INFO_LINE }),
      answer: '504 upstream_timeout',
      cause: new RegExp(`no end of the TLS handshake within ${DIAL_MS} ms`),
    },
    {
      name: 'first: a server that is silent behind TLS',
      upstream: () => ({ greeting: '', tls: { ...identity, first: true } }),
      tls: { mode: 'first' },
      answer: '504 upstream_timeout',
      cause: new RegExp(`no INFO line within ${DIAL_MS} ms`),
    },
    {
      name: 'first: no NATS behind TLS',
      upstream: () => ({ greeting: 'SSH-2.0-x\r\n', tls: { ...identity, first: true } }),
      tls: { mode: 'first' },
      answer: '502 upstream_not_nats',
      cause: /not a NATS INFO line/,
    },
    {
      name: 'a certificate that has expired',
      upstream: () => ({ tls: { cert: expired.certificate, key: expired.key } }),
      answer: '502 upstream_tls_failed',
      cause: /expired/,
    },
    {
      name: 'a certificate of somebody else',
      upstream: () => ({ tls: { cert: foreign.certificate, key: foreign.key } }),
      answer: '502 upstream_tls_failed',
      cause: /not signed by an authority in upstream\.tls\.caFile \(DEPTH_ZERO_SELF_SIGNED_CERT\)/,
    },
    {
      name: 'a server that only speaks TLS 1.2, and we do not',
      upstream: () => ({ tls: { ...identity, maxVersion: 'TLSv1.2' } }),
      tls: { minVersion: 'TLSv1.3' },
      answer: '502 upstream_tls_failed',
      cause: /speaks no TLS version that we do \(upstream\.tls\.minVersion is TLSv1\.3\)/,
    },
    ...(['TLSv1.2', 'TLSv1.3'] as const).map(
      (version): Case => ({
        name: `a server that wants a client certificate, ${version}`,
        upstream: () => ({
          greeting: TLS_INFO_LINE.replace('{', '{"tls_verify":true,'),
          tls: { ...identity, maxVersion: version, requestCert: true, rejectUnauthorized: true },
        }),
        answer: '502 upstream_tls_failed',
        cause: /for want of a client certificate/,
      }),
    ),
  ];
  for (const { name, upstream: options, tls, answer, cause } of cases) {
    test(`${name} → ${answer}`, async () => {
      await using upstream = await FakeUpstream.start(options());
      const dialTimeoutMs = answer.startsWith('504') ? DIAL_MS : LONG_DIAL_MS;
      await using gateway = await startTestGateway(upstream.port, {
        upstream: { tls: upstreamTls(certificates, tls), dialTimeoutMs },
      });
      const startMs = performance.now();
      await using client = await RawClient.connect(gateway.port);
      client.send(handshakeRequest());
      const { status, body } = await client.answer();
      assert.equal(`${status} ${body.split(':')[0]}`, answer);
      assert.ok(performance.now() - startMs < LONG_DIAL_MS);
      const refused = await gateway.log.find((line) => line.message === 'handshake refused');
      assert.match(String(refused['cause']), cause);
      const connection = await upstream.connection();
      await connection.until((one) => one.closed);
    });
  }
});

for (const mode of ['after-info', 'first'] as const) {
  describe(mode, () => {
    const start = (more: FakeUpstreamOptions = {}): Promise<FakeUpstream> =>
      FakeUpstream.start({ greeting: TLS_INFO_LINE, tls: { ...identity, first: mode === 'first' }, ...more });
    const gatewayTo = (upstream: FakeUpstream, inspect: InspectLevel = 'enforce') =>
      startTestGateway(upstream.port, { inspect, upstream: { tls: upstreamTls(certificates, { mode }) } });

    test('the INFO comes first and alone, without TLS flags, and so does each later one', async () => {
      await using upstream = await start();
      await using gateway = await gatewayTo(upstream);
      await using client = await RawClient.open(gateway.port);
      assert.equal(client.frames[0]?.payload.toString(), CLIENT_INFO_LINE);
      const { socket } = await upstream.connection();
      socket.write(`PING\r\n${TLS_INFO_LINE}PING\r\n`);
      const expected = `${CLIENT_INFO_LINE}PING\r\n${CLIENT_INFO_LINE}PING\r\n`;
      await client.until(() => client.data.length >= expected.length);
      assert.equal(client.data.toString(), expected);
    });

    test('the certificate must hold the name of the server, not the address that it has', async () => {
      await using upstream = await start();
      const server = { host: 'localhost', port: upstream.port, name: `localhost:${upstream.port}` };
      const tls = upstreamTls(certificates, { mode, serverName: undefined });
      await using gateway = await startTestGateway(0, { upstream: { servers: [server], tls } });
      await using client = await RawClient.open(gateway.port);
      assert.equal(client.data.toString(), CLIENT_INFO_LINE);
    });

    // No configuration file can ask for it, but at this level any bytes will do.
    test('at level off bytes flow both ways as they are', async () => {
      await using upstream = await start({ echo: true });
      await using gateway = await gatewayTo(upstream, 'off');
      await using client = await RawClient.open(gateway.port);
      assert.equal(client.frames[0]?.payload.toString(), TLS_INFO_LINE);
      const sent = Buffer.alloc(3 * 1024 * 1024, 'natsgate ');
      client.send(frame(Opcode.binary, sent));
      await client.until(() => client.data.length === TLS_INFO_LINE.length + sent.length);
      assert.ok(client.data.subarray(TLS_INFO_LINE.length).equals(sent));
    });

    test('the server ends: 1001 upstream_closed, with what it said last', async () => {
      await using upstream = await start();
      await using gateway = await gatewayTo(upstream);
      await using client = await RawClient.open(gateway.port);
      const { socket } = await upstream.connection();
      socket.end("-ERR 'bye'\r\n");
      assert.deepEqual(await client.closeReceived(), { code: 1001, reason: 'upstream_closed' });
      assert.equal(client.data.toString(), `${CLIENT_INFO_LINE}-ERR 'bye'\r\n`);
    });

    test('the client closes: what it sent arrives, then the end, and nothing is left', async () => {
      await using upstream = await start();
      await using gateway = await gatewayTo(upstream);
      await using client = await RawClient.open(gateway.port);
      const sent = 'CONNECT {"verbose":false}\r\nPUB a 1\r\nx\r\n';
      client.send(Buffer.concat([frame(Opcode.binary, sent), frame(Opcode.close)]));
      const connection = await upstream.connection();
      await connection.until((one) => one.ended && one.closed);
      assert.equal(connection.received.toString(), sent);
      assert.equal((await gateway.log.ended())['reason'], 'client_closed');
      assert.equal(gateway.gateway.sessionCount, 0);
    });

    test('a server that does not read pauses the client, and stalls after timeouts.stall', async () => {
      await using upstream = await start({ paused: true });
      await using gateway = await gatewayTo(upstream, 'off');
      await using client = await RawClient.open(gateway.port);
      const piece = frame(Opcode.binary, Buffer.alloc(256 * 1024));
      const write = (): void => {
        while (!client.socket.destroyed && client.socket.write(piece));
      };
      client.socket.on('drain', write);
      write();
      const session = () => gateway.gateway.status.openSessions()[0];
      await turnUntil(gateway, () => (session()?.buffered.toUpstream ?? 0) > 0, 0);
      const stalledMs = await turnUntil(gateway, () => session()?.ending !== undefined);
      assert.ok(stalledMs >= 29_000, `after ${stalledMs} ms`);
      assert.deepEqual(await client.closeReceived(), { code: 1011, reason: 'upstream_stalled' });
    });
  });
}

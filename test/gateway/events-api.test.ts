import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, test } from 'node:test';
import { ref } from '../../src/admin/openapi/schema.ts';
import { STATUS_SCHEMAS } from '../../src/admin/openapi/status-schemas.ts';
import type { Second } from '../../src/status/seconds.ts';
import { makeCertificates, serverTls, type TestCertificates } from '../support/certificates.ts';
import { FakeUpstream } from '../support/fake-upstream.ts';
import { startTestGateway } from '../support/gateway.ts';
import { differences } from '../support/json-schema.ts';
import { closeFrame, frame, Opcode, RawClient } from '../support/raw-client.ts';
import { ReloadableGateway } from '../support/reloadable.ts';

const TOKEN = 'canary-token-of-the-admin-port';

let certificates: TestCertificates;
let upstream: FakeUpstream;
const resources = new AsyncDisposableStack();
before(async () => {
  certificates = resources.use(await makeCertificates());
  upstream = resources.use(await FakeUpstream.start());
});
after(() => resources.disposeAsync());

/** A page that follows the events; its answer's head and all that came. */
class Page implements AsyncDisposable {
  readonly client: RawClient;
  text = '';

  private constructor(client: RawClient) {
    this.client = client;
    client.socket.on('data', (chunk: Buffer) => {
      this.text += String(chunk);
    });
  }

  static async open(port: number, headers = '', tls = false): Promise<Page> {
    const client = await RawClient.connect(port, tls ? { rejectUnauthorized: false } : undefined);
    const page = new Page(client);
    client.send(`GET /api/events HTTP/1.1\r\nHost: localhost:${port}\r\n${headers}\r\n`);
    while (!page.text.includes('\r\n\r\n')) await once(client.socket, 'data');
    return page;
  }

  get seconds(): Second[] {
    return [...this.text.matchAll(/^event: second\ndata: (.*)\n\n/gm)].map(([, data]) =>
      JSON.parse(data ?? ''),
    );
  }

  /** All seconds, when they together are so. */
  async until(isSo: (seconds: Second[]) => boolean): Promise<Second[]> {
    while (!isSo(this.seconds)) await once(this.client.socket, 'data');
    return this.seconds;
  }

  async closed(): Promise<void> {
    await this.client.until(() => this.client.closed || this.client.ended);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.client[Symbol.asyncDispose]();
  }
}

const sum = (seconds: readonly Second[], of: (second: Second) => number): number =>
  seconds.reduce((total, second) => total + of(second), 0);

test('each second says what has happened since the one before, and how it is now', async () => {
  await using own = await FakeUpstream.start();
  await using gateway = await startTestGateway(own.port, { inspect: 'observe' });
  // Before the page comes: not in its numbers.
  await using early = await RawClient.open(gateway.port);
  await using page = await Page.open(gateway.adminPort);
  assert.match(page.text, /^HTTP\/1\.1 200 .*content-type: text\/event-stream/is);
  await using client = await RawClient.open(gateway.port);
  client.send(frame(Opcode.binary, 'CONNECT {}\r\nPUB a 5\r\nhello\r\nPUB a 0\r\n\r\n'));
  const stranger = await RawClient.connect(gateway.port);
  stranger.send('NONSENSE\r\n\r\n');
  await stranger.answer();
  client.send(closeFrame(1000));
  const seconds = await page.until((all) => sum(all, ({ sessions }) => sessions.ended) === 1);
  assert.equal(
    sum(seconds, ({ sessions }) => sessions.opened),
    1,
  );
  assert.equal(seconds.at(-1)?.sessions.active, 1);
  assert.equal(
    sum(seconds, ({ handshakes }) => handshakes.accepted),
    1,
  );
  assert.equal(
    sum(seconds, ({ handshakes }) => handshakes.client_fault),
    1,
  );
  assert.equal(
    sum(seconds, ({ handshakes }) => handshakes.server_fault),
    0,
  );
  assert.equal(
    sum(seconds, ({ messages }) => messages.toUpstream),
    2,
  );
  assert.ok(sum(seconds, ({ bytes }) => bytes.toUpstream) > 0);
  assert.ok(sum(seconds, ({ bytes }) => bytes.toClient) > 0);
  for (const { state, ready, servers } of seconds)
    assert.deepEqual([state, ready, servers], ['ready', true, []]);
  for (const second of seconds) assert.deepEqual(differences(second, ref('Second'), STATUS_SCHEMAS), []);
  early.send(closeFrame(1000));
});

test('a server that goes down is in the second in which it did', async () => {
  const own = await FakeUpstream.start();
  const { port } = own;
  await using gateway = await startTestGateway(port);
  await (await RawClient.open(gateway.port))[Symbol.asyncDispose]();
  await using page = await Page.open(gateway.adminPort);
  await own[Symbol.asyncDispose]();
  await using refused = await RawClient.connect(gateway.port);
  refused.send(
    'GET / HTTP/1.1\r\nHost: gw.example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nOrigin: https://app.example.com\r\n\r\n',
  );
  assert.equal((await refused.answer()).status, 502);
  const seconds = await page.until((all) => all.some(({ servers }) => servers.length > 0));
  const [change] = seconds.flatMap(({ servers }) => servers);
  assert.deepEqual(
    [change?.upstream, change?.name, change?.from, change?.to],
    ['default', `127.0.0.1:${port}`, 'up', 'down'],
  );
});

test('it needs the token or a login, by TLS as well; a logout and another token end it', async () => {
  await using gateway = await startTestGateway(upstream.port, {
    admin: { address: { host: '0.0.0.0', port: 0 }, token: TOKEN, tls: serverTls(certificates) },
  });
  const port = gateway.adminPort;
  for (const headers of ['', 'Authorization: Bearer wrong\r\n', `Origin: https://evil.example\r\n`]) {
    await using page = await Page.open(port, headers, true);
    assert.match(page.text, /^HTTP\/1\.1 40[13] /);
  }
  await using login = await RawClient.connect(port, { rejectUnauthorized: false });
  login.send(
    `POST /api/login HTTP/1.1\r\nHost: localhost:${port}\r\nContent-Length: ${TOKEN.length + 12}\r\n\r\n{"token":"${TOKEN}"}`,
  );
  const cookie = (await login.answer()).headers.get('set-cookie')?.split(';')[0];
  await using page = await Page.open(port, `Cookie: ${cookie}\r\n`, true);
  await page.until((seconds) => seconds.length > 0);
  await using logout = await RawClient.connect(port, { rejectUnauthorized: false });
  logout.send(
    `POST /api/logout HTTP/1.1\r\nHost: localhost:${port}\r\nOrigin: https://localhost:${port}\r\nCookie: ${cookie}\r\n\r\n`,
  );
  assert.equal((await logout.answer()).status, 204);
  await page.closed();
  await using late = await Page.open(port, `Cookie: ${cookie}\r\n`, true);
  assert.match(late.text, /^HTTP\/1\.1 401 /);
});

test('a reload to another token ends the streams of the old one', async () => {
  const settings = { admin: { address: '127.0.0.1:0', tokenFile: 'admin-token' } };
  await using gateway = await ReloadableGateway.start(upstream.port, settings, { 'admin-token': TOKEN });
  await using page = await Page.open(gateway.adminPort, `Authorization: Bearer ${TOKEN}\r\n`);
  await gateway.write(settings, { 'admin-token': `${TOKEN}-2` });
  await gateway.gateway.reload('signal');
  await page.closed();
});

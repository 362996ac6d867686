import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { ADMIN_CONNECTIONS, AdminServer, type AdminSource } from '../../src/admin/admin-server.ts';
import { createLog } from '../../src/log.ts';
import { DEADLINES, type Deadlines } from '../../src/private-http/connection.ts';
import type { InstanceStatus } from '../../src/status/instance.ts';
import { FakeUpstream } from '../support/fake-upstream.ts';
import { startTestGateway, type TestGateway } from '../support/gateway.ts';
import { haproxyVerdict } from '../support/haproxy.ts';
import { closeFrame, RawClient } from '../support/raw-client.ts';

const PROBE = 'GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n';
const LOG = { level: 'silent', format: 'json' } as const;
/** More than the kernel takes off a writer whose reader sleeps. */
const BIG = 'x'.repeat(5 * 1024 * 1024);

/** An admin server whose source counts what it is asked for. */
class Admin implements AsyncDisposable {
  readonly server: AdminServer;
  readonly asked: string[] = [];
  metrics = 'natsgate_ready 1\n';
  /** While it is set, metrics and reloads hang in it. */
  held: PromiseWithResolvers<void> | undefined;
  port = 0;

  private constructor(deadlines: Partial<Deadlines>) {
    const ask = (what: string): void => void this.asked.push(what);
    const source: AdminSource = {
      get notReady() {
        ask('ready');
        return undefined;
      },
      status: {
        gateway: () => ({ state: 'ready' }) as InstanceStatus,
        sessions: () => ({ active: 0, kept: 0, matched: 0, sessions: [] }),
        session: () => undefined,
        handshakes: () => ({ handshakes: [] }),
        subjects: () => ({
          since: '',
          operations: 0,
          looked: 0,
          sessions: { read: 0, unread: 0 },
          subjects: [],
        }),
        policy: () => ({ routes: [], verdicts: [], rateLimited: [], delayedSessions: 0 }),
        refusedOperations: () => ({ refused: [] }),
        seconds: () => assert.fail('nobody listens'),
      },
      metrics: async () => {
        ask('metrics');
        await this.held?.promise;
        return { contentType: 'text/plain', body: this.metrics };
      },
      reload: async () => {
        await this.held?.promise;
        return { outcome: 'applied' };
      },
      configuration: () => undefined,
      log: createLog(LOG, { write: () => {} }),
      logConfig: LOG,
      pageFile: () => Promise.resolve(undefined),
      asksWho: false,
      tryHandshake: () => Promise.resolve({}),
      testPolicy: () => undefined,
      kickSession: () => undefined,
      kickUser: () => Promise.resolve(undefined),
      watches: { refusal: () => 'no_session', watch: () => undefined },
      captures: {
        list: () => ({
          limits: { concurrent: 8, bytes: 1, seconds: 1, totalBytes: 1, payloads: false },
          captures: [],
        }),
        start: () => 'no_session',
        stop: () => false,
        delete: () => false,
        download: () => Promise.resolve(undefined),
      },
    };
    const config = {
      address: { host: '127.0.0.1', port: 0 },
      hosts: [],
      token: undefined,
      tls: undefined,
      page: true,
      payloads: false,
      subjects: 'full',
    } as const;
    this.server = new AdminServer(config, source, { ...DEADLINES, ...deadlines });
  }

  static async start(deadlines: Partial<Deadlines> = {}): Promise<Admin> {
    const admin = new Admin(deadlines);
    admin.port = (await admin.server.listen({ host: '127.0.0.1', port: 0 })).port;
    return admin;
  }

  /** A connection, from another address of this machine if one is given. */
  async client(localAddress = '127.0.0.1'): Promise<RawClient> {
    const socket = connect({ host: '127.0.0.1', port: this.port, localAddress, allowHalfOpen: true });
    const client = RawClient.over(socket);
    await new Promise<void>((resolve) => socket.once('connect', resolve));
    return client;
  }

  async clients(count: number): Promise<RawClient[]> {
    return Promise.all(Array.from({ length: count }, () => this.client()));
  }

  /** Answers of all that was sent on a connection of its own. */
  async answers(
    bytes: string | Buffer,
  ): Promise<{ readonly status: number | 'close'; readonly rest: string }> {
    await using client = await this.client();
    client.send(bytes);
    const status = await client.status();
    await client.until(() => client.ended || client.closed);
    return { status, rest: client.rest.toString() };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server.close();
  }
}

describe('one request of each connection', () => {
  test('what is pipelined behind a request is neither parsed nor answered', async () => {
    await using admin = await Admin.start();
    for (const [path, asked] of [
      ['/readyz', 'ready'],
      ['/metrics', 'metrics'],
    ] as const) {
      const requests = `GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`.repeat(2000);
      assert.deepEqual(await admin.answers(requests), { status: 200, rest: '' });
      assert.equal(admin.asked.filter((one) => one === asked).length, 1, path);
    }
  });

  test('thirty scrapes at once are made once', async () => {
    await using admin = await Admin.start();
    admin.held = Promise.withResolvers<void>();
    const clients = await admin.clients(30);
    for (const client of clients) client.send(PROBE.replace('livez', 'metrics'));
    await admin.answers(PROBE);
    admin.held.resolve();
    for (const client of clients) assert.equal(await client.status(), 200);
    assert.equal(admin.asked.length, 1);
  });

  test('in pieces of one byte as well, and for a client that has done with writing', async () => {
    await using admin = await Admin.start();
    await using client = await admin.client();
    for (const byte of PROBE) {
      client.send(byte);
      await new Promise((resolve) => setImmediate(resolve));
    }
    client.socket.end();
    const answer = await client.answer();
    assert.deepEqual([answer.status, answer.headers.get('connection')], [200, 'close']);
    await client.until(() => client.closed);
  });

  test('a body of 64 KiB is taken, in whatever pieces; beyond it, or of unknown length, it is 413', async () => {
    await using admin = await Admin.start();
    const post = (lines: string): string =>
      `POST /api/reload HTTP/1.1\r\nHost: localhost\r\n${lines}\r\n\r\n`;
    const body = (bytes: number): string => `${post(`Content-Length: ${bytes}`)}${'b'.repeat(bytes)}`;
    assert.equal((await admin.answers(body(64 * 1024))).status, 200);
    assert.deepEqual(await admin.answers(`${body(10)}${PROBE}`), { status: 200, rest: '' });
    assert.equal((await admin.answers(body(64 * 1024 + 1))).status, 413);
    assert.equal((await admin.answers(`${post('Transfer-Encoding: chunked')}5\r\nhello\r\n`)).status, 413);
    await using slow = await admin.client();
    slow.send(post('Content-Length: 5'));
    slow.send('hello');
    assert.equal(await slow.status(), 200);
  });

  test('no head: 400, 405, 414, 417, 431, and the connection ends', async () => {
    await using admin = await Admin.start();
    for (const [head, status] of [
      ['\u0016\u0003\u0001\r\n\r\n', 400],
      ['GET  /livez HTTP/1.1\r\nHost: localhost\r\n\r\n', 400],
      ['GET /livez HTTP/1.1\r\nHost: localhost\r\nno colon\r\n\r\n', 400],
      ['CONNECT localhost:80 HTTP/1.1\r\nHost: localhost\r\n\r\n', 405],
      ['GET /livez HTTP/1.1\r\nHost: localhost\r\nExpect: wonders\r\n\r\n', 417],
      [`GET /${'a'.repeat(9000)} HTTP/1.1\r\nHost: localhost\r\n\r\n`, 414],
      [`GET / HTTP/1.1\r\nHost: localhost\r\nA: ${'a'.repeat(17_000)}\r\n\r\n`, 431],
      [`GET / HTTP/1.1\r\nHost: localhost\r\n${'a: b\r\n'.repeat(200)}\r\n`, 431],
    ] as const)
      assert.equal((await admin.answers(head)).status, status, head.slice(0, 40));
  });
});

describe('places', () => {
  test(`probes get through while ${2 * ADMIN_CONNECTIONS} connections say nothing, and those are ended`, async () => {
    await using admin = await Admin.start();
    const silent = await admin.clients(2 * ADMIN_CONNECTIONS);
    for (let probe = 0; probe < 10; probe++) assert.equal((await admin.answers(PROBE)).status, 200);
    assert.ok(admin.server.drops.crowded >= ADMIN_CONNECTIONS);
    // The others by their own deadline of a second.
    await Promise.all(silent.map((client) => client.until(() => client.ended || client.closed)));
    assert.ok(admin.server.drops.silent > 0);
  });

  test('so they do while heads are sent in drops', async () => {
    await using admin = await Admin.start({ requestMs: 2000 });
    const slow = await admin.clients(ADMIN_CONNECTIONS);
    for (const client of slow) client.send('GET /metrics HTTP/1.1\r\nHo');
    for (let probe = 0; probe < 10; probe++) assert.equal((await admin.answers(PROBE)).status, 200);
    await Promise.all(slow.map((client) => client.until(() => client.ended || client.closed)));
    assert.ok(admin.server.drops.slow_request > 0);
  });

  test('the oldest goes first, whether it has sent a part of its request or nothing', async () => {
    await using admin = await Admin.start();
    const slow = await admin.clients(ADMIN_CONNECTIONS - 1);
    for (const client of slow) client.send('GET /livez HTTP/1.1\r\nHo');
    await using young = await admin.client();
    // One answer: all that was sent before has been read.
    assert.equal((await admin.answers(PROBE)).status, 200);
    await admin.clients(ADMIN_CONNECTIONS - 10);
    young.send(PROBE);
    assert.equal(await young.status(), 200);
  });

  test('a client with many connections takes no place of one with few', async () => {
    await using admin = await Admin.start();
    await using other = await admin.client('127.0.0.2');
    // Those of one address push one another out, however fast they come.
    await admin.clients(5 * ADMIN_CONNECTIONS);
    other.send(PROBE);
    assert.equal(await other.status(), 200);
  });

  test('readers who stall hold 32 places at most, give way to others, and are ended', async () => {
    await using admin = await Admin.start({ takeMs: 1500 });
    admin.metrics = BIG;
    const stalled = Array.from({ length: ADMIN_CONNECTIONS }, () => {
      const socket = connect({ host: '127.0.0.1', port: admin.port }).pause();
      socket.write(PROBE.replace('livez', 'metrics'));
      return socket;
    });
    for (let probe = 0; probe < 10; probe++) assert.equal((await admin.answers(PROBE)).status, 200);
    assert.equal((await admin.answers(PROBE.replace('livez', 'api/status'))).status, 200);
    assert.ok(admin.server.drops.slow_reader > 0);
    // The rest of them by the deadline of a write; what the kernel has of it does not count as taken.
    const ended = stalled.map((socket) =>
      once(
        socket.on('error', () => {}),
        'close',
      ),
    );
    while (admin.server.drops.slow_reader < ADMIN_CONNECTIONS) await admin.answers(PROBE);
    for (const socket of stalled) socket.resume();
    await Promise.all(ended);
  });

  test('when all long answers are still being made, one more is told to come back, and probes are answered', async () => {
    await using admin = await Admin.start();
    admin.held = Promise.withResolvers<void>();
    const waiting = await admin.clients(32);
    for (const client of waiting) client.send('POST /api/reload HTTP/1.1\r\nHost: localhost\r\n\r\n');
    while ((await admin.answers(PROBE.replace('livez', 'api/status'))).status !== 503);
    await using more = await admin.client();
    more.send(PROBE.replace('livez', 'metrics'));
    const answer = await more.answer();
    assert.deepEqual([answer.status, answer.headers.get('retry-after')], [503, '1']);
    for (let probe = 0; probe < 10; probe++) assert.equal((await admin.answers(PROBE)).status, 200);
    assert.ok(admin.server.drops.busy > 0);
    admin.held.resolve();
    for (const client of waiting) assert.equal(await client.status(), 200);
  });
});

describe('old HTTP and fronts', () => {
  test('HTTP/1.0 without Host: health and metrics, and nothing else', async () => {
    await using admin = await Admin.start();
    for (const path of ['/livez', '/readyz', '/healthz', '/metrics', '/readyz?from=haproxy'])
      assert.equal((await admin.answers(`GET ${path} HTTP/1.0\r\n\r\n`)).status, 200, path);
    for (const path of ['/', '/api/status', '/api/sessions', '/nothing'])
      assert.equal((await admin.answers(`GET ${path} HTTP/1.0\r\n\r\n`)).status, 421, path);
    assert.equal((await admin.answers('POST /api/reload HTTP/1.0\r\n\r\n')).status, 421);
    const page = 'GET /metrics HTTP/1.0\r\nOrigin: https://evil.example\r\n\r\n';
    assert.equal((await admin.answers(page)).status, 403);
    assert.equal((await admin.answers('GET /livez HTTP/1.1\r\n\r\n')).status, 400);
  });

  test('an absolute target is for its own authority, whatever Host says', async () => {
    await using admin = await Admin.start();
    const ask = async (target: string, lines: string): Promise<number | 'close'> =>
      (await admin.answers(`GET ${target} HTTP/1.1\r\n${lines}\r\n\r\n`)).status;
    const own = `http://127.0.0.1:${admin.port}`;
    for (const path of ['/livez', '/readyz', '/metrics', '/api/status', '', '?x'])
      assert.equal(await ask(`${own}${path}`, `Host: 127.0.0.1:${admin.port}`), 200, path);
    assert.equal(await ask(`${own}/livez`, 'Host: evil.example'), 200);
    assert.equal(await ask(`HTTP://LOCALHOST/livez`, 'Host: localhost'), 200);
    for (const target of ['http://evil.example', 'https://localhost'])
      assert.equal(await ask(`${target}/livez`, 'Host: localhost'), 421, target);
    for (const target of ['http://localhost@evil.example', 'http://'])
      assert.equal(await ask(`${target}/livez`, 'Host: localhost'), 404, target);
    assert.equal(await ask(`${own}/livez`, `Host: localhost\r\nOrigin: ${own}`), 200);
    assert.equal(await ask(`${own}/livez`, `Host: evil.example\r\nOrigin: http://evil.example`), 403);
    assert.equal(await ask(`${own}/nothing`, 'Host: localhost'), 404);
  });

  test('two Host lines → 400, even equal ones', async () => {
    await using admin = await Admin.start();
    for (const second of ['localhost', 'evil.example'])
      assert.equal(
        (await admin.answers(`GET /livez HTTP/1.1\r\nHost: localhost\r\nhost: ${second}\r\n\r\n`)).status,
        400,
      );
  });

  test("HAProxy's httpchk, which sends HTTP/1.0 without Host, finds it up", async () => {
    await using upstream = await FakeUpstream.start();
    await using gateway = await startTestGateway(upstream.port);
    assert.equal(await haproxyVerdict(gateway.port, gateway.adminPort, 'GET /readyz'), 'L7OK 200');
  });
});

describe('the last numbers of a drain', () => {
  let upstream: FakeUpstream;
  before(async () => {
    upstream = await FakeUpstream.start();
  });
  after(() => upstream[Symbol.asyncDispose]());

  const scrape = async (gateway: TestGateway): Promise<string> => {
    await using client = await RawClient.connect(gateway.adminPort);
    client.send('GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n');
    return (await client.answer()).body;
  };

  test('sessions cut at the deadline are in the scrape after it; then the port closes', async () => {
    await using gateway = await startTestGateway(upstream.port, { drain: { delayMs: 0, timeoutMs: 300 } });
    await using client = await RawClient.open(gateway.port);
    client.endsToo = false;
    assert.match(await scrape(gateway), /^natsgate_drain_forced_closes_total 0$/m);
    const drained = gateway.gateway.drain();
    await gateway.log.find(({ message }) => message === 'sessions were cut at the drain deadline');
    const last = await scrape(gateway);
    assert.match(last, /^natsgate_drain_forced_closes_total 1$/m);
    assert.match(last, /^natsgate_sessions_closed_total\{[^}]*reason="draining"[^}]*\} 1$/m);
    await drained;
    await assert.rejects(scrape(gateway), { code: 'ECONNREFUSED' });
  });

  test('they are counted when they are cut, while the sessions are still there to be seen', async () => {
    const counted: number[] = [];
    await using gateway = await startTestGateway(upstream.port, { drain: { delayMs: 0, timeoutMs: 300 } });
    const clients = await Promise.all(Array.from({ length: 3 }, () => RawClient.open(gateway.port)));
    for (const client of clients) client.endsToo = false;
    const drained = gateway.gateway.drain();
    // The first line of a cut session comes while the others are still in the set.
    await gateway.log.ended();
    counted.push(
      Number(
        /^natsgate_drain_forced_closes_total (\d+)$/m.exec((await gateway.gateway.metrics(false)).body)?.[1],
      ),
    );
    await drained;
    assert.deepEqual(counted, [3]);
    for (const client of clients) client.socket.destroy();
  });

  test('nobody scrapes: nobody is waited for', async () => {
    await using gateway = await startTestGateway(upstream.port, { drain: { delayMs: 0, timeoutMs: 5000 } });
    await using client = await RawClient.open(gateway.port);
    const drained = gateway.gateway.drain();
    await client.closeReceived();
    client.send(closeFrame(1001));
    await drained;
    assert.equal(gateway.gateway.state, 'stopped');
  });

  test('the last scrape has the numbers of now, not those that were kept for a quarter of a second', async () => {
    await using admin = await Admin.start();
    const scraped = async (): Promise<string> =>
      (await fetch(`http://127.0.0.1:${admin.port}/metrics`, { headers: { connection: 'close' } })).text();
    admin.metrics = 'before\n';
    assert.equal(await scraped(), 'before\n');
    admin.metrics = 'after\n';
    const waited = admin.server.lastScrape(600_000, new AbortController().signal);
    assert.equal(await scraped(), 'after\n');
    await waited;
  });

  test('HEAD of /metrics is no scrape: nobody who sends it gets numbers', async () => {
    await using admin = await Admin.start();
    const ask = async (method: 'GET' | 'HEAD'): Promise<string> =>
      (await fetch(`http://127.0.0.1:${admin.port}/metrics`, { method })).text();
    const { signal } = new AbortController();
    const answered = async (waited: Promise<void>): Promise<boolean> =>
      Promise.race([waited.then(() => true), nextTurn(false)]);
    await ask('HEAD');
    assert.equal(await answered(admin.server.lastScrape(600_000, signal)), true, 'nobody scrapes');
    await ask('GET');
    const waited = admin.server.lastScrape(600_000, signal);
    await ask('HEAD');
    assert.equal(await answered(waited), false);
    await ask('GET');
    await waited;
  });

  test('the wait has an end, and stop() ends it at once', async () => {
    await using admin = await Admin.start();
    const { signal } = new AbortController();
    await admin.server.lastScrape(600_000, signal);
    await admin.answers(PROBE.replace('livez', 'metrics'));
    await admin.server.lastScrape(50, signal);

    await using gateway = await startTestGateway(upstream.port, { drain: { delayMs: 0, timeoutMs: 5000 } });
    await using client = await RawClient.open(gateway.port);
    await scrape(gateway);
    const drained = gateway.gateway.drain();
    await client.closeReceived();
    client.send(closeFrame(1001));
    await gateway.log.ended();
    await gateway.gateway.stop();
    await drained;
  });
});

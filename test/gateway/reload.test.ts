import assert from 'node:assert/strict';
import { createHash, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { type RequestOptions, request } from 'node:http';
import { text } from 'node:stream/consumers';
import { describe, test } from 'node:test';
import type { ConnectionOptions, TLSSocket } from 'node:tls';
import { loadConfig } from '../../src/config/load.ts';
import { formatProblem } from '../../src/config/problems.ts';
import type { ReloadReport } from '../../src/config/reload-report.ts';
import { selfSigned } from '../config/self-signed.ts';
import { FakeUpstream, INFO_LINE } from '../support/fake-upstream.ts';
import { startTestGateway } from '../support/gateway.ts';
import { closeFrame, frame, handshakeRequest, Opcode, RawClient } from '../support/raw-client.ts';
import { LOOKING, ReloadableGateway } from '../support/reloadable.ts';
import { rounds } from '../support/rounds.ts';

const A = 'https://app.example.com';
const B = 'https://b.example.com';
const ALWAYS = 'https://always.example.com';
const RELOADS = rounds(12, 50);
const SWAPS = rounds(6, 20);
const CLIENTS = 20;

/** Status of one handshake with this Origin; the session, if it becomes one, is closed again. */
async function knock(port: number, origin: string, tls?: ConnectionOptions): Promise<number | 'close'> {
  await using client = await RawClient.connect(port, tls);
  client.send(handshakeRequest({ headers: { Origin: origin } }));
  // Awaited here, before the client is disposed of.
  return await client.status();
}

/** Clients that send frames and wait for their echo, over and over, until told to stop. */
class Load implements AsyncDisposable {
  readonly clients: RawClient[] = [];
  echoes = 0;
  handshakes = 0;
  failures = 0;
  #stopping = false;
  /** Why the load could not go on. */
  #fault: unknown;
  readonly #done: Promise<unknown>;

  private constructor(port: number, clients: RawClient[], tls: ConnectionOptions | undefined) {
    this.clients = clients;
    const parts = [...clients.map((client) => this.#talk(client)), this.#knock(port, tls)];
    this.#done = Promise.all(parts).catch((error: unknown) => {
      this.#fault = error;
      this.#stopping = true;
    });
  }

  static async start(port: number, tls?: ConnectionOptions): Promise<Load> {
    const headers = { Origin: ALWAYS };
    const open = () => RawClient.open(port, { headers }, tls);
    return new Load(port, await Promise.all(Array.from({ length: CLIENTS }, open)), tls);
  }

  /** Every session still stands and every byte came back. */
  async finish(): Promise<void> {
    this.#stopping = true;
    await this.#done;
    if (this.#fault !== undefined) throw this.#fault;
    assert.deepEqual(
      this.clients.filter(({ closed, ended }) => closed || ended),
      [],
    );
    assert.equal(this.failures, 0, `${this.failures} of ${this.handshakes} handshakes failed`);
  }

  /** Whatever became of the test: without it, the load of one that failed would go on for ever. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping = true;
    for (const client of this.clients) client.socket.destroy();
    await this.#done;
  }

  async #talk(client: RawClient): Promise<void> {
    const sent = createHash('sha256').update(INFO_LINE);
    const received = createHash('sha256');
    let due = INFO_LINE.length;
    const take = (): void => {
      for (const { payload } of client.frames.splice(0)) {
        received.update(payload);
        due -= payload.length;
      }
    };
    for (let round = 0; !this.#stopping; round++) {
      const payload = `PUB load ${round}\r\n${'x'.repeat(round % 3000)}\r\n`;
      client.send(frame(Opcode.binary, payload));
      sent.update(payload);
      due += payload.length;
      await client.until(() => {
        take();
        return client.closed || due === 0;
      });
      assert.ok(!client.closed, 'a session was cut');
      this.echoes++;
    }
    assert.equal(received.digest('hex'), sent.digest('hex'));
  }

  /** New sessions all the while, from a page that every configuration lets in. */
  async #knock(port: number, tls: ConnectionOptions | undefined): Promise<void> {
    while (!this.#stopping) {
      this.handshakes++;
      if ((await knock(port, ALWAYS, tls).catch(() => 'error')) !== 101) this.failures++;
    }
  }
}

const pair = (
  days = 30,
): { readonly files: Record<string, string>; readonly certificate: X509Certificate } => {
  const { certificate, key } = selfSigned(days);
  return { files: { 'tls.crt': certificate, 'tls.key': key }, certificate: new X509Certificate(certificate) };
};

const SECURE = { listen: { address: '127.0.0.1:0', tls: { certFile: 'tls.crt', keyFile: 'tls.key' } } };

async function shownCertificate(port: number): Promise<string | undefined> {
  await using client = await RawClient.connect(port, {});
  return (client.socket as TLSSocket).getPeerX509Certificate()?.fingerprint256;
}

async function metric({ gateway }: ReloadableGateway, pattern: RegExp): Promise<void> {
  assert.match((await gateway.metrics(false)).body, pattern);
}

const cut = (gateway: ReloadableGateway): number =>
  gateway.log.lines.filter((line) => line.message === 'session ended' && line['reason'] !== 'client_gone')
    .length;

describe('under load', () => {
  test(`${RELOADS} reloads: no session cut, and each handshake after the report sees the new origins`, async (t) => {
    await using upstream = await FakeUpstream.start({ echo: true });
    await using gateway = await ReloadableGateway.start(upstream.port, { origins: [ALWAYS, A] });
    await using load = await Load.start(gateway.port);
    const seconds: number[] = [];
    for (let round = 1; round <= RELOADS; round++) {
      const [allowed, refused] = round % 2 === 1 ? [B, A] : [A, B];
      await gateway.write({ origins: [ALWAYS, allowed] });
      const report = await gateway.gateway.reload('signal');
      seconds.push(report?.seconds ?? Number.NaN);
      // On a busy machine the watch is quicker now and then; what counts is that the new origins hold from here on.
      assert.match(report?.outcome ?? '', /^(applied|unchanged)$/);
      for (const { key } of report?.changes ?? []) assert.equal(key, 'origins.allow');
      const answers = await Promise.all([knock(gateway.port, allowed), knock(gateway.port, refused)]);
      assert.deepEqual(answers, [101, 403], `reload ${round}`);
    }
    await load.finish();
    assert.equal(cut(gateway), 0);
    t.diagnostic(
      `${RELOADS} reloads, ${load.echoes} echoes on ${CLIENTS} sessions and ${load.handshakes} handshakes meanwhile: 0 cut, 0 failed; reload at most ${Math.max(...seconds) * 1000} ms`,
    );
  });

  test(`${SWAPS} swaps of the certificate files alone: no session cut, each new connection after the report sees the new one`, async (t) => {
    const first = pair();
    await using upstream = await FakeUpstream.start({ echo: true });
    await using gateway = await ReloadableGateway.start(
      upstream.port,
      { ...SECURE, origins: ALWAYS },
      first.files,
      LOOKING,
    );
    await using load = await Load.start(gateway.port, {});
    const tookMs: number[] = [];
    for (let round = 0; round < SWAPS; round++) {
      const next = pair(40 + round);
      await gateway.write({ ...SECURE, origins: ALWAYS }, next.files);
      const swappedAtMs = performance.now();
      // Nobody is told: the folder is watched.
      const report = await gateway.report(round);
      tookMs.push(performance.now() - swappedAtMs);
      assert.equal(report.message, 'configuration reloaded');
      assert.deepEqual(report['changes'], {
        'listen.tls.certFile': 'tls.crt -> tls.crt (new content)',
        'listen.tls.keyFile': 'tls.key -> tls.key (new content)',
      });
      assert.equal(await shownCertificate(gateway.port), next.certificate.fingerprint256);
      const notAfter = Date.parse(next.certificate.validTo) / 1000;
      await metric(
        gateway,
        new RegExp(`natsgate_tls_certificate_not_after_timestamp_seconds\\{role="server"\\} ${notAfter}\n`),
      );
    }
    await load.finish();
    assert.equal(cut(gateway), 0);
    t.diagnostic(
      `${SWAPS} swaps, ${load.echoes} echoes on ${CLIENTS} TLS sessions and ${load.handshakes} handshakes meanwhile: 0 cut, 0 failed; swap to report at most ${Math.round(Math.max(...tookMs))} ms`,
    );
  });
});

describe('certificates', () => {
  test('a key of another certificate, a missing file, half a file: the old one stays, and the report says why', async () => {
    const first = pair();
    await using upstream = await FakeUpstream.start();
    await using gateway = await ReloadableGateway.start(upstream.port, SECURE, first.files);
    const next = pair(60);
    const half = (next.files['tls.crt'] ?? '').slice(0, 200);
    for (const [files, problem] of [
      [
        { ...first.files, 'tls.crt': next.files['tls.crt'] ?? '' },
        /listen\.tls\.keyFile: the key does not belong/,
      ],
      [
        { 'tls.key': next.files['tls.key'] ?? '' },
        /listen\.tls\.certFile: the file cannot be read: there is no such file/,
      ],
      [{ ...next.files, 'tls.crt': half }, /listen\.tls\.certFile: the block in line 1 has no BEGIN and END/],
    ] as const) {
      await gateway.write({ ...SECURE, origins: B }, files);
      const report = await gateway.gateway.reload('signal');
      assert.equal(report?.outcome, 'refused');
      assert.match(report?.problems.join('\n') ?? '', problem);
      assert.equal(await shownCertificate(gateway.port), first.certificate.fingerprint256);
      assert.deepEqual([await knock(gateway.port, A, {}), await knock(gateway.port, B, {})], [101, 403]);
    }
    await gateway.write({ ...SECURE, origins: B }, next.files);
    assert.equal((await gateway.gateway.reload('signal'))?.outcome, 'applied');
    assert.equal(await shownCertificate(gateway.port), next.certificate.fingerprint256);
    assert.deepEqual([await knock(gateway.port, A, {}), await knock(gateway.port, B, {})], [403, 101]);
  });

  test('a TLS session of before is not resumed past a new certificate', async () => {
    const first = pair();
    await using upstream = await FakeUpstream.start();
    await using gateway = await ReloadableGateway.start(upstream.port, SECURE, first.files);
    const version = { maxVersion: 'TLSv1.2' } as const;
    await using before = await RawClient.connect(gateway.port, version);
    const session = (before.socket as TLSSocket).getSession();
    assert.ok(session);
    await using resumed = await RawClient.connect(gateway.port, { ...version, session });
    assert.equal((resumed.socket as TLSSocket).isSessionReused(), true);
    // A reload that leaves the certificate alone leaves its sessions alone too.
    await gateway.write({ ...SECURE, origins: B }, first.files);
    assert.equal((await gateway.gateway.reload('signal'))?.outcome, 'applied');
    await using again = await RawClient.connect(gateway.port, { ...version, session });
    assert.equal((again.socket as TLSSocket).isSessionReused(), true);
    await gateway.write({ ...SECURE, origins: B }, pair().files);
    assert.equal((await gateway.gateway.reload('signal'))?.outcome, 'applied');
    await using afresh = await RawClient.connect(gateway.port, { ...version, session });
    assert.equal((afresh.socket as TLSSocket).isSessionReused(), false);
  });

  test('turning TLS off is named and waits for a restart; the port goes on speaking TLS', async () => {
    const first = pair();
    await using upstream = await FakeUpstream.start();
    await using gateway = await ReloadableGateway.start(upstream.port, SECURE, first.files);
    await gateway.write({ origins: B });
    const report = await gateway.gateway.reload('signal');
    assert.equal(report?.outcome, 'restart_needed');
    assert.ok(report?.restartNeeded.some(({ key }) => key === 'listen.tls.certFile'));
    assert.deepEqual([await knock(gateway.port, A, {}), await knock(gateway.port, B, {})], [403, 101]);
    assert.equal(await shownCertificate(gateway.port), first.certificate.fingerprint256);
  });
});

describe('what only a restart brings', () => {
  test('client certificates that were asked for and are not there show in metric, status and each report', async () => {
    const { files } = pair();
    await using upstream = await FakeUpstream.start();
    await using gateway = await ReloadableGateway.start(upstream.port, SECURE, files);
    type Status = { readonly configuration: { readonly restartNeeded: ReloadReport['restartNeeded'] } };
    const shown = (): readonly string[] =>
      (gateway.gateway.status.gateway() as Status).configuration.restartNeeded.map(({ key }) => key);
    await metric(gateway, /^natsgate_config_restart_needed 0$/m);
    assert.deepEqual(shown(), []);

    const { tls } = SECURE.listen;
    const asking = { listen: { ...SECURE.listen, tls: { ...tls, clientCaFile: tls.certFile } } };
    await gateway.write(asking, files);
    assert.equal((await gateway.gateway.reload('signal'))?.outcome, 'restart_needed');
    await metric(gateway, /^natsgate_config_restart_needed 1$/m);
    assert.deepEqual(shown(), ['listen.tls.clientCaFile']);

    // A file that cannot be read whole says nothing about it.
    await gateway.writeText('origins: [', files);
    const refused = await gateway.gateway.reload('signal');
    assert.equal(refused?.outcome, 'refused');
    assert.deepEqual(
      refused?.restartNeeded.map(({ key }) => key),
      ['listen.tls.clientCaFile'],
    );
    assert.deepEqual(refused?.changes, [], 'the file of the authority is not taken for one that runs');
    await metric(gateway, /^natsgate_config_restart_needed 1$/m);
    assert.deepEqual(shown(), ['listen.tls.clientCaFile']);

    await gateway.write(SECURE, files);
    assert.equal((await gateway.gateway.reload('signal'))?.outcome, 'unchanged');
    await metric(gateway, /^natsgate_config_restart_needed 0$/m);
    assert.deepEqual(shown(), []);
  });

  for (const [key, settings] of [
    ['listen.address', { listen: '127.0.0.1:1' }],
    ['admin.address', { admin: '127.0.0.1:1' }],
    ['compression.concurrency', { compression: { concurrency: 9 } }],
  ] as const) {
    test(`${key}: 1 while the file has another one`, async () => {
      await using upstream = await FakeUpstream.start();
      await using gateway = await ReloadableGateway.start(upstream.port);
      await gateway.write(settings);
      const report = await gateway.gateway.reload('signal');
      assert.deepEqual(
        report?.restartNeeded.map((change) => change.key),
        [key],
      );
      await metric(gateway, /^natsgate_config_restart_needed 1$/m);
      await gateway.write({});
      await gateway.gateway.reload('signal');
      await metric(gateway, /^natsgate_config_restart_needed 0$/m);
    });
  }
});

describe('a reload', () => {
  test('of a broken file changes nothing and says why, by the lines of check', async () => {
    await using upstream = await FakeUpstream.start();
    await using gateway = await ReloadableGateway.start(upstream.port, { origins: A });
    await gateway.writeText(
      `origins: [${B}]\nupstream: nats://127.0.0.1:1\nlimits:\n  sesions: 5\n  frameBytes: big\n`,
    );
    const line = await gateway.report(0);
    const file = gateway.folder.file('natsgate.yaml');
    const checked = await loadConfig({ file, flags: {}, env: {} });
    assert.equal(checked.ok, false);
    assert.deepEqual(line['problems'], checked.ok ? [] : checked.problems.map(formatProblem));
    assert.deepEqual([line['level'], line.message], ['error', 'configuration refused; the old one stays']);
    assert.deepEqual([await knock(gateway.port, A), await knock(gateway.port, B)], [101, 403]);
    await metric(gateway, /natsgate_config_last_reload_success 0\n/);
    await metric(gateway, /natsgate_config_reloads_total\{outcome="refused"\} 1\n/);
  });

  test('moves new sessions to another nats-server and leaves those that are', async () => {
    await using one = await FakeUpstream.start({ echo: true });
    await using two = await FakeUpstream.start();
    await using gateway = await ReloadableGateway.start(one.port);
    await using client = await RawClient.open(gateway.port);
    await gateway.write({ upstream: `nats://127.0.0.1:${two.port}` });
    await gateway.gateway.reload('signal');
    assert.equal(await knock(gateway.port, A), 101);
    assert.deepEqual([one.connections.length, two.connections.length], [1, 1]);
    client.send(frame(Opcode.binary, 'still here'));
    await client.until(() => client.data.includes('still here'));
  });

  test('gives caps, frame sizes, timeouts and rates to those who come, not to those who are', async () => {
    await using upstream = await FakeUpstream.start({ echo: true });
    await using gateway = await ReloadableGateway.start(upstream.port);
    await using before = await RawClient.open(gateway.port);
    await gateway.write({
      limits: { sessions: 2, frameBytes: '1KiB', sentFrameBytes: '1KiB', handshakesPerSecond: 100_000 },
      timeouts: { ping: '1s', silence: '3s' },
    });
    const report = await gateway.gateway.reload('signal');
    assert.equal(report?.outcome, 'applied');
    await metric(gateway, /natsgate_connections_limit\{listener="default"\} 2\n/);
    await using after = await RawClient.open(gateway.port);
    // The cap counts who was there before.
    assert.equal(await knock(gateway.port, A), 503);
    for (const client of [before, after]) client.send(frame(Opcode.binary, Buffer.alloc(2048, 'y')));
    assert.deepEqual(await after.closeReceived(), { code: 1009, reason: 'message_too_big' });
    await before.until(() => before.data.length === INFO_LINE.length + 2048);
    assert.equal(before.frames.length, 2);
    after.socket.destroy();
    await gateway.log.find((line) => line['reason'] === 'message_too_big');
    await using silent = await RawClient.open(gateway.port);
    gateway.timerWheel.advance(4000);
    assert.deepEqual(await silent.closeReceived(), { code: 1001, reason: 'client_unresponsive' });
    assert.equal(before.closed, false);
  });

  test('slows down the handshakes', async () => {
    await using upstream = await FakeUpstream.start();
    await using gateway = await ReloadableGateway.start(upstream.port);
    const knocks = () => Promise.all(Array.from({ length: 10 }, () => knock(gateway.port, A)));
    assert.equal((await knocks()).includes(429), false);
    await gateway.write({ limits: { handshakesPerSecond: 1 } });
    assert.equal((await gateway.gateway.reload('signal'))?.outcome, 'applied');
    assert.equal((await knocks()).includes(429), true);
  });

  test('of anything else does not fill the bucket of a rate again', async () => {
    await using upstream = await FakeUpstream.start();
    const limits = { handshakesPerSecond: 1 };
    await using gateway = await ReloadableGateway.start(upstream.port, { limits });
    while ((await knock(gateway.port, A)) !== 429);
    await gateway.write({ limits, drain: { delay: '1s' } });
    assert.equal((await gateway.gateway.reload('signal'))?.outcome, 'applied');
    // A full one would let two in.
    const answers = await Promise.all([knock(gateway.port, A), knock(gateway.port, A)]);
    assert.equal(answers.includes(429), true);
  });

  test('changes the engine, the log level and format, trusted proxies and hosts', async () => {
    await using upstream = await FakeUpstream.start();
    await using gateway = await ReloadableGateway.start(upstream.port, {
      engine: 'buffered',
      origins: 'self',
    });
    await using before = await RawClient.open(gateway.port, {
      headers: { Host: 'localhost', Origin: 'http://localhost' },
    });
    await gateway.write({
      engine: 'cut-through',
      origins: 'self',
      listen: { address: '127.0.0.1:0', hosts: 'gw.example.com', trustedProxies: '127.0.0.0/8' },
      log: { level: 'error', format: 'json' },
      drain: { delay: '0s' },
    });
    assert.equal((await gateway.gateway.reload('signal'))?.outcome, 'applied');
    await metric(gateway, /natsgate_engine_info\{engine="cut-through"\} 1\n/);
    const headers = { Origin: 'https://gw.example.com', 'X-Forwarded-Proto': 'https' };
    await using after = await RawClient.open(gateway.port, { headers });
    const lines = gateway.log.lines.length;
    for (const client of [before, after]) {
      client.send(closeFrame(1000));
      await client.closeReceived();
      await client.until(() => client.closed);
    }
    await gateway.gateway.drain();
    assert.equal(gateway.log.lines.length, lines);
  });

  test('that asks for more sessions than the descriptors carry is refused whole', async () => {
    await using upstream = await FakeUpstream.start();
    await using gateway = await ReloadableGateway.start(
      upstream.port,
      {},
      {},
      { fileDescriptorLimit: 10_000 },
    );
    await gateway.write({ limits: { sessions: 100_000 }, origins: B });
    const report = await gateway.gateway.reload('signal');
    assert.equal(report?.outcome, 'refused');
    assert.match(String(report?.problems), /limits\.sessions: .* raise the limit/);
    assert.deepEqual([await knock(gateway.port, A), await knock(gateway.port, B)], [101, 403]);
  });

  test('cannot promise a longer drain than the process was given at its start', async () => {
    await using upstream = await FakeUpstream.start();
    const env = { NATSGATE_DRAIN_BUDGET: '40s' };
    const before = { drain: { delay: '5s', timeout: '30s' } };
    await using gateway = await ReloadableGateway.start(upstream.port, before, {}, {}, env);
    await gateway.write({ drain: { delay: '5s', timeout: '5m' } });
    assert.match((await gateway.gateway.reload('signal'))?.warnings.join() ?? '', /drain\.budget is 40s/);
    const drained = gateway.gateway.drain();
    const line = await gateway.log.find(({ message }) => message === 'draining');
    assert.deepEqual([line['delayMs'], line['timeoutMs']], [5000, 35_000]);
    const why = await gateway.log.find(({ message }) => message.includes('drain.budget; shortened'));
    assert.deepEqual([why['delayMs'], why['timeoutMs'], why['budgetMs']], [5000, 300_000, 40_000]);
    await gateway.gateway.stop();
    await drained;
  });

  test('during a drain, and one that ends after the stop, do no harm', async () => {
    await using upstream = await FakeUpstream.start();
    await using gateway = await ReloadableGateway.start(upstream.port, {
      drain: { delay: '0s', timeout: '5s' },
    });
    await using client = await RawClient.open(gateway.port);
    client.endsToo = false;
    const drained = gateway.gateway.drain();
    await client.closeReceived();
    await gateway.write({ origins: B });
    assert.equal((await gateway.gateway.reload('signal'))?.outcome, 'applied');
    await gateway.write({ origins: A });
    const late = gateway.gateway.reload('signal');
    await gateway.gateway.stop();
    await drained;
    assert.match((await late)?.outcome ?? '', /^(applied|refused)$/);
    assert.equal((await gateway.gateway.reload('signal'))?.outcome, 'refused');
  });

  test('shows in the metrics, and the hash of before is gone', async () => {
    await using upstream = await FakeUpstream.start();
    await using gateway = await ReloadableGateway.start(upstream.port);
    const scrape = async (): Promise<string> => (await gateway.gateway.metrics(false)).body;
    const hashes = (body: string): string[] =>
      [...body.matchAll(/^natsgate_config_info\{hash="(\w+)"\} 1$/gm)].map(([, hash = '']) => hash);
    const before = await scrape();
    await gateway.write({ origins: B });
    await gateway.gateway.reload('signal');
    await gateway.gateway.reload('signal');
    const after = await scrape();
    assert.match(after, /natsgate_config_reloads_total\{outcome="applied"\} 1\n/);
    assert.match(after, /natsgate_config_reloads_total\{outcome="unchanged"\} 1\n/);
    assert.match(after, /natsgate_config_last_reload_success 1\n/);
    assert.deepEqual([hashes(before).length, hashes(after).length], [1, 1]);
    assert.notDeepEqual(hashes(after), hashes(before));
    const series = (body: string): number =>
      body.split('\n').filter((line) => /^natsgate_/.test(line)).length;
    assert.equal(series(after), series(before));
  });
});

describe('POST /api/reload', () => {
  const TOKEN = 'canary-token-0123456789abcdef';

  async function post(
    port: number,
    options: RequestOptions = {},
    body?: string,
  ): Promise<{
    readonly status: number | undefined;
    readonly body: string;
    readonly allow: string | undefined;
  }> {
    const signal = AbortSignal.timeout(30_000);
    const sent = request({
      host: '127.0.0.1',
      port,
      path: '/api/reload',
      method: 'POST',
      agent: false,
      signal,
      ...options,
    }).end(body);
    const [answer] = await once(sent, 'response', { signal });
    return { status: answer.statusCode, body: await text(answer), allow: answer.headers.allow };
  }

  test('reports as JSON: applied, unchanged, refused by 422', async () => {
    await using upstream = await FakeUpstream.start();
    await using gateway = await ReloadableGateway.start(upstream.port);
    await gateway.write({ origins: B });
    const applied = await post(gateway.adminPort);
    const report = JSON.parse(applied.body) as ReloadReport;
    assert.deepEqual([applied.status, report.outcome, report.trigger], [200, 'applied', 'api']);
    assert.deepEqual(report.changes, [{ key: 'origins.allow', from: `[${A}]`, to: `[${B}]` }]);
    assert.deepEqual([await knock(gateway.port, A), await knock(gateway.port, B)], [403, 101]);
    const unchanged = await post(gateway.adminPort);
    assert.deepEqual([unchanged.status, JSON.parse(unchanged.body).outcome], [200, 'unchanged']);
    await gateway.writeText('origins: []\n');
    const refused = await post(gateway.adminPort);
    assert.deepEqual([refused.status, JSON.parse(refused.body).outcome], [422, 'refused']);
    assert.match(refused.body, /natsgate\.yaml:1:10: origins: /);
  });

  test('with a token set only with the token, which a reload can change; it never shows', async () => {
    await using upstream = await FakeUpstream.start();
    const settings = { admin: { address: '127.0.0.1:0', tokenFile: 'token' } };
    await using gateway = await ReloadableGateway.start(upstream.port, settings, { token: TOKEN });
    const bearer = (token: string): RequestOptions => ({ headers: { Authorization: `Bearer ${token}` } });
    const other = 'canary-token-fedcba9876543210';
    await gateway.write(settings, { token: other });
    assert.equal((await post(gateway.adminPort)).status, 401);
    assert.equal((await post(gateway.adminPort, bearer(other))).status, 401);
    const reloaded = await post(gateway.adminPort, bearer(TOKEN));
    assert.equal(reloaded.status, 200);
    assert.equal((await post(gateway.adminPort, bearer(TOKEN))).status, 401);
    const again = await post(gateway.adminPort, bearer(other));
    assert.equal(again.status, 200);
    const metrics = (await gateway.gateway.metrics(false)).body;
    assert.doesNotMatch(`${reloaded.body}${again.body}${gateway.log.text.join('')}${metrics}`, /canary/);
  });

  test('a foreign Host, a foreign Origin, another method, a large body: refused whatever the token says', async () => {
    await using upstream = await FakeUpstream.start();
    const settings = { admin: { address: '127.0.0.1:0', tokenFile: 'token' } };
    await using gateway = await ReloadableGateway.start(upstream.port, settings, { token: TOKEN });
    await gateway.write({ ...settings, origins: B }, { token: TOKEN });
    const Authorization = `Bearer ${TOKEN}`;
    const asked = async (options: RequestOptions, body?: string) => {
      const answer = await post(gateway.adminPort, options, body);
      return [answer.status, answer.allow];
    };
    assert.deepEqual(await asked({ headers: { Authorization, Host: 'evil.example' } }), [421, undefined]);
    for (const Origin of ['https://evil.example', 'null', 'http://127.0.0.1:1']) {
      assert.deepEqual(await asked({ headers: { Authorization, Origin } }), [403, undefined]);
    }
    for (const method of ['GET', 'PUT', 'HEAD', 'DELETE', 'OPTIONS']) {
      assert.deepEqual(await asked({ method, headers: { Authorization } }), [405, 'POST']);
    }
    assert.deepEqual(await asked({ headers: { Authorization } }, 'x'.repeat(65_537)), [413, undefined]);
    assert.deepEqual(await asked({ path: '/metrics', headers: { Authorization } }), [405, 'GET, HEAD']);
    assert.equal(await knock(gateway.port, A), 101);
    const Origin = `http://127.0.0.1:${gateway.adminPort}`;
    assert.deepEqual(await asked({ headers: { Authorization, Origin } }), [200, undefined]);
  });

  test('outside of loopback never without a token; without a source there is nothing to do', async () => {
    await using upstream = await FakeUpstream.start();
    await using gateway = await ReloadableGateway.start(upstream.port, { admin: '0.0.0.0:0' });
    assert.equal((await post(gateway.adminPort)).status, 403);
    await using plain = await startTestGateway(upstream.port);
    assert.equal((await post(plain.adminPort)).status, 501);
  });
});

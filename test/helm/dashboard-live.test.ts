/**
 * The dashboard's queries on a real Prometheus that scrapes real gateways under load: each must give data, and have
 * the labels that its legend names. Grafana itself is in no package registry.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { setInterval as every, setTimeout as wait } from 'node:timers/promises';
import { wsconnect } from '@nats-io/nats-core';
import { stringify } from 'yaml';
import { makeCertificates } from '../support/certificates.ts';
import { freePort } from '../support/free-port.ts';
import { GatewayProcess } from '../support/gateway-process.ts';
import { CHART, only, render, set } from '../support/helm.ts';
import { Issuer, signingKey } from '../support/issuer.ts';
import { realNatsServer } from '../support/nats.ts';
import { findPrometheus } from '../support/promtool.ts';
import { RawClient } from '../support/raw-client.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const PATIENCE_MS = 120_000;
/** What Grafana computes for scrapes once a second. */
const RATE_INTERVAL = '5s';

type Target = { readonly expr: string; readonly legendFormat: string };
type Panel = {
  readonly title: string;
  readonly targets?: readonly Target[];
  readonly panels?: readonly Panel[];
};
type Query = Target & { readonly title: string };
type Sample = {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: readonly [number, string];
};

const dashboard = JSON.parse(readFileSync(join(CHART, 'files', 'dashboards', 'natsgate.json'), 'utf8')) as {
  readonly panels: readonly Panel[];
  readonly templating: { readonly list: readonly { readonly name: string; readonly allValue?: string }[] };
  readonly annotations: { readonly list: readonly { readonly name: string; readonly expr?: string }[] };
};
const queries: readonly Query[] = dashboard.panels
  .flatMap((panel) => [panel, ...(panel.panels ?? [])])
  .flatMap(({ title, targets = [] }) => targets.map((target) => ({ ...target, title })));

/** As Grafana does with "All" of every variable. */
const filled = (expr: string): string =>
  expr.replaceAll('$__rate_interval', RATE_INTERVAL).replaceAll(/\$([a-z]+)/g, (_, name) => {
    if (name === 'budget') return '0.001';
    return dashboard.templating.list.find((one) => one.name === name)?.allValue ?? assert.fail(name);
  });

test('every query of every panel gives data', { timeout: 2 * PATIENCE_MS }, async () => {
  const server = await realNatsServer();
  try {
    await using certificates = await makeCertificates();
    const policy = { mode: 'observe', roles: [{ name: 'default', publish: { deny: 'no.>' } }] };
    const common = { timeouts: { ping: '1s' }, inspect: 'observe', policy };
    // Nothing listens on the first server's port: attempts that fail are data too.
    const servers = [`nats://127.0.0.1:${await freePort()}`, `nats://127.0.0.1:${server.port}`];
    await using issuer = await Issuer.start(signingKey('one'));
    const jwt = [{ issuer: 'https://id.example', audience: 'nats-web', keys: { url: issuer.url } }];
    const auth = { required: 'off', from: [{ header: 'authorization' }], jwt };
    await using plain = await GatewayProcess.start(server.port, { ...common, auth, upstream: { servers } });
    const tls = { certFile: certificates.serverCertFile, keyFile: certificates.serverKeyFile };
    const listen = { address: '127.0.0.1:0', tls };
    await using withTls = await GatewayProcess.start(server.port, { ...common, listen });
    await using prometheus = await Prometheus.start([plain.adminPort, withTls.adminPort]);
    const stop = new AbortController();
    const load = putLoadOn(plain.port, withTls.port, issuer, stop.signal);
    // Whatever goes wrong with it is this test's failure, at the end, and not the whole file's at once.
    load.catch(() => stop.abort());
    try {
      // The records as well: a matcher that no series has, such as a bound that Prometheus writes in another way, gives none.
      let waiting = [
        ...queries,
        ...prometheus.records.map((expr) => ({ title: 'record', expr, legendFormat: '' })),
      ];
      let complaints: readonly string[] = [];
      const giveUpAtMs = Date.now() + PATIENCE_MS;
      // Prometheus tells nobody when it has scraped, so it is asked. Once is enough: failed attempts become rare.
      for await (const _ of every(1000)) {
        const answers = await Promise.all(waiting.map((query) => prometheus.complaint(query)));
        complaints = answers.flat();
        waiting = waiting.filter((_, index) => answers[index]?.length !== 0);
        if (waiting.length === 0 || Date.now() > giveUpAtMs) break;
      }
      assert.deepEqual(complaints, []);
      for (const { name, expr } of dashboard.annotations.list)
        if (expr !== undefined) assert.ok(Array.isArray(await prometheus.query(filled(expr))), name);
    } finally {
      stop.abort();
      await load;
    }
  } finally {
    await server.close();
  }
});

/** Sessions that come, talk and go, some of them refused, until the signal. */
async function putLoadOn(port: number, tlsPort: number, issuer: Issuer, signal: AbortSignal): Promise<void> {
  const servers = `ws://127.0.0.1:${port}`;
  const stays = await wsconnect({ servers, reconnect: false });
  await using _secret = await RawClient.open(tlsPort, {}, { servername: 'gw.example.com' });
  try {
    while (!signal.aborted) {
      const client = await wsconnect({ servers, reconnect: false });
      const subscription = client.subscribe('load.>', { max: 50 });
      await client.flush();
      for (let count = 0; count < 50; count++) stays.publish(`load.${count}`, 'x'.repeat(4096));
      await stays.flush();
      for await (const _ of subscription);
      await client.close();
      const headers = { Authorization: `Bearer ${issuer.token({ jti: Math.random() })}` };
      for (const _ of ['verified', 'remembered']) {
        await using known = await RawClient.open(port, { headers });
        known.socket.end();
      }
      await using stranger = await RawClient.connect(port);
      stranger.socket.write(
        'GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nOrigin: https://elsewhere.example\r\n\r\n',
      );
      await once(stranger, 'change');
      // As much as gives every figure; more would only take the processor from the gateways and from Prometheus.
      await wait(100);
    }
  } finally {
    await stays.close();
  }
}

class Prometheus implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #port: number;
  readonly #dispose: () => PromiseLike<void>;
  /** Names of the recording rules. */
  readonly records: readonly string[];

  private constructor(
    child: ChildProcess,
    port: number,
    records: readonly string[],
    dispose: () => PromiseLike<void>,
  ) {
    this.records = records;
    this.#child = child;
    this.#port = port;
    this.#dispose = dispose;
  }

  /** Scrapes these ports once a second, with the chart's recording rules; resolves when it answers. */
  static async start(ports: readonly number[]): Promise<Prometheus> {
    const folder = await temporaryFolder();
    const rule = only(
      await render(...set({ 'prometheusRule.enabled': true, 'prometheusRule.selector': 'job="natsgate"' })),
      'PrometheusRule',
    );
    await writeFile(join(folder.path, 'rules.yaml'), stringify({ groups: rule['spec'].groups }));
    const targets = ports.map((port) => `127.0.0.1:${port}`);
    const labels = { namespace: 'edge', pod: 'natsgate-0' };
    const config = {
      global: { scrape_interval: '1s', evaluation_interval: '1s' },
      rule_files: ['rules.yaml'],
      scrape_configs: [{ job_name: 'natsgate', static_configs: [{ targets, labels }] }],
    };
    const file = join(folder.path, 'prometheus.yaml');
    await writeFile(file, stringify(config));
    const port = await freePort();
    const child = spawn(
      await findPrometheus(),
      [
        `--config.file=${file}`,
        `--storage.tsdb.path=${join(folder.path, 'data')}`,
        `--web.listen-address=127.0.0.1:${port}`,
      ],
      { stdio: ['ignore', 'ignore', 'pipe'] },
    );
    const records = rule['spec'].groups.flatMap((group: { rules: { record?: string }[] }) =>
      group.rules.flatMap(({ record }) => record ?? []),
    );
    const prometheus = new Prometheus(child, port, records, () => folder[Symbol.asyncDispose]());
    try {
      let said = '';
      // Read to its end: a Prometheus that cannot write its log is killed by that.
      const ready = new Promise<void>((resolve) => {
        child.once('exit', () => resolve());
        child.stderr?.setEncoding('utf8').on('data', (text: string) => {
          said += text;
          if (said.includes('Server is ready to receive web requests')) resolve();
        });
      });
      await ready;
      assert.equal(child.exitCode, null, said);
      return prometheus;
    } catch (error) {
      await prometheus[Symbol.asyncDispose]();
      throw error;
    }
  }

  async query(expr: string): Promise<readonly Sample[]> {
    const body = new URLSearchParams({ query: expr });
    const answer = await fetch(`http://127.0.0.1:${this.#port}/api/v1/query`, { method: 'POST', body });
    const { data, error } = (await answer.json()) as { data?: { result: Sample[] }; error?: string };
    if (data === undefined) throw new Error(`${error}: ${expr}`);
    return data.result;
  }

  /** Nothing when the query gives a number, with all labels of its legend. */
  async complaint({ title, expr, legendFormat }: Query): Promise<string[]> {
    const result = await this.query(filled(expr));
    const numbers = result.filter(({ value: [, text] }) => Number.isFinite(Number(text)));
    if (numbers.length === 0) return [`${title}: ${result.length === 0 ? 'no data' : 'no number'}: ${expr}`];
    return [...legendFormat.matchAll(/\{\{(\w+)\}\}/g)]
      .filter(([, label = '']) => numbers.some(({ metric }) => metric[label] === undefined))
      .map(([, label]) => `${title}: no label ${label}: ${expr}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      const ended = once(this.#child, 'exit');
      this.#child.kill('SIGKILL');
      await ended;
    }
    await this.#dispose();
  }
}

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { parse } from 'yaml';
import { composeRulesText } from '../../scripts/chart/compose-rules.ts';
import { loadConfig } from '../../src/config/load.ts';
import { FakeUpstream } from '../support/fake-upstream.ts';
import { startTestGateway } from '../support/gateway.ts';
import { CHART } from '../support/helm.ts';
import { findPromtool } from '../support/promtool.ts';

const exec = promisify(execFile);

type Service = {
  readonly command?: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly stop_grace_period: string;
  readonly volumes?: readonly string[];
  readonly ports?: readonly string[];
  readonly healthcheck: { readonly test: readonly string[] };
};

const folder = join(import.meta.dirname, '..', '..', 'examples', 'compose');
const read = (name: string) => parse(readFileSync(join(folder, name), 'utf8'));
const { services } = read('compose.yaml') as { services: Readonly<Record<string, Service>> };
const natsgate = services['natsgate'] ?? assert.fail();

test('compose: the file is a configuration, and a stop leaves time for its drain', async () => {
  const file = join(folder, 'natsgate', 'natsgate.yaml');
  assert.deepEqual(natsgate.command, ['--config', '/etc/natsgate/natsgate.yaml']);
  const loaded = await loadConfig({ file, flags: {}, env: natsgate.environment });
  assert.ok(loaded.ok, JSON.stringify(loaded));
  assert.deepEqual(loaded.warnings, []);
  assert.deepEqual(loaded.config.origins.allow, ['http://localhost:5173']);
  const { delayMs, timeoutMs, budgetMs } = loaded.config.drain;
  const graceMs = Number.parseInt(natsgate.stop_grace_period, 10) * 1000;
  assert.ok(delayMs + timeoutMs <= budgetMs && budgetMs + 5000 <= graceMs);
});

test('compose: what is mounted is there, and no port is open to other machines', () => {
  for (const { volumes = [] } of Object.values(services))
    for (const volume of volumes) {
      const [from = ''] = volume.split(':');
      // Built by `npm run build`.
      if (!from.startsWith('../../dist/')) assert.ok(existsSync(join(folder, from)), from);
    }
  const open = Object.entries(services).flatMap(([name, { ports = [] }]) =>
    ports.filter((port) => !port.startsWith('127.0.0.1:')).map((port) => `${name} ${port}`),
  );
  assert.deepEqual(open, []);
});

test('compose: Prometheus asks the gateway by a name that it knows, and has the rules of the dashboard', async () => {
  const { scrape_configs: jobs } = read('prometheus/prometheus.yml');
  assert.deepEqual(jobs[0].static_configs[0].targets, ['natsgate:8081']);
  assert.deepEqual(read('natsgate/natsgate.yaml').admin, { address: '0.0.0.0:8081', hosts: ['natsgate'] });
  const rules = readFileSync(join(folder, 'prometheus', 'rules.yaml'), 'utf8');
  assert.equal(rules, composeRulesText(CHART));
  const promtool = await findPromtool();
  const { stdout } = await exec(promtool, ['check', 'config', join(folder, 'prometheus', 'prometheus.yml')]);
  assert.match(stdout, /SUCCESS: \d+ rules found/);
});

test('compose: the health check is 0 while the gateway is ready, and 1 when it is not or is gone', async () => {
  const [kind, , flag = '', program = ''] = natsgate.healthcheck.test;
  assert.equal(kind, 'CMD');
  const asked = (port: number): Promise<number> =>
    new Promise((resolve) => {
      const text = program.replace('8081', String(port));
      execFile(process.execPath, [flag, text], { timeout: 300_000 }, (error) =>
        resolve(error === null ? 0 : Number(error.code)),
      );
    });
  await using upstream = await FakeUpstream.start();
  await using gateway = await startTestGateway(upstream.port, { drain: { delayMs: 60_000 } });
  const port = gateway.adminPort;
  assert.equal(await asked(port), 0);
  const drained = gateway.gateway.drain();
  assert.equal(await asked(port), 1);
  await gateway.gateway.stop();
  await drained;
  assert.equal(await asked(port), 1);
});

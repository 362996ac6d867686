import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { parse } from 'yaml';
import { loadConfig } from '../../src/config/load.ts';
import { FakeUpstream } from '../support/fake-upstream.ts';
import { startTestGateway } from '../support/gateway.ts';

type Service = {
  readonly environment: Readonly<Record<string, string>>;
  readonly stop_grace_period: string;
  readonly healthcheck: { readonly test: readonly string[] };
};

const file = join(import.meta.dirname, '..', '..', 'examples', 'compose', 'compose.yaml');
const { natsgate } = (parse(readFileSync(file, 'utf8')) as { services: { natsgate: Service } }).services;

test('compose: the variables are a configuration, and a stop leaves time for its drain', async () => {
  const loaded = await loadConfig({ flags: {}, env: natsgate.environment });
  assert.ok(loaded.ok, JSON.stringify(loaded));
  assert.deepEqual(loaded.warnings, []);
  const { delayMs, timeoutMs, budgetMs } = loaded.config.drain;
  const graceMs = Number.parseInt(natsgate.stop_grace_period, 10) * 1000;
  assert.ok(delayMs + timeoutMs <= budgetMs && budgetMs + 5000 <= graceMs);
});

test('compose: the health check is 0 while the gateway is ready, and 1 when it is not or is gone', async () => {
  const [kind, , flag = '', program = ''] = natsgate.healthcheck.test;
  assert.equal(kind, 'CMD');
  const asked = (port: number): Promise<number> =>
    new Promise((resolve) => {
      const text = program.replace('8081', String(port));
      execFile(process.execPath, [flag, text], { timeout: 20_000 }, (error) =>
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

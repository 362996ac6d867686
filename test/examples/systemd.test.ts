import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { loadConfig } from '../../src/config/load.ts';
import { findOnPath, run } from '../../src/dev/executables.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const unit = await readFile(
  join(import.meta.dirname, '..', '..', 'examples', 'systemd', 'natsgate.service'),
  'utf8',
);
const setting = (key: string): string => new RegExp(`^${key}=(.*)$`, 'm').exec(unit)?.[1] ?? '';

test('systemd: a stop leaves time for the drain of its configuration', async () => {
  const [name = '', value = ''] = setting('Environment').split('=');
  const env = { [name]: value };
  const flags = { upstream: ['nats://nats:4222'], origin: ['https://app.example.com'] };
  const loaded = await loadConfig({ flags, env });
  assert.ok(loaded.ok);
  const { delayMs, timeoutMs, budgetMs } = loaded.config.drain;
  assert.ok(delayMs + timeoutMs <= budgetMs && budgetMs + 5000 <= Number(setting('TimeoutStopSec')) * 1000);
});

test('systemd: systemd-analyze finds no fault, and its score is what docs/systemd.md says', async () => {
  const [analyze] = await findOnPath('systemd-analyze', process.env);
  // Only where there is systemd: it is no part of what the tests bring.
  if (analyze === undefined) return;
  await using folder = await temporaryFolder();
  const file = join(folder.path, 'natsgate.service');
  await writeFile(file, unit.replaceAll('/opt/natsgate/bin/node', process.execPath));
  const limits = { timeoutMs: 30_000, env: { ...process.env, LC_ALL: 'C', TERM: 'dumb' } };
  await run(analyze, ['verify', '--man=no', file], limits);
  const score = await run(analyze, ['security', '--offline=true', '--no-pager', file], limits);
  const [, level = '11'] = /Overall exposure level for natsgate\.service: ([\d.]+)/.exec(score) ?? [];
  assert.ok(Number(level) <= 1.3, level);
});

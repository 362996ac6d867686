import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { CHART, helm, renderText, sha256 } from '../support/helm.ts';
import { CASES, type Case } from './cases.ts';

/**
 * What each case renders, notes included, as a file to review. After a change that is meant:
 * UPDATE_SNAPSHOTS=1 npm run node -- --test test/helm/snapshot.test.ts, and look at the difference.
 */
const SNAPSHOTS = join(import.meta.dirname, 'snapshots');
const UPDATE = process.env['UPDATE_SNAPSHOTS'] === '1';
const KUBE_VERSION = ['--kube-version', '1.33.0'];

for (const one of CASES) {
  test(`${one.name}: the render is the reviewed one`, async () => {
    const file = join(SNAPSHOTS, `${one.name}.yaml`);
    const text = await everything(one);
    if (UPDATE) writeFileSync(file, text);
    assert.ok(existsSync(file), `no snapshot of ${one.name}`);
    assert.equal(text, readFileSync(file, 'utf8'));
  });
}

test('the same values give the same bytes', async () => {
  const args = ['-f', join(CHART, 'ci', 'extension-values.yaml'), ...KUBE_VERSION];
  assert.equal(await renderText(...args), await renderText(...args));
});

/** Manifests and notes. A dashboard is one long line: its digest is enough, dashboard.test.ts looks inside. */
async function everything({ args }: Case): Promise<string> {
  const manifests = await renderText(...args, ...KUBE_VERSION);
  const installed = await helm('install', 'rel', CHART, '--namespace', 'edge', '--dry-run=client', ...args);
  assert.equal(installed.code, 0, installed.stderr);
  const notes = installed.stdout.slice(installed.stdout.indexOf('\nNOTES:'));
  const text = `${manifests}---\n${notes}`.replaceAll(/^( {2}natsgate\.json: )(.*)$/gm, (_, key, json) => {
    return `${key}${sha256(json)}`;
  });
  return text.replaceAll(/[ \t]+$/gm, '');
}

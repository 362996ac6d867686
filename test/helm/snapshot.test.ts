import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { CHART, renderText } from '../support/helm.ts';
import { CASES } from './cases.ts';
import { everything, SNAPSHOTS } from './snapshots.ts';

/**
 * What each case renders, notes included, as a file to review. After a change that is meant:
 * UPDATE_SNAPSHOTS=1 npm run node -- --test test/helm/snapshot.test.ts, and look at the difference.
 */
const UPDATE = process.env['UPDATE_SNAPSHOTS'] === '1';

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
  const args = ['-f', join(CHART, 'ci', 'extension-values.yaml')];
  assert.equal(await renderText(...args), await renderText(...args));
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { load, REQUIRED } from './support.ts';

test('the budget comes by variable or flag as well, and wins over the file', async () => {
  const file = `${REQUIRED}drain: {timeout: 10s, budget: 1h}\n`;
  const env = { NATSGATE_DRAIN_BUDGET: '40s' };
  const byVariable = await load(file, { env });
  assert.deepEqual(byVariable.config?.drain, { delayMs: 5000, timeoutMs: 10_000, budgetMs: 40_000 });
  assert.deepEqual(byVariable.warnings, []);
  const byFlag = await load(file, { env, flags: { 'drain-budget': '20s' } });
  assert.equal(byFlag.config?.drain.budgetMs, 20_000);
  const wrong = await load(file, { env: { NATSGATE_DRAIN_BUDGET: '40' } });
  assert.deepEqual(wrong.problems, ['no_unit NATSGATE_DRAIN_BUDGET drain.budget']);
});

test('a drain that the budget will shorten, and one that closes all at once, are warned about', async () => {
  const env = { NATSGATE_DRAIN_BUDGET: '30s' };
  const own = await load(`${REQUIRED}drain: {timeout: 5m}\n`, { env });
  assert.deepEqual(own.warnings, ['drain_over_budget 3:18 drain.timeout']);
  assert.match(own.text.join(), /305s.* 30s/);
  assert.deepEqual((await load(REQUIRED, { env })).warnings, [
    'drain_over_budget NATSGATE_DRAIN_BUDGET drain.budget',
  ]);
  const sudden = await load(`${REQUIRED}drain: {timeout: 2s}\n`);
  assert.deepEqual(sudden.warnings, ['drain_not_above_close 3:18 drain.timeout']);
  assert.deepEqual((await load(`${REQUIRED}drain: {timeout: 0s}\n`)).warnings, []);
});

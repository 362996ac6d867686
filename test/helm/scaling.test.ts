import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { parse, stringify } from 'yaml';
import { ADMIN_CONNECTIONS } from '../../src/admin/admin-server.ts';
import { makeBudget } from '../../src/budget.ts';
import { CHART, only, render, set } from '../support/helm.ts';
import { findPromtool } from '../support/promtool.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { exportedMetrics, metricsIn } from './exported-metrics.ts';

const ROOT = join(import.meta.dirname, '..', '..');

/** Three pods of two sizes: by number of sessions none of them looks full, by share of what it carries each is. */
const PODS = [
  { pod: 'a', active: 2960, limit: 3700 },
  { pod: 'b', active: 2960, limit: 3700 },
  { pod: 'c', active: 8000, limit: 10_000 },
];

const KEDA = { 'keda.enabled': true, 'keda.serverAddress': 'http://p', 'metrics.podMonitor.enabled': true };

/** What an expression says of the pods. */
async function value(expression: string, expected: readonly object[]): Promise<string> {
  await using folder = await temporaryFolder();
  const series = PODS.flatMap(({ pod, active, limit }) => {
    const labels = `{namespace="edge",job="edge/rel-natsgate",pod="${pod}",instance="${pod}:8081"}`;
    return [
      { series: `natsgate_connections_active${labels}`, values: String(active) },
      { series: `natsgate_connections_limit${labels}`, values: String(limit) },
      { series: `natsgate_connections_limit{namespace="other",pod="${pod}"}`, values: '1' },
    ];
  });
  const promql_expr_test = [{ expr: expression, eval_time: '0m', exp_samples: expected }];
  const file = join(folder.path, 'tests.yaml');
  await writeFile(file, stringify({ tests: [{ interval: '1m', input_series: series, promql_expr_test }] }));
  const run = promisify(execFile)(await findPromtool(), ['test', 'rules', file], { timeout: 300_000 });
  return await run.then(
    () => '',
    (error: { stdout: string; stderr: string }) => error.stdout + error.stderr,
  );
}

test('KEDA wants more pods by what pods carry, not by a number of sessions', async () => {
  const [trigger] = only(await render(...set(KEDA)), 'ScaledObject')['spec'].triggers;
  assert.equal(trigger.metadata.threshold, '0.65');
  const { query } = trigger.metadata;
  // Desired pods: 2.4 / 0.65, rounded up: 4 for the 3 that are there.
  assert.equal(await value(query, [{ labels: '{}', value: 2.4000000000000004 }]), '');
  const exported = await exportedMetrics();
  assert.deepEqual(
    metricsIn(query).filter((name) => !exported.has(name)),
    [],
  );
});

test('the adapter’s rule of the README serves the metric that the autoscaler asks for', async () => {
  const [, block = ''] =
    /```yaml\n(rules:\n[^`]*)```/.exec(readFileSync(join(CHART, 'README.md'), 'utf8')) ?? [];
  const [rule] = (
    parse(block) as { rules: { name: { as: string }; seriesQuery: string; metricsQuery: string }[] }
  ).rules;
  const [metric] = only(await render(...set({ 'autoscaling.enabled': true })), 'HorizontalPodAutoscaler')[
    'spec'
  ].metrics;
  assert.deepEqual([metric.pods.metric.name, metric.pods.target.averageValue], [rule?.name.as, '650m']);
  const filled = (rule?.metricsQuery ?? '')
    .replaceAll('<<.Series>>', 'natsgate_connections_active')
    .replaceAll('<<.LabelMatchers>>', 'namespace="edge",pod=~"a|c"')
    .replaceAll('<<.GroupBy>>', 'pod');
  const said = await value(filled, [
    { labels: '{pod="a"}', value: 0.8 },
    { labels: '{pod="c"}', value: 0.8 },
  ]);
  assert.equal(said, '');
});

test('a target of one’s own takes the place of the share', async () => {
  const own = { 'autoscaling.sessions': { metric: 'mine', averageValue: '2600' } };
  const [metric] = only(
    await render(...set({ 'autoscaling.enabled': true, ...own })),
    'HorizontalPodAutoscaler',
  )['spec'].metrics;
  assert.deepEqual([metric.pods.metric.name, metric.pods.target.averageValue], ['mine', '2600']);
  const [trigger] = only(
    await render(...set({ ...KEDA, ...own, 'keda.query': 'sum(mine)' })),
    'ScaledObject',
  )['spec'].triggers;
  assert.deepEqual([trigger.metadata.query, trigger.metadata.threshold], ['sum(mine)', '2600']);
});

/** Sessions of a process with so much memory and enough descriptors. */
const carried = (mebibytes: number, tls: boolean): number =>
  makeBudget({
    configuredSessions: undefined,
    descriptors: 1_048_576,
    memoryBytes: mebibytes * 2 ** 20,
    adminConnections: ADMIN_CONNECTIONS,
    shape: { tls, upstreamTls: false, inspected: false, ringBytes: 0, compressedSessions: 0 },
    headBytes: 8192,
  }).sessions;

test('what the documents say of memory and sessions is what the gateway will do, within a tenth', () => {
  const said: (readonly [where: string, mebibytes: number, tls: boolean, sessions: number])[] = [];
  const add = (where: string, memory: string, tls: boolean, sessions: string): void => {
    const [, amount, unit] = /^(\d+) ?(M|G)iB?$/.exec(memory) ?? [];
    said.push([where, Number(amount) * (unit === 'G' ? 1024 : 1), tls, Number(sessions.replace(',', ''))]);
  };
  const text = (file: string): string => readFileSync(join(ROOT, file), 'utf8');
  for (const [, memory = '', clear = '', tls = ''] of text('helm/natsgate/README.md').matchAll(
    /^\| (\d+[MG]i) \| ([\d,]+) \| ([\d,]+) \|$/gm,
  )) {
    add('README', memory, false, clear);
    add('README', memory, true, tls);
  }
  const overlays = 'helm/overlays/nats-sidecar';
  for (const file of [
    `${overlays}/values.yaml`,
    `${overlays}/native.yaml`,
    'examples/sidecar/sidecar.yaml',
  ]) {
    const [, few = '', small = '', many = '', large = ''] =
      /TLS about ([\d,]+) in (\w+), ([\d,]+) in (\w+)\./.exec(text(file)) ?? [];
    add(file, small, true, few);
    add(file, large, true, many);
  }
  assert.equal(said.length, 12);
  for (const [where, mebibytes, tls, sessions] of said) {
    const real = carried(mebibytes, tls);
    assert.ok(Math.abs(real - sessions) <= real / 10, `${where}: ${mebibytes} MiB, ${sessions}, is ${real}`);
  }
});

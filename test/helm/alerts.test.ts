import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { stringify } from 'yaml';
import { CHART, type Manifest, only, render, set } from '../support/helm.ts';
import { findPromtool } from '../support/promtool.ts';
import { type TemporaryFolder, temporaryFolder } from '../support/temporary-folder.ts';
import { ALERT_CASES, type Series } from './alert-cases.ts';
import { exportedMetrics, metricsIn } from './exported-metrics.ts';

type Rule = {
  readonly record?: string;
  readonly alert?: string;
  readonly expr: string;
  readonly for?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
};

const RUNBOOKS = join(import.meta.dirname, '..', '..', 'docs', 'runbooks');
const MATCHERS = 'namespace="edge",job="rel-natsgate-metrics"';
const run = promisify(execFile);

let folder: TemporaryFolder;
let rules: Rule[];
const alerts = (): Rule[] => rules.filter(({ alert }) => alert !== undefined);

const rule = async (values: object): Promise<Manifest> =>
  only(
    await render(
      ...set({ 'prometheusRule.enabled': true, 'metrics.serviceMonitor.enabled': true, ...values }),
    ),
    'PrometheusRule',
  );
const rulesOf = (object: Manifest): Rule[] =>
  object['spec'].groups.flatMap((group: { rules: Rule[] }) => group.rules);

before(async () => {
  folder = await temporaryFolder();
  const object = await rule({});
  rules = rulesOf(object);
  await writeFile(join(folder.path, 'rules.yaml'), stringify({ groups: object['spec'].groups }));
});
after(() => folder[Symbol.asyncDispose]());

const promtool = async (...args: string[]): Promise<string> => {
  const { stdout, stderr } = await run(await findPromtool(), args, {
    cwd: folder.path,
    timeout: 120_000,
  }).catch((error: { stdout: string; stderr: string }) => error);
  return `${stdout}${stderr}`;
};

test('promtool check rules finds nothing', async () => {
  const said = await promtool('check', 'rules', 'rules.yaml');
  assert.match(said, /SUCCESS: \d+ rules found/);
  assert.doesNotMatch(said, /FAILED|error/i);
});

test('every alert has a case that fires and one that does not, and nothing is left over', () => {
  assert.deepEqual(
    alerts()
      .map(({ alert }) => alert)
      .toSorted(),
    Object.keys(ALERT_CASES).toSorted(),
  );
  assert.ok(alerts().length >= 20);
});

test('every alert fires when it should, and is silent when it should be', { timeout: 180_000 }, async () => {
  const tests = Object.entries(ALERT_CASES).flatMap(([alert, { at, firing, silent }]) => [
    unit(alert, firing, at, 1),
    unit(alert, silent, at, 0),
  ]);
  const text = stringify({ rule_files: ['rules.yaml'], evaluation_interval: '1m', tests });
  await writeFile(join(folder.path, 'tests.yaml'), text);
  assert.match(await promtool('test', 'rules', 'tests.yaml'), /^\s*SUCCESS/m);
});

test('those cases can fail', { timeout: 60_000 }, async () => {
  const { at, firing, silent } = ALERT_CASES['NatsgateFdNearLimit'] as (typeof ALERT_CASES)[string];
  for (const wrong of [
    unit('NatsgateFdNearLimit', firing, at, 0),
    unit('NatsgateFdNearLimit', silent, at, 1),
  ]) {
    await writeFile(
      join(folder.path, 'wrong.yaml'),
      stringify({ rule_files: ['rules.yaml'], evaluation_interval: '1m', tests: [wrong] }),
    );
    assert.match(await promtool('test', 'rules', 'wrong.yaml'), /FAILED/);
  }
});

test('the expressions name only metrics that the gateway exports', async () => {
  const exported = await exportedMetrics();
  const recorded = new Set(rules.flatMap(({ record }) => (record === undefined ? [] : [record])));
  for (const { expr, alert, record } of rules) {
    const named = metricsIn(expr);
    assert.ok(named.length > 0 || /container_|kube_|process_|scrape_|up\{/.test(expr), expr);
    assert.deepEqual(
      named.filter((name) => !exported.has(name) && !recorded.has(name)),
      [],
      alert ?? record ?? expr,
    );
  }
});

test('every alert says how bad it is, what it means and where its page is; every page has an alert', async () => {
  for (const { alert = '', labels, annotations } of alerts()) {
    assert.match(labels?.['severity'] ?? '', /^(page|ticket)$/, alert);
    assert.ok(
      (annotations?.['summary'] ?? '').length > 10 && (annotations?.['description'] ?? '').length > 20,
      alert,
    );
    assert.equal(annotations?.['runbook_url'], `docs/runbooks/${alert}.md`);
    const page = readFileSync(join(RUNBOOKS, `${alert}.md`), 'utf8');
    for (const part of [`# ${alert}`, '**What it says.**', '**What users notice.**', '## Look', '## Do'])
      assert.ok(page.includes(part), `${alert}: ${part}`);
  }
  const pages = readdirSync(RUNBOOKS)
    .filter((file) => file !== 'README.md')
    .map((file) => file.slice(0, -3));
  assert.deepEqual(
    pages.toSorted(),
    alerts()
      .map(({ alert }) => alert)
      .toSorted(),
  );
  const index = readFileSync(join(RUNBOOKS, 'README.md'), 'utf8');
  for (const page of pages) assert.ok(index.includes(`[${page}](${page}.md)`), page);
});

test('links of the runbooks lead somewhere', () => {
  for (const file of readdirSync(RUNBOOKS)) {
    for (const [, target = ''] of readFileSync(join(RUNBOOKS, file), 'utf8').matchAll(
      /\]\((?!https?:)([^)#]+)/g,
    ))
      assert.ok(existsSync(join(RUNBOOKS, target)), `${file}: ${target}`);
  }
});

test('single alerts can be left out, thresholds and labels set', async () => {
  const changed = rulesOf(
    await rule({
      'prometheusRule.disabled': ['NatsgateDown'],
      'prometheusRule.thresholds.saturation': 0.5,
      'prometheusRule.alertLabels': { team: 'edge', severity: 'mine' },
      'prometheusRule.runbookBaseUrl': 'https://runbooks.example.com',
    }),
  );
  assert.equal(changed.length, rules.length - 1);
  assert.ok(!changed.some(({ alert }) => alert === 'NatsgateDown'));
  const saturation = changed.find(({ alert }) => alert === 'NatsgateConnectionSaturation');
  assert.match(saturation?.expr ?? '', /> 0\.5$/);
  assert.deepEqual(saturation?.labels, { severity: 'ticket', team: 'edge' });
  assert.equal(
    saturation?.annotations?.['runbook_url'],
    'https://runbooks.example.com/NatsgateConnectionSaturation.md',
  );
});

test('every threshold of the values is used, and nothing is left unfilled', () => {
  const texts = readdirSync(join(CHART, 'files', 'rules')).map((file) =>
    readFileSync(join(CHART, 'files', 'rules', file), 'utf8'),
  );
  const used = new Set(texts.flatMap((text) => [...text.matchAll(/\[\[(\w+)\]\]/g)].map(([, name]) => name)));
  const { properties } = JSON.parse(readFileSync(join(CHART, 'values.schema.json'), 'utf8')).properties
    .prometheusRule.properties.thresholds;
  assert.deepEqual(
    [...used].toSorted(),
    [...Object.keys(properties), 'pods', 'release', 'series'].toSorted(),
  );
  assert.doesNotMatch(JSON.stringify(rules), /\[\[/);
});

/** A unit test of promtool: after `at` minutes the alert fires so many times. */
function unit(alert: string, series: Series, at: number, times: number): object {
  return {
    interval: '1m',
    input_series: Object.entries(series).map(([name, values]) => ({
      series: name.replace('{S', `{${MATCHERS}`),
      values,
    })),
    promql_expr_test: [
      {
        expr: `count(ALERTS{alertname="${alert}",alertstate="firing"})`,
        eval_time: `${at}m`,
        exp_samples: times === 0 ? [] : [{ labels: '{}', value: times }],
      },
    ],
  };
}

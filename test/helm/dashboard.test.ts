import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { stringify } from 'yaml';
import { CHART, helm, manifests, only, render, set } from '../support/helm.ts';
import { findPromtool } from '../support/promtool.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { exportedMetrics, metricsIn, unknownValues } from './exported-metrics.ts';

type Target = {
  readonly refId: string;
  readonly expr: string;
  readonly legendFormat: string;
  readonly datasource: { readonly uid: string };
  readonly instant?: boolean;
};
type Panel = {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly description?: string;
  readonly collapsed?: boolean;
  readonly panels?: readonly Panel[];
  readonly datasource?: { readonly uid: string };
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly fieldConfig?: { readonly defaults: { readonly unit: string } };
  readonly targets?: readonly Target[];
};
type Variable = {
  readonly name: string;
  readonly label: string;
  readonly type: string;
  readonly refresh: number;
  readonly multi?: boolean;
  readonly allValue?: string;
  readonly query: string | { readonly query: string };
  readonly datasource?: { readonly uid: string };
  readonly current: { readonly text?: string; readonly value?: string };
};
type Dashboard = {
  readonly uid: string;
  readonly title: string;
  readonly editable: boolean;
  readonly schemaVersion: number;
  readonly panels: readonly Panel[];
  readonly templating: { readonly list: readonly Variable[] };
};

const TEXT = readFileSync(join(CHART, 'files', 'dashboards', 'natsgate.json'), 'utf8');
const dashboard = JSON.parse(TEXT) as Dashboard;
const rows = dashboard.panels.filter(({ type }) => type === 'row');
/** Collapsed rows hold theirs. */
const all = dashboard.panels.flatMap((panel) => [panel, ...(panel.panels ?? [])]);
const panels = all.filter(({ type }) => type !== 'row');
const targets = panels.flatMap((panel) => (panel.targets ?? []).map((target) => ({ panel, target })));
const variables = new Map(dashboard.templating.list.map((one) => [one.name, one]));
const UNITS = new Set(['short', 'percentunit', 'ops', 'Bps', 's', 'bytes', 'd']);
const COUNTER = /\b(natsgate_\w+_total|process_cpu_seconds_total|\w+_(?:bucket|sum|count))\b/g;

test('the dashboard as a whole', () => {
  assert.equal(dashboard.editable, false);
  assert.ok(dashboard.schemaVersion >= 36);
  assert.match(dashboard.uid, /^[a-z0-9-]{1,40}$/);
  assert.deepEqual(
    rows.map(({ title, collapsed }) => [title, collapsed]),
    [
      ['Overview', false],
      ['Service level', false],
      ['Handshakes', false],
      ['Limits', true],
      ['Login', true],
      ['Policy and rates', true],
      ['Sessions', true],
      ['Routes', true],
      ['Traffic', true],
      ['Backpressure', true],
      ['Upstream', true],
      ['Runtime', true],
      ['Lifecycle', true],
    ],
  );
  for (const { collapsed, panels: own, title } of rows)
    assert.equal((own ?? []).length > 0, collapsed, title);
});

test('the variables are what dashboard-linter asks for', () => {
  assert.deepEqual(
    dashboard.templating.list.map(({ name, label, type }) => `${name} ${type} ${label}`),
    [
      'datasource datasource Data source',
      'cluster query Cluster',
      'namespace query Namespace',
      'job query Job',
      'instance query Instance',
      'budget constant Error budget',
    ],
  );
  for (const { name, type, refresh, multi, datasource, query } of dashboard.templating.list) {
    if (type !== 'query') continue;
    assert.equal(refresh, 2, `${name} does not follow the time range`);
    assert.equal(multi, true, name);
    assert.equal(datasource?.uid, '$datasource', name);
    assert.match(
      typeof query === 'string' ? query : query.query,
      /^label_values\(natsgate_build_info.*, \w+\)$/,
    );
  }
  for (const name of ['job', 'instance']) assert.equal(variables.get(name)?.allValue, '.+');
  // Series of a Prometheus by itself have no cluster, and those of a plain scrape no namespace.
  for (const name of ['cluster', 'namespace']) assert.equal(variables.get(name)?.allValue, '.*');
});

test('every panel has a title, a description, a unit and a place of its own', () => {
  assert.ok(panels.length >= 50, `${panels.length} panels`);
  const ids = all.map(({ id }) => id);
  assert.equal(new Set(ids).size, ids.length);
  assert.equal(new Set(panels.map(({ title }) => title)).size, panels.length);
  for (const { title, description, datasource, fieldConfig, targets: own } of panels) {
    assert.ok(title.length > 2 && (description ?? '').length > 5, title);
    assert.ok(UNITS.has(fieldConfig?.defaults.unit ?? ''), `${title}: unit`);
    assert.equal(datasource?.uid, '$datasource', title);
    assert.ok((own ?? []).length > 0, title);
  }
  // A collapsed row takes one line, and what it holds begins below it when it is opened.
  for (const shown of [
    dashboard.panels,
    ...rows.filter(({ collapsed }) => collapsed).map((row) => [row, ...(row.panels ?? [])]),
  ]) {
    const taken = new Set<string>();
    for (const { title, gridPos } of shown) {
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++) {
        assert.ok(x < 24, title);
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
          assert.ok(!taken.has(`${x} ${y}`), `${title} lies on another panel`);
          taken.add(`${x} ${y}`);
        }
      }
    }
  }
});

test('legends speak of pods, as the runbooks do', () => {
  assert.ok(targets.some(({ target }) => target.legendFormat.includes('{{pod}}')));
  assert.doesNotMatch(TEXT, /\{\{instance\}\}/);
});

test('every query follows the variables and the time range', () => {
  for (const { panel, target } of targets) {
    const { expr } = target;
    assert.equal(target.datasource.uid, '$datasource');
    const selectors = [...expr.matchAll(/[a-z]\w*(?:_\w+|:\w+)*\{([^}]*)\}/g)].map(
      ([, matchers = '']) => matchers,
    );
    assert.ok(selectors.length > 0, `${panel.title}: no selector`);
    for (const matchers of selectors) {
      for (const name of ['cluster', 'namespace', 'job'])
        assert.ok(matchers.includes(`${name}=~"$${name}"`), `${panel.title}: ${matchers}`);
      // A record of the SLO is a sum over instances.
      if (!expr.includes('natsgate:')) assert.match(matchers, /instance=~"\$instance"/, panel.title);
    }
    for (const [, name = ''] of expr.matchAll(COUNTER)) {
      const inside = new RegExp(`(rate|increase)\\(${name}\\{[^}]*\\}\\[(\\$__rate_interval|30d)\\]\\)`);
      assert.match(expr, inside, `${panel.title}: ${name}`);
    }
    for (const [, metric = ''] of expr.matchAll(/(?:rate|increase)\((\w+)/g))
      assert.match(metric, /_(total|bucket|sum|count)$/, `${panel.title}: ${metric} is no counter`);
    for (const [, call, range] of expr.matchAll(/(\w+)\([^()]*\}\[([^\]]+)\]/g)) {
      if (range === '$__rate_interval') continue;
      // 30 days for each point of a curve would be more than a Prometheus likes.
      assert.deepEqual([call, range, target.instant], ['increase', '30d', true], panel.title);
    }
  }
});

test('the budget is that of the release, and all that fails in 30 days counts, at whatever hour', async () => {
  const [budget] = panels.find(({ title }) => title === 'Budget left')?.targets ?? [];
  assert.match(
    budget?.expr ?? '',
    /^1 - sum by .*increase\(.*\[30d\]\)\) \/ \(sum by .*increase\(.*\[30d\]\)\) > 0\) \/ \$budget$/,
  );
  assert.doesNotMatch(targets.map(({ target }) => target.expr).join('\n'), /0\.001/);
  for (const errorBudget of [0.001, 0.0005, 0.00001]) {
    const { templating } = await carried({ 'prometheusRule.thresholds.errorBudget': errorBudget });
    const { query, current } = templating.list.find(({ name }) => name === 'budget') as Variable;
    assert.deepEqual([query, current.value, current.text].map(Number), [
      errorBudget,
      errorBudget,
      errorBudget,
    ]);
  }
});

test('two releases have two dashboards in one Grafana', async () => {
  const released = await Promise.all(
    [
      ['rel', 'edge'],
      ['other', 'edge'],
      ['rel', 'far'],
    ].map(async ([release = '', namespace = '']) => {
      const args = [
        '-n',
        namespace,
        ...set({ 'dashboard.enabled': true }),
        '-s',
        'templates/dashboard-configmap.yaml',
      ];
      const { code, stdout, stderr } = await helm('template', release, CHART, ...args);
      assert.equal(code, 0, stderr);
      const [[file = '', text = ''] = []] = Object.entries<string>(
        only(manifests(stdout), 'ConfigMap')['data'],
      );
      return { file, ...(JSON.parse(text) as Dashboard) };
    }),
  );
  for (const key of ['file', 'uid', 'title'] as const)
    assert.equal(new Set(released.map((one) => one[key])).size, released.length, key);
  for (const { file, uid } of released) {
    assert.match(file, /^[-._a-zA-Z0-9]+\.json$/);
    assert.match(uid, /^[a-z0-9-]{1,40}$/);
  }
});

test('every query names what the gateway exports', async () => {
  const exported = await exportedMetrics();
  const records = new Set(
    [...readFileSync(join(CHART, 'files', 'rules', 'recording.yaml'), 'utf8').matchAll(/record: (\S+)/g)].map(
      ([, name]) => name,
    ),
  );
  for (const { panel, target } of targets) {
    const names = [
      ...metricsIn(target.expr),
      ...[...target.expr.matchAll(/\b((?:process|nodejs)_\w+)\{/g)].map(([, name = '']) => name),
    ];
    assert.ok(names.length > 0, panel.title);
    assert.deepEqual(
      names.filter((name) => !exported.has(name) && !records.has(name)),
      [],
      panel.title,
    );
    assert.deepEqual(unknownValues(target.expr, exported), [], panel.title);
  }
});

test('every query is PromQL', async () => {
  await using folder = await temporaryFolder();
  const rules = targets.map(({ target }, index) => ({
    record: `query:number${index}:value`,
    expr: target.expr
      .replaceAll('$__rate_interval', '5m')
      .replaceAll('$budget', '0.001')
      .replaceAll(/\$\w+/g, '.*'),
  }));
  const file = join(folder.path, 'queries.yaml');
  await writeFile(file, stringify({ groups: [{ name: 'queries', rules }] }));
  const { stdout } = await promisify(execFile)(await findPromtool(), ['check', 'rules', file]);
  assert.match(stdout, new RegExp(`SUCCESS: ${targets.length} rules found`));
});

test('ConfigMap and GrafanaDashboard carry it past the templates, with uid, title and budget of the release', async () => {
  const map = only(
    await render(...set({ 'dashboard.enabled': true })),
    'ConfigMap',
    'rel-natsgate-dashboard',
  );
  const text: string = map['data']['natsgate_edge_rel-natsgate.json'];
  const { uid, title } = JSON.parse(text) as Dashboard;
  assert.equal(text.replace(uid, 'natsgate').replace(title, 'natsgate'), TEXT);
  const operated = await render(
    ...set({
      'dashboard.grafanaOperator': { enabled: true, instanceSelector: { matchLabels: { a: 'b' } } },
    }),
  );
  assert.equal(only(operated, 'GrafanaDashboard')['spec'].json, text);
  assert.ok(
    operated.every(
      ({ metadata }) =>
        metadata.name !== 'rel-natsgate-dashboard' || metadata.labels?.['grafana_dashboard'] === undefined,
    ),
  );
  assert.match(TEXT, /\{\{pod\}\}/);
  assert.equal(map.metadata.labels?.['grafana_dashboard'], '1');
});

/** The dashboard that a release with these values carries. */
async function carried(values: object): Promise<Dashboard> {
  const objects = await render(...set({ 'dashboard.enabled': true, ...values }));
  return JSON.parse(
    only(objects, 'ConfigMap', 'rel-natsgate-dashboard')['data']['natsgate_edge_rel-natsgate.json'],
  );
}

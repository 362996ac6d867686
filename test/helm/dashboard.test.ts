import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { stringify } from 'yaml';
import { CHART, only, render, set } from '../support/helm.ts';
import { findPromtool } from '../support/promtool.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { exportedMetrics, metricsIn } from './exported-metrics.ts';

type Target = {
  readonly refId: string;
  readonly expr: string;
  readonly datasource: { readonly uid: string };
};
type Panel = {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly description?: string;
  readonly datasource?: { readonly uid: string };
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly fieldConfig?: { readonly defaults: { readonly unit: string } };
  readonly targets?: readonly Target[];
};
type Variable = {
  readonly name: string;
  readonly type: string;
  readonly refresh: number;
  readonly query: unknown;
};

const TEXT = readFileSync(join(CHART, 'files', 'dashboards', 'natsgate.json'), 'utf8');
const dashboard = JSON.parse(TEXT) as {
  readonly uid: string;
  readonly editable: boolean;
  readonly schemaVersion: number;
  readonly panels: readonly Panel[];
  readonly templating: { readonly list: readonly Variable[] };
};
const panels = dashboard.panels.filter(({ type }) => type !== 'row');
const targets = panels.flatMap((panel) => (panel.targets ?? []).map((target) => ({ panel, target })));
const UNITS = new Set(['short', 'percentunit', 'ops', 'Bps', 's', 'bytes', 'd']);
const COUNTER = /\b(natsgate_\w+_total|process_cpu_seconds_total|\w+_(?:bucket|sum|count))\b/g;

test('the dashboard as a whole', () => {
  assert.equal(dashboard.editable, false);
  assert.ok(dashboard.schemaVersion >= 36);
  assert.match(dashboard.uid, /^[a-z0-9-]{1,40}$/);
  const names = dashboard.templating.list.map(({ name }) => name);
  assert.deepEqual(names, ['datasource', 'cluster', 'namespace', 'job', 'instance']);
  for (const { name, type, refresh } of dashboard.templating.list) {
    assert.equal(type, name === 'datasource' ? 'datasource' : 'query');
    if (type === 'query') assert.equal(refresh, 2, `${name} does not follow the time range`);
  }
  const rows = dashboard.panels.filter(({ type }) => type === 'row').map(({ title }) => title);
  assert.deepEqual(rows, [
    'Overview',
    'Handshakes',
    'Sessions',
    'Traffic',
    'Backpressure',
    'Upstream',
    'Runtime',
    'Service level',
    'Lifecycle',
  ]);
});

test('every panel has a title, a description, a unit and a place of its own', () => {
  assert.ok(panels.length >= 35, `${panels.length} panels`);
  const ids = dashboard.panels.map(({ id }) => id);
  assert.equal(new Set(ids).size, ids.length);
  const taken = new Set<string>();
  for (const { title, description, datasource, fieldConfig, gridPos, targets: own } of panels) {
    assert.ok(title.length > 2 && (description ?? '').length > 5, title);
    assert.ok(UNITS.has(fieldConfig?.defaults.unit ?? ''), `${title}: unit`);
    assert.equal(datasource?.uid, '$datasource', title);
    assert.ok((own ?? []).length > 0, title);
    for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++) {
      assert.ok(x < 24, title);
      for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
        assert.ok(!taken.has(`${x} ${y}`), `${title} lies on another panel`);
        taken.add(`${x} ${y}`);
      }
    }
  }
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
      assert.match(matchers, /job=~"\$job"/, `${panel.title}: ${matchers}`);
      // A record of the SLO is a sum over instances.
      if (!expr.includes('natsgate:')) assert.match(matchers, /instance=~"\$instance"/, panel.title);
    }
    for (const [, name = ''] of expr.matchAll(COUNTER)) {
      const inside = new RegExp(`(rate|increase)\\(${name}\\{[^}]*\\}\\[\\$__rate_interval\\]\\)`);
      assert.match(expr, inside, `${panel.title}: ${name}`);
    }
    for (const [, metric = ''] of expr.matchAll(/(?:rate|increase)\((\w+)/g))
      assert.match(metric, /_(total|bucket|sum|count)$/, `${panel.title}: ${metric} is no counter`);
    for (const [, range] of expr.matchAll(/\}\[([^\]]+)\]/g))
      assert.match(range ?? '', /^(\$__rate_interval|30d)$/);
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
  }
});

test('every query is PromQL', async () => {
  await using folder = await temporaryFolder();
  const rules = targets.map(({ target }, index) => ({
    record: `query:number${index}:value`,
    expr: target.expr.replaceAll('$__rate_interval', '5m').replaceAll(/\$\w+/g, '.*'),
  }));
  const file = join(folder.path, 'queries.yaml');
  await writeFile(file, stringify({ groups: [{ name: 'queries', rules }] }));
  const { stdout } = await promisify(execFile)(await findPromtool(), ['check', 'rules', file]);
  assert.match(stdout, new RegExp(`SUCCESS: ${targets.length} rules found`));
});

test('ConfigMap and GrafanaDashboard carry it byte for byte, past the templates', async () => {
  const map = only(
    await render(...set({ 'dashboard.enabled': true })),
    'ConfigMap',
    'rel-natsgate-dashboard',
  );
  assert.equal(map['data']['natsgate.json'], TEXT);
  const operated = await render(
    ...set({
      'dashboard.grafanaOperator': { enabled: true, instanceSelector: { matchLabels: { a: 'b' } } },
    }),
  );
  assert.equal(only(operated, 'GrafanaDashboard')['spec'].json, TEXT);
  assert.ok(
    operated.every(
      ({ metadata }) =>
        metadata.name !== 'rel-natsgate-dashboard' || metadata.labels?.['grafana_dashboard'] === undefined,
    ),
  );
  assert.match(TEXT, /\{\{instance\}\}/);
  assert.equal(map.metadata.labels?.['grafana_dashboard'], '1');
});

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { promisify } from 'node:util';
import { stringify } from 'yaml';
import { HANDSHAKE_OUTCOMES } from '../../src/handshake-outcome.ts';
import { CHART, helm, type Manifest, manifests, only, render, set } from '../support/helm.ts';
import { findPromtool } from '../support/promtool.ts';
import { type TemporaryFolder, temporaryFolder } from '../support/temporary-folder.ts';
import { ALERT_CASES, type Series } from './alert-cases.ts';
import { exportedMetrics, metricsIn, unknownValues } from './exported-metrics.ts';

type Rule = {
  readonly record?: string;
  readonly alert?: string;
  readonly expr: string;
  readonly for?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
};

const RUNBOOKS = join(import.meta.dirname, '..', '..', 'docs', 'runbooks');
const SIDECAR = join(CHART, '..', 'overlays', 'nats-sidecar', 'monitoring-values.yaml');
/** The rules of a Deployment and those of the sidecar, with what their series and their pods are called. */
const SHAPES = {
  deployment: {
    file: 'deployment.yaml',
    series: 'namespace="edge",job="rel-natsgate-metrics"',
    pod: 'namespace="edge",pod="rel-natsgate-7d9f5c8b4d-x2x9k",container="natsgate"',
  },
  sidecar: {
    file: 'sidecar.yaml',
    series: 'namespace="nats",job="nats/natsgate"',
    pod: 'namespace="nats",pod="nats-0",container="natsgate"',
  },
} as const;
type Shape = (typeof SHAPES)[keyof typeof SHAPES];
const run = promisify(execFile);

let folder: TemporaryFolder;
let rules: Rule[];
let sidecarRules: Rule[];
const shapeRules = (shape: Shape): Rule[] => (shape === SHAPES.sidecar ? sidecarRules : rules);
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
  const args = ['-n', 'nats', '-f', SIDECAR, '-s', 'templates/prometheusrule.yaml'];
  const { code, stdout, stderr } = await helm('template', 'nats', CHART, ...args);
  assert.equal(code, 0, stderr);
  const [sidecar] = manifests(stdout) as [Manifest];
  sidecarRules = rulesOf(sidecar);
  for (const [{ file }, one] of [
    [SHAPES.deployment, object],
    [SHAPES.sidecar, sidecar],
  ] as const)
    await writeFile(join(folder.path, file), stringify({ groups: one['spec'].groups }));
});
after(() => folder[Symbol.asyncDispose]());

const promtool = async (...args: string[]): Promise<string> => {
  const { stdout, stderr } = await run(await findPromtool(), args, {
    cwd: folder.path,
    timeout: 300_000,
    // Memory is there, and collections were a sixth of its time.
    env: { ...process.env, GOGC: '400' },
  }).catch((error: { stdout: string; stderr: string }) => error);
  return `${stdout}${stderr}`;
};

test('promtool check rules finds nothing', async () => {
  for (const { file } of Object.values(SHAPES)) {
    const said = await promtool('check', 'rules', file);
    assert.match(said, /SUCCESS: \d+ rules found/);
    assert.doesNotMatch(said, /FAILED|error/i);
  }
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

for (const [name, shape] of Object.entries(SHAPES)) {
  test(`${name}: every alert fires when it should, and is silent when it should be`, {
    timeout: 600_000,
  }, async () => {
    const tests = Object.entries(ALERT_CASES)
      .filter(([alert]) => shapeRules(shape).some((one) => one.alert === alert))
      .map(([alert, { at, firing, silent }]) => ({
        alert,
        tests: [
          ...firing.map((series) => unit(shape, alert, series, at, 1)),
          ...silent.map((series) => unit(shape, alert, series, at, 0)),
        ],
      }));
    assert.ok(tests.length >= 25);
    assert.match(await promtoolTest(shape, tests), /^\s*SUCCESS/m);
  });
}

test('those cases can fail', { timeout: 300_000 }, async () => {
  const alert = 'NatsgateFdNearLimit';
  const { at, firing, silent } = ALERT_CASES[alert] as (typeof ALERT_CASES)[string];
  for (const wrong of [
    unit(SHAPES.deployment, alert, firing[0] ?? {}, at, 0),
    unit(SHAPES.deployment, alert, silent[0] ?? {}, at, 1),
  ])
    assert.match(await promtoolTest(SHAPES.deployment, [{ alert, tests: [wrong] }]), /FAILED/);
});

test('an alert carries the labels by which namespaces and clusters route it', async () => {
  const up = 'up{namespace="edge",job="rel-natsgate-metrics"';
  const labels = 'namespace="edge",job="rel-natsgate-metrics",severity="page"';
  const cases: readonly (readonly [Series, string])[] = [
    [{ [`${up}}`]: '0x30' }, `{${labels}}`],
    // absent() has only what the matchers say.
    [{ 'up{job="another"}': '1x30' }, `{${labels}}`],
    [{ [`${up},cluster="a"}`]: '0x30', [`${up},cluster="b"}`]: '1x30' }, `{cluster="a",${labels}}`],
  ];
  const tests = cases.map(([series, expected]) => {
    const { promql_expr_test, ...one } = unit(SHAPES.deployment, 'NatsgateDown', series, 10, 1);
    return {
      ...one,
      promql_expr_test: promql_expr_test.map((query) => ({
        ...query,
        expr: 'count without (alertname, alertstate) (ALERTS{alertname="NatsgateDown",alertstate="firing"})',
        exp_samples: [{ labels: expected, value: 1 }],
      })),
    };
  });
  assert.match(await promtoolTest(SHAPES.deployment, [{ alert: 'NatsgateDown', tests }]), /^\s*SUCCESS/m);
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
    assert.deepEqual(unknownValues(expr, exported), [], alert ?? record ?? expr);
  }
});

test('the rules of the service level count every outcome that is no fault of clients, but draining, and no other', () => {
  const { expr = '' } = rules.find(({ record }) => record === 'natsgate:handshake_faults:ratio_rate5m') ?? {};
  const faults = new RegExp(`^(${/outcome=~"([^"]*)"/.exec(expr)?.[1]})$`);
  for (const [outcome, row] of Object.entries(HANDSHAKE_OUTCOMES))
    assert.equal(faults.test(outcome), row.class === 'server_fault' && outcome !== 'draining', outcome);
});

test('every alert says how bad it is, what it means and where its page is; every page has an alert', async () => {
  for (const { alert = '', labels, annotations } of alerts()) {
    assert.match(labels?.['severity'] ?? '', /^(page|ticket)$/, alert);
    assert.ok(
      (annotations?.['summary'] ?? '').length > 10 && (annotations?.['description'] ?? '').length > 20,
      alert,
    );
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
  for (const { alert = '', labels } of alerts())
    assert.ok(index.includes(`| [${alert}](${alert}.md) | ${labels?.['severity']} | `), alert);
});

test('no runbook takes it for granted that the pod is one of a Deployment, or asks for what Kubernetes retired', () => {
  for (const { alert = '' } of alerts()) {
    const page = readFileSync(join(RUNBOOKS, `${alert}.md`), 'utf8');
    assert.doesNotMatch(page, /deployment\/natsgate|app\.kubernetes\.io\/name=|get endpoints\b/, alert);
    if (/delete|restart the gateway|kubectl logs|add pods|add replicas/i.test(page))
      assert.match(page, /sidecar|#which-pods/, alert);
  }
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
      'prometheusRule.alertLabels': { team: 'edge' },
      'prometheusRule.severities': { page: 'critical', ticket: 'warning' },
      'prometheusRule.runbookBaseUrl': 'https://runbooks.example.com/',
    }),
  );
  assert.equal(changed.length, rules.length - 1);
  assert.ok(!changed.some(({ alert }) => alert === 'NatsgateDown'));
  const saturation = changed.find(({ alert }) => alert === 'NatsgateConnectionSaturation');
  assert.match(saturation?.expr ?? '', /> 0\.5$/);
  assert.deepEqual(saturation?.labels, { severity: 'warning', team: 'edge' });
  assert.equal(
    saturation?.annotations?.['runbook_url'],
    'https://runbooks.example.com/NatsgateConnectionSaturation.md',
  );
  const severities = changed.flatMap(({ labels }) => labels?.['severity'] ?? []);
  assert.deepEqual(new Set(severities), new Set(['critical', 'warning']));
});

test('a runbook_url is a URL, or is not there', async () => {
  for (const { alert = '', annotations } of [...alerts(), ...sidecarRules])
    assert.equal(annotations?.['runbook_url'], undefined, alert);
  const { code, stderr } = await helm(
    'template',
    CHART,
    ...set({ 'prometheusRule.runbookBaseUrl': 'docs/runbooks' }),
  );
  assert.notEqual(code, 0);
  assert.match(stderr, /at '\/prometheusRule\/runbookBaseUrl'/);
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
    [...Object.keys(properties), 'name', 'pods', 'release', 'series'].toSorted(),
  );
  assert.doesNotMatch(JSON.stringify(rules), /\[\[/);
});

/** A unit test of promtool: after `at` minutes the alert fires so many times. */
function unit(shape: Shape, alert: string, series: Series, at: number, times: number) {
  return {
    interval: '1m',
    input_series: Object.entries(series).map(([name, values]) => ({
      series: name.replace('{S', `{${shape.series}`).replace('{P', `{${shape.pod}`),
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

/** Runs tests of alerts, each with the records that its alert needs and no other rule: all of them take minutes. */
async function promtoolTest(
  shape: Shape,
  all: readonly { readonly alert: string; readonly tests: readonly object[] }[],
): Promise<string> {
  const files = all.map(async ({ alert, tests }) => {
    const groups = [{ name: 'needed', rules: neededFor(alert, shapeRules(shape)) }];
    await writeFile(join(folder.path, `${alert}.yaml`), stringify({ groups }));
    const file = `${alert}.test.yaml`;
    await writeFile(
      join(folder.path, file),
      stringify({ rule_files: [`${alert}.yaml`], evaluation_interval: '1m', tests }),
    );
    return file;
  });
  return promtool('test', 'rules', ...(await Promise.all(files)));
}

function neededFor(alert: string, all: readonly Rule[]): Rule[] {
  const wanted = new Set(all.filter((one) => one.alert === alert));
  for (const { expr } of wanted)
    for (const one of all)
      if (one.record !== undefined && metricsIn(expr).includes(one.record)) wanted.add(one);
  // Records come first, as in the groups of the chart.
  return all.filter((one) => wanted.has(one));
}

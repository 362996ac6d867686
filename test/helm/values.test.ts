import assert from 'node:assert/strict';
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { parse } from 'yaml';
import { dashboardText } from '../../scripts/chart/dashboard.ts';
import { factsText } from '../../scripts/chart/facts.ts';
import { KINDS } from '../../scripts/chart/kinds.ts';
import { gatewaySchema, isWhole, readmeText, valuesSchemaText } from '../../scripts/chart/schema.ts';
import { leaves, readValues, type ValueKey } from '../../scripts/chart/values.ts';
import { CHART, helm, set } from '../support/helm.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { CASES } from './cases.ts';

type Json = { readonly [key: string]: unknown };

const read = (file: string): string => readFileSync(join(CHART, file), 'utf8');
const keys = readValues(CHART);
const schema = JSON.parse(read('values.schema.json')) as Json;

test('schema, dashboard and README are what npm run build:schema writes', () => {
  assert.equal(read('values.schema.json'), valuesSchemaText(CHART));
  assert.equal(read('files/dashboards/natsgate.json'), dashboardText());
  assert.equal(read('files/gateway.json'), factsText());
  assert.equal(read('README.md'), readmeText(CHART, read('README.md')));
});

test('every key has its reason in a comment', () => {
  const all = leaves(keys, isWhole);
  assert.ok(all.length > 150, `${all.length} keys`);
  assert.deepEqual(
    all.filter(({ comment }) => comment.length < 5).map(({ path }) => path),
    [],
  );
});

test('every kind of value belongs to a key', () => {
  const paths = new Set(
    sections(keys)
      .concat(leaves(keys))
      .map(({ path }) => path),
  );
  assert.deepEqual(
    Object.keys(KINDS).filter((path) => !paths.has(path)),
    [],
  );
});

test('the schema holds the gateway’s own, and stays within draft-07', () => {
  assert.deepEqual((schema['definitions'] as Json)['config'], gatewaySchema());
  assert.match(String(schema['$schema']), /draft-07/);
  const newer =
    /"(\$defs|prefixItems|unevaluated\w+|dependent\w+|\$dynamic\w+|minContains|maxContains|\$anchor)":/;
  assert.doesNotMatch(read('values.schema.json'), newer);
});

test('a misspelt key is refused at every depth', async () => {
  // `global` belongs to the whole umbrella, and maps of names know no misspelling.
  const open =
    /(^|\.)(global|resources\.requests|resources\.limits|labels|annotations|(pod|common|alert|deployment)(Labels|Annotations)|extraEnv|topologySpread|nodeSelector)$/i;
  const places = [
    ...closedSections(),
    ...configSections('config', (schema['definitions'] as Json)['config'] as Json),
  ];
  const closed = places.filter((path) => !open.test(path));
  assert.ok(closed.length > 50, `${closed.length} sections`);
  const wrong = Object.fromEntries(
    ['misspelt', ...closed.map((path) => `${path}.misspelt`)].map((path) => [path, 1]),
  );
  const complaint = await complaintAbout(wrong);
  for (const path of closed) {
    const pointer = `/${path.replaceAll('.', '/')}'`;
    assert.ok(
      complaint.some((line) => line.includes(`at '${pointer}`) && line.includes("'misspelt' not allowed")),
      path,
    );
  }
  assert.ok(complaint.some((line) => line.includes("at '': additional properties 'misspelt'")));
});

test('a value of the wrong kind is refused at every key', async () => {
  const all = leaves(keys, isWhole).map(({ path }) => path);
  const wrong = Object.fromEntries(all.filter(isSettable).map((path) => [path, [[1]]]));
  const complaint = await complaintAbout(wrong);
  for (const path of Object.keys(wrong)) {
    const pointer = `/${path.replaceAll('.', '/')}`;
    assert.ok(
      complaint.some((line) => line.includes(`at '${pointer}'`) || line.includes(`at '${pointer}/`)),
      path,
    );
  }
});

test('values that look right and are not', async () => {
  const wrong: Json = {
    'image.digest': 'sha256:abc',
    'image.tag': 'latest',
    'image.pullPolicy': 'always',
    'ports.public': 80,
    replicaCount: -1,
    heapPercentage: 5,
    'service.type': 'ExternalName',
    'service.port': 0,
    'autoscaling.minReplicas': 0,
    'keda.minReplicaCount': 0,
    'ingress.hosts': ['https://gw.example.com'],
    'httpRoute.hostnames': ['gw.example.com/path'],
    'certificate.duration': '90d',
    'metrics.podMonitor.interval': '30',
    'prometheusRule.thresholds.saturation': 1.2,
    'extraEnv.A': { value: 'x' },
    'config.timeouts.ping': '25',
    'config.log.level': 'loud',
    'networkPolicy.upstream': [{ to: [] }],
  };
  const complaint = await complaintAbout(wrong);
  for (const path of Object.keys(wrong))
    assert.ok(
      complaint.some((line) => line.includes(`at '/${path.replaceAll('.', '/')}`)),
      path,
    );
});

test('every switch of the values is turned in some file of ci/', () => {
  const all = leaves(keys, isWhole).filter(({ path }) => path !== 'config');
  const turned = CASES.flatMap(({ args }) =>
    args[1] === undefined ? [] : [parse(readFileSync(args[1], 'utf8'))],
  );
  const untouched = all
    .map(({ path }) => path)
    .filter((path) => !turned.some((values) => at(values, path) !== undefined))
    // Numbers that only pass through, and what the guards and the property test turn.
    .filter(
      (path) =>
        !/thresholds\.|podMonitor\.|^test\.|Probe$|^certificate\.(d|r|u|p)|^keda\.(q|p|f)|heapPercentage|^min|^revision|^autoscaling\.|^resources|^securityContext|\.(sampleLimit|labelLimit|port)$|^proxySeed\.key|^adminToken\.key|^upstreamTls\.caKey|^dashboard\.label|unhealthy|keyKey|^pdb\.max|trafficDistribution|^test$/.test(
          path,
        ),
    );
  assert.deepEqual(untouched, []);
});

test('annotations for Artifact Hub can be read', () => {
  const chart = parse(read('Chart.yaml')) as {
    annotations: Record<string, string>;
    version: string;
    appVersion: string;
  };
  const manifest = JSON.parse(readFileSync(join(import.meta.dirname, '..', '..', 'package.json'), 'utf8'));
  assert.equal(chart.appVersion, manifest.version);
  const changes = parse(chart.annotations['artifacthub.io/changes'] ?? '') as {
    kind: string;
    description: string;
  }[];
  assert.ok(changes.length > 0);
  for (const { kind, description } of changes) {
    assert.match(kind, /^(added|changed|deprecated|removed|fixed|security)$/);
    assert.ok(description.length > 10);
  }
  const [image] = parse(chart.annotations['artifacthub.io/images'] ?? '') as { image: string }[];
  assert.equal(image?.image, `natsgate:${chart.appVersion}`);
  assert.ok(read('CHANGELOG.md').includes(`## ${chart.version}`));
  assert.ok(read('UPGRADING.md').includes(`| ${chart.version} |`));
});

test('links of the chart’s documents lead somewhere', () => {
  for (const file of ['README.md', 'UPGRADING.md', 'CHANGELOG.md']) {
    for (const [, target = ''] of read(file).matchAll(/\]\((?!https?:)([^)#]+)/g)) {
      assert.ok(readable(join(CHART, target)), `${file}: ${target}`);
      // What lies outside is not in the package.
      assert.doesNotMatch(target, /^\.\.|^ci\//, `${file}: ${target}`);
    }
  }
});

test('the chart packs, without its tests, and works as a part of another', async () => {
  await using folder = await temporaryFolder();
  const packed = await helm('package', CHART, '--destination', folder.path);
  assert.equal(packed.code, 0, packed.stderr);
  const shown = await helm('show', 'values', join(folder.path, 'natsgate-0.1.0.tgz'));
  assert.equal(shown.stdout.trim(), read('values.yaml').trim());
  const umbrella = join(folder.path, 'umbrella');
  mkdirSync(join(umbrella, 'charts'), { recursive: true });
  cpSync(join(folder.path, 'natsgate-0.1.0.tgz'), join(umbrella, 'charts', 'natsgate-0.1.0.tgz'));
  const dependency = `dependencies: [{name: natsgate, version: 0.1.0, condition: natsgate.enabled}]`;
  writeFileSync(
    join(umbrella, 'Chart.yaml'),
    `apiVersion: v2\nname: umbrella\nversion: 0.1.0\n${dependency}\n`,
  );
  writeFileSync(
    join(umbrella, 'values.yaml'),
    'global: {other: 1}\nnatsgate: {enabled: true, replicaCount: 3}\n',
  );
  const on = await helm('template', 'rel', umbrella);
  assert.match(on.stdout, /replicas: 3/, on.stderr);
  const off = await helm('template', 'rel', umbrella, '--set', 'natsgate.enabled=false');
  assert.equal(off.code, 0, off.stderr);
  assert.doesNotMatch(off.stdout, /kind:/);
});

async function complaintAbout(values: Json): Promise<string[]> {
  const { code, stderr } = await helm('template', 'rel', CHART, ...set(values));
  assert.notEqual(code, 0);
  return stderr.split('\n');
}

function sections(from: readonly ValueKey[]): ValueKey[] {
  return from.flatMap((key) => (key.children === undefined ? [] : [key, ...sections(key.children)]));
}

function closedSections(): string[] {
  return sections(keys)
    .map(({ path }) => path)
    .filter(
      (path) =>
        !path.startsWith('config') && !/^topologySpread\.|behavior.*policies|seccompProfile\./.test(path),
    );
}

/** Sections of the gateway's configuration, found in its schema: an object, or the object among its forms. */
function configSections(path: string, json: Json): string[] {
  const object = ((json['anyOf'] as Json[] | undefined) ?? [json]).find(
    (one) => one['properties'] !== undefined,
  );
  if (object === undefined) return [];
  const inner = Object.entries(object['properties'] as Record<string, Json>);
  return [path, ...inner.flatMap(([key, value]) => configSections(`${path}.${key}`, value))];
}

/** A key with dots in its name cannot be set by a path. */
const isSettable = (path: string): boolean => !path.startsWith('global.') || path === 'global.imageRegistry';

const at = (values: unknown, path: string): unknown =>
  path.split('.').reduce<unknown>((value, key) => (value as Json | undefined)?.[key], values);

function readable(file: string): boolean {
  try {
    readFileSync(file);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EISDIR';
  }
}

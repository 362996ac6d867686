import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { type Manifest, only, render } from '../support/helm.ts';
import { CASES, forEachOf } from './cases.ts';
import { EXAMPLE, NatsChart, overlaid, plainObjects } from './nats-chart.ts';
import { asTypeScript } from './shapes.ts';

/**
 * The API's validators tolerate fields that they do not know, so a misspelt one would just do nothing. The
 * compiler does not: every object is compiled as a literal of its interface.
 */
const ROOT = join(import.meta.dirname, '..', '..');
const run = promisify(execFile);

async function compile(objects: readonly Manifest[]): Promise<string> {
  // Below the root, so that the compiler finds node_modules.
  await mkdir(join(ROOT, '.cache'), { recursive: true });
  const folder = await mkdtemp(join(ROOT, '.cache', 'shapes-'));
  try {
    await writeFile(join(folder, 'objects.ts'), asTypeScript(objects));
    const compilerOptions = {
      strict: true,
      noEmit: true,
      skipLibCheck: true,
      module: 'nodenext',
      types: [],
      allowImportingTsExtensions: true,
    };
    await writeFile(
      join(folder, 'tsconfig.json'),
      JSON.stringify({ compilerOptions, files: ['objects.ts'] }),
    );
    return await run(join(ROOT, 'node_modules', '.bin', 'tsc'), ['-p', folder], { timeout: 300_000 }).then(
      () => '',
      (error: { stdout?: string }) => error.stdout ?? String(error),
    );
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

test('no object has a field that its API does not know', { timeout: 600_000 }, async () => {
  const all = new Map<string, Manifest>();
  await forEachOf(CASES, async ({ args }) => {
    for (const object of await render(...args, '--kube-version', '1.36.0'))
      all.set(JSON.stringify(object), object);
  });
  assert.equal(await compile([...all.values()]), '');
});

const SIDECARS = [
  ['values.yaml', 'extras.yaml', 'pod-monitor.yaml', 'proxy-protocol.yaml'],
  ['native.yaml', 'extras.yaml'],
];

test('nor has one of the overlays and of the plain manifests', { timeout: 600_000 }, async () => {
  await using chart = await NatsChart.standIn();
  const rendered = await Promise.all(SIDECARS.map((files) => overlaid(chart.path, files)));
  const plain = readdirSync(EXAMPLE).filter((file) => file.endsWith('.yaml'));
  assert.ok(plain.length >= 4);
  assert.equal(await compile([...rendered.flat(), ...plain.flatMap(plainObjects)]), '');
});

test('a misspelt probe of a sidecar would be noticed, wherever it stands', { timeout: 600_000 }, async () => {
  await using chart = await NatsChart.standIn();
  const rendered = await Promise.all(SIDECARS.map((files) => overlaid(chart.path, files)));
  for (const objects of [...rendered, plainObjects('sidecar.yaml')]) {
    const text = JSON.stringify(objects).replaceAll('failureThreshold', 'failureTreshold');
    assert.match(await compile(JSON.parse(text) as Manifest[]), /failureTreshold/);
  }
});

test('a misspelt field would be noticed', { timeout: 600_000 }, async () => {
  const deployment = structuredClone(only(await render(), 'Deployment'));
  deployment['spec'].template.spec.terminationGracePeriodSecond = 30;
  assert.match(await compile([deployment]), /terminationGracePeriodSecond/);
});

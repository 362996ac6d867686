import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

type Entry = {
  readonly version: string;
  readonly integrity?: string;
  readonly resolved?: string;
  readonly dev?: boolean;
  readonly optional?: boolean;
  readonly license?: string;
  readonly hasInstallScript?: boolean;
};
const read = (file: string): unknown =>
  JSON.parse(readFileSync(new URL(`../${file}`, import.meta.url), 'utf8'));
const MANIFEST = read('package.json') as {
  dependencies: Record<string, string>;
  devDependencies: Record<string, string>;
  allowScripts: Record<string, boolean>;
};
const LOCK = read('package-lock.json') as { packages: Record<string, Entry> };
const PACKAGES = Object.entries(LOCK.packages).filter(([path]) => path !== '');
const PRODUCTION = PACKAGES.filter(([, entry]) => entry.dev !== true && entry.optional !== true);

/** Below these stand known ways to crash or to grow. */
const MINIMUM: Readonly<Record<string, string>> = {
  ws: '8.23.0',
  yaml: '2.8.3',
  undici: '8.0.0',
  'prom-client': '15.1.3',
  hono: '4.12.25',
  '@hono/node-server': '2.0.5',
};
const BUDGET = 25;
const LICENCES = /^(MIT|ISC|BSD-[23]-Clause|Apache-2\.0|0BSD)$/;

const parts = (version: string): number[] => version.split('.').map(Number);
const atLeast = (version: string, minimum: string): boolean => {
  const [have, want] = [parts(version), parts(minimum)];
  for (let index = 0; index < 3; index++)
    if (have[index] !== want[index]) return (have[index] ?? 0) > (want[index] ?? 0);
  return true;
};

test('packages with known holes are at least at the version that mends them', () => {
  for (const [name, minimum] of Object.entries(MINIMUM)) {
    const version = LOCK.packages[`node_modules/${name}`]?.version ?? '0.0.0';
    assert.ok(atLeast(version, minimum), `${name} ${version} is below ${minimum}`);
  }
});

test(`production needs at most ${BUDGET} packages, none of which runs a script at install`, () => {
  assert.ok(PRODUCTION.length > 5 && PRODUCTION.length <= BUDGET, `${PRODUCTION.length} packages`);
  assert.deepEqual(
    PRODUCTION.filter(([, entry]) => entry.hasInstallScript === true),
    [],
  );
});

test('licences of production packages are permissive', () => {
  const other = PRODUCTION.filter(([, entry]) => !LICENCES.test(entry.license ?? '')).map(
    ([path, entry]) => `${path} ${entry.license}`,
  );
  assert.deepEqual(other, []);
});

test('versions are exact, every package has a digest, and no address of a registry is written down', () => {
  for (const [name, range] of Object.entries({ ...MANIFEST.dependencies, ...MANIFEST.devDependencies })) {
    assert.match(range, /^\d+\.\d+\.\d+$/, name);
  }
  for (const [path, entry] of PACKAGES) {
    assert.match(entry.integrity ?? '', /^sha512-/, path);
    assert.equal(entry.resolved, undefined, path);
  }
});

test('only the packages named in allowScripts may have an install script', () => {
  const scripted = PACKAGES.filter(([, entry]) => entry.hasInstallScript === true).map(([path]) =>
    path.slice('node_modules/'.length),
  );
  assert.deepEqual(
    scripted.filter((name) => !(name in MANIFEST.allowScripts)),
    [],
  );
  assert.deepEqual(
    Object.entries(MANIFEST.allowScripts).filter(([, allowed]) => allowed),
    [['node', true]],
  );
});

import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { parse } from 'yaml';
import { basesOf, publish, type Release } from '../scripts/release/commands.ts';
import { stampChart } from '../scripts/release/stamp.ts';
import { findHelm, helm, manifests, only } from './support/helm.ts';
import { temporaryFolder } from './support/temporary-folder.ts';

const root = join(import.meta.dirname, '..');
const read = (name: string): string => readFileSync(join(root, name), 'utf8');
const release: Release = {
  version: '1.2.3',
  repository: 'https://github.com/Owner/natsgate',
  revision: 'abc',
};

test('docker build . needs no argument: the bases have tags, and a release their digests', () => {
  const dockerfile = read('Dockerfile');
  const bases = basesOf(dockerfile);
  const named = [...dockerfile.matchAll(/^FROM (?:--platform=\S+ )?\$\{(\w+)\}/gm)].map(([, name]) => name);
  assert.deepEqual(
    bases.map(({ argument }) => argument),
    named,
  );
  for (const { name } of bases) assert.match(name, /^[a-z.]+\/[\w/-]+:[\w.-]+$/);
  // Of the others it would be emulated; its result is the same for all.
  assert.match(dockerfile, /^FROM --platform=\$\{BUILDPLATFORM\} \S+ AS build$/m);
});

test('a release publishes the package last, and signs image and chart by their digests', () => {
  const said: string[] = [];
  const digest = `sha256:${'a'.repeat(64)}`;
  const bases = [{ argument: 'BUILD_IMAGE', name: 'docker.io/library/node:26' }];
  const files = { package: 'p.tgz', chart: 'c.tgz' };
  publish({ release, files, bases, createdAt: 'now' }, (command) => {
    said.push(command.join(' '));
    return `Digest: ${digest}\n`;
  });
  const [inspected, built = '', ...rest] = said;
  assert.match(inspected ?? '', /^docker buildx imagetools inspect docker\.io\/library\/node:26 /);
  for (const part of [
    '--platform linux/amd64,linux/arm64 --sbom=true --provenance=mode=max --push',
    `BUILD_IMAGE=docker.io/library/node:26@${digest}`,
    'org.opencontainers.image.source=https://github.com/Owner/natsgate',
    '--tag ghcr.io/owner/natsgate:1.2.3',
  ])
    assert.ok(built.includes(part), built);
  assert.deepEqual(rest.slice(1), [
    `cosign sign --yes ghcr.io/owner/natsgate@${digest}`,
    'helm push c.tgz oci://ghcr.io/owner/charts',
    `cosign sign --yes ghcr.io/owner/charts/natsgate@${digest}`,
    'npm publish p.tgz --provenance --access public',
  ]);
});

test('what a command without a digest says stops a release', () => {
  const all = { release, files: { package: '', chart: '' }, bases: [], createdAt: '' };
  assert.throws(() => publish(all, () => 'no'), /no digest from docker buildx imagetools/);
});

test('the published chart has its image, where it comes from, and links that hold everywhere', async () => {
  await using folder = await temporaryFolder();
  const file = await stampChart(release, root, folder.path, await findHelm());
  const values = [
    '--set',
    'config.origins.allow={https://a.example}',
    '--set',
    'config.upstream.servers={nats://n}',
  ];
  const rendered = await helm('template', 'rel', file, ...values);
  assert.equal(rendered.code, 0, rendered.stderr);
  const [container] = only(manifests(rendered.stdout), 'Deployment')['spec'].template.spec.containers;
  assert.match(container.image, /^ghcr\.io\/owner\/natsgate:/);
  const { home, sources } = parse((await helm('show', 'chart', file)).stdout) as Record<string, unknown>;
  assert.deepEqual([home, sources], [release.repository, [release.repository]]);
  const pages = `${release.repository}/blob/v1.2.3/`;
  const targets = [...(await helm('show', 'readme', file)).stdout.matchAll(/\]\(([^)\s]+)\)/g)].map(
    ([, target = '']) => target,
  );
  assert.ok(targets.length > 5);
  for (const target of targets) {
    if (!target.startsWith(pages)) assert.match(target, /^(https:|#)/);
    else assert.ok(existsSync(join(root, target.slice(pages.length).replace(/#.*/, ''))), target);
  }
});

test('the workflow runs the release for a tag, and only then publishes', () => {
  const { on, jobs } = parse(read('.github/workflows/release.yaml'));
  assert.deepEqual(on, { push: { tags: ['v*'] }, workflow_dispatch: null });
  type Step = { readonly run?: string; readonly if?: string; readonly uses?: string };
  const [tested, released] = [jobs.test.steps, jobs.release.steps] as [Step[], Step[]];
  const command = 'npm run release -- --repository "$GITHUB_SERVER_URL/$GITHUB_REPOSITORY"';
  assert.deepEqual(tested.slice(-2), [
    { run: 'bash .ci/run' },
    { if: "github.event_name == 'workflow_dispatch'", run: command },
  ]);
  assert.deepEqual(jobs.test.permissions, { contents: 'read' }, 'what tests run cannot publish');
  assert.deepEqual([jobs.release.needs, jobs.release.if], ['test', "github.event_name == 'push'"]);
  const commands = released.flatMap(({ run }) => run ?? []);
  assert.deepEqual(commands, ['npm ci --ignore-scripts', `${command} --publish`], 'nothing else runs there');
  for (const { uses } of [...tested, ...released])
    if (uses !== undefined) assert.match(uses, /@[0-9a-f]{40}$/, 'a tag can be moved');
  assert.ok('release' in (JSON.parse(read('package.json')) as { scripts: object }).scripts);
});

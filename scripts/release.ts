/**
 * Makes what is published of a version, in dist/release, and publishes it if asked to: the npm package with its
 * provenance, the image for two architectures with SBOM and signature, and the chart as a signed OCI artifact.
 *
 *   npm run release -- --repository https://github.com/OWNER/natsgate             # makes all, prints the commands
 *   npm run release -- --repository https://github.com/OWNER/natsgate --publish   # as the workflow does, on a tag
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { parse } from 'yaml';
import { buildPackage } from './build.ts';
import { basesOf, publish, type Release } from './release/commands.ts';
import { stampChart, stampPackage } from './release/stamp.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const folder = join(root, 'dist', 'release');
const options = { repository: { type: 'string' }, publish: { type: 'boolean', default: false } } as const;
const { repository = '', publish: publishes } = parseArgs({ options }).values;

/** Of a dry run, the command is printed, and a digest of zeroes is what it would have said. */
function run(command: readonly string[]): string {
  console.log(command.join(' '));
  if (!publishes) return `sha256:${'0'.repeat(64)}`;
  const [program = '', ...args] = command;
  const { status, stdout, stderr, error } = spawnSync(program, args, { cwd: root, encoding: 'utf8' });
  console.log(stdout, stderr);
  if (status !== 0) throw new Error(`${program} failed`, { cause: error });
  return `${stdout}${stderr}`;
}

const git = (...args: string[]): string =>
  spawnSync('git', args, { cwd: root, encoding: 'utf8' }).stdout.trim();
const read = (name: string): string => readFileSync(join(root, name), 'utf8');

function whatIsUnfinished(): readonly (string | false)[] {
  const pages = ['README.md', 'docs/install.md', 'helm/natsgate/README.md'];
  const unpublished = pages.filter((page) => /not (published|on [\w ]+) yet/.test(read(page)));
  return [
    ...unpublished.map((page) => `${page} says that something is not published yet`),
    !read('CHANGELOG.md').includes(`\n## ${version}\n`) && `CHANGELOG.md has no section ${version}`,
    git('status', '--porcelain') !== '' && 'there are changes that are not committed',
    git('tag', '--points-at', 'HEAD') !== `v${version}` && `HEAD is not tagged v${version}`,
  ];
}

const { version } = JSON.parse(read('package.json')) as { version: string };
const chart = parse(read('helm/natsgate/Chart.yaml')) as { version: string; appVersion: string };
const wrong = [
  !/^https:\/\/github\.com\/[\w.-]+\/[\w.-]+$/.test(repository) &&
    '--repository wants https://github.com/OWNER/NAME',
  chart.appVersion !== version && `appVersion of the chart is ${chart.appVersion}, not ${version}`,
  ...(publishes ? whatIsUnfinished() : []),
].filter((one) => one !== false);
for (const one of wrong) console.error(one);
if (wrong.length > 0) process.exit(1);

const release: Release = { version, repository, revision: git('rev-parse', 'HEAD') };
rmSync(folder, { recursive: true, force: true });
mkdirSync(folder, { recursive: true });
await buildPackage(root);
const files = {
  package: await stampPackage(release, root, folder),
  chart: await stampChart(release, root, join(folder, 'chart'), process.env['HELM'] ?? 'helm'),
};
console.log(`${files.package}\n${files.chart}\n`);

publish(
  { release, files, bases: basesOf(read('Dockerfile')), createdAt: git('log', '-1', '--format=%cI') },
  run,
);

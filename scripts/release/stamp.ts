import { execFile } from 'node:child_process';
import { cp, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { parseDocument } from 'yaml';
import { readmeText } from '../chart/schema.ts';
import { imageOf, pagesOf, type Release } from './commands.ts';

const run = promisify(execFile);
/** As the chart is written by hand. */
const STYLE = { lineWidth: 0, flowCollectionPadding: false };

/** Writes the npm package of the repository at `root` into `folder`, with where it comes from. Returns the file. */
export async function stampPackage(release: Release, root: string, folder: string): Promise<string> {
  const pack = async (from: string): Promise<string> => {
    const args = ['pack', '--ignore-scripts', '--json', '--pack-destination', folder];
    const { stdout } = await run('npm', args, { cwd: from, maxBuffer: 16 * 1024 * 1024 });
    const [{ filename }] = JSON.parse(stdout) as [{ filename: string }];
    return join(folder, filename);
  };
  await run('tar', ['-xzf', await pack(root), '-C', folder]);
  const manifest = join(folder, 'package', 'package.json');
  const { repository } = release;
  const origin = {
    repository: { type: 'git', url: `git+${repository}.git` },
    homepage: `${repository}#readme`,
    bugs: { url: `${repository}/issues` },
  };
  const {
    devDependencies: _,
    scripts: __,
    allowScripts: ___,
    ...rest
  } = JSON.parse(await readFile(manifest, 'utf8'));
  await writeFile(manifest, `${JSON.stringify({ ...rest, ...origin }, undefined, 2)}\n`);
  return pack(join(folder, 'package'));
}

/** Packs the chart of the repository at `root` into `folder`, with its image and where it comes from. Returns the file. */
export async function stampChart(
  release: Release,
  root: string,
  folder: string,
  helm: string,
): Promise<string> {
  const chart = join(folder, 'natsgate');
  await mkdir(folder, { recursive: true });
  await cp(join(root, 'helm', 'natsgate'), chart, { recursive: true });
  const edit = async (name: string, change: (text: string) => string): Promise<void> => {
    const file = join(chart, name);
    await writeFile(file, change(await readFile(file, 'utf8')));
  };
  const pages = `${pagesOf(release)}/helm/natsgate`;
  const [registry = '', ...repository] = imageOf(release).split('/');
  await edit('values.yaml', (text) => {
    const values = parseDocument(text);
    values.setIn(['image', 'registry'], registry);
    values.setIn(['image', 'repository'], repository.join('/'));
    values.setIn(['prometheusRule', 'runbookBaseUrl'], `${pagesOf(release)}/docs/runbooks`);
    return values.toString(STYLE);
  });
  await edit('Chart.yaml', (text) => {
    const about = parseDocument(text);
    about.setIn(['home'], release.repository);
    about.setIn(['sources'], [release.repository]);
    const image = `- name: natsgate\n  image: ${imageOf(release)}:${release.version}\n`;
    about.setIn(['annotations', 'artifacthub.io/images'], image);
    return about.toString(STYLE);
  });
  await edit('README.md', (text) => withAbsoluteLinks(readmeText(chart, text), pages));
  const { stdout } = await run(helm, ['package', chart, '--destination', folder]);
  return /saved it to: (.*)/.exec(stdout)?.[1] ?? '';
}

/** Pages outside of a checkout, such as Artifact Hub's, resolve no relative link. */
const withAbsoluteLinks = (text: string, base: string): string =>
  text.replace(/\]\((?![a-z]+:|#)([^)\s]+)\)/g, (_, path: string) => `](${new URL(path, `${base}/`)})`);

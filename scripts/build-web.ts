import { cp, mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

/** What is bundled, by page: bundles carry no text of a licence. */
const LICENSES: Readonly<Record<string, string>> = {
  demo: '/*! Contains @nats-io/nats-core (Copyright The NATS Authors, Apache-2.0) and tweetnacl (public domain). */',
  status:
    '/*! Contains preact, @preact/signals and @preact/signals-core (Copyright Jason Miller and the Preact Team, MIT), uPlot (Copyright Leon Sorokin, MIT). */',
};

/** Builds every page below `web/` (a folder with an index.html) to `dist/web/<page>/`. */
export async function buildWeb(root: string): Promise<void> {
  const web = join(root, 'web');
  for (const entry of await readdir(web, { withFileTypes: true })) {
    if (!entry.isDirectory()) continue;
    const files = await readdir(join(web, entry.name));
    if (files.includes('index.html'))
      await buildPage(root, entry.name, join(root, 'dist', 'web', entry.name));
  }
}

/**
 * One page: its script, its style sheet and the script before the first paint minified, the rest copied. It is built
 * beside its place and then put there whole, so that whoever serves it meanwhile never sees half of it. Gives the files
 * that went into it.
 */
export async function buildPage(root: string, name: string, target: string): Promise<readonly string[]> {
  const source = join(root, 'web', name);
  await mkdir(join(target, '..'), { recursive: true });
  const work = await mkdtemp(`${target}-`);
  try {
    const page = join(work, 'page');
    const { metafile } = await build({
      absWorkingDir: root,
      // What index.html names.
      entryPoints: [
        { in: join(source, `${name}.ts`), out: name },
        { in: join(source, `${name}.css`), out: name },
        { in: join(root, 'web', 'shared', 'early-theme.ts'), out: 'early-theme' },
      ],
      outdir: page,
      bundle: true,
      minify: true,
      platform: 'browser',
      format: 'esm',
      target: ['es2022', 'chrome123', 'firefox120', 'safari17.5'],
      banner: { js: LICENSES[name] ?? '' },
      metafile: true,
      logLevel: 'warning',
    });
    for (const [file, output] of Object.entries(metafile.outputs)) {
      const external = output.imports.find((imported) => imported.external);
      if (external !== undefined)
        throw new Error(`${file} still imports ${external.path}, which no browser has`);
    }
    await cp(join(source, 'index.html'), join(page, 'index.html'));
    await cp(join(root, 'web', 'shared', 'icon.svg'), join(page, 'icon.svg'));
    await putInPlace(page, target, join(work, 'old'));
    return Object.keys(metafile.inputs);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** Two renames: whoever reads the page meanwhile finds the old one or the new one, but for an instant between. */
async function putInPlace(made: string, target: string, old: string): Promise<void> {
  await rename(target, old).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
  });
  await rename(made, target).catch((error: NodeJS.ErrnoException) => {
    // Another process put its build there in this very instant: it is the same one.
    if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error;
  });
}

if (import.meta.main) await buildWeb(fileURLToPath(new URL('..', import.meta.url)));

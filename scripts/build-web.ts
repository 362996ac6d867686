import { cp, mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const LICENSES =
  '/*! Contains @nats-io/nats-core (Copyright The NATS Authors, Apache-2.0) and tweetnacl (public domain). */';

/**
 * Bundles every page below `web/` (a folder with an index.html) to `dist/web/<page>/`: its scripts and style
 * sheets minified, the rest copied. A page is built beside its place and then put there whole, so that whoever
 * serves it meanwhile never sees half of it.
 */
export async function buildWeb(root: string): Promise<void> {
  const web = join(root, 'web');
  for (const entry of await readdir(web, { withFileTypes: true })) {
    if (!entry.isDirectory()) continue;
    const files = await readdir(join(web, entry.name));
    if (files.includes('index.html'))
      await buildPage(join(web, entry.name), files, join(root, 'dist', 'web', entry.name));
  }
}

async function buildPage(source: string, files: readonly string[], target: string): Promise<void> {
  await mkdir(join(target, '..'), { recursive: true });
  const work = await mkdtemp(`${target}-`);
  try {
    const page = join(work, 'page');
    // What index.html names: the page's own script and style sheet, and scripts that must run before the first paint.
    const names = [`${basename(target)}.ts`, `${basename(target)}.css`];
    const entryPoints = files.filter((file) => names.includes(file) || file.startsWith('early-'));
    const { metafile } = await build({
      absWorkingDir: source,
      entryPoints,
      outdir: page,
      bundle: true,
      minify: true,
      platform: 'browser',
      format: 'esm',
      target: ['es2022', 'chrome123', 'firefox120', 'safari17.5'],
      banner: { js: LICENSES },
      metafile: true,
      logLevel: 'warning',
    });
    for (const [file, output] of Object.entries(metafile.outputs)) {
      const external = output.imports.find((imported) => imported.external);
      if (external !== undefined)
        throw new Error(`${file} still imports ${external.path}, which no browser has`);
    }
    for (const file of files.filter((file) => /\.(html|svg)$/.test(file)))
      await cp(join(source, file), join(page, file));
    await putInPlace(page, target, join(work, 'old'));
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

import { glob, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { buildWeb } from './build-web.ts';

/**
 * What the published package runs: the program, `dist/natsgate.js` and the chunks that its commands load, with its
 * packages left to npm, and the pages below `dist/web/`.
 */
export async function buildPackage(root: string): Promise<void> {
  // The name of a chunk follows from its content.
  for await (const old of glob('dist/*.js*', { cwd: root })) await rm(join(root, old));
  await build({
    absWorkingDir: root,
    entryPoints: { natsgate: 'src/main.ts' },
    outdir: 'dist',
    bundle: true,
    splitting: true,
    platform: 'node',
    target: 'node24',
    format: 'esm',
    packages: 'external',
    sourcemap: true,
    logLevel: 'warning',
  });
  await buildWeb(root);
}

if (import.meta.main) await buildPackage(fileURLToPath(new URL('..', import.meta.url)));

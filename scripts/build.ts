import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { buildWeb } from './build-web.ts';

/**
 * What the published package runs: the program as one file, `dist/natsgate.js`, with its packages left to npm,
 * and the pages below `dist/web/`.
 */
export async function buildPackage(root: string): Promise<void> {
  await build({
    absWorkingDir: root,
    entryPoints: ['src/main.ts'],
    outfile: join('dist', 'natsgate.js'),
    bundle: true,
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

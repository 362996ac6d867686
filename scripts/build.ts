import { execFile } from 'node:child_process';
import { glob, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { build } from 'esbuild';
import { buildWeb } from './build-web.ts';

/**
 * What the published package runs: the program, `dist/natsgate.js`, and the library, `dist/library.js`, with the chunks
 * that they load and their packages left to npm; the types of the library, and the pages below `dist/web/`.
 */
export async function buildPackage(root: string): Promise<void> {
  // The name of a chunk follows from its content.
  for await (const old of glob('dist/*.js*', { cwd: root })) await rm(join(root, old));
  await build({
    absWorkingDir: root,
    entryPoints: { natsgate: 'src/main.ts', library: 'src/library.ts' },
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
  await buildTypes(root);
  await buildWeb(root);
}

/** Of the two files whose types are public. They write all of them out, so no other file has to be read. */
async function buildTypes(root: string): Promise<void> {
  const files = ['src/library.ts', 'src/config/configuration.ts'];
  const kind = [
    '--declaration',
    '--emitDeclarationOnly',
    '--isolatedDeclarations',
    '--noCheck',
    '--noResolve',
  ];
  const target = ['--module', 'nodenext', '--target', 'esnext', '--rootDir', 'src', '--outDir', 'dist'];
  const args = ['--ignoreConfig', '--rewriteRelativeImportExtensions', ...kind, ...target, ...files];
  await promisify(execFile)(join('node_modules', '.bin', 'tsc'), args, { cwd: root });
}

if (import.meta.main) await buildPackage(fileURLToPath(new URL('..', import.meta.url)));

import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Manifest } from '../support/helm.ts';
import { asTypeScript } from './shapes.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const run = promisify(execFile);

/**
 * What the compiler says of objects as literals of their interfaces; nothing, when they have no field too many. The
 * API's validators tolerate fields that they do not know, so a misspelt one would just do nothing.
 *
 * `sets` are compiled in one go, for the compiler's start takes most of its time; set number 0 is `objects-0.ts`.
 */
export async function compile(...sets: readonly (readonly Manifest[])[]): Promise<string> {
  // Below the root, so that the compiler finds node_modules.
  await mkdir(join(ROOT, '.cache'), { recursive: true });
  const folder = await mkdtemp(join(ROOT, '.cache', 'shapes-'));
  try {
    const files = sets.map((_, index) => `objects-${index}.ts`);
    for (const [index, objects] of sets.entries())
      await writeFile(join(folder, `objects-${index}.ts`), asTypeScript(objects));
    const compilerOptions = {
      strict: true,
      noEmit: true,
      skipLibCheck: true,
      module: 'nodenext',
      types: [],
      allowImportingTsExtensions: true,
    };
    await writeFile(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files }));
    return await run(join(ROOT, 'node_modules', '.bin', 'tsc'), ['-p', folder], { timeout: 300_000 }).then(
      () => '',
      (error: { stdout?: string }) => error.stdout ?? String(error),
    );
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

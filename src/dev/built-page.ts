import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { messageOf } from './executables.ts';

/**
 * The folder of the built demo page. The published package holds it, and the status page; a source checkout builds both
 * when one is missing or older than its sources. Throws one sentence that says what to run.
 */
export async function builtPage(root: string, say: (line: string) => void): Promise<string> {
  const built = join(root, 'dist', 'web');
  const folder = join(built, 'demo');
  const builtAtMs = Math.min(await newest(folder), await newest(join(built, 'status')));
  const sources = ['demo', 'status', 'shared'].map((name) => newest(join(root, 'web', name)));
  if (builtAtMs > 0 && builtAtMs >= Math.max(...(await Promise.all(sources)))) return folder;
  say('building the pages');
  try {
    // Not written as a literal: neither script nor esbuild is part of the published package.
    const script = pathToFileURL(join(root, 'scripts', 'build-web.ts')).href;
    const { buildWeb } = (await import(script)) as { buildWeb(root: string): Promise<void> };
    await buildWeb(root);
  } catch (error) {
    const reason = messageOf(error).split('\n', 1)[0];
    throw new Error(`the pages are not built; run: npm install && npm run build (${reason})`, {
      cause: error,
    });
  }
  return folder;
}

/** When the newest file of a flat folder was written; 0 when there is none. */
async function newest(folder: string): Promise<number> {
  try {
    const files = await readdir(folder);
    const times = await Promise.all(files.map(async (file) => (await stat(join(folder, file))).mtimeMs));
    return Math.max(0, ...times);
  } catch {
    return 0; // no such folder
  }
}

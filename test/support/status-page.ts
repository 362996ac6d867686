import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { buildPage } from '../../scripts/build-web.ts';
import { temporaryFolder } from './temporary-folder.ts';

export type BuiltStatusPage = AsyncDisposable & {
  readonly folder: string;
  /** For `startTestGateway`. */
  pageFile(name: string): Promise<Buffer<ArrayBuffer> | undefined>;
};

/** The status page, built from the sources as they are now, in a folder of its own. */
export async function builtStatusPage(): Promise<BuiltStatusPage> {
  const temporary = await temporaryFolder();
  const folder = join(temporary.path, 'status');
  await buildPage(join(import.meta.dirname, '..', '..'), 'status', folder);
  return {
    folder,
    pageFile: (name) => readFile(join(folder, name)).catch(() => undefined),
    [Symbol.asyncDispose]: () => temporary[Symbol.asyncDispose](),
  };
}

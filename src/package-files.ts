/** What lies beside the program, whose folder is one above both `src/` and `dist/`. */
import { fileURLToPath } from 'node:url';
import type { FileReader } from './config/files.ts';

const MOST_BYTES = 1024 * 1024;

async function beside(name: string, reader: FileReader): Promise<Buffer<ArrayBuffer> | undefined> {
  const file = await reader.read(fileURLToPath(new URL(`../${name}`, import.meta.url)), MOST_BYTES);
  return file.ok ? Buffer.from(file.bytes) : undefined;
}

/** A file of the status page; undefined: it is not built. */
export const pageFile =
  (reader: FileReader) =>
  (name: string): Promise<Buffer<ArrayBuffer> | undefined> =>
    beside(`dist/web/status/${name}`, reader);

/** Of package.json. */
export async function version(reader: FileReader): Promise<string> {
  const text = (await beside('package.json', reader))?.toString() ?? '{}';
  return (JSON.parse(text) as { version?: string }).version ?? 'unknown';
}

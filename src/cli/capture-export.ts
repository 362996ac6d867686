import { randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, rename, rm, stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { pcapngOf } from '../capture/export.ts';
import { CaptureError, readCapture } from '../capture/ndjson.ts';
import { quote } from '../config/text.ts';
import type { CheckOutput } from './check.ts';

export type CaptureExport = {
  readonly file: string;
  /** Default: the same name with `.pcapng`. */
  readonly to: string | undefined;
  readonly version: string;
};

/** Masked payloads are written at their length, so a small file can become a large one. */
const MAX_EXPORT_BYTES = 4 * 1024 ** 3;

/**
 * `natsgate capture export`: writes a capture as pcapng. The answer is the exit code. There is a whole file afterwards, or
 * what was there before.
 */
export async function captureExport({ file, to, version }: CaptureExport, io: CheckOutput): Promise<number> {
  const target = to ?? `${file.replace(/\.ndjson$/, '')}.pcapng`;
  const partial = `${target}.${randomUUID()}.part`;
  try {
    if (await isSameFile(file, target))
      throw new CaptureError('it would be overwritten; give --to another name');
    await write(partial, file, `natsgate ${version}`);
    await rename(partial, target);
  } catch (error) {
    await rm(partial, { force: true });
    io.err(`natsgate capture export: ${quote(file)}: ${sentence(error)}`);
    return 1;
  }
  io.out(`written ${target}`);
  io.out(`open it with: wireshark ${basename(target)}`);
  return 0;
}

async function write(target: string, file: string, application: string): Promise<void> {
  // What is in a capture is for those alone who may see it, so nothing that is there already is written to.
  const output = await open(target, 'wx', 0o600);
  try {
    let bytes = 0;
    for await (const block of pcapngOf(readCapture(createReadStream(file)), { application })) {
      bytes += block.length;
      if (bytes > MAX_EXPORT_BYTES) throw new CaptureError('the pcapng would have more than 4 GiB');
      await output.writeFile(block);
    }
  } finally {
    await output.close();
  }
}

async function isSameFile(one: string, other: string): Promise<boolean> {
  const [first, second] = await Promise.all([stat(one), stat(other).catch(() => undefined)]);
  return first.ino === second?.ino && first.dev === second.dev;
}

function sentence(error: unknown): string {
  if (error instanceof CaptureError) return error.message;
  const { code } = error as NodeJS.ErrnoException;
  if (code === undefined) throw error;
  return code === 'ENOENT' ? 'the file or folder does not exist' : `the file system says ${code}`;
}

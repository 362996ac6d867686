import { execFile } from 'node:child_process';
import { constants } from 'node:fs';
import { open, rename } from 'node:fs/promises';
import { promisify } from 'node:util';
import { FileReader } from '../../src/config/files.ts';

/** A reader that a pipe keeps waiting, in a thread of libuv's pool, as a mount that hangs would. */
export const patientReader = (deadlineMs: number): FileReader =>
  new FileReader(deadlineMs, constants.O_RDONLY);

/** Puts a pipe in place of `path`: whoever opens it waits until it is released. */
export async function hang(path: string): Promise<{ release(at?: string): Promise<void> }> {
  await promisify(execFile)('mkfifo', ['-m', '600', `${path}.pipe`]);
  await rename(`${path}.pipe`, path);
  return {
    // `at`: where the pipe is now. Fails where nobody waits any more, and then nothing is to be released.
    release: async (at = path) => {
      const writer = await open(at, constants.O_WRONLY | constants.O_NONBLOCK).catch(() => undefined);
      await writer?.close();
    },
  };
}

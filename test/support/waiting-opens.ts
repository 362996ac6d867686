/** Loaded in front of the program: opening a pipe waits for its writer, as opening a file waits where a mount hangs. */
import { constants } from 'node:fs';
import promises from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';

const { open } = promises;
promises.open = (path, flags, mode) =>
  open(path, typeof flags === 'number' ? flags & ~constants.O_NONBLOCK : flags, mode);
syncBuiltinESMExports();

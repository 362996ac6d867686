import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';

/** Below what any system gives to those that ask for no port of their own. */
const LOWEST = 10_000;
const HIGHEST = 32_767;

/**
 * A port that is free, for programs that must be told theirs and cannot choose one, or for nobody to listen at. No other
 * process gets it by chance, and no connection begins there.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(LOWEST, HIGHEST + 1);
    const probe = createServer().listen(port, '127.0.0.1');
    const isFree = await once(probe, 'listening').then(
      () => true,
      () => false,
    );
    if (!isFree) continue;
    probe.close();
    await once(probe, 'close');
    return port;
  }
}

import { userInfo } from 'node:os';
import { join } from 'node:path';
import { debianFolder, installDebianPackage, unpackDebianPackage } from '../../src/dev/debian-packages.ts';
import { findOnPath, isExecutable, messageOf } from '../../src/dev/executables.ts';
import { defaultCacheDir } from '../../src/dev/nats-server.ts';

/** Path of a promtool. Throws one sentence that says what to install. */
export const findPromtool = (): Promise<string> => find('promtool');

/** Path of a Prometheus. Throws one sentence that says what to install. */
export const findPrometheus = (): Promise<string> => find('prometheus');

/** From the PATH, the cache, Debian's newest suite unpacked into the cache, or Debian's own package when root. */
async function find(name: 'promtool' | 'prometheus'): Promise<string> {
  const env = process.env;
  const say = (line: string) => console.error(line);
  const [onPath] = await findOnPath(name, env);
  if (onPath !== undefined) return onPath;
  const cacheDir = defaultCacheDir(join(import.meta.dirname, '..', '..'), env);
  const cached = binary(debianFolder(cacheDir, name), name);
  if (await isExecutable(cached)) return cached;
  const failures: string[] = [];
  try {
    return binary(await unpackDebianPackage({ packageName: name, cacheDir, env, say }), name);
  } catch (error) {
    failures.push(messageOf(error));
  }
  try {
    if (userInfo().uid !== 0) throw new Error('only root can install packages');
    await installDebianPackage({ packageName: 'prometheus', env, say });
    return binary('/', name);
  } catch (error) {
    failures.push(messageOf(error));
  }
  throw new Error(`no ${name}: install Prometheus so that it is on the PATH (${failures.join('; ')})`);
}

function binary(root: string, name: string): string {
  return join(root, 'usr', 'bin', name);
}

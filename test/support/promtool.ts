import { userInfo } from 'node:os';
import { join } from 'node:path';
import { debianFolder, installDebianPackage, unpackDebianPackage } from '../../src/cli/debian-packages.ts';
import { findOnPath, isExecutable, messageOf, versionOf } from '../../src/cli/executables.ts';
import { defaultCacheDir } from '../../src/cli/nats-server.ts';

/**
 * Path of a promtool: from the PATH, the cache, Debian's newest suite unpacked into the cache, or Debian's own
 * package when root. Throws one sentence that says what to install.
 */
export async function findPromtool(): Promise<string> {
  const env = process.env;
  const say = (line: string) => console.error(line);
  const [onPath] = await findOnPath('promtool', env);
  if (onPath !== undefined) return onPath;
  const cacheDir = defaultCacheDir(join(import.meta.dirname, '..', '..'), env);
  const cached = binary(debianFolder(cacheDir, 'promtool'));
  if (await isExecutable(cached)) return cached;
  const failures: string[] = [];
  try {
    const runs = async (folder: string) => (await versionOf(binary(folder))) !== undefined;
    return binary(await unpackDebianPackage({ packageName: 'promtool', cacheDir, env, say }, runs));
  } catch (error) {
    failures.push(messageOf(error));
  }
  try {
    if (userInfo().uid !== 0) throw new Error('only root can install packages');
    await installDebianPackage({ packageName: 'prometheus', env, say });
    return binary('/');
  } catch (error) {
    failures.push(messageOf(error));
  }
  throw new Error(`no promtool: install Prometheus so that promtool is on the PATH (${failures.join('; ')})`);
}

function binary(root: string): string {
  return join(root, 'usr', 'bin', 'promtool');
}

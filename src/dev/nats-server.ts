import { homedir, userInfo } from 'node:os';
import { join, sep } from 'node:path';
import { debianFolder, installDebianPackage, unpackDebianPackage } from './debian-packages.ts';
import {
  type Environment,
  findOnPath,
  isAtLeast,
  isExecutable,
  messageOf,
  versionOf,
} from './executables.ts';
import { downloadRelease, releaseBinary } from './nats-release.ts';

/** What a server must be to be taken from the PATH or the cache. Older ones lack handshake_first and auth callout. */
const MINIMUM_VERSION = '2.10.0';

export type FindOptions = {
  /** Where a server that had to be brought is kept; see `defaultCacheDir`. */
  readonly cacheDir: string;
  readonly env: Environment;
  readonly minimumVersion?: string;
  /** Default: asked of the system. Only root can install Debian's own package, the last resort. */
  readonly isRoot?: boolean;
  readonly fetch?: typeof fetch;
  say(line: string): void;
};

export type FoundNatsServer = {
  readonly path: string;
  readonly version: string;
  readonly source: 'NATS_SERVER' | 'PATH' | 'cache' | 'official release' | 'Debian, newest suite' | 'Debian';
};

/**
 * Finds nats-server, or brings it. The first that is there and new enough:
 *
 * ```
 *  $NATS_SERVER ─▶ PATH ─▶ cache ─▶ official release ─▶ Debian's newest suite, unpacked ─▶ Debian's own package
 *  (any version)                    (3 s to answer)      (into the cache, no root)          (root only)
 * ```
 *
 * Says what it took and what it passed over. Throws one sentence that says what to install.
 */
export async function findNatsServer(options: FindOptions): Promise<FoundNatsServer> {
  const passedOver: string[] = [];
  const passOver = (what: string) => {
    passedOver.push(what);
    options.say(`nats-server passed over: ${what}`);
  };
  for await (const { path, source, atLeast } of candidates(options, passOver)) {
    const version = await versionOf(path);
    if (version === undefined) passOver(`${path} cannot be run`);
    else if (!isAtLeast(version, atLeast)) passOver(`${path} is ${version}, older than ${atLeast}`);
    else {
      options.say(`nats-server ${version} from ${source === 'cache' ? 'the cache' : source}`);
      return { path, version, source };
    }
    // A server that was named is the only one that will do.
    if (source === 'NATS_SERVER')
      throw new Error(`NATS_SERVER is ${path}, which cannot be run; point it at a nats-server`);
  }
  throw new Error(
    `no nats-server was found and none could be brought: install nats-server ${options.minimumVersion ?? MINIMUM_VERSION} ` +
      `or newer on the PATH, or set NATS_SERVER to its path (${passedOver.join('; ')})`,
  );
}

type Candidate = {
  readonly path: string;
  readonly source: FoundNatsServer['source'];
  readonly atLeast: string;
};

/** The candidates in their order. What costs time is begun only when everything before it was passed over. */
async function* candidates(
  options: FindOptions,
  passOver: (what: string) => void,
): AsyncGenerator<Candidate> {
  const { cacheDir, env, say } = options;
  const atLeast = options.minimumVersion ?? MINIMUM_VERSION;

  const named = env['NATS_SERVER'];
  if (named !== undefined && named !== '') yield { path: named, source: 'NATS_SERVER', atLeast: '0.0.0' };

  for (const path of await findOnPath('nats-server', env)) yield { path, source: 'PATH', atLeast };

  for (const path of [releaseBinary(cacheDir), debianBinary(debianFolder(cacheDir, 'nats-server'))]) {
    if (path !== undefined && (await isExecutable(path))) yield { path, source: 'cache', atLeast };
  }

  const release = async () => downloadRelease({ cacheDir, env, say, fetch: options.fetch ?? fetch });
  const newest = async () =>
    debianBinary(await unpackDebianPackage({ packageName: 'nats-server', cacheDir, env, say }));
  const own = async () => {
    if (!(options.isRoot ?? userInfo().uid === 0)) throw new Error('only root can install packages');
    await installDebianPackage({ packageName: 'nats-server', env, say });
    return debianBinary('/');
  };
  const ways = [
    { source: 'official release', atLeast, bring: release },
    { source: 'Debian, newest suite', atLeast, bring: newest },
    // Nothing better is to be had: without an explicit wish any version serves.
    { source: 'Debian', atLeast: options.minimumVersion ?? '0.0.0', bring: own },
  ] as const;
  for (const way of ways) {
    try {
      yield { path: await way.bring(), source: way.source, atLeast: way.atLeast };
    } catch (error) {
      passOver(`${way.source}: ${messageOf(error)}`);
    }
  }
}

function debianBinary(folder: string): string {
  return join(folder, 'usr', 'sbin', 'nats-server');
}

/**
 * The cache of a source checkout is its own git-ignored folder; an installed package, whose folder may be
 * read-only, uses the user's cache.
 */
export function defaultCacheDir(root: string, env: Environment, home: string = homedir()): string {
  if (!root.split(sep).includes('node_modules')) return join(root, '.cache', 'natsgate');
  return join(env['XDG_CACHE_HOME'] || join(home, '.cache'), 'natsgate');
}

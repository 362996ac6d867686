import { access, mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { cachedFolder } from './cached-folder.ts';
import { type Environment, findOnPath, run } from './executables.ts';

export type DebianOptions = {
  /** Name of one binary package. */
  readonly packageName: string;
  /** Bring all that it depends on, down to libc and its loader; without this choose programs that want libc alone. */
  readonly withDependencies?: boolean;
  readonly cacheDir: string;
  readonly env: Environment;
  say(line: string): void;
};

const UPDATE_TIMEOUT_MS = 120_000;
const DOWNLOAD_TIMEOUT_MS = 120_000;
const INSTALL_TIMEOUT_MS = 300_000;
const KEYRING = '/usr/share/keyrings/debian-archive-keyring.gpg';

/** The folder in which a package's files are as they would be below `/`. */
export function debianFolder(cacheDir: string, packageName: string): string {
  return join(cacheDir, 'debian', packageName);
}

/**
 * Unpacks a package of Debian's newest suite into the cache, by a private apt configuration: nothing of the
 * system is read but its mirror, nothing of it is changed, no root is needed. Gives the folder.
 */
export async function unpackDebianPackage(options: DebianOptions): Promise<string> {
  const { packageName, cacheDir, env } = options;
  const [aptGet] = await findOnPath('apt-get', env);
  const [dpkg] = await findOnPath('dpkg', env);
  if (aptGet === undefined || dpkg === undefined) throw new Error('this is not a Debian system');
  const folder = debianFolder(cacheDir, packageName);
  await cachedFolder(folder, async (work) => {
    options.say(
      `bringing ${packageName} from Debian's newest suite into the cache; the system stays as it is`,
    );
    const archives = await downloadArchives(aptGet, work, options);
    if (archives.length === 0) throw new Error(`apt-get brought no ${packageName}`);
    const unpacked = join(work, 'root');
    for (const archive of archives)
      await run(dpkg, ['-x', archive, unpacked], { timeoutMs: DOWNLOAD_TIMEOUT_MS, env });
    return unpacked;
  });
  return folder;
}

/** Installs a package of the machine's own Debian suite. Only for root, and only as the last resort. */
export async function installDebianPackage(options: Omit<DebianOptions, 'cacheDir'>): Promise<void> {
  const [aptGet] = await findOnPath('apt-get', options.env);
  if (aptGet === undefined) throw new Error('this is not a Debian system');
  const env = { ...options.env, DEBIAN_FRONTEND: 'noninteractive' };
  const install = ['install', '-y', '--no-install-recommends', options.packageName];
  options.say(`installing Debian's own package ${options.packageName}`);
  try {
    await run(aptGet, install, { timeoutMs: INSTALL_TIMEOUT_MS, env });
  } catch {
    // Lists that are missing (a fresh container) or old are the usual reason; a second failure is final.
    await run(aptGet, ['update'], { timeoutMs: UPDATE_TIMEOUT_MS, env });
    await run(aptGet, install, { timeoutMs: INSTALL_TIMEOUT_MS, env });
  }
}

/** Paths of the packages that came. */
async function downloadArchives(aptGet: string, work: string, options: DebianOptions): Promise<string[]> {
  const { env, packageName, withDependencies = false } = options;
  const sources = join(work, 'sources.list');
  const lists = join(work, 'lists');
  const cache = join(work, 'cache');
  await mkdir(join(lists, 'partial'), { recursive: true });
  await mkdir(join(cache, 'archives', 'partial'), { recursive: true });
  await writeFile(sources, `deb ${await signedBy()}${await mirrorOf(aptGet, env)} sid main\n`);
  const settings = [
    `Dir::Etc::SourceList=${sources}`,
    'Dir::Etc::SourceParts=-',
    `Dir::State::Lists=${lists}`,
    `Dir::Cache=${cache}`,
    'Acquire::Languages=none',
    'Acquire::http::Timeout=15',
    'Acquire::https::Timeout=15',
  ].flatMap((setting) => ['-o', setting]);
  await run(aptGet, [...settings, 'update'], { timeoutMs: UPDATE_TIMEOUT_MS, env });
  const limits = { timeoutMs: DOWNLOAD_TIMEOUT_MS, env, cwd: work };
  if (!withDependencies) {
    await run(aptGet, [...settings, 'download', packageName], limits);
    return archivesIn(work);
  }
  // apt believes that nothing is installed, so it brings everything.
  const status = join(work, 'status');
  await writeFile(status, '');
  const install = ['install', '--download-only', '--no-install-recommends', '-y', packageName];
  await run(aptGet, [...settings, '-o', `Dir::State::Status=${status}`, ...install], limits);
  return archivesIn(join(cache, 'archives'));
}

const archivesIn = async (folder: string): Promise<string[]> =>
  (await readdir(folder)).filter((name) => name.endsWith('.deb')).map((name) => join(folder, name));

/** The mirror of the machine's own main suite: no updates, no security archive, no third party's. */
async function mirrorOf(aptGet: string, env: Environment): Promise<string> {
  const limits = { timeoutMs: 30_000, env };
  const format = ['--format', '$(REPO_URI) $(RELEASE) $(ORIGIN)', 'Created-By: Packages'];
  for (const line of (await run(aptGet, ['indextargets', ...format], limits)).split('\n')) {
    const [mirror, release, origin] = line.split(' ');
    if (mirror && release && !release.includes('-') && origin === 'Debian') return mirror;
  }
  // Before its first update (a fresh container) apt lists no target, but still says where it would look.
  const uris = await run(aptGet, ['update', '--print-uris'], limits);
  const mirror = /^'([^']+\/)dists\/[a-z]+\/InRelease'/m.exec(uris)?.[1];
  if (mirror === undefined) throw new Error('apt knows no Debian mirror');
  return mirror;
}

async function signedBy(): Promise<string> {
  try {
    await access(KEYRING);
    return `[signed-by=${KEYRING}] `;
  } catch {
    return ''; // older systems keep the keys in apt's own trusted folder
  }
}

import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { arch, platform } from 'node:os';
import { dirname, join } from 'node:path';
import { cachedFolder } from './cached-folder.ts';
import { type Environment, executableName, messageOf, run } from './executables.ts';

/** The official release that is brought when no new enough server is at hand. */
export const RELEASE_VERSION = '2.15.1';

const DOWNLOADS = 'https://github.com/nats-io/nats-server/releases/download';
const CONNECT_TIMEOUT_MS = 3_000;
const DOWNLOAD_TIMEOUT_MS = 60_000;

const PLATFORMS: Readonly<Record<string, string>> = { linux: 'linux', darwin: 'darwin', win32: 'windows' };
const ARCHITECTURES: Readonly<Record<string, string>> = { x64: 'amd64', arm64: 'arm64' };

export type ReleaseOptions = {
  readonly cacheDir: string;
  readonly env: Environment;
  /** global fetch, or a test's. */
  readonly fetch: typeof fetch;
  say(line: string): void;
};

/** Where the release's binary is in the cache; undefined on machines for which there is no release. */
export function releaseBinary(cacheDir: string): string | undefined {
  const name = releaseName();
  return name === undefined ? undefined : join(cacheDir, 'release', name, executableName('nats-server'));
}

/** Name of the release's folder and, with `.tar.gz`, of its archive. */
export function releaseName(os: string = platform(), cpu: string = arch()): string | undefined {
  const [system, architecture] = [PLATFORMS[os], ARCHITECTURES[cpu]];
  if (system === undefined || architecture === undefined) return undefined;
  return `nats-server-v${RELEASE_VERSION}-${system}-${architecture}`;
}

/**
 * Brings the official release into the cache and gives its binary. The archive must have the checksum of the
 * release's SHA256SUMS. Throws one sentence; gives up after three seconds when nobody answers.
 */
export async function downloadRelease(options: ReleaseOptions): Promise<string> {
  const name = releaseName();
  const binary = releaseBinary(options.cacheDir);
  if (name === undefined || binary === undefined)
    throw new Error(`there is no release for ${platform()} ${arch()}`);
  const archiveName = `${name}.tar.gz`;
  await cachedFolder(dirname(binary), async (work) => {
    const expected = await publishedChecksum(archiveName, options);
    options.say(`downloading nats-server ${RELEASE_VERSION} from its official release (first time only)`);
    const archive = await get(archiveName, options);
    const actual = createHash('sha256').update(archive).digest('hex');
    if (actual !== expected) throw new Error(`the checksum of ${archiveName} is not that of its SHA256SUMS`);
    await writeFile(join(work, archiveName), archive);
    // Every system in question has a tar that reads gzip, Windows since 10.
    await run('tar', ['-xzf', archiveName], { timeoutMs: 30_000, env: options.env, cwd: work });
    return join(work, name);
  });
  return binary;
}

async function publishedChecksum(file: string, options: ReleaseOptions): Promise<string> {
  const sums = (await get('SHA256SUMS', options)).toString('utf8');
  for (const line of sums.split('\n')) {
    const [checksum, listed] = line.trim().split(/\s+\*?/);
    if (listed === file && checksum !== undefined && /^[0-9a-f]{64}$/.test(checksum)) return checksum;
  }
  throw new Error(`SHA256SUMS of the release does not list ${file}`);
}

/** One file of the release, whole. The answer's head must come within the connect deadline, redirects included. */
async function get(file: string, options: ReleaseOptions): Promise<Buffer> {
  const late = new AbortController();
  const within = (ms: number, what: string): NodeJS.Timeout =>
    setTimeout(() => late.abort(new Error(`${what} within ${ms / 1000} s`)), ms);
  const connecting = within(CONNECT_TIMEOUT_MS, 'no answer');
  const downloading = within(DOWNLOAD_TIMEOUT_MS, 'not complete');
  try {
    const url = `${DOWNLOADS}/v${RELEASE_VERSION}/${file}`;
    const response = await options.fetch(url, { signal: late.signal });
    clearTimeout(connecting);
    if (response.url !== '' && !response.url.startsWith('https:'))
      throw new Error('redirected away from https');
    if (!response.ok) throw new Error(`HTTP ${response.status}`);
    return Buffer.from(await response.arrayBuffer());
  } catch (error) {
    // fetch says no more than "fetch failed"; the reason is in its cause.
    const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
    throw new Error(`${file} of the official release: ${messageOf(cause)}`, { cause: error });
  } finally {
    for (const timer of [connecting, downloading]) clearTimeout(timer);
  }
}

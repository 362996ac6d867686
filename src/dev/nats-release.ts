import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { arch, platform } from 'node:os';
import { join } from 'node:path';
import { type Environment, executableName, isExecutable, messageOf, run } from './executables.ts';
import { withFolderLock } from './folder-lock.ts';

/** The official release that is brought when no new enough server is at hand. */
export const RELEASE_VERSION = '2.15.1';

const DOWNLOADS = 'https://github.com/nats-io/nats-server/releases/download';
const CONNECT_TIMEOUT_MS = 3_000;
const DOWNLOAD_TIMEOUT_MS = 60_000;
/** The archive is about 7 MB; whatever is much larger is something else. */
const MAX_ARCHIVE_BYTES = 64 * 1024 * 1024;

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
  const folder = join(options.cacheDir, 'release');
  await withFolderLock(join(folder, `${name}.lock`), DOWNLOAD_TIMEOUT_MS + CONNECT_TIMEOUT_MS, async () => {
    if (await isExecutable(binary)) return; // another process brought it while we waited
    const deadline = AbortSignal.timeout(DOWNLOAD_TIMEOUT_MS);
    const expected = await publishedChecksum(`${name}.tar.gz`, deadline, options);
    options.say(`downloading nats-server ${RELEASE_VERSION} from its official release (first time only)`);
    const archive = await get(`${name}.tar.gz`, deadline, options);
    const actual = createHash('sha256').update(archive).digest('hex');
    if (actual !== expected) throw new Error(`the checksum of ${name}.tar.gz is not that of its SHA256SUMS`);
    await unpack(archive, name, folder, options.env);
  });
  return binary;
}

async function publishedChecksum(
  file: string,
  deadline: AbortSignal,
  options: ReleaseOptions,
): Promise<string> {
  const sums = (await get('SHA256SUMS', deadline, options)).toString('utf8');
  for (const line of sums.split('\n')) {
    const [checksum, listed] = line.trim().split(/\s+\*?/);
    if (listed === file && checksum !== undefined && /^[0-9a-f]{64}$/.test(checksum)) return checksum;
  }
  throw new Error(`SHA256SUMS of the release does not list ${file}`);
}

/** One file of the release, whole. The answer's head must come within the connect deadline, redirects included. */
async function get(file: string, deadline: AbortSignal, options: ReleaseOptions): Promise<Buffer> {
  const connecting = new AbortController();
  const timer = setTimeout(() => connecting.abort(), CONNECT_TIMEOUT_MS);
  try {
    const response = await options.fetch(`${DOWNLOADS}/v${RELEASE_VERSION}/${file}`, {
      signal: AbortSignal.any([connecting.signal, deadline]),
    });
    clearTimeout(timer);
    if (response.url !== '' && !response.url.startsWith('https:'))
      throw new Error('redirected away from https');
    if (!response.ok || response.body === null) throw new Error(`HTTP ${response.status}`);
    const chunks: Uint8Array[] = [];
    let bytes = 0;
    for await (const chunk of response.body) {
      bytes += chunk.length;
      if (bytes > MAX_ARCHIVE_BYTES) throw new Error(`more than ${MAX_ARCHIVE_BYTES} bytes`);
      chunks.push(chunk);
    }
    return Buffer.concat(chunks);
  } catch (error) {
    throw new Error(`${file} of the official release: ${whatFailed(error, connecting.signal, deadline)}`, {
      cause: error,
    });
  } finally {
    clearTimeout(timer);
  }
}

function whatFailed(error: unknown, connecting: AbortSignal, deadline: AbortSignal): string {
  if (connecting.aborted) return `no answer within ${CONNECT_TIMEOUT_MS / 1000} s`;
  if (deadline.aborted) return `not complete within ${DOWNLOAD_TIMEOUT_MS / 1000} s`;
  // fetch says no more than "fetch failed"; the reason is in its cause.
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
  return messageOf(cause);
}

async function unpack(archive: Buffer, name: string, folder: string, env: Environment): Promise<void> {
  await mkdir(folder, { recursive: true });
  const work = await mkdtemp(join(folder, 'work-'));
  try {
    await writeFile(join(work, 'archive.tar.gz'), archive);
    // Every system in question has a tar that reads gzip, Windows since 10.
    await run('tar', ['-xzf', 'archive.tar.gz'], { timeoutMs: 30_000, env, cwd: work });
    await rm(join(folder, name), { recursive: true, force: true });
    await rename(join(work, name), join(folder, name));
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

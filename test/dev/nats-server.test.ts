import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { chmod, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { delimiter, dirname, join } from 'node:path';
import { test } from 'node:test';
import { debianFolder } from '../../src/dev/debian-packages.ts';
import { run } from '../../src/dev/executables.ts';
import { RELEASE_VERSION, releaseBinary, releaseName } from '../../src/dev/nats-release.ts';
import { defaultCacheDir, type FindOptions, findNatsServer } from '../../src/dev/nats-server.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

/** A program that only knows its version, as far as finding goes. */
async function fakeServer(path: string, version: string): Promise<string> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, `#!/bin/sh\necho "nats-server: v${version}"\n`);
  await chmod(path, 0o755);
  return path;
}

const unreachable: typeof fetch = () =>
  Promise.reject(new TypeError('fetch failed', { cause: new Error('no network') }));

/** Finds without network and without apt, unless the case brings them. */
async function find(options: Partial<FindOptions> & { cacheDir: string }) {
  const said: string[] = [];
  const finding = findNatsServer({
    env: {},
    isRoot: false,
    fetch: unreachable,
    say: (line) => said.push(line),
    ...options,
  });
  return {
    said,
    ...(await finding.then(
      (found) => ({ found, error: '' }),
      (error) => ({ found: undefined, error: error.message }),
    )),
  };
}

test('NATS_SERVER comes before the PATH, whatever its version', async () => {
  await using folder = await temporaryFolder();
  const named = await fakeServer(join(folder.path, 'named', 'server'), '2.2.0');
  await fakeServer(join(folder.path, 'bin', 'nats-server'), '2.14.0');
  const env = { NATS_SERVER: named, PATH: join(folder.path, 'bin') };
  const { found, said } = await find({ cacheDir: folder.path, env });
  assert.deepEqual(found, { path: named, version: '2.2.0', source: 'NATS_SERVER' });
  assert.deepEqual(said, ['nats-server 2.2.0 from NATS_SERVER']);
});

test('a NATS_SERVER that cannot be run is an error, not a reason to look elsewhere', async () => {
  await using folder = await temporaryFolder();
  await fakeServer(join(folder.path, 'bin', 'nats-server'), '2.14.0');
  const env = { NATS_SERVER: '/nowhere/nats-server', PATH: join(folder.path, 'bin') };
  const { error } = await find({ cacheDir: folder.path, env });
  assert.equal(error, 'NATS_SERVER is /nowhere/nats-server, which cannot be run; point it at a nats-server');
});

test('a server on the PATH that is too old is passed over, and said so', async () => {
  await using folder = await temporaryFolder();
  const old = await fakeServer(join(folder.path, 'old', 'nats-server'), '2.9.25');
  const recent = await fakeServer(join(folder.path, 'new', 'nats-server'), '2.10.0');
  const { found, said } = await find({
    cacheDir: folder.path,
    env: { PATH: [dirname(old), dirname(recent)].join(delimiter) },
  });
  assert.deepEqual(found, { path: recent, version: '2.10.0', source: 'PATH' });
  assert.deepEqual(said, [
    `nats-server passed over: ${old} is 2.9.25, older than 2.10.0`,
    'nats-server 2.10.0 from PATH',
  ]);
});

test('the wished minimum decides, by numbers and not by letters', async () => {
  await using folder = await temporaryFolder();
  const server = await fakeServer(join(folder.path, 'bin', 'nats-server'), '2.10.4');
  const env = { PATH: dirname(server) };
  assert.equal((await find({ cacheDir: folder.path, env, minimumVersion: '2.9.30' })).found?.path, server);
  assert.equal((await find({ cacheDir: folder.path, env, minimumVersion: '2.10.4' })).found?.path, server);
  assert.equal((await find({ cacheDir: folder.path, env, minimumVersion: '2.11.0' })).found, undefined);
});

test('programs on the PATH that are no nats-server, and relative entries, are passed over', async () => {
  await using folder = await temporaryFolder();
  const broken = join(folder.path, 'bin', 'nats-server');
  await mkdir(dirname(broken));
  await writeFile(broken, '#!/bin/sh\nexit 1\n', { mode: 0o755 });
  const { error } = await find({
    cacheDir: folder.path,
    env: { PATH: ['.', dirname(broken)].join(delimiter) },
  });
  assert.match(error, new RegExp(`${broken} cannot be run`));
});

test('the cache comes before any download: first the release, then the Debian package', async () => {
  await using folder = await temporaryFolder();
  const cacheDir = folder.path;
  const fetchNothing: typeof fetch = () => assert.fail('the network was asked');
  const debian = await fakeServer(
    join(debianFolder(cacheDir, 'nats-server'), 'usr', 'sbin', 'nats-server'),
    '2.12.0',
  );
  assert.deepEqual((await find({ cacheDir, fetch: fetchNothing })).found, {
    path: debian,
    version: '2.12.0',
    source: 'cache',
  });
  const release = releaseBinary(cacheDir);
  if (release === undefined) return; // no release for this machine
  await fakeServer(release, RELEASE_VERSION);
  assert.equal((await find({ cacheDir, fetch: fetchNothing })).found?.path, release);
});

test('the official release is downloaded, checked against SHA256SUMS, and kept', async (t) => {
  const name = releaseName();
  if (name === undefined) return t.skip('there is no release for this machine');
  await using folder = await temporaryFolder();
  await fakeServer(join(folder.path, 'made', name, 'nats-server'), RELEASE_VERSION);
  await run('tar', ['-czf', 'archive.tar.gz', '-C', 'made', name], { timeoutMs: 10_000, cwd: folder.path });
  const archive = await readFile(join(folder.path, 'archive.tar.gz'));
  const checksum = createHash('sha256').update(archive).digest('hex');
  const asked: string[] = [];
  const serving =
    (sums: string): typeof fetch =>
    async (url) => {
      asked.push(String(url));
      return new Response(String(url).endsWith('SHA256SUMS') ? sums : new Uint8Array(archive));
    };
  // tar is found on the real PATH; nothing else is, so that apt is not asked.
  const tools = join(folder.path, 'tools');
  await mkdir(tools);
  const cacheDir = join(folder.path, 'cache');

  const forged = await find({
    cacheDir,
    fetch: serving(`${'0'.repeat(64)}  ${name}.tar.gz\n`),
    env: { PATH: tools },
  });
  assert.match(forged.error, /the checksum of .* is not that of its SHA256SUMS/);

  const { found, said } = await find({
    cacheDir,
    fetch: serving(`${'1'.repeat(64)}  other\n${checksum}  ${name}.tar.gz\n`),
  });
  assert.deepEqual(found, {
    path: releaseBinary(cacheDir),
    version: RELEASE_VERSION,
    source: 'official release',
  });
  assert.match(said.join('\n'), /downloading nats-server/);
  assert.ok(
    asked.every((url) =>
      url.startsWith(`https://github.com/nats-io/nats-server/releases/download/v${RELEASE_VERSION}/`),
    ),
  );
  assert.deepEqual(await readdir(join(cacheDir, 'release')), [name], 'no lock and no work folder is left');
});

test('without any server one sentence says what to install and what was tried', async () => {
  await using folder = await temporaryFolder();
  const { error } = await find({ cacheDir: folder.path });
  assert.match(
    error,
    /^no nats-server was found and none could be brought: install nats-server 2\.10\.0 or newer/,
  );
  assert.match(error, /or set NATS_SERVER to its path/);
  assert.match(error, /no network/);
  assert.match(error, /not a Debian system/);
  assert.doesNotMatch(error, /\n/);
});

test('releases are named as the official archives are', () => {
  assert.equal(releaseName('linux', 'x64'), `nats-server-v${RELEASE_VERSION}-linux-amd64`);
  assert.equal(releaseName('darwin', 'arm64'), `nats-server-v${RELEASE_VERSION}-darwin-arm64`);
  assert.equal(releaseName('win32', 'x64'), `nats-server-v${RELEASE_VERSION}-windows-amd64`);
  assert.equal(releaseName('sunos', 'x64'), undefined);
});

test('a checkout caches in its own folder, an installed package in that of the user', () => {
  assert.equal(defaultCacheDir('/src/natsgate', {}, '/users/u'), '/src/natsgate/.cache/natsgate');
  assert.equal(defaultCacheDir('/prefix/node_modules/natsgate', {}, '/users/u'), '/users/u/.cache/natsgate');
  assert.equal(
    defaultCacheDir('/prefix/node_modules/natsgate', { XDG_CACHE_HOME: '/c' }, '/users/u'),
    '/c/natsgate',
  );
});

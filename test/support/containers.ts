import { execFile } from 'node:child_process';
import { chmod, cp, mkdir, readFile, realpath, writeFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { installDebianPackage } from '../../src/dev/debian-packages.ts';
import { findOnPath, isExecutable } from '../../src/dev/executables.ts';
import { natsServerBinary } from './nats.ts';
import { type TemporaryFolder, temporaryFolder } from './temporary-folder.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const exec = promisify(execFile);
const LONG_MS = 300_000;
/** Programs that podman needs beside itself, by the Debian package that has them. */
const PACKAGES = ['buildah', 'podman', 'runc', 'catatonit'];

/** Finds buildah and podman, or installs them when root. Throws one sentence that says what to install. */
export async function findContainerTools(): Promise<string> {
  for (const name of PACKAGES) {
    if (await installed(name)) continue;
    if (userInfo().uid !== 0) throw new Error(`no ${name}: install ${PACKAGES.join(', ')} (only root can)`);
    await installDebianPackage({ packageName: name, env: process.env, say: (line) => console.error(line) });
    if (!(await installed(name))) throw new Error(`no ${name} after its installation`);
  }
  return PACKAGES.join(', ');
}

async function installed(name: string): Promise<boolean> {
  const [found] = await findOnPath(name, { PATH: `${process.env['PATH']}:/usr/sbin:/usr/libexec/podman` });
  return found !== undefined || (await isExecutable(`/usr/libexec/podman/${name}`));
}

export type Ran = { readonly code: number; readonly stdout: string; readonly stderr: string };

/** A store of images and containers of its own, below a temporary folder; gone with everything that runs in it. */
export class ContainerStore implements AsyncDisposable {
  readonly folder: TemporaryFolder;
  readonly #env: NodeJS.ProcessEnv;

  private constructor(folder: TemporaryFolder) {
    this.folder = folder;
    this.#env = {
      ...process.env,
      BUILDAH_ISOLATION: 'chroot',
      CONTAINERS_CONF: join(folder.path, 'containers.conf'),
    };
  }

  static async create(): Promise<ContainerStore> {
    const folder = await temporaryFolder();
    // A sandbox may not raise limits: containers get the ones that stand.
    const limits = await readFile('/proc/self/limits', 'utf8');
    const files = /^Max open files\s+\d+\s+(\d+)/m.exec(limits)?.[1] ?? '1024';
    await writeFile(
      join(folder.path, 'containers.conf'),
      `[containers]\ndefault_ulimits=["nofile=${files}:${files}","nproc=4096:4096"]\n[engine]\nruntime="runc"\ncgroup_manager="cgroupfs"\nevents_logger="file"\n`,
    );
    return new ContainerStore(folder);
  }

  buildah(...args: string[]): Promise<string> {
    return this.#must('buildah', args);
  }

  podman(...args: string[]): Promise<string> {
    return this.#must('podman', args);
  }

  /** Whatever the exit code. */
  async tryPodman(...args: string[]): Promise<Ran> {
    return exec('podman', [...this.#storage(), ...args], { env: this.#env, timeout: LONG_MS }).then(
      (done) => ({ code: 0, ...done }),
      (error: Ran) => ({ code: error.code, stdout: error.stdout, stderr: error.stderr }),
    );
  }

  async #must(program: string, args: readonly string[]): Promise<string> {
    const options = { env: this.#env, timeout: LONG_MS, maxBuffer: 64 * 1024 * 1024 };
    const { stdout } = await exec(program, [...this.#storage(), ...args], options);
    return stdout.trim();
  }

  #storage(): string[] {
    const { path } = this.folder;
    return ['--storage-driver', 'vfs', '--root', join(path, 'store'), '--runroot', join(path, 'run')];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.tryPodman('pod', 'rm', '--all', '--force', '--time', '1');
    await this.folder[Symbol.asyncDispose]();
  }
}

/** A folder that holds programs with the libraries that they need, at the places given. */
async function assemble(root: string, programs: Readonly<Record<string, string>>): Promise<void> {
  for (const [at, program] of Object.entries(programs)) {
    const target = join(root, at);
    await mkdir(dirname(target), { recursive: true });
    await cp(await realpath(program), target);
    await chmod(target, 0o755);
    await copyLibraries(root, program);
  }
}

async function copyLibraries(root: string, program: string): Promise<void> {
  // A static program has none, and ldd says so by its exit code.
  const { stdout } = await exec('ldd', [program]).catch(() => ({ stdout: '' }));
  for (const [, library = ''] of stdout.matchAll(/(?:=> )?(\/\S+)/g)) {
    await mkdir(join(root, dirname(library)), { recursive: true });
    await cp(await realpath(library), join(root, library));
  }
}

/** In the image that builds. */
const NPM = '/usr/local/bin/node /usr/local/lib/node_modules/npm/bin/npm-cli.js';

const NOBODY =
  'root:x:0:0:root:/root:/sbin/nologin\nnonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin\n';

/**
 * Builds stand-ins for the two bases of the Dockerfile from what is on this machine: no registry of images can be
 * reached from here. The runtime one has what distroless has: node, its libraries, users, a folder for temporary
 * files.
 */
export async function buildBases(
  store: ContainerStore,
): Promise<{ readonly build: string; readonly runtime: string }> {
  const work = store.folder.path;
  const runtime = join(work, 'runtime');
  await assemble(runtime, { 'nodejs/bin/node': process.execPath });
  await mkdir(join(runtime, 'tmp'), { mode: 0o1777 });
  await mkdir(join(runtime, 'etc'));
  await writeFile(join(runtime, 'etc', 'passwd'), NOBODY);
  await base(store, runtime, 'runtime');

  const build = join(work, 'build');
  const sh = await realpath('/bin/sh');
  await assemble(build, { 'bin/sh': sh, 'usr/bin/env': '/usr/bin/env' });
  // Node itself and npm are mounted by `buildImage`: copied, they would be most of what is written.
  await copyLibraries(build, process.execPath);
  await mkdir(join(build, 'tmp'), { mode: 0o1777 });
  await mkdir(join(build, 'root'));
  await mkdir(join(build, 'etc', 'ssl', 'certs'), { recursive: true });
  await writeFile(join(build, 'etc', 'passwd'), NOBODY);
  const authorities = process.env['NODE_EXTRA_CA_CERTS'];
  if (authorities !== undefined)
    await cp(authorities, join(build, 'etc', 'ssl', 'certs', 'ca-certificates.crt'));
  await mkdir(join(build, 'usr/local/bin'), { recursive: true });
  await writeFile(join(build, 'usr/local/bin/npm'), `#!/bin/sh\nexec ${NPM} "$@"\n`, { mode: 0o755 });
  await base(store, build, 'build');
  return { build: 'localhost/stand-in:build', runtime: 'localhost/stand-in:runtime' };
}

/** nats-server as an image. */
export async function buildNatsImage(store: ContainerStore, tag: string): Promise<void> {
  const folder = join(store.folder.path, 'nats');
  const { path } = await natsServerBinary();
  await assemble(folder, { 'usr/bin/nats-server': path });
  await mkdir(join(folder, 'tmp'), { mode: 0o1777 });
  await base(store, folder, 'nats', ['ENV PATH=/usr/bin', 'ENTRYPOINT ["/usr/bin/nats-server"]'], tag);
}

async function base(
  store: ContainerStore,
  folder: string,
  name: string,
  more: string[] = [],
  tag = `localhost/stand-in:${name}`,
): Promise<void> {
  const file = join(store.folder.path, `${name}.Dockerfile`);
  const path = name === 'build' ? ['ENV PATH=/usr/local/bin:/usr/bin:/bin'] : [];
  await writeFile(file, ['FROM scratch', 'COPY . /', ...path, ...more].join('\n'));
  await store.buildah('bud', '--timestamp', '0', '--tag', tag, '--file', file, folder);
}

/**
 * Builds the Dockerfile of this repository. npm works as on this machine: the same registry, the same cache.
 * `installed`: packages that are used in place of those that `npm ci` would bring.
 */
export async function buildImage(
  store: ContainerStore,
  bases: { readonly build: string; readonly runtime: string },
  tag: string,
  installed?: string,
): Promise<void> {
  const npmrc = join(store.folder.path, 'npmrc');
  const registry = (
    await exec('npm', ['config', 'get', 'registry'], { cwd: store.folder.path })
  ).stdout.trim();
  const cache = (await exec('npm', ['config', 'get', 'cache'], { cwd: store.folder.path })).stdout.trim();
  await mkdir(cache, { recursive: true });
  const authorities =
    process.env['NODE_EXTRA_CA_CERTS'] === undefined ? '' : 'cafile=/etc/ssl/certs/ca-certificates.crt\n';
  await writeFile(npmrc, `registry=${registry}\ncache=/npm-cache\nprefer-offline=true\n${authorities}`);
  await store.buildah(
    ...['bud', '--timestamp', '0', '--tag', tag, '--file', join(ROOT, 'Dockerfile'), '--no-cache'],
    ...['--build-arg', `BUILD_IMAGE=${bases.build}`, '--build-arg', `RUNTIME_IMAGE=${bases.runtime}`],
    ...['--build-arg', 'VERSION=0.1.0', '--build-arg', 'REVISION=test'],
    ...['--volume', `${process.execPath}:/usr/local/bin/node:ro`],
    ...['--volume', `${await npmFolder()}:/usr/local/lib/node_modules/npm:ro`],
    ...['--volume', `${npmrc}:/usr/local/etc/npmrc:ro`, '--volume', `${cache}:/npm-cache:rw`],
    ...(installed === undefined ? [] : await withoutInstalling(store, installed)),
    ROOT,
  );
}

async function withoutInstalling(store: ContainerStore, installed: string): Promise<string[]> {
  const npm = join(store.folder.path, 'npm-without-ci');
  await writeFile(npm, `#!/bin/sh\n[ "$1" = ci ] || exec ${NPM} "$@"\n`, { mode: 0o755 });
  return ['--volume', `${npm}:/usr/local/bin/npm:ro`, '--volume', `${installed}:/build/node_modules:ro`];
}

async function npmFolder(): Promise<string> {
  const { stdout } = await exec('npm', ['root', '--global'], { cwd: '/' });
  const own = join(stdout.trim(), 'npm');
  return realpath(own);
}

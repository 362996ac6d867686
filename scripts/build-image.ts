/**
 * What the container image holds, in dist/image: the program with all its packages, the file that starts it, licences,
 * and a list of packages (SBOM). The same sources give the same bytes.
 */
import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtempDisposable, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { build } from 'esbuild';
import { buildPage } from './build-web.ts';

const run = promisify(execFile);

/** Some packages are CommonJS and ask for Node's own modules by require, which ES modules do not have. */
const REQUIRE =
  "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);";

export async function buildImageFiles(root: string): Promise<string> {
  const target = join(root, 'dist', 'image');
  await rm(target, { recursive: true, force: true });
  await mkdir(join(target, 'dist'), { recursive: true });
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: { natsgate: 'src/main.ts' },
    outdir: join('dist', 'image', 'dist'),
    bundle: true,
    // A command reads its own chunks and no others.
    splitting: true,
    // `natsgate dev` brings a nats-server to a laptop; nothing of it belongs into the image.
    external: ['./dev/command.ts'],
    platform: 'node',
    target: 'node26',
    format: 'esm',
    banner: { js: REQUIRE },
    legalComments: 'none', // the licences stand whole in THIRD-PARTY-LICENSES
    metafile: true,
    logLevel: 'warning',
  });
  const ofPage = packagesOf(await buildPage(root, 'status', join(target, 'dist', 'web', 'status')));
  const packages = new Set([...packagesOf(Object.keys(metafile.inputs)), ...ofPage]);
  const manifest = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as Record<string, unknown>;
  const { name, version, license, type } = manifest;
  await writeFile(join(target, 'package.json'), json({ name, version, license, type }));
  await cp(join(root, 'LICENSE'), join(target, 'LICENSE'));
  // What runs first: it hears signals while the program is still being read.
  await cp(join(root, 'bin'), join(target, 'bin'), { recursive: true });
  await writeFile(join(target, 'THIRD-PARTY-LICENSES'), await licences(root, [...packages].toSorted()));
  await writeFile(join(target, 'sbom.cdx.json'), await billOfMaterials(root, ofPage));
  return target;
}

/** The packages that these files are of. */
function packagesOf(inputs: readonly string[]): ReadonlySet<string> {
  const names = inputs.map((input) => /^node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(input)?.[1]);
  return new Set(names.filter((name) => name !== undefined));
}

async function licences(root: string, packages: readonly string[]): Promise<string> {
  const texts = packages.map(async (name) => {
    const folder = join(root, 'node_modules', name);
    const file = (await readdir(folder)).find((one) => /^licen[cs]e/i.test(one));
    const { version, license } = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8'));
    const text =
      file === undefined ? '(the package holds no text)\n' : await readFile(join(folder, file), 'utf8');
    return `${name} ${version} (${license})\n\n${text.trim()}\n`;
  });
  return (await Promise.all(texts)).join(`\n${'-'.repeat(72)}\n\n`);
}

/** CycloneDX of npm, without what differs from run to run. `bundled`: packages of development that a page holds. */
async function billOfMaterials(root: string, bundled: ReadonlySet<string>): Promise<string> {
  await using temporary = await mkdtempDisposable(join(tmpdir(), 'natsgate-sbom-'));
  // npm names the program by its folder.
  const folder = join(temporary.path, 'natsgate');
  await mkdir(folder);
  await writeProductionOnly(root, folder, bundled);
  const args = ['sbom', '--sbom-format', 'cyclonedx', '--package-lock-only'];
  const { stdout } = await run('npm', args, { cwd: folder, maxBuffer: 64 * 1024 * 1024 });
  const { serialNumber: _, metadata, ...bill } = JSON.parse(stdout) as Record<string, unknown>;
  const { timestamp: __, ...rest } = metadata as Record<string, unknown>;
  return json({ ...bill, metadata: rest });
}

/** With `--omit dev` npm 11 also leaves out packages of production that one of development needs as well. */
async function writeProductionOnly(
  root: string,
  folder: string,
  bundled: ReadonlySet<string>,
): Promise<void> {
  const read = async (name: string): Promise<Manifest> =>
    JSON.parse(await readFile(join(root, name), 'utf8')) as Manifest;
  const [{ devDependencies = {}, ...manifest }, lock] = [
    await read('package.json'),
    await read('package-lock.json'),
  ];
  const packages = Object.entries(lock.packages ?? {}).flatMap(([path, { devDependencies: __, ...entry }]) =>
    entry.dev === true && !bundled.has(path.replace('node_modules/', '')) ? [] : [[path, entry] as const],
  );
  const ofPages = Object.entries(devDependencies).filter(([name]) => bundled.has(name));
  const dependencies = { ...manifest.dependencies, ...Object.fromEntries(ofPages) };
  await writeFile(join(folder, 'package.json'), json({ ...manifest, dependencies }));
  const ours = { ...lock, packages: Object.fromEntries(packages) };
  await writeFile(join(folder, 'package-lock.json'), json(ours));
}

type Manifest = Readonly<Record<string, unknown>> & {
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
  readonly packages?: Readonly<
    Record<string, { readonly dev?: boolean; readonly devDependencies?: unknown }>
  >;
};

const json = (value: unknown): string => `${JSON.stringify(value, undefined, 2)}\n`;

if (import.meta.main) await buildImageFiles(fileURLToPath(new URL('..', import.meta.url)));

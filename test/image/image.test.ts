import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { buildBases, buildImage, buildNatsImage, ContainerStore } from '../support/containers.ts';
import { NATS, runPod } from './pod.ts';

/** The Dockerfile, built without a daemon on stand-ins for its bases, and the sidecar's pod run from the result. */
const ROOT = join(import.meta.dirname, '..', '..');
const PLAIN = join(ROOT, 'examples', 'sidecar', 'sidecar.yaml');
const IMAGE = 'localhost/natsgate:test';
/** What our own layer may weigh; Node itself is the base's. 1.5 MB are undici, which asks monitoring ports and webhooks. */
const MAX_OWN_BYTES = 4_000_000;

type Inspected = {
  readonly RootFS: { readonly Layers: readonly string[] };
  readonly Config: {
    readonly User: string;
    readonly Entrypoint: readonly string[];
    readonly Cmd?: readonly string[];
    readonly Env: readonly string[];
    readonly StopSignal: string;
    readonly ExposedPorts: object;
    readonly Labels: Readonly<Record<string, string>>;
  };
};

let store: ContainerStore;
let image: Inspected;
let again: Inspected;
let files: { readonly path: string; readonly mode: number; readonly bytes: number }[];

const inspect = async (name: string): Promise<Inspected> =>
  (JSON.parse(await store.podman('image', 'inspect', name)) as [Inspected])[0];

before(
  async () => {
    store = await ContainerStore.create();
    const bases = await buildBases(store);
    await buildImage(store, bases, IMAGE);
    image = await inspect(IMAGE);
    // The lock file names the bytes of every package, so a second installation would show nothing.
    await buildImage(store, bases, 'localhost/natsgate:again', join(ROOT, 'node_modules'));
    again = await inspect('localhost/natsgate:again');
    await buildNatsImage(store, NATS);
    const mounted = await store.podman('image', 'mount', IMAGE);
    files = walk(mounted, '');
  },
  { timeout: 300_000 },
);
after(() => store[Symbol.asyncDispose](), { timeout: 300_000 });

test('two builds give the same layers', () => {
  assert.ok(image.RootFS.Layers.length >= 2);
  assert.deepEqual(image.RootFS.Layers, again.RootFS.Layers);
});

test('what the image says about itself', () => {
  const { Config: config } = image;
  assert.equal(config.User, '65532:65532');
  assert.deepEqual(config.Entrypoint, [
    '/nodejs/bin/node',
    '--disable-sigusr1',
    '--disable-proto=delete',
    '--report-on-fatalerror',
    '--report-exclude-network',
    '--report-exclude-env',
    '--report-filename=stderr',
    '/app/bin/natsgate.js',
  ]);
  assert.deepEqual(config.Cmd ?? [], []);
  assert.equal(config.StopSignal, 'SIGTERM');
  assert.deepEqual(Object.keys(config.ExposedPorts).toSorted(), ['8080/tcp']);
  assert.ok(config.Env.includes('NODE_ENV=production'));
  assert.ok(config.Env.includes('NODE_OPTIONS=--max-old-space-size-percentage=55'));
  const labels = Object.entries(config.Labels).filter(([name]) =>
    name.startsWith('org.opencontainers.image.'),
  );
  assert.deepEqual(Object.fromEntries(labels), {
    'org.opencontainers.image.title': 'natsgate',
    'org.opencontainers.image.description': 'The WebSocket edge of NATS',
    'org.opencontainers.image.licenses': 'Apache-2.0',
    'org.opencontainers.image.version': '0.1.0',
    'org.opencontainers.image.revision': 'test',
  });
});

test('the image holds the program and what belongs to it, and nothing more', () => {
  const own = files.filter(({ path }) => path.startsWith('/app/'));
  const isChunk = ({ path }: { readonly path: string }) => /^\/app\/dist\/[\w-]+-[A-Z0-9]{8}\.js$/.test(path);
  const rest = own.filter((file) => !isChunk(file));
  assert.deepEqual(rest.map(({ path }) => path).toSorted(), [
    '/app/LICENSE',
    '/app/THIRD-PARTY-LICENSES',
    '/app/bin/natsgate.js',
    '/app/dist/natsgate.js',
    '/app/dist/web/status/early-theme.js',
    '/app/dist/web/status/icon.svg',
    '/app/dist/web/status/index.html',
    '/app/dist/web/status/status.css',
    '/app/dist/web/status/status.js',
    '/app/package.json',
    '/app/sbom.cdx.json',
  ]);
  const bytes = own.reduce((sum, one) => sum + one.bytes, 0);
  console.error(`image: ${bytes} bytes of our own`);
  assert.ok(bytes <= MAX_OWN_BYTES, `${bytes} bytes`);
});

test('what runs first asks for signals, and the program does it before its packages', async () => {
  const [start, program] = ['bin', 'dist'].map((folder) =>
    readFileSync(join(mountedPath, 'app', folder, 'natsgate.js'), 'utf8'),
  );
  assert.ok(start !== undefined && program !== undefined);
  assert.doesNotMatch(start.slice(0, start.indexOf('process.on(')), /^\s*(import|await)\b/m);
  // What stands before it are wrappers that run when they are asked for.
  const own = [...program.matchAll(/^\/\/ (src\/\S+)$/gm)].map(([, file]) => file);
  assert.equal(own[0], 'src/signals.ts');
  // Chunks that it imports run before it: they are leaves of our own.
  for (const [, chunk = ''] of program.matchAll(/^(?:import|} from) "\.\/([^"]+)";$/gm))
    assert.doesNotMatch(
      readFileSync(join(mountedPath, 'app', 'dist', chunk), 'utf8'),
      /^\/\/ node_modules\//m,
      chunk,
    );
});

test('nothing of natsgate dev is in it', () => {
  const folder = join(mountedPath, 'app', 'dist');
  const files = readdirSync(folder).filter((file) => file.endsWith('.js'));
  const programs = files.map((file) => readFileSync(join(folder, file), 'utf8'));
  assert.ok(programs.some((program) => program.includes('\n// src/gateway.ts\n')));
  assert.deepEqual(
    programs.filter((program) => program.includes('\n// src/dev/')),
    [],
  );
});

test('no shell, no npm, nothing that changes its user', () => {
  const names = files.map(({ path }) => path);
  assert.ok(names.includes('/nodejs/bin/node'));
  assert.deepEqual(
    names.filter((path) => /\/(sh|bash|dash|ash|busybox|env|npm|npx|corepack|yarn)$|node_modules/.test(path)),
    [],
  );
  assert.deepEqual(
    files.filter(({ mode }) => (mode & 0o6000) !== 0),
    [],
  );
});

/** Of development, and bundled into the status page. */
const IN_PAGE = ['@preact/signals', '@preact/signals-core', 'preact', 'uplot'];

test('the bill of materials names every package of production, and those of the page', () => {
  const lock = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, { version: string; dev?: boolean; optional?: boolean }>;
  };
  const expected = Object.entries(lock.packages)
    .filter(
      ([path, { dev, optional }]) =>
        (path !== '' && dev !== true && optional !== true) ||
        IN_PAGE.includes(path.replace('node_modules/', '')),
    )
    .map(([path, { version }]) => `${path.replace(/^.*node_modules\//, '')}@${version}`);
  const bill = JSON.parse(readFileSync(join(mountedPath, 'app', 'sbom.cdx.json'), 'utf8')) as {
    bomFormat: string;
    components: { name: string; group?: string; version: string }[];
  };
  assert.equal(bill.bomFormat, 'CycloneDX');
  const listed = bill.components.map(({ name, version }) => `${name}@${version}`);
  assert.deepEqual(listed.toSorted(), expected.toSorted());
});

test('it starts with a read-only root, as any user, without capabilities', async () => {
  const limits = [
    '--read-only',
    '--user',
    '12345:54321',
    '--cap-drop',
    'all',
    '--network',
    'none',
    '--memory',
    '128m',
  ];
  const said = await store.podman(
    'run',
    '--rm',
    ...limits,
    IMAGE,
    'check',
    '--upstream',
    'nats://127.0.0.1:4222',
    '--origin',
    'https://a.example',
  );
  assert.match(said, /the configuration is valid/);
  const usage = await store.tryPodman('run', '--rm', ...limits, IMAGE, 'nonsense');
  assert.equal(usage.code, 2);
});

test('SIGTERM before it is ready ends it, though as number 1 of its container it is told of nothing by default', async () => {
  // Goes no further than to its first port, and says so.
  const held = `import net from'node:net';net.Server.prototype.listen=function(){console.log('held');return this}`;
  const preload = `NODE_OPTIONS=--import=data:text/javascript,${encodeURIComponent(held)}`;
  const options = ['--upstream', 'nats://127.0.0.1:4222', '--origin', 'https://a.example'];
  const id = await store.podman('run', '--detach', '--network', 'none', '--env', preload, IMAGE, ...options);
  while (!(await store.podman('logs', id)).includes('held')) await wait(100);
  await store.podman('kill', '--signal', 'TERM', id);
  assert.equal(await store.podman('wait', id), '0');
  await store.podman('rm', id);
});

// What takes time is the servers' patience with their clients.
describe('the pod of examples/sidecar', { concurrency: true }, () => {
  test('from start to a clean end', { timeout: 600_000 }, async () => {
    const seen = await runPod(store, IMAGE, PLAIN, 'ordinary');
    console.error(`pod: ${JSON.stringify(seen.figures)}`);
    assert.deepEqual(seen.echo, 'hello through everything');
    assert.deepEqual([seen.close.code, seen.close.reason], [1001, 'draining']);
    assert.equal(seen.forcedCloses, 0);
    assert.equal(seen.exitCodes['natsgate'], 0);
    assert.equal(seen.pid, 1);
    assert.equal(seen.user, 65_532);
    assert.equal(seen.readOnlyRoot, true);
    assert.equal(seen.memoryLimit, 256 * 1024 * 1024);
  });

  test('left in the order of a native sidecar', { timeout: 600_000 }, async () => {
    const seen = await runPod(store, IMAGE, PLAIN, 'native');
    console.error(`native: ${JSON.stringify(seen.figures)}`);
    assert.equal(seen.echo, 'hello through everything');
    // nats-server ends it, by its lame duck; natsgate is still there to say so in order.
    assert.deepEqual([seen.close.code, seen.close.reason], [1001, 'upstream_closed']);
    assert.equal(seen.forcedCloses, 0);
    assert.deepEqual(seen.exitCodes, { natsgate: 0, nats: 0 });
  });
});

let mountedPath = '';

function walk(root: string, folder: string): typeof files {
  if (folder === '') mountedPath = root;
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory()) return walk(root, path);
    if (!entry.isFile()) return [];
    const { mode, size } = statSync(join(root, path));
    return [{ path, mode, bytes: size }];
  });
}

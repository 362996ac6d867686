import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { dirname, relative, resolve } from 'node:path';
import { test } from 'node:test';

const ROOT = resolve(import.meta.dirname, '..');

type Import = {
  readonly from: string;
  readonly to: string;
  readonly typeOnly: boolean;
  /** Loaded when it is needed. */
  readonly late: boolean;
};

/** Every import of src/, as paths below src/ (`session/pipe.ts`) or package names (`ws`, `node:net`). */
const IMPORTS: readonly Import[] = globSync('src/**/*.ts', { cwd: ROOT }).flatMap((file) => {
  const text = readFileSync(resolve(ROOT, file), 'utf8');
  const from = relative('src', file);
  const statements = text.matchAll(
    /^(?:import|export)\s+(type\s+)?(?:[^'"`;]*?\sfrom\s+)?'([^']+)'|\bimport\('([^']+)'\)/gm,
  );
  return [...statements].map(([, type, source, dynamic]) => {
    const target = source ?? dynamic ?? '';
    const to = target.startsWith('.')
      ? relative('src', relative(ROOT, resolve(ROOT, dirname(file), target)))
      : target;
    return { from, to, typeOnly: type !== undefined, late: dynamic !== undefined };
  });
});

const folder = (path: string): string => (path.includes('/') ? path.slice(0, path.indexOf('/')) : '');
const isPackage = (target: string): boolean => !target.endsWith('.ts');
/** `hono` of `hono/accepts`. */
const packageOf = (target: string): string => /^(?:@[^/]+\/)?[^/]+/.exec(target)?.[0] ?? '';

/**
 * The import order, from the ground up: a file may import what is in a lower layer, or in its own folder. Those of the
 * first layer may import one another. Types count as imports.
 */
const LAYERS: readonly RegExp[] = [
  /^(net|bytes|nats|policy)\/|^(close-reason|event-loop|handshake-outcome|handshake-steps|linked-list|log|log-text|recent-lines|places|text-pattern|cgroup|descriptor-limit|printable|timer-wheel|signals)\.ts$|\.d\.ts$/,
  /^config\//,
  /^budget\.ts$/,
  /^(listener|websocket|upstream|auth|private-http|rates)\//,
  /^inspect\//,
  /^session\//,
  /^(capture|subjects)\//,
  /^replay\//,
  /^live\//,
  /^(counters|snapshot|log-fields|session-log)\.ts$/,
  /^status\//,
  /^status\.ts$/,
  /^admin\//,
  /^(open-session|authorize-handshake|handshake-context|parts|prepare|recorder|runtime|drain|kick|rechecks|session-inspector|start-lines|capture-control|capture-files|test-policy|try-handshake|watch-control|admin-facade|gateway|package-files)\.ts$/,
  /^((cli|dev)\/|library\.ts$)/,
  /^main\.ts$/,
];

const layerOf = (path: string): number => LAYERS.findIndex((layer) => layer.test(path));

/** A package is imported in one place. */
const PACKAGES: Readonly<Record<string, RegExp>> = {
  ws: /^(websocket\/|cli\/probe\.ts$)/,
  yaml: /^config\/(document|yaml-mistakes)\.ts$/,
  'prom-client': /^admin\/metrics\.ts$/,
  undici: /^(upstream\/health|auth\/(jwks|webhook))\.ts$/,
  zod: /^config\//,
  pino: /^log\.ts$/,
  hono: /^private-http\//,
  '@hono/node-server': /^private-http\//,
};

test('the imports of src/ were found', () => {
  assert.ok(IMPORTS.length > 60, `${IMPORTS.length} imports`);
  assert.ok(IMPORTS.some(({ from, to }) => from === 'open-session.ts' && to === 'session/session.ts'));
});

test('every file has its layer', () => {
  const files = globSync('src/**/*.ts', { cwd: ROOT }).map((file) => relative('src', file));
  assert.deepEqual(
    files.filter((file) => layerOf(file) === -1),
    [],
  );
});

test('nothing imports upwards, or another folder of its layer', () => {
  const wrong = IMPORTS.filter(({ from, to }) => {
    if (isPackage(to)) return false;
    const [lower, upper] = [layerOf(to), layerOf(from)];
    const isFirst = upper === 0 && lower === 0;
    return lower > upper || (lower === upper && !isFirst && folder(from) !== folder(to));
  });
  assert.deepEqual(
    wrong.map(({ from, to }) => `${from} -> ${to}`),
    [],
  );
});

test('no file leads back to itself, by types neither', () => {
  const targets = new Map<string, string[]>();
  for (const { from, to } of IMPORTS)
    if (!isPackage(to)) targets.set(from, [...(targets.get(from) ?? []), to]);
  const done = new Set<string>();
  const cycles: string[] = [];
  const visit = (file: string, path: readonly string[]): void => {
    if (path.includes(file)) {
      cycles.push([...path.slice(path.indexOf(file)), file].join(' -> '));
      return;
    }
    if (done.has(file)) return;
    for (const next of targets.get(file) ?? []) visit(next, [...path, file]);
    done.add(file);
  };
  for (const file of targets.keys()) visit(file, []);
  assert.deepEqual(cycles, []);
});

test('dev is loaded by its command alone, and not before', () => {
  const into = IMPORTS.filter(({ from, to }) => folder(to) === 'dev' && folder(from) !== 'dev');
  assert.ok(into.length > 0);
  assert.deepEqual(
    into.filter(({ from, late }) => from !== 'main.ts' || !late),
    [],
  );
});

test('each package has one place', () => {
  const isForeign = (target: string): boolean => isPackage(target) && !target.startsWith('node:');
  const wrong = IMPORTS.filter(
    ({ from, to }) => isForeign(to) && packageOf(to) in PACKAGES && !PACKAGES[packageOf(to)]?.test(from),
  );
  assert.deepEqual(wrong, []);
  const unknown = IMPORTS.filter(
    ({ to }) => isForeign(to) && !(packageOf(to) in PACKAGES) && to !== 'esbuild',
  );
  assert.deepEqual(unknown, []);
});

test('the program loads no package before it knows the command', () => {
  const needed = new Set(['main.ts']);
  for (const file of needed)
    for (const { from, to, typeOnly, late } of IMPORTS)
      if (from === file && !typeOnly && !late) needed.add(to);
  assert.deepEqual(
    [...needed].filter((file) => isPackage(file) && !file.startsWith('node:')),
    [],
  );
  assert.ok(needed.size < 30, [...needed].join(', '));
});

test('only main.ts and signals.ts touch process, and nobody the console', () => {
  for (const file of globSync('src/**/*.ts', { cwd: ROOT })) {
    const code = readFileSync(resolve(ROOT, file), 'utf8').replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '');
    assert.doesNotMatch(code, /\bconsole\./, file);
    if (!['main.ts', 'signals.ts'].includes(relative('src', file)))
      assert.doesNotMatch(code, /(?<![\w.'"-])process\.(?!report)|from 'node:process'/, file);
  }
});

test('files are read by one reader; whatever waits for a file system in the main thread is done before the start', () => {
  // A mount that hangs would stop every session. main.ts reads what lies beside the program, and what the kernel says.
  const start = ['main.ts', 'config/files.ts'];
  // One file at a time, in the background: nothing waits for it.
  const background = ['capture-files.ts'];
  // What the kernel shows as files is on no mount.
  const kernel = ['cgroup.ts', 'descriptor-limit.ts', 'net/send-queues.ts'];
  const wrong = IMPORTS.filter(
    ({ from, to }) =>
      /^node:fs(\/promises)?$/.test(to) &&
      ![...start, ...background, ...kernel].includes(from) &&
      !/^(cli|dev)\//.test(from),
  );
  assert.deepEqual(wrong, []);
  for (const file of globSync('src/**/*.ts', { cwd: ROOT })) {
    if (/^src\/(main\.ts|cli\/|dev\/)/.test(file)) continue;
    const code = readFileSync(resolve(ROOT, file), 'utf8').replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '');
    assert.doesNotMatch(code, /\b\w+Sync\(|fs\.watch|from 'node:child_process'/, file);
  }
});

test('config.ts and byte-socket.ts, which others import, hold no code', () => {
  for (const file of ['src/config/config.ts', 'src/websocket/byte-socket.ts']) {
    assert.doesNotMatch(
      readFileSync(resolve(ROOT, file), 'utf8'),
      /^(export )?(const|let|function|class|async)\b/m,
      file,
    );
  }
});

test('ARCHITECTURE.md and CONTRIBUTING.md name files that are there', () => {
  const files = globSync('{src,test,scripts,bin,docs,helm,bench,web,examples}/**/*.*', { cwd: ROOT });
  const all = [...files, ...globSync('*.*', { cwd: ROOT })].map((file) => `/${file}`);
  const missing = ['ARCHITECTURE.md', 'CONTRIBUTING.md'].flatMap((page) => {
    const text = readFileSync(resolve(ROOT, page), 'utf8');
    // A placeholder is in capitals.
    const names = [...text.matchAll(/`([\w./-]+\.(?:ts|wat|js|ya?ml))`/g)].map(([, name = '']) => name);
    return names.filter(
      (name) => !/\b[A-Z]+\.ts$/.test(name) && !all.some((file) => file.endsWith(`/${name}`)),
    );
  });
  assert.deepEqual(missing, []);
});

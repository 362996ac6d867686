import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { dirname, relative, resolve } from 'node:path';
import { test } from 'node:test';

const ROOT = resolve(import.meta.dirname, '..');

type Import = { readonly from: string; readonly to: string; readonly typeOnly: boolean };

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
    return { from, to, typeOnly: type !== undefined };
  });
});

const folder = (path: string): string => (path.includes('/') ? path.slice(0, path.indexOf('/')) : '');
const isPackage = (target: string): boolean => !target.endsWith('.ts');

/** Files at the top that know nothing of any folder but the type of the configuration. */
const LEAVES = [
  'errors.ts',
  'log.ts',
  'log-text.ts',
  'printable.ts',
  'close-reason.ts',
  'timer-wheel.ts',
  'buffer-pool.ts',
  'proxy-protocol.ts',
  'budget.ts',
  'http-head.ts',
  'reporter.ts',
];

/** The few edges between sibling folders that the design names. */
const EXCEPTIONS: readonly [string, RegExp][] = [
  ['config', /^(net|nats)\//],
  ['listener', /^net\//],
  ['inspect', /^nats\//],
  ['session', /^websocket\/byte-socket\.ts$/],
  ['upstream', /^nats\//],
  ['auth', /^nats\//],
  ['cli', /^(gateway\.ts|prepare\.ts|config\/|nats\/)/],
];

/** A package is imported in one place. */
const PACKAGES: Readonly<Record<string, RegExp>> = {
  ws: /^(websocket\/|cli\/probe\.ts$)/,
  yaml: /^config\/load\.ts$/,
  'prom-client': /^admin\/(metrics|tally)\.ts$/,
  undici: /^(upstream\/health\.ts|auth\/webhook\.ts)$/,
  zod: /^config\/schema\.ts$/,
  pino: /^log\.ts$/,
  jose: /^auth\/jwt\.ts$/,
};

test('the imports of src/ were found', () => {
  assert.ok(IMPORTS.length > 60, `${IMPORTS.length} imports`);
  assert.ok(IMPORTS.some(({ from, to }) => from === 'gateway.ts' && to === 'session/session.ts'));
});

test('sibling folders do not import one another', () => {
  const wrong = IMPORTS.filter(({ from, to }) => {
    if (isPackage(to) || folder(from) === '' || folder(to) === folder(from)) return false;
    if (LEAVES.includes(to) || to === 'config/config.ts') return false;
    return !EXCEPTIONS.some(([name, allowed]) => name === folder(from) && allowed.test(to));
  });
  assert.deepEqual(wrong, []);
});

test('leaves import leaves and the type of the configuration only', () => {
  const wrong = IMPORTS.filter(
    ({ from, to }) =>
      LEAVES.includes(from) && !isPackage(to) && !LEAVES.includes(to) && to !== 'config/config.ts',
  );
  assert.deepEqual(wrong, []);
});

test('main → cli → gateway → folders: nothing imports upwards', () => {
  const wrong = IMPORTS.filter(({ from, to }) => {
    if (to === 'main.ts') return true;
    if (to === 'gateway.ts') return from !== 'main.ts' && folder(from) !== 'cli';
    return folder(to) === 'cli' && from !== 'main.ts' && folder(from) !== 'cli';
  });
  assert.deepEqual(wrong, []);
});

test('each package has one place', () => {
  const wrong = IMPORTS.filter(
    ({ from, to }) => isPackage(to) && !to.startsWith('node:') && to in PACKAGES && !PACKAGES[to]?.test(from),
  );
  assert.deepEqual(wrong, []);
  const unknown = IMPORTS.filter(
    ({ to }) => isPackage(to) && !to.startsWith('node:') && !(to in PACKAGES) && to !== 'esbuild',
  );
  assert.deepEqual(unknown, []);
});

test('only main.ts and signals.ts touch process, and nobody the console', () => {
  for (const file of globSync('src/**/*.ts', { cwd: ROOT })) {
    const code = readFileSync(resolve(ROOT, file), 'utf8').replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '');
    assert.doesNotMatch(code, /\bconsole\./, file);
    if (!['main.ts', 'signals.ts'].includes(relative('src', file)))
      assert.doesNotMatch(code, /(?<![\w.'"-])process\.(?!report)|from 'node:process'/, file);
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

/**
 * A mutation pass over folders of src/, on demand: `npm run mutate -- --folder src/listener --count 80 --seed 1`
 * (`--folder` may be repeated). It takes the last commit, changes one place at a time in a copy, and runs the test
 * files that reach this place until one of them fails. A person judges what survives: it may be the same program in
 * other words. `--tests 'gateway/*'`: those tests alone. `--log FILE`: a line of JSON for each mutant;
 * `--again FILE`: only those that survived in that log, so that quick tests may go first.
 */
import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Compiler } from './mutation/compiler.ts';
import { conclude, mutant, saySurvivor } from './mutation/mutant.ts';
import { changes } from './mutation/operators.ts';
import { TestFiles } from './mutation/test-files.ts';

type Row = {
  readonly file: string;
  readonly line: number;
  readonly start: number;
  readonly what: string;
  readonly noticed?: string | undefined;
  readonly ms: number;
};

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const CACHE = join(ROOT, '.cache', 'mutate');
const { values } = parseArgs({
  options: {
    folder: { type: 'string', multiple: true, default: ['src'] },
    count: { type: 'string', default: '80' },
    seed: { type: 'string', default: '1' },
    tests: {
      type: 'string',
      default:
        '{admin,bytes,e2e,gateway,inspect,listener,nats,net,private-http,session,upstream,websocket}/*',
    },
    log: { type: 'string' },
    again: { type: 'string' },
  },
});

const git = (...args: string[]): Buffer =>
  execFileSync('git', args, { cwd: ROOT, maxBuffer: Number.POSITIVE_INFINITY });
const copy = mkdtempSync(join(tmpdir(), 'natsgate-mutate-'));
execFileSync('tar', ['-x', '-C', copy], { input: git('archive', 'HEAD') });
mkdirSync(CACHE, { recursive: true });
for (const shared of ['node_modules', '.cache']) symlinkSync(join(ROOT, shared), join(copy, shared));

const tests = new TestFiles(copy, join(CACHE, 'compiled'));
process.once('exit', () => {
  tests.end();
  rmSync(copy, { recursive: true, force: true });
});
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));

/** The same order for the same seed (mulberry32). */
function shuffled<T>(items: readonly T[], seed: number): T[] {
  let state = seed;
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
  return items
    .map((item) => ({ item, order: next() }))
    .toSorted((a, b) => a.order - b.order)
    .map(({ item }) => item);
}

const nameOf = ({ file, start, what }: Pick<Row, 'file' | 'start' | 'what'>): string =>
  `${file} ${start} ${what}`;

function survivorsOf(log: string): Set<string> {
  const lines = readFileSync(log, 'utf8').trim().split('\n');
  const rows = lines.map((line) => JSON.parse(line) as Row);
  return new Set(rows.map(nameOf)).difference(
    new Set(rows.filter((row) => row.noticed !== undefined).map(nameOf)),
  );
}

const again = values.again === undefined ? undefined : survivorsOf(values.again);
// What a test reaches is known until a file changes.
const trees = git('rev-parse', 'HEAD:src', 'HEAD:test').toString();
await tests.measure(`test/${values.tests}.test.ts`, join(CACHE, trees.replaceAll(/(.{12}).*\n/g, '$1')));

const compiler = new Compiler(copy);
let [total, survivors] = [0, 0];
for (const folder of values.folder) {
  const all = globSync(`${folder}/**/*.ts`, { cwd: copy })
    .toSorted()
    .flatMap((file) => changes(compiler.sourceFile(join(copy, file))).map((change) => ({ ...change, file })));
  let counted = 0;
  for (const { file, start, end, by } of shuffled(all, Number(values.seed))) {
    if (counted === Number(values.count)) break;
    const path = join(copy, file);
    const original = readFileSync(path, 'utf8');
    const mutated = mutant(file, original, [start, end], by);
    const place = { file, line: mutated.line, start, what: mutated.what };
    if (again?.has(nameOf(place)) === false) continue;
    writeFileSync(path, mutated.text);
    if (compiler.accepts(path)) {
      counted++;
      const began = performance.now();
      const noticed = await tests.noticing(file, start);
      const row: Row = { ...place, noticed, ms: Math.round(performance.now() - began) };
      if (values.log !== undefined) appendFileSync(values.log, `${JSON.stringify(row)}\n`);
      if (noticed === undefined) {
        survivors++;
        saySurvivor(mutated);
      }
    }
    writeFileSync(path, original);
    compiler.accepts(path);
  }
  console.log(`${folder}: ${all.length} places, ${counted} mutants`);
  total += counted;
}
compiler.close();
conclude(total, survivors);

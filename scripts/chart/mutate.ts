/**
 * A mutation pass over the chart, and the tests must notice each mutant: each condition of each template is once
 * taken away (always true), once made false; each step of a pipeline that writes (toYaml, quote, nindent and others)
 * is taken away. Not part of npm test: it takes minutes.
 * `npm run node -- scripts/chart/mutate.ts [templates whose path contains this]...`
 */
import { execFile } from 'node:child_process';
import { cpSync, globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { conclude, type Mutant, mutant, saySurvivor } from '../mutation/mutant.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const CHART = join(ROOT, 'helm', 'natsgate');
const JUDGE = join(ROOT, 'test', 'helm', 'judge.ts');

/** What may be missing from an expression without a syntax error. */
const STEP =
  /\btoYaml(?= )|(?<=[\w)"] )\| (?:quote|trim|int|toString|toJson|nindent \d+|trimSuffix "-"|trunc \d+|replace "\+" "_")(?=[ )])/g;

function mutants(): Mutant[] {
  const wanted = process.argv.slice(2);
  return globSync('templates/**/*.{yaml,tpl,txt}', { cwd: CHART })
    .filter((file) => wanted.length === 0 || wanted.some((part) => file.includes(part)))
    .toSorted()
    .flatMap((file) => {
      const text = readFileSync(join(CHART, file), 'utf8');
      const conditions = [
        ...text.matchAll(/\{\{-?\s*(else if|if|with|else with)\s+([^}]*?)\s*-?\}\}/g),
      ].flatMap(({ 0: whole, 1: keyword = '', 2: condition = '', index }) => {
        const start = index + whole.indexOf(condition);
        const changes = keyword.endsWith('with') ? ['false'] : ['true', 'false'];
        return changes.map((value) => mutant(file, text, [start, start + condition.length], value));
      });
      const steps = [...text.matchAll(STEP)].map(({ 0: step, index }) =>
        mutant(file, text, [index, index + step.length], ''),
      );
      return [...conditions, ...steps];
    });
}

function judged({ file, text }: Mutant): Promise<string | undefined> {
  const folder = mkdtempSync(join(tmpdir(), 'natsgate-mutant-'));
  // The folder is called as the chart, for lint's sake.
  const chart = join(folder, 'natsgate');
  cpSync(CHART, chart, { recursive: true });
  writeFileSync(join(chart, file), text);
  return new Promise((resolve) => {
    const env = { ...process.env, NATSGATE_CHART: chart };
    execFile(process.execPath, [JUDGE], { env, timeout: 600_000 }, (error, stdout) => {
      rmSync(folder, { recursive: true, force: true });
      resolve(error === null ? undefined : stdout.trim());
    });
  });
}

const queue = mutants();
const total = queue.length;
let survivors = 0;
const worker = async (): Promise<void> => {
  for (let next = queue.shift(); next !== undefined; next = queue.shift())
    if ((await judged(next)) === undefined) {
      survivors++;
      saySurvivor(next);
    }
};
await Promise.all([worker(), worker()]);
conclude(total, survivors);

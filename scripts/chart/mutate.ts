/**
 * A mutation pass over the chart: each condition of each template is once taken away (always true), once made false,
 * and the tests must notice. At the last pass: 276 mutants, all noticed. Not part of npm test: it takes minutes. `npm run node -- scripts/chart/mutate.ts`
 */
import { execFile } from 'node:child_process';
import { cpSync, globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const CHART = join(ROOT, 'helm', 'natsgate');
const JUDGE = join(ROOT, 'test', 'helm', 'judge.ts');

type Mutant = { readonly file: string; readonly line: number; readonly what: string; readonly text: string };

function mutants(): Mutant[] {
  return globSync('templates/**/*.{yaml,tpl,txt}', { cwd: CHART })
    .toSorted()
    .flatMap((file) => {
      const text = readFileSync(join(CHART, file), 'utf8');
      return [...text.matchAll(/\{\{-?\s*(else if|if|with|else with)\s+([^}]*?)\s*-?\}\}/g)].flatMap(
        (match) => {
          const [whole, keyword = '', condition = ''] = match;
          const line = text.slice(0, match.index).split('\n').length;
          const changes = keyword.endsWith('with') ? ['false'] : ['true', 'false'];
          return changes.map((value) => {
            const changed = whole.replace(condition, () => value);
            const mutated = text.slice(0, match.index) + changed + text.slice(match.index + whole.length);
            return { file, line, what: `${keyword} ${condition} → ${value}`, text: mutated };
          });
        },
      );
    });
}

function judged(mutant: Mutant): Promise<string | undefined> {
  const folder = mkdtempSync(join(tmpdir(), 'natsgate-mutant-'));
  // The folder is called as the chart, for lint's sake.
  const chart = join(folder, 'natsgate');
  cpSync(CHART, chart, { recursive: true });
  writeFileSync(join(chart, mutant.file), mutant.text);
  return new Promise((resolve) => {
    const env = { ...process.env, NATSGATE_CHART: chart };
    execFile(process.execPath, [JUDGE], { env, timeout: 120_000 }, (error, stdout) => {
      rmSync(folder, { recursive: true, force: true });
      resolve(error === null ? undefined : stdout.trim());
    });
  });
}

const queue = mutants();
const total = queue.length;
const survivors: Mutant[] = [];
const worker = async (): Promise<void> => {
  for (let mutant = queue.shift(); mutant !== undefined; mutant = queue.shift())
    if ((await judged(mutant)) === undefined) survivors.push(mutant);
};
await Promise.all([worker(), worker()]);
for (const { file, line, what } of survivors) console.log(`survived: ${file}:${line} ${what}`);
console.log(`${total} mutants, ${total - survivors.length} noticed, ${survivors.length} survived`);
process.exitCode = survivors.length === 0 ? 0 : 1;

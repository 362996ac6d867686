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

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const CHART = join(ROOT, 'helm', 'natsgate');
const JUDGE = join(ROOT, 'test', 'helm', 'judge.ts');

/** What may be missing from an expression without a syntax error. */
const STEP =
  /\btoYaml(?= )|(?<=[\w)"] )\| (?:quote|trim|int|toString|toJson|nindent \d+|trimSuffix "-"|trunc \d+|replace "\+" "_")(?=[ )])/g;

type Mutant = { readonly file: string; readonly line: number; readonly what: string; readonly text: string };

function mutants(): Mutant[] {
  const wanted = process.argv.slice(2);
  return globSync('templates/**/*.{yaml,tpl,txt}', { cwd: CHART })
    .filter((file) => wanted.length === 0 || wanted.some((part) => file.includes(part)))
    .toSorted()
    .flatMap((file) => {
      const text = readFileSync(join(CHART, file), 'utf8');
      const conditions = [
        ...text.matchAll(/\{\{-?\s*(else if|if|with|else with)\s+([^}]*?)\s*-?\}\}/g),
      ].flatMap((match) => {
        const [whole, keyword = '', condition = ''] = match;
        const line = text.slice(0, match.index).split('\n').length;
        const changes = keyword.endsWith('with') ? ['false'] : ['true', 'false'];
        return changes.map((value) => {
          const changed = whole.replace(condition, () => value);
          const mutated = text.slice(0, match.index) + changed + text.slice(match.index + whole.length);
          return { file, line, what: `${keyword} ${condition} → ${value}`, text: mutated };
        });
      });
      const steps = [...text.matchAll(STEP)].map((match) => {
        const line = text.slice(0, match.index).split('\n').length;
        const mutated = text.slice(0, match.index) + text.slice(match.index + match[0].length);
        return { file, line, what: `without "${match[0].trim()}"`, text: mutated };
      });
      return [...conditions, ...steps];
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
    if ((await judged(mutant)) === undefined) {
      survivors.push(mutant);
      console.log(`survived: ${mutant.file}:${mutant.line} ${mutant.what}`);
    }
};
await Promise.all([worker(), worker()]);
console.log(`${total} mutants, ${total - survivors.length} noticed, ${survivors.length} survived`);
process.exitCode = survivors.length === 0 ? 0 : 1;

import { writeFile } from 'node:fs/promises';
import { type BenchArguments, parseArguments, USAGE } from './arguments.ts';
import { startBench } from './bench-processes.ts';
import { makeCertificate } from './certificate.ts';
import { describeMachine, machineLines } from './machine.ts';
import { runRounds } from './rounds.ts';
import { SUBJECTS } from './subjects/all.ts';
import { comparedWith } from './subjects/natsgate.ts';
import { RAW_PIPE } from './subjects/raw-pipe.ts';
import type { SubjectKind } from './subjects/subject.ts';
import { rowsOf, tableOf } from './table.ts';
import { WORKS } from './work/all.ts';

/** `npm run bench`: method and figures stand in README.md. */
async function main(args: BenchArguments): Promise<void> {
  const unknown = args.only?.find((name) => !WORKS.some((work) => work.name === name));
  if (unknown !== undefined) {
    throw new Error(`--only does not know ${unknown}, but ${WORKS.map((work) => work.name).join(', ')}`);
  }
  const works = WORKS.filter((work) => args.only?.includes(work.name) ?? true);
  const subjects = args.before === undefined ? SUBJECTS : [...SUBJECTS, ...comparedWith(args.before)];
  const machine = await describeMachine(subjects);
  const kinds = subjects.filter(
    (kind) => machine.versions[kind.name] !== 'not installed' && isMeant(kind, args),
  );
  console.log(`${machineLines(machine)}\n`);
  const certificate = makeCertificate();
  const bench = await startBench();
  const report = [];
  try {
    for (const work of works) {
      const rounds = work.memory === true ? Math.ceil(args.rounds / 3) : args.rounds;
      const results = await runRounds(bench, work, kinds, {
        rounds,
        scale: args.scale,
        certificate,
        say: progress,
      });
      const rows = rowsOf(work, results);
      const figures = Object.fromEntries(results.map((one) => [one.kind.name, one.figures]));
      report.push({ work: work.name, title: work.title, columns: work.columns, rows, figures });
      progress('');
      console.log(`${tableOf(work, rows)}\n`);
    }
  } finally {
    bench.generator.stop();
    bench.upstream.stop();
    certificate?.remove();
  }
  if (args.jsonFile !== undefined) {
    await writeFile(
      args.jsonFile,
      `${JSON.stringify({ machine, scale: args.scale, works: report }, undefined, 1)}\n`,
    );
  }
}

function isMeant(kind: SubjectKind, { subjects }: BenchArguments): boolean {
  return (
    subjects === undefined || kind.name === RAW_PIPE || subjects.some((part) => kind.name.includes(part))
  );
}

/** On a terminal one line that changes; the tables go to standard output alone. */
function progress(line: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\u001b[K${line}`);
  else if (line !== '') process.stderr.write(`${line}\n`);
}

try {
  const args = parseArguments(process.argv.slice(2));
  if (args === 'help') console.log(USAGE);
  else await main(args);
} catch (error) {
  console.error(`bench: ${(error as Error).message}`);
  process.exitCode = 1;
}

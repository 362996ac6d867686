import type { Result } from './rounds.ts';
import { median, spreadPercent } from './statistics.ts';
import { RAW_PIPE } from './subjects/raw-pipe.ts';
import type { Work } from './work/work.ts';

/** Above this the control itself is not to be trusted. */
export const MAX_CONTROL_SPREAD_PERCENT = 10;

export type Row = {
  readonly subject: string;
  /** Medians by column key. */
  readonly medians: Readonly<Record<string, number>>;
  readonly spreadPercent: number;
  /** The first column divided by the control's, or less the control's. */
  readonly compared: number | undefined;
  readonly rounds: number;
  readonly problem?: string;
};

export function rowsOf(work: Work, results: readonly Result[]): readonly Row[] {
  const main = work.columns[0]!.key;
  const medianOf = (result: Result, key: string): number =>
    median(result.figures.map((one) => one[key] ?? Number.NaN));
  const control = results.find(({ kind, figures }) => kind.name === RAW_PIPE && figures.length > 0);
  const base = control === undefined ? undefined : medianOf(control, main);
  return results.map((result) => {
    const value = medianOf(result, main);
    return {
      subject: result.kind.name,
      medians: Object.fromEntries(work.columns.map(({ key }) => [key, medianOf(result, key)])),
      spreadPercent: spreadPercent(result.figures.map((one) => one[main] ?? Number.NaN)),
      compared: base === undefined ? undefined : work.compare === 'ratio' ? value / base : value - base,
      rounds: result.figures.length,
      ...(result.problem === undefined ? {} : { problem: result.problem }),
    };
  });
}

/** The table of one work as text. */
export function tableOf(work: Work, rows: readonly Row[]): string {
  const [main, ...others] = work.columns;
  const compared = work.compare === 'ratio' ? '÷ raw pipe' : '− raw pipe';
  const head = ['', main!.title, 'spread %', compared, ...others.map((column) => column.title)];
  const body = rows.map((row) =>
    row.rounds === 0
      ? [row.subject, row.problem === undefined ? 'not measured' : 'failed']
      : [
          row.subject,
          number(row.medians[main!.key], main!.digits),
          number(row.spreadPercent, 1),
          number(row.compared, work.compare === 'ratio' ? 2 : main!.digits),
          ...others.map(({ key, digits }) => number(row.medians[key], digits)),
        ],
  );
  const control = rows.find((row) => row.subject === RAW_PIPE);
  const noisy = control !== undefined && control.spreadPercent > MAX_CONTROL_SPREAD_PERCENT;
  return [
    work.title,
    ...aligned([head, ...body]),
    ...(noisy
      ? [`  NOISY: the control spreads by ${number(control.spreadPercent, 1)} %; do not quote this table`]
      : []),
    ...rows.flatMap((row) => (row.problem === undefined ? [] : [`  ${row.subject}: ${row.problem}`])),
  ].join('\n');
}

function number(value: number | undefined, digits: number): string {
  return value === undefined || Number.isNaN(value) ? '–' : value.toFixed(digits);
}

function aligned(lines: readonly (readonly string[])[]): string[] {
  const columns = Math.max(...lines.map((line) => line.length));
  const widths = Array.from({ length: columns }, (_, at) =>
    Math.max(...lines.map((line) => line[at]?.length ?? 0)),
  );
  return lines.map((line) =>
    `  ${line.map((cell, at) => (at === 0 ? cell.padEnd(widths[at]!) : cell.padStart(widths[at]!))).join('  ')}`.trimEnd(),
  );
}

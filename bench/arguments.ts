import { resolve } from 'node:path';
import { parseArgs } from 'node:util';

export type BenchArguments = {
  readonly rounds: number;
  /** Part of the full work, 0 to 1. */
  readonly scale: number;
  readonly only: readonly string[] | undefined;
  readonly subjects: readonly string[] | undefined;
  readonly jsonFile: string | undefined;
  /** The folder of another checkout. */
  readonly before: string | undefined;
};

export const USAGE = `node bench/main.ts [--rounds N] [--only work,…] [--subjects name,…] [--quick] [--json FILE] [--before TREE]

  --rounds N      measured rounds after the warm-up (9; of memory a third as many)
  --only a,b      these kinds of work
  --subjects a,b  subjects whose name contains one of these; the raw pipe is always there
  --quick         a tenth of the work in three rounds: does it run?
  --json FILE     all figures of all rounds as JSON
  --before TREE   another checkout of natsgate with its packages, and this one again as a control`;

/** @throws with one sentence when something is not understood. */
export function parseArguments(args: readonly string[]): BenchArguments | 'help' {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rounds: { type: 'string' },
      only: { type: 'string' },
      subjects: { type: 'string' },
      quick: { type: 'boolean', default: false },
      json: { type: 'string' },
      before: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return 'help';
  const rounds = Number(values.rounds ?? (values.quick ? 3 : 9));
  if (!Number.isInteger(rounds) || rounds < 1) throw new Error('--rounds wants a whole number of at least 1');
  return {
    rounds,
    scale: values.quick ? 0.1 : 1,
    only: values.only?.split(','),
    subjects: values.subjects?.split(','),
    jsonFile: values.json,
    before: values.before === undefined ? undefined : resolve(values.before),
  };
}

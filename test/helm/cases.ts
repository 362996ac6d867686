import { globSync } from 'node:fs';
import { basename, join } from 'node:path';
import { CHART } from '../support/helm.ts';

/** The chart with its defaults, and with each file of ci/ and examples/. */
export type Case = { readonly name: string; readonly args: readonly string[]; readonly from: number };

export const DEFAULTS: Case = { name: 'defaults', args: [], from: 29 };

/** Kubernetes minors that the chart is rendered for: the oldest, the newest, and both sides of each border that a template knows. */
export const MINORS = [29, 30, 33, 34, 36];

/** Cases that need a newer Kubernetes than the chart does; a guard says so. */
const FROM: Readonly<Record<string, number>> = { 'pre-stop': 30, lists: 30 };

export const CASES: readonly Case[] = [
  DEFAULTS,
  ...globSync(['ci/*-values.yaml', 'examples/*-values.yaml'], { cwd: CHART })
    .toSorted()
    .map((file) => {
      const name = basename(file, '-values.yaml');
      return { name, args: ['-f', join(CHART, file)], from: FROM[name] ?? 29 };
    }),
];

/** Runs `work` for all items, two at a time: as many as helm keeps busy on a small machine. */
export async function forEachOf<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const queue = [...items];
  const worker = async (): Promise<void> => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) await work(item);
  };
  await Promise.all([worker(), worker()]);
}

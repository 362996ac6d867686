import { Counter, type Registry } from 'prom-client';
import type { EventCounter, EventHistogram } from './metric-table.ts';

export type Labels = Readonly<Record<string, string>>;

/**
 * Events in plain numbers, handed to prom-client when a scrape comes: an observation by prom-client itself takes
 * 1.5 µs, mostly to check and sort its labels anew, and a handshake makes seven. Only label sets of the table count;
 * any other is dropped, so no series can appear late.
 */
export class TallyCounter {
  readonly #row: EventCounter;
  readonly #cells = new Map<string, { readonly labels: Labels; count: number }>();

  constructor(name: string, row: EventCounter, registry: Registry) {
    const cells = this.#cells;
    this.#row = row;
    for (const labels of row.values) this.#open(labels);
    new Counter({
      name,
      help: row.help,
      labelNames: [...row.labelNames],
      registers: [registry],
      collect() {
        this.reset();
        for (const { labels, count } of cells.values()) this.inc(labels, count);
      },
    });
  }

  /** Where it has the label, the sets of the table count with this value of it too. */
  repeat(label: string, value: string): void {
    for (const labels of repeated(this.#row, label, value)) this.#open(labels);
  }

  /** Drops the sets with another value of the label. */
  keepOnly(label: string, values: ReadonlySet<string>): void {
    dropOthers(this.#cells, label, values);
  }

  add(labels: Labels, by: number): void {
    const cell = this.#cells.get(keyOf(labels, this.#row.labelNames));
    if (cell !== undefined) cell.count += by;
  }

  #open(labels: Labels): void {
    const key = keyOf(labels, this.#row.labelNames);
    if (!this.#cells.has(key)) this.#cells.set(key, { labels, count: 0 });
  }
}

export class TallyHistogram {
  readonly #row: EventHistogram;
  readonly #cells = new Map<string, { readonly labels: Labels; readonly counts: number[]; sum: number }>();

  constructor(name: string, row: EventHistogram, registry: Registry) {
    this.#row = row;
    for (const labels of row.values) this.#open(labels);
    // The part of prom-client's metrics that a registry uses; its own class has no way to be told of counts.
    const metric = {
      name,
      help: row.help,
      type: 'histogram',
      get: () => Promise.resolve({ name, help: row.help, type: 'histogram', values: this.#samples(name) }),
    };
    registry.registerMetric(metric as unknown as Parameters<Registry['registerMetric']>[0]);
  }

  /** As that of the counter. */
  repeat(label: string, value: string): void {
    for (const labels of repeated(this.#row, label, value)) this.#open(labels);
  }

  /** As that of the counter. */
  keepOnly(label: string, values: ReadonlySet<string>): void {
    dropOthers(this.#cells, label, values);
  }

  observe(labels: Labels, value: number): void {
    const cell = this.#cells.get(keyOf(labels, this.#row.labelNames));
    if (cell === undefined) return;
    const { buckets } = this.#row;
    let bucket = 0;
    while (bucket < buckets.length && value > (buckets[bucket] ?? 0)) bucket++;
    cell.counts[bucket] = (cell.counts[bucket] ?? 0) + 1;
    cell.sum += value;
  }

  #open(labels: Labels): void {
    const key = keyOf(labels, this.#row.labelNames);
    if (this.#cells.has(key)) return;
    const counts = new Array<number>(this.#row.buckets.length + 1).fill(0);
    this.#cells.set(key, { labels, counts, sum: 0 });
  }

  #samples(name: string) {
    return [...this.#cells.values()].flatMap(({ labels, counts, sum }) => {
      let total = 0;
      const buckets = counts.map((count, index) => {
        total += count;
        const le = this.#row.buckets[index] ?? '+Inf';
        return { metricName: `${name}_bucket`, labels: { le, ...labels }, value: total };
      });
      return [
        ...buckets,
        { metricName: `${name}_sum`, labels, value: sum },
        { metricName: `${name}_count`, labels, value: total },
      ];
    });
  }
}

function dropOthers(
  cells: Map<string, { readonly labels: Labels }>,
  label: string,
  values: ReadonlySet<string>,
): void {
  for (const [key, { labels }] of cells) {
    const value = labels[label];
    if (value !== undefined && !values.has(value)) cells.delete(key);
  }
}

function repeated(row: EventCounter | EventHistogram, label: string, value: string): readonly Labels[] {
  return row.labelNames.includes(label) ? row.values.map((labels) => ({ ...labels, [label]: value })) : [];
}

function keyOf(labels: Labels, names: readonly string[]): string {
  let key = '';
  for (const name of names) key += `${labels[name]},`;
  return key;
}

export function percentile(sorted: ArrayLike<number>, share: number): number {
  if (sorted.length === 0) return Number.NaN;
  const at = (sorted.length - 1) * share;
  const low = sorted[Math.floor(at)]!;
  return low + (sorted[Math.ceil(at)]! - low) * (at - Math.floor(at));
}

const ascending = (values: readonly number[]): number[] => values.toSorted((a, b) => a - b);

export function median(values: readonly number[]): number {
  return percentile(ascending(values), 0.5);
}

/** Interquartile range in per cent of the median. */
export function spreadPercent(values: readonly number[]): number {
  const sorted = ascending(values);
  const middle = percentile(sorted, 0.5);
  return middle === 0 ? 0 : (100 * (percentile(sorted, 0.75) - percentile(sorted, 0.25))) / Math.abs(middle);
}

/** In random order. */
export function shuffled<T>(items: readonly T[]): T[] {
  const result = [...items];
  for (let index = result.length - 1; index > 0; index--) {
    const other = Math.floor(Math.random() * (index + 1));
    [result[index], result[other]] = [result[other]!, result[index]!];
  }
  return result;
}

/** One change to one file. `text` is the whole file with the change. */
export type Mutant = {
  readonly file: string;
  readonly line: number;
  readonly what: string;
  readonly text: string;
};

/** A mutant of `text`: what lies between `start` and `end` becomes `by`. */
export function mutant(
  file: string,
  text: string,
  [start, end]: readonly [number, number],
  by: string,
  what = `${text.slice(start, end)} → ${by}`,
): Mutant {
  const line = text.slice(0, start).split('\n').length;
  return { file, line, what, text: text.slice(0, start) + by + text.slice(end) };
}

export function saySurvivor({ file, line, what }: Mutant): void {
  console.log(`survived: ${file}:${line} ${what}`);
}

/** Says how many were noticed, and fails the process when some were not. */
export function conclude(total: number, survivors: number): void {
  console.log(`${total} mutants, ${total - survivors} noticed, ${survivors} survived`);
  process.exitCode = survivors === 0 ? 0 : 1;
}

const MOST_LINES = 500;
const MOST_CHARACTERS = 256 * 1024;

/**
 * The last lines of the log, as JSON, for the admin port. They are strings that the log has made anyway, and flat: to
 * print one, a regular expression or a parser has gone over it, so it holds on to nothing that it was made of.
 */
export class RecentLines {
  readonly #lines: string[] = [];
  #characters = 0;
  #last = 0;

  /** The number of the newest line, from 1 on; 0: there was none. */
  get last(): number {
    return this.#last;
  }

  /** To be called after `line` was printed. */
  add(line: string): void {
    this.#last++;
    this.#lines.push(line);
    this.#characters += line.length;
    while (this.#lines.length > MOST_LINES || this.#characters > MOST_CHARACTERS)
      this.#characters -= this.#lines.shift()?.length ?? 0;
  }

  /** The kept ones with a greater number, oldest first. */
  *after(number: number): Generator<{ readonly number: number; readonly line: string }> {
    const before = this.#last - this.#lines.length;
    for (let index = Math.max(0, number - before); index < this.#lines.length; index++)
      yield { number: before + index + 1, line: this.#lines[index] ?? '' };
  }
}

const MOST_LINES = 500;
const MOST_CHARACTERS = 256 * 1024;
/** Of each kind that strangers must not push out. */
const MOST_OLDER = 100;
const MOST_OLDER_CHARACTERS = 64 * 1024;

type NumberedLine = { readonly number: number; readonly line: string };

/**
 * The last lines of the log, as JSON, for the admin port, and the last warnings and actions of operators before them. They
 * are strings that the log has made anyway, and flat: to print one, a regular expression or a parser has gone over it, so
 * it holds on to nothing that it was made of.
 */
export class RecentLines {
  readonly #lines: string[] = [];
  #characters = 0;
  #last = 0;
  readonly #warnings = new OlderLines();
  readonly #actions = new OlderLines();

  /** The number of the newest line, from 1 on; 0: there was none. */
  get last(): number {
    return this.#last;
  }

  /** To be called after `line` was printed. */
  add(line: string): void {
    this.#last++;
    this.#lines.push(line);
    this.#characters += line.length;
    while (this.#lines.length > MOST_LINES || this.#characters > MOST_CHARACTERS) this.#takeOldest();
  }

  /** The kept ones with a greater number, oldest first. */
  *after(number: number): Generator<NumberedLine> {
    const older = [...this.#warnings.lines, ...this.#actions.lines].filter((one) => one.number > number);
    yield* older.sort((left, right) => left.number - right.number);
    const before = this.#last - this.#lines.length;
    for (let index = Math.max(0, number - before); index < this.#lines.length; index++)
      yield { number: before + index + 1, line: this.#lines[index] ?? '' };
  }

  #takeOldest(): void {
    const number = this.#last - this.#lines.length + 1;
    const line = this.#lines.shift() ?? '';
    this.#characters -= line.length;
    if (line.endsWith('by the API"}\n')) this.#actions.add({ number, line });
    else if (/^\{"level":"(warn|error)"/.test(line)) this.#warnings.add({ number, line });
  }
}

class OlderLines {
  readonly lines: NumberedLine[] = [];
  #characters = 0;

  add(numbered: NumberedLine): void {
    this.lines.push(numbered);
    this.#characters += numbered.line.length;
    while (this.lines.length > MOST_OLDER || this.#characters > MOST_OLDER_CHARACTERS)
      this.#characters -= this.lines.shift()?.line.length ?? 0;
  }
}

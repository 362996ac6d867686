import { LineLimiter, type Log } from '../log.ts';

const LINES_PER_SECOND = 1 / 60;

/** Tells the log of wrong Bearer tokens, which are refused and never slowed: a scraper must not be locked out. */
export class TokenGuesses {
  readonly #log: Log;
  readonly #nowMs: () => number;
  readonly #lines = new LineLimiter(LINES_PER_SECOND, 1);

  constructor(log: Log, nowMs = () => performance.now()) {
    this.#log = log;
    this.#nowMs = nowMs;
  }

  /** One line a minute, with the address of the last guess and how many there were since the line before. */
  count(client: string | undefined): void {
    const suppressed = this.#lines.pass('guess', this.#nowMs());
    if (suppressed === undefined) return;
    this.#log.warn({ client, guesses: suppressed + 1 }, 'wrong Bearer token at the admin port');
  }
}

import type { LogLine } from './dev-server.ts';

const MAX_KEPT = 30;
const PATIENCE_MS = 3_000;

type Matches = (line: LogLine) => boolean;

/** The last lines of the gateway's log about ends and about refusals, of handshakes and of operations, to be found when the browser has told its side. */
export class GatewayLines {
  #kept: LogLine[] = [];
  readonly #waiting = new Set<(line: LogLine) => void>();

  add(line: LogLine): void {
    const { outcome, reason, rule } = line.fields;
    if (outcome === undefined && reason === undefined && rule === undefined) return;
    this.#kept = [...this.#kept.slice(1 - MAX_KEPT), line];
    for (const look of this.#waiting) look(line);
  }

  /** The line that matches, of those there are, or of those that come soon. */
  find(matches: Matches): Promise<LogLine | undefined> {
    const known = this.#kept.findLast(matches);
    if (known !== undefined) return Promise.resolve(known);
    const { promise, resolve } = Promise.withResolvers<LogLine | undefined>();
    const look = (line: LogLine): void => {
      if (matches(line)) resolve(line);
    };
    this.#waiting.add(look);
    const deadline = setTimeout(() => resolve(undefined), PATIENCE_MS);
    return promise.finally(() => {
      clearTimeout(deadline);
      this.#waiting.delete(look);
    });
  }
}

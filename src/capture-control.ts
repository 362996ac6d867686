import type { CaptureMatch, CaptureRefusal, CaptureRow } from './capture/captures.ts';
import { foreignText } from './log.ts';
import type { Parts } from './parts.ts';

/**
 * What operators do with captures. A capture shows what a person did, so each start, stop, download and deletion is a
 * line of the log. `by`: the address of who asked.
 */
export class CaptureControl {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  rows(): readonly CaptureRow[] {
    return this.#parts.captures.rows();
  }

  start(match: CaptureMatch, by: string): CaptureRow | CaptureRefusal {
    const { captures, inspected, log, sessions } = this.#parts;
    const id = 'session' in match ? match.session : undefined;
    const facts = id === undefined ? undefined : sessions.get(id)?.facts;
    const inspector = id === undefined ? undefined : inspected.inspectorOf(id);
    const started = captures.start(match, facts, inspector);
    if (typeof started !== 'string')
      log.info({ capture: started.id, ...logged(match), client: by }, 'capture started by the API');
    return started;
  }

  stop(id: number, by: string): boolean {
    return this.#did(this.#parts.captures.stop(id), id, by, 'stopped');
  }

  delete(id: number, by: string): boolean {
    return this.#did(this.#parts.captures.delete(id), id, by, 'deleted');
  }

  download(id: number, by: string): { readonly name: string; readonly text: string } | undefined {
    const file = this.#parts.captures.file(id);
    this.#did(file !== undefined, id, by, 'downloaded');
    return file;
  }

  #did(isDone: boolean, capture: number, by: string, what: string): boolean {
    if (isDone) this.#parts.log.info({ capture, client: by }, `capture ${what} by the API`);
    return isDone;
  }
}

const logged = (match: CaptureMatch): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(match).map(([key, value]) => [
      key,
      typeof value === 'string' ? foreignText(value) : value,
    ]),
  );

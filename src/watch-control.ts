import type { WatchReader } from './live/watch.ts';
import type { WatchRefusal } from './live/watches.ts';
import type { Parts } from './parts.ts';

/**
 * Lets operators watch a session. A watch shows what a person does, so each begin and end is a line of the log. `by`: the
 * address of who watches.
 */
export class WatchControl {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  refusal(id: number): WatchRefusal | undefined {
    const { inspected, sessions, watches } = this.#parts;
    return watches.refusal(sessions.get(id), inspected.inspectorOf(id));
  }

  /** Returns how the reader leaves; undefined: the session cannot be watched. */
  watch(id: number, reader: WatchReader, lastId: string | undefined, by: string): (() => void) | undefined {
    const { inspected, log, sessions, watches } = this.#parts;
    const session = sessions.get(id);
    const inspector = inspected.inspectorOf(id);
    if (session === undefined || inspector === undefined) return undefined;
    log.info({ session: id, client: by }, 'session watched by the API');
    const leave = watches.watch(session, inspector, reader, lastId);
    return () => {
      log.info({ session: id, client: by }, 'session no longer watched by the API');
      leave();
    };
  }
}

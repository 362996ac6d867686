import type { Inspector } from '../inspect/inspector.ts';
import { FULL_SUBJECTS, type ShownSubjects } from '../nats/shown-subjects.ts';
import type { Session } from '../session/session.ts';
import { Watch, type WatchEnd, type WatchReader } from './watch.ts';

export const MOST_WATCHED = 8;
const LASTS_MS = 600_000;
/** A page that comes back within this time finds its place again. */
const LINGERS_MS = 10_000;

type Watched = {
  readonly watch: Watch;
  readonly inspector: Inspector;
  readonly session: Session;
  readonly deadline: NodeJS.Timeout;
  lingers: NodeJS.Timeout | undefined;
};

/** Why a session cannot be watched. */
export type WatchRefusal = 'no_session' | 'inspect_off' | 'not_readable' | 'too_many_watched';

/** The sessions that somebody watches now. All others know nothing of it. */
export class Watches {
  readonly #watched = new Map<number, Watched>();
  readonly #subjects: ShownSubjects;
  readonly #nowMs: () => number;
  #last = 0;

  /** `nowMs`: given by a test. */
  constructor(subjects = FULL_SUBJECTS, nowMs = () => performance.now()) {
    this.#subjects = subjects;
    this.#nowMs = nowMs;
  }

  /** undefined: `watch` may be called. */
  refusal(session: Session | undefined, inspector: Inspector | undefined): WatchRefusal | undefined {
    if (session === undefined) return 'no_session';
    if (this.#watched.has(session.facts.id)) return undefined;
    if (inspector === undefined) return 'inspect_off';
    if (inspector.hasStopped) return 'not_readable';
    return this.#watched.size >= MOST_WATCHED ? 'too_many_watched' : undefined;
  }

  /** `lastId`: of the event after which `reader` goes on. Returns how it leaves. */
  watch(session: Session, inspector: Inspector, reader: WatchReader, lastId: string | undefined): () => void {
    const { id } = session.facts;
    const watched = this.#watched.get(id) ?? this.#begin(session, inspector);
    clearTimeout(watched.lingers);
    watched.lingers = undefined;
    watched.watch.add(reader, lastId);
    return () => {
      const { readers } = watched.watch;
      if (!readers.delete(reader) || readers.size > 0 || this.#watched.get(id) !== watched) return;
      watched.lingers = setTimeout(() => this.#end(id, STOPPED), LINGERS_MS).unref();
    };
  }

  sessionEnded(id: number, reason: string, code: number): void {
    this.#end(id, { reason, code, sentence: 'The session has ended.' });
  }

  close(): void {
    for (const id of this.#watched.keys()) this.#end(id, STOPPED);
  }

  #begin(session: Session, inspector: Inspector): Watched {
    const { id } = session.facts;
    const watch = new Watch(id, ++this.#last, LASTS_MS, inspector, this.#subjects, this.#nowMs);
    const deadline = setTimeout(() => this.#end(id, TIME), LASTS_MS).unref();
    inspector.watch(watch.timeline);
    inspector.watch(watch.deliveries);
    session.watchFrames(watch.timeline);
    const watched = { watch, inspector, session, deadline, lingers: undefined };
    this.#watched.set(id, watched);
    return watched;
  }

  #end(id: number, end: WatchEnd): void {
    const watched = this.#watched.get(id);
    if (watched === undefined) return;
    this.#watched.delete(id);
    const { deadline, inspector, lingers, session, watch } = watched;
    clearTimeout(deadline);
    clearTimeout(lingers);
    inspector.unwatch(watch.timeline);
    inspector.unwatch(watch.deliveries);
    session.watchFrames(undefined);
    watch.end(end);
  }
}

const TIME: WatchEnd = {
  reason: 'time',
  sentence: 'A watch ends after 10 minutes; begin another one, or record a capture.',
};
const STOPPED: WatchEnd = { reason: 'stopped', sentence: 'Nobody watches, or the gateway stops.' };

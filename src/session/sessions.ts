import type { Session } from './session.ts';

/** Shortest time between two closes of a drain, because each client that connects again costs a handshake. */
const MIN_CLOSE_INTERVAL_MS = 100;
const DRAIN_STEP_MS = 50;

/** Emptied when its session is deleted: tables that a Map has outgrown still hold it, see linked-list.ts. */
type Live = { session: Session | undefined; readonly slot: { release(): void } };

/** All open sessions. Node's HTTP server does not keep track of upgraded sockets, so this class does. */
export class Sessions {
  /** By id, with what each occupies. */
  readonly #live = new Map<number, Live>();
  #opened = 0;
  #nextId = 1;
  #onEmpty: (() => void) | undefined;

  get size(): number {
    return this.#live.size;
  }

  /** Sessions since the start of the program. */
  get opened(): number {
    return this.#opened;
  }

  /** A number that no other session of this process has. */
  nextId(): number {
    return this.#nextId++;
  }

  /** `slot` is released when the session is deleted. */
  add(session: Session, slot: { release(): void }): void {
    this.#live.set(session.facts.id, { session, slot });
    this.#opened++;
  }

  get(id: number): Session | undefined {
    return this.#live.get(id)?.session;
  }

  delete(id: number): void {
    const live = this.#live.get(id);
    if (live === undefined) return;
    live.session = undefined;
    live.slot.release();
    this.#live.delete(id);
    if (this.#live.size === 0) this.#onEmpty?.();
  }

  /** In the order in which they began; the first is the oldest. */
  *[Symbol.iterator](): Generator<Session> {
    for (const { session } of this.#live.values()) if (session !== undefined) yield session;
  }

  /** Resolves when no session is left. */
  async empty(): Promise<void> {
    if (this.#live.size === 0) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#onEmpty = resolve;
    await promise;
    this.#onEmpty = undefined;
  }

  /**
   * Ends all sessions as `draining`, in random order and evenly spread over `timeoutMs` less `lastCloseMs` (the
   * time that the last of them needs for its close handshake), so that clients do not come back in one wave.
   * Few sessions are spread over a shorter time, 100 ms for each. At `timeoutMs` whatever is left is cut.
   *
   * Resolves with the number of sessions cut, when none is left. An aborted `signal` cuts all at once. `onCut` is
   * called with the number before the first of them is gone.
   */
  async drain(
    timeoutMs: number,
    lastCloseMs: number,
    signal: AbortSignal,
    onCut: (sessions: number) => void,
  ): Promise<number> {
    const startMs = performance.now();
    const queue = shuffled([...this]);
    const spreadMs = Math.min(Math.max(0, timeoutMs - lastCloseMs), queue.length * MIN_CLOSE_INTERVAL_MS);
    let ended = 0;
    const endDue = (): void => {
      const elapsedMs = performance.now() - startMs;
      const due = spreadMs === 0 ? queue.length : Math.ceil((queue.length * elapsedMs) / spreadMs);
      while (ended < Math.min(due, queue.length)) queue[ended++]?.end('draining');
    };
    let cut = 0;
    const cutAll = (): void => {
      const sessions = [...this];
      cut += sessions.length;
      onCut(sessions.length);
      for (const session of sessions) session.cut();
    };
    endDue();
    const steps = setInterval(endDue, DRAIN_STEP_MS);
    const deadline = setTimeout(cutAll, timeoutMs);
    signal.addEventListener('abort', cutAll);
    if (signal.aborted) cutAll();
    await this.empty();
    clearInterval(steps);
    clearTimeout(deadline);
    signal.removeEventListener('abort', cutAll);
    return cut;
  }
}

function shuffled<T>(items: T[]): T[] {
  for (let last = items.length - 1; last > 0; last--) {
    const other = Math.floor(Math.random() * (last + 1));
    const swap = items[last] as T;
    items[last] = items[other] as T;
    items[other] = swap;
  }
  return items;
}

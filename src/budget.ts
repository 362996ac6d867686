/**
 * What one process can carry, decided in one place from what the system gives it, so that no bound can break another.
 *
 * | descriptors for | how many | above it |
 * |---|---|---|
 * | Node, log, files, name lookups, the two listeners | 48 | |
 * | connections of the admin port | `admin` | that port drops silent ones |
 * | pending connections of the public port: no verdict yet, or answered and not closed | an eighth of the limit, 8 to 512 | the oldest goes, counted |
 * | such that were dropped and are not closed yet | an eighth of those | closed unanswered, counted |
 * | attempts beside the first one of a handshake, probes, health checks | a 64th of the limit, 4 to 128 | they wait |
 * | sessions and handshakes that dial, 2 each | the rest, 10,000 at most unless configured | 503 `over_capacity` |
 *
 * Running out of descriptors must never happen: Node then drops connections without a word, and name lookups fail as
 * if the name did not exist.
 */
export type Budget = {
  /** Sessions at once, handshakes that wait for their upstream included. */
  readonly sessions: number;
  readonly limitedBy: SessionLimit;
  /** Connections of the public port that are no sessions, and hold none's place. */
  readonly pendingConnections: number;
  /** All connections of the public port: the last fence. */
  readonly maxConnections: number;
  /** Connections to upstreams beyond the one that each session has. */
  readonly extraDials: number;
};

/** What decided how many sessions may be open. */
export type SessionLimit = 'default' | 'configured' | 'descriptors';

export type BudgetWants = {
  /** undefined: as many as the process carries, 10,000 at most. */
  readonly configuredSessions: number | undefined;
  /** Descriptors that this process may have open; undefined: unknown, assumed to suffice. */
  readonly descriptors: number | undefined;
  /** Connections that the admin port takes at once. */
  readonly adminConnections: number;
};

/** As many sessions as a default gateway lets in: what one process carries with ease. */
const DEFAULT_SESSIONS = 10_000;
/** 25 are open when the gateway is ready (Node 26.10); four lookups at once and a reload come on top. */
const RESERVED_DESCRIPTORS = 48;
const SESSION_DESCRIPTORS = 2;

/** @throws RangeError when more sessions are configured than the descriptors carry, with what to change. */
export function makeBudget({ configuredSessions, descriptors, adminConnections }: BudgetWants): Budget {
  const limit = descriptors ?? Number.POSITIVE_INFINITY;
  const pendingConnections = within(8, limit / 8, 512);
  const closing = Math.ceil(pendingConnections / 8);
  const extraDials = within(4, limit / 64, 128);
  const others = RESERVED_DESCRIPTORS + adminConnections + pendingConnections + closing + extraDials;
  const possible = Math.max(1, Math.floor((limit - others) / SESSION_DESCRIPTORS));
  if (configuredSessions !== undefined && configuredSessions > possible) {
    throw new RangeError(
      `limits.sessions: ${configuredSessions} sessions need ${SESSION_DESCRIPTORS * configuredSessions + others} file descriptors, and this process may open ${limit}; raise the limit (ulimit -n) or write at most ${possible}`,
    );
  }
  const sessions = configuredSessions ?? Math.min(DEFAULT_SESSIONS, possible);
  const limitedBy =
    configuredSessions !== undefined ? 'configured' : possible < DEFAULT_SESSIONS ? 'descriptors' : 'default';
  return {
    sessions,
    limitedBy,
    pendingConnections,
    maxConnections: sessions + pendingConnections + closing,
    extraDials,
  };
}

/**
 * Whether the system's limits cost so many of the default sessions that somebody should know: a fifth. The usual limits
 * of 20,000 and 20,480 descriptors cost a few, which the ready line tells.
 */
export const isCapLow = ({ sessions, limitedBy }: Budget): boolean =>
  limitedBy !== 'configured' && sessions < 0.8 * DEFAULT_SESSIONS;

const within = (least: number, value: number, most: number): number =>
  Math.max(least, Math.min(most, Math.floor(value)));

/** A number of equal places that several users draw from. */
export class Places {
  #limit: number;
  #taken = 0;
  readonly #waiting = new Set<() => void>();

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Another number from now on; places that are taken stay taken. */
  resize(limit: number): void {
    this.#limit = limit;
  }

  get taken(): number {
    return this.#taken;
  }

  /** False: none is left. The caller gives it back. */
  take(): boolean {
    if (this.#taken >= this.#limit) return false;
    this.#taken++;
    return true;
  }

  give(): void {
    this.#taken--;
    for (const call of this.#waiting) {
      if (this.#taken >= this.#limit) return;
      this.#waiting.delete(call);
      call();
    }
  }

  /** Calls once when a place may be free, one waiter after the other; a waiter that is there already keeps its turn. */
  whenFree(call: () => void): void {
    this.#waiting.add(call);
  }
}

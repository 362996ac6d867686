import { CLOSE_REASONS, type CloseReason } from './close-reason.ts';
import { HANDSHAKE_OUTCOMES, type HandshakeOutcome } from './handshake-outcome.ts';
import { foreignText, LineLimiter, type Log } from './log.ts';

/** Refusals may be thousands a second; this many of each kind are logged, the rest is counted on the next line. */
const REFUSAL_LINES_PER_SECOND = 10;
/** Of each reason. */
const DROP_LINES_PER_SECOND = 0.1;
/**
 * Sessions, too, end as often as clients like. An incident is logged whole; a client that connects in a loop fills no disk. Drains
 * are ours, and end each session once, so they are not counted.
 */
const ENDS = {
  ordinary: { perSecond: 100, burst: 1000 },
  trouble: { perSecond: 10, burst: 100 },
} as const;
/** Most of a cause is our own words, and what to do is at their end. */
const MAX_CAUSE_CHARACTERS = 256;

export type RefusedHandshake = {
  readonly clientAddress: string;
  readonly origin: string | undefined;
  readonly route?: string | undefined;
  readonly cause?: string;
};

export type EndedSession = {
  readonly facts: {
    readonly id: number;
    readonly clientAddress: string;
    readonly origin: string | undefined;
    readonly route: string;
    readonly upstream: string;
    readonly natsClientId: number | undefined;
  };
  readonly reason: CloseReason;
  readonly code: number;
  readonly seconds: number;
  readonly bytesToUpstream: number;
  readonly bytesToClient: number;
  readonly serverError: string | undefined;
  readonly hint: string | undefined;
};

export type ParserStop = {
  readonly problem: string;
  readonly offset: number;
  readonly expected: string;
  /** Printable, and no word of the peer. */
  readonly found: string;
};

/**
 * Writes the two kinds of line that operators live by (a session ended, a handshake was refused) and counts both; at
 * debug also that a session began. Every field is named here; nothing of a request but its Origin and address is ever
 * logged.
 */
export class Reporter {
  readonly #log: Log;
  readonly #defaultRoute: string;
  readonly #nowMs: () => number;
  readonly #limiter = new LineLimiter(REFUSAL_LINES_PER_SECOND);
  readonly #drops = new LineLimiter(DROP_LINES_PER_SECOND, 1);
  readonly #ordinaryEnds = new LineLimiter(ENDS.ordinary.perSecond, ENDS.ordinary.burst);
  readonly #troubles = new LineLimiter(ENDS.trouble.perSecond, ENDS.trouble.burst);
  readonly #outcomes = zeros(Object.keys(HANDSHAKE_OUTCOMES));
  readonly #reasons = zeros(Object.keys(CLOSE_REASONS));

  /** `defaultRoute`: the route that goes without saying. */
  constructor(log: Log, defaultRoute: string, nowMs: () => number = () => performance.now()) {
    this.#log = log;
    this.#defaultRoute = defaultRoute;
    this.#nowMs = nowMs;
  }

  /** Counts since the start, those above zero. */
  get outcomes(): Record<string, number> {
    return positive(this.#outcomes);
  }

  get reasons(): Record<string, number> {
    return positive(this.#reasons);
  }

  handshakeAnswered(outcome: HandshakeOutcome, facts: RefusedHandshake): void {
    this.#outcomes[outcome] = (this.#outcomes[outcome] ?? 0) + 1;
    if (outcome === 'accepted') return;
    const suppressed = this.#limiter.pass(outcome, this.#nowMs());
    if (suppressed === undefined) return;
    const { status, sentence, class: faultClass } = HANDSHAKE_OUTCOMES[outcome];
    const ours = faultClass === 'server_fault' && outcome !== 'draining';
    this.#log[ours ? 'warn' : 'info'](
      {
        outcome,
        status,
        client: facts.clientAddress,
        ...originField(facts.origin),
        ...this.#routeField(facts.route),
        ...(facts.cause === undefined ? {} : { cause: foreignText(facts.cause, MAX_CAUSE_CHARACTERS) }),
        ...suppressedField(suppressed),
        hint: sentence,
      },
      'handshake refused',
    );
  }

  /** A peer decides how often it happens. */
  parserStopped(
    session: Pick<EndedSession['facts'], 'id' | 'clientAddress'>,
    direction: string,
    error: ParserStop,
    level: string,
  ): void {
    const suppressed = this.#limiter.pass(`parser ${direction}`, this.#nowMs());
    if (suppressed === undefined) return;
    const who = { session: session.id, client: session.clientAddress };
    const fields = {
      ...who,
      direction,
      problem: error.problem,
      offset: error.offset,
      expected: error.expected,
    };
    this.#log.info(
      { ...fields, found: error.found, ...suppressedField(suppressed) },
      level === 'enforce'
        ? 'NATS protocol refused; the session ends'
        : 'NATS protocol not understood; this direction is not read any more, its bytes go on',
    );
  }

  /** Closed without an answer. Strangers decide how often that is: one line, and one more every ten seconds. */
  connectionDropped(reason: string): void {
    const suppressed = this.#drops.pass(reason, this.#nowMs());
    if (suppressed === undefined) return;
    this.#log.warn(
      {
        reason,
        connections: suppressed + 1,
        hint: 'more connections at once than there are places for; sessions go on. natsgate_connections_dropped_total counts them',
      },
      'connections closed unanswered',
    );
  }

  faulted(error: unknown): void {
    const suppressed = this.#limiter.pass('fault', this.#nowMs());
    if (suppressed === undefined) return;
    const text = error instanceof Error ? error.stack : String(error);
    this.#log.error({ error: text, ...suppressedField(suppressed) }, 'fault');
  }

  #routeField(route: string | undefined): { route?: string } {
    return route === undefined || route === this.#defaultRoute ? {} : { route };
  }

  /** `seconds`: from the client's connection to its 101. Costs nothing unless somebody debugs. */
  sessionBegan(facts: EndedSession['facts'], seconds: number): void {
    if (!this.#log.isLevelEnabled('debug')) return;
    const suppressed = this.#ordinaryEnds.pass('began', this.#nowMs());
    if (suppressed === undefined) return;
    this.#log.debug(
      {
        session: facts.id,
        client: facts.clientAddress,
        ...originField(facts.origin),
        ...this.#routeField(facts.route),
        upstream: facts.upstream,
        ...(facts.natsClientId === undefined ? {} : { natsClientId: facts.natsClientId }),
        milliseconds: Math.round(seconds * 1000),
        ...suppressedField(suppressed),
      },
      'session began',
    );
  }

  sessionEnded(session: EndedSession): void {
    const { facts, reason } = session;
    this.#reasons[reason] = (this.#reasons[reason] ?? 0) + 1;
    const limiter = CLOSE_REASONS[reason].level === 'info' ? this.#ordinaryEnds : this.#troubles;
    const suppressed = reason === 'draining' ? 0 : limiter.pass(reason, this.#nowMs());
    if (suppressed === undefined) return;
    this.#log[CLOSE_REASONS[reason].level](
      {
        session: facts.id,
        reason,
        code: session.code,
        seconds: Math.round(session.seconds * 1000) / 1000,
        bytesToUpstream: session.bytesToUpstream,
        bytesToClient: session.bytesToClient,
        client: facts.clientAddress,
        ...originField(facts.origin),
        ...this.#routeField(facts.route),
        upstream: facts.upstream,
        ...(facts.natsClientId === undefined ? {} : { natsClientId: facts.natsClientId }),
        ...(session.serverError === undefined
          ? {}
          : { serverError: foreignText(withoutNames(session.serverError)) }),
        ...suppressedField(suppressed),
        ...(session.hint === undefined ? {} : { hint: session.hint }),
      },
      'session ended',
    );
  }
}

/** What nats-server quotes are subjects and queues of the client. */
const withoutNames = (text: string): string => text.replaceAll(/"[^"]*("|$)/g, '"…"');

const suppressedField = (suppressed: number): { suppressed?: number } =>
  suppressed === 0 ? {} : { suppressed };

const originField = (origin: string | undefined): { origin?: string } =>
  origin === undefined ? {} : { origin: foreignText(origin) };

const zeros = (names: readonly string[]): Record<string, number> =>
  Object.fromEntries(names.map((name) => [name, 0]));

const positive = (counts: Record<string, number>): Record<string, number> =>
  Object.fromEntries(Object.entries(counts).filter(([, count]) => count > 0));

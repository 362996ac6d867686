import {
  CLOSE_REASONS,
  type CloseReason,
  HANDSHAKE_OUTCOMES,
  type HandshakeOutcome,
} from './close-reason.ts';
import { foreignText, LineLimiter, type Log } from './log.ts';

/** Refusals may be thousands a second; this many of each kind are logged, the rest is counted on the next line. */
const REFUSAL_LINES_PER_SECOND = 10;
/** Most of a cause is our own words, and what to do stands at their end. */
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
 * Writes the two kinds of line that operators live by (a session ended, a handshake was refused) and counts both.
 * Every field is named here; nothing of a request but its Origin and address is ever logged.
 */
export class Reporter {
  readonly #log: Log;
  readonly #defaultRoute: string;
  readonly #limiter = new LineLimiter(REFUSAL_LINES_PER_SECOND);
  readonly #outcomes = zeros(Object.keys(HANDSHAKE_OUTCOMES));
  readonly #reasons = zeros(Object.keys(CLOSE_REASONS));

  /** `defaultRoute`: the route that goes without saying. */
  constructor(log: Log, defaultRoute: string) {
    this.#log = log;
    this.#defaultRoute = defaultRoute;
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
    const suppressed = this.#limiter.pass(outcome, performance.now());
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
        ...(suppressed === 0 ? {} : { suppressed }),
        hint: sentence,
      },
      'handshake refused',
    );
  }

  /** One line for each kind of trouble a second: a peer decides how often it happens. */
  parserStopped(
    session: Pick<EndedSession['facts'], 'id' | 'clientAddress'>,
    direction: string,
    error: ParserStop,
    level: string,
  ): void {
    const suppressed = this.#limiter.pass(`parser ${direction}`, performance.now());
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
      { ...fields, found: error.found, ...(suppressed === 0 ? {} : { suppressed }) },
      level === 'enforce'
        ? 'NATS protocol refused; the session ends'
        : 'NATS protocol not understood; this direction is not read any more, its bytes go on',
    );
  }

  faulted(error: unknown): void {
    if (this.#limiter.pass('fault', performance.now()) === undefined) return;
    this.#log.error({ error: error instanceof Error ? error.stack : String(error) }, 'fault');
  }

  #routeField(route: string | undefined): { route?: string } {
    return route === undefined || route === this.#defaultRoute ? {} : { route };
  }

  sessionEnded(session: EndedSession): void {
    const { facts, reason } = session;
    this.#reasons[reason] = (this.#reasons[reason] ?? 0) + 1;
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
        ...(session.hint === undefined ? {} : { hint: session.hint }),
      },
      'session ended',
    );
  }
}

/** What nats-server quotes are subjects and queues of the client. */
const withoutNames = (text: string): string => text.replaceAll(/"[^"]*("|$)/g, '"…"');

const originField = (origin: string | undefined): { origin?: string } =>
  origin === undefined ? {} : { origin: foreignText(origin) };

const zeros = (names: readonly string[]): Record<string, number> =>
  Object.fromEntries(names.map((name) => [name, 0]));

const positive = (counts: Record<string, number>): Record<string, number> =>
  Object.fromEntries(Object.entries(counts).filter(([, count]) => count > 0));

import { AUTH_DETAILS, isAuthDetail, refusalHint } from './auth/details.ts';
import { CLOSE_REASONS, type LogLevelOfEnd } from './close-reason.ts';
import { HANDSHAKE_OUTCOMES, type Refusal } from './handshake-outcome.ts';
import type { HandshakeFacts } from './listener/pending-handshake.ts';
import { foreignText, LineLimiter, type Log } from './log.ts';
import {
  limitName,
  originField,
  routeField,
  suppressedField,
  userFields,
  withoutNames,
} from './log-fields.ts';
import type { Direction } from './nats/operations.ts';
import type { ParseError } from './nats/protocol.ts';
import type { RefusedOperation } from './policy/refused-operation.ts';
import type { EndedSession, SessionFacts } from './session/session-contract.ts';

/** Refusals may be thousands a second; this many of each kind are logged, the rest is counted on the next line. */
const REFUSAL_LINES_PER_SECOND = 10;
/** What a policy refuses comes again and again, so of the same role, rule and first tokens there is one line in a time. */
const SAME_REFUSAL_MS = 60_000;
const MAX_REFUSALS_KNOWN = 1000;
const LOGGED_TOKENS = 3;
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
export const MAX_CAUSE_CHARACTERS = 256;

/**
 * Writes the two kinds of line that operators live by (a session ended, a handshake was refused); at debug also that a
 * session began. Every field is named here; nothing of a request but its Origin and address is ever logged. Each kind
 * has its rate, and a line says how many before it were left out.
 */
export class SessionLog {
  readonly #log: Log;
  readonly #nowMs: () => number;
  /** When each was logged. */
  readonly #refusals = new Map<string, number>();
  readonly #limiter = new LineLimiter(REFUSAL_LINES_PER_SECOND);
  readonly #drops = new LineLimiter(DROP_LINES_PER_SECOND, 1);
  readonly #ordinaryEnds = new LineLimiter(ENDS.ordinary.perSecond, ENDS.ordinary.burst);
  readonly #troubles = new LineLimiter(ENDS.trouble.perSecond, ENDS.trouble.burst);

  constructor(log: Log, nowMs: () => number = () => performance.now()) {
    this.#log = log;
    this.#nowMs = nowMs;
  }

  handshakeRefused(outcome: Refusal, facts: HandshakeFacts): void {
    const suppressed = this.#limiter.pass(facts.detail ?? outcome, this.#nowMs());
    if (suppressed === undefined) return;
    const { status } = HANDSHAKE_OUTCOMES[outcome];
    this.#log[levelOf(outcome, facts.detail)](
      {
        outcome,
        ...(facts.detail === undefined ? {} : { detail: facts.detail }),
        status,
        client: facts.clientAddress,
        ...originField(facts.origin),
        ...userFields(facts),
        ...routeField(facts.route),
        ...(facts.cause === undefined ? {} : { cause: foreignText(facts.cause, MAX_CAUSE_CHARACTERS) }),
        ...suppressedField(suppressed),
        hint: refusalHint(outcome, facts.detail),
      },
      'handshake refused',
    );
  }

  /** A peer decides how often it happens. */
  parserStopped(
    session: Pick<SessionFacts, 'id' | 'clientAddress'>,
    direction: Direction,
    error: ParseError,
    level: 'observe' | 'enforce',
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

  operationRefused(session: SessionFacts, refused: RefusedOperation): void {
    const { role, rule, verdict, operation, subject } = refused;
    const tokens = subject.split('.', LOGGED_TOKENS).join('.');
    const key = [role, rule, verdict, tokens].join(' ');
    const nowMs = this.#nowMs();
    if (nowMs - (this.#refusals.get(key) ?? Number.NEGATIVE_INFINITY) < SAME_REFUSAL_MS) return;
    const suppressed = this.#limiter.pass('policy', nowMs);
    if (suppressed === undefined) return;
    if (this.#refusals.size >= MAX_REFUSALS_KNOWN) this.#refusals.clear();
    this.#refusals.set(key, nowMs);
    this.#log.info(
      {
        session: session.id,
        client: session.clientAddress,
        ...userFields(session),
        ...routeField(session.route),
        rule,
        operation,
        subject: foreignText(tokens.length < subject.length ? `${tokens}.…` : tokens),
        ...suppressedField(suppressed),
      },
      verdict === 'denied' ? 'operation refused by policy' : 'operation that policy would refuse',
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

  /** Every session of a route may meet it, until the configuration is changed. */
  ownLoginRefused({ id, route, upstream }: SessionFacts, hint: string): void {
    const suppressed = this.#limiter.pass('login', this.#nowMs());
    if (suppressed === undefined) return;
    this.#log.error(
      { session: id, ...routeField(route), upstream, ...suppressedField(suppressed), hint },
      'login refused by nats-server',
    );
  }

  /** Tokens by keys that are not known yet are refused meanwhile. */
  keysNotFetched(outcome: string, url: string, cause: string | undefined): void {
    const suppressed = this.#drops.pass(`keys ${outcome}`, this.#nowMs());
    if (suppressed === undefined) return;
    this.#log.warn(
      {
        outcome,
        url,
        ...(cause === undefined ? {} : { cause: foreignText(cause) }),
        ...suppressedField(suppressed),
        hint: 'keys that were fetched before are good for auth.jwt.keys.staleFor; without any, tokens are refused until the issuer answers',
      },
      'keys could not be fetched',
    );
  }

  /** Of a refusal the handshake has its own line. Questions about open sessions have no other than this. */
  webhookFailed(outcome: string, url: string, cause: string): void {
    const suppressed = this.#drops.pass(`webhook ${outcome}`, this.#nowMs());
    if (suppressed === undefined) return;
    this.#log.warn(
      {
        outcome,
        url,
        cause: foreignText(cause),
        ...suppressedField(suppressed),
        hint: 'nobody is let in by it meanwhile; open sessions go on',
      },
      'webhook without an answer',
    );
  }

  faulted(error: unknown): void {
    const suppressed = this.#limiter.pass('fault', this.#nowMs());
    if (suppressed === undefined) return;
    const text = error instanceof Error ? error.stack : String(error);
    this.#log.error({ error: text, ...suppressedField(suppressed) }, 'fault');
  }

  /** `seconds`: from the client's connection to its 101. Costs nothing unless somebody debugs. */
  sessionBegan(facts: SessionFacts, seconds: number): void {
    if (!this.#log.isLevelEnabled('debug')) return;
    const suppressed = this.#ordinaryEnds.pass('began', this.#nowMs());
    if (suppressed === undefined) return;
    this.#log.debug(
      {
        session: facts.id,
        client: facts.clientAddress,
        ...originField(facts.origin),
        ...userFields(facts),
        ...routeField(facts.route),
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
        ...userFields(facts),
        ...routeField(facts.route),
        upstream: facts.upstream,
        ...(facts.natsClientId === undefined ? {} : { natsClientId: facts.natsClientId }),
        ...(session.serverError === undefined
          ? {}
          : { serverError: foreignText(withoutNames(session.serverError)) }),
        ...(session.rateLimit === undefined ? {} : { limit: limitName(session.rateLimit) }),
        ...suppressedField(suppressed),
        ...(session.hint === undefined ? {} : { hint: session.hint }),
      },
      'session ended',
    );
  }
}

function levelOf(outcome: Refusal, detail: string | undefined): LogLevelOfEnd {
  if (detail !== undefined && isAuthDetail(detail)) return AUTH_DETAILS[detail].level;
  const isOurs = HANDSHAKE_OUTCOMES[outcome].class === 'server_fault' && outcome !== 'draining';
  return isOurs ? 'warn' : 'info';
}

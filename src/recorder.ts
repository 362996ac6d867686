import type { Metrics } from './admin/metrics.ts';
import type { AuthDetail, GrantedDetail } from './auth/details.ts';
import type { KeyFetchOutcome } from './auth/jwks.ts';
import type { WebhookOutcome } from './auth/webhook.ts';
import type { RateLimit } from './config/config.ts';
import type { Counters, RateAction } from './counters.ts';
import { HANDSHAKE_OUTCOMES, type HandshakeOutcome } from './handshake-outcome.ts';
import type { HandshakeMarks } from './handshake-steps.ts';
import type { InspectionLevel } from './inspect/inspection-facts.ts';
import type { ServerErrorKind } from './inspect/server-errors.ts';
import type { DropReason } from './listener/pending.ts';
import type { HandshakeFacts } from './listener/pending-handshake.ts';
import type { TlsOutcome } from './listener/tls-outcome.ts';
import type { Direction } from './nats/operations.ts';
import type { ParseError } from './nats/protocol.ts';
import type { RefusedOperation } from './policy/refused-operation.ts';
import type { EndedSession, SessionFacts } from './session/session-contract.ts';
import type { SessionLog } from './session-log.ts';
import type { EndedSessions } from './status/ended-sessions.ts';
import type { RecentHandshakes } from './status/recent-handshakes.ts';
import type { RefusedOperations } from './status/refused-operations.ts';
import type { DialObserver } from './upstream/connection.ts';

/** What the API shows of the last ones. */
type Last = {
  readonly ended: EndedSessions;
  readonly handshakes: RecentHandshakes;
  readonly refused: RefusedOperations;
};

/** What becomes of each event: a count, a duration, a line of the log, a place among the last ones. */
export class Recorder {
  readonly #counters: Counters;
  readonly #durations: Metrics;
  readonly #log: SessionLog;
  readonly #last: Last;

  constructor(counters: Counters, durations: Metrics, log: SessionLog, last: Last) {
    this.#counters = counters;
    this.#durations = durations;
    this.#log = log;
    this.#last = last;
  }

  // Connections and handshakes

  connectionDropped(reason: DropReason): void {
    this.#counters.droppedConnections[reason]++;
    this.#log.connectionDropped(reason);
  }

  tlsHandshake(outcome: TlsOutcome): void {
    this.#counters.tlsHandshakes[outcome]++;
  }

  httpAnswered(status: number): void {
    this.#counters.httpAnswered(status);
  }

  handshakeAnswered(
    outcome: HandshakeOutcome,
    seconds: number,
    facts: HandshakeFacts,
    marks: HandshakeMarks,
  ): void {
    this.#counters.handshakeAnswered(outcome, facts.route);
    this.#durations.handshakeAnswered(outcome, seconds);
    this.#last.handshakes.add(outcome, seconds, facts, marks, Date.now());
    if (outcome !== 'accepted') this.#log.handshakeRefused(outcome, facts);
  }

  /** What became of the question who the client is. */
  authorized(detail: AuthDetail | GrantedDetail): void {
    this.#counters.authVerdicts[detail]++;
  }

  /** A token was verified, after waits for keys and for others, in so many seconds. */
  verified(seconds: number): void {
    this.#durations.verified(seconds);
  }

  /** What an upgrade would have been answered, for a page that asked; no handshake. */
  explained(outcome: HandshakeOutcome): void {
    this.#counters.explanations[HANDSHAKE_OUTCOMES[outcome].class]++;
  }

  keysFetched(outcome: KeyFetchOutcome, url: string, cause: string | undefined): void {
    this.#counters.keyFetches[outcome]++;
    if (outcome !== 'ok') this.#log.keysNotFetched(outcome, url, cause);
  }

  webhookAnswered(outcome: WebhookOutcome, seconds: number, url: string, cause: string | undefined): void {
    this.#counters.webhookRequests[outcome]++;
    this.#durations.webhookAnswered(seconds);
    if (cause !== undefined) this.#log.webhookFailed(outcome, url, cause);
  }

  // Sessions

  /** `seconds`: from the client's connection to its 101. */
  sessionBegan(facts: SessionFacts, seconds: number): void {
    this.#log.sessionBegan(facts, seconds);
  }

  pingAnswered(seconds: number): void {
    this.#durations.pingAnswered(seconds);
  }

  /** A limit of `rates` was exceeded. */
  rateLimited({ per, kind }: RateLimit, action: RateAction): void {
    this.#counters.rateLimits[per][kind][action]++;
  }

  /** Reading from a session was delayed for this time. */
  delayed({ per }: RateLimit, seconds: number): void {
    this.#counters.delaySeconds[per] += seconds;
  }

  /** A login of ours, which is no fault of the client. */
  ownLoginRefused(session: SessionFacts, hint: string): void {
    this.#counters.ownLoginsRefused++;
    this.#log.ownLoginRefused(session, hint);
  }

  sessionEnded(session: EndedSession): void {
    this.#counters.sessionEnded(session);
    this.#durations.sessionEnded(session.reason, session.seconds);
    this.#log.sessionEnded(session);
    this.#last.ended.add(session, Date.now());
  }

  sessionsCut(sessions: number): void {
    this.#counters.drainCuts += sessions;
  }

  /** Something of ours went wrong. */
  faulted(error: unknown): void {
    this.#log.faulted(error);
  }

  // Inspection

  parserStopped(
    session: Pick<SessionFacts, 'id' | 'clientAddress'>,
    direction: Direction,
    error: ParseError,
    level: InspectionLevel,
  ): void {
    this.#counters.parserStops[direction][error.problem]++;
    this.#log.parserStopped(session, direction, error, level);
  }

  serverError(kind: ServerErrorKind): void {
    this.#counters.serverErrors[kind]++;
  }

  operationRefused(session: SessionFacts, refused: RefusedOperation): void {
    this.#counters.policyRefused(refused.role, refused.verdict, refused.rule);
    this.#log.operationRefused(session, refused);
    this.#last.refused.add(refused, session.id, Date.now());
  }

  natsRoundTrip(seconds: number): void {
    this.#durations.natsRoundTrip(seconds);
  }

  // Upstreams, each by the name of the route that has it as its own

  addUpstreams(names: readonly string[]): void {
    for (const name of names) {
      this.#counters.addUpstream(name);
      this.#durations.addUpstream(name);
    }
  }

  dialsOf(upstream: string): DialObserver {
    return {
      onConnect: (outcome, seconds) => {
        this.#counters.upstreamConnected(upstream, outcome);
        this.#durations.upstreamConnected(upstream, seconds);
      },
      onFirstByte: (seconds) => this.#durations.upstreamSpoke(upstream, seconds),
    };
  }

  /** Other routes and upstreams are forgotten, but not what they have carried. */
  keepOnly(names: ReadonlySet<string>): void {
    this.#counters.keepOnly(names);
    this.#durations.keepUpstreams(names);
  }
}

import { AUTH_DETAILS, type AuthDetail, GRANTED_DETAILS, type GrantedDetail } from './auth/details.ts';
import { KEY_FETCH_OUTCOMES } from './auth/jwks.ts';
import { WEBHOOK_OUTCOMES } from './auth/webhook.ts';
import { CLOSE_REASONS, type CloseReason } from './close-reason.ts';
import type { RateLimit } from './config/config.ts';
import { HANDSHAKE_OUTCOMES, type HandshakeOutcome, type OutcomeClass } from './handshake-outcome.ts';
import { SERVER_ERROR_KINDS } from './inspect/server-errors.ts';
import { DROP_REASONS } from './listener/pending.ts';
import { TLS_OUTCOMES } from './listener/tls-outcome.ts';
import { PARSE_PROBLEMS } from './nats/protocol.ts';
import { RULES, type Rule } from './policy/rules.ts';
import { Traffic } from './session/pipe.ts';
import type { EndedSession } from './session/session-contract.ts';
import { CONNECT_OUTCOMES, type ConnectOutcome } from './upstream/connect-outcome.ts';
import { CompressionCounts } from './websocket/compression.ts';

/** What follows when a limit of `rates` is exceeded. */
const RATE_ACTIONS = ['delay', 'error', 'close'] as const;
export type RateAction = (typeof RATE_ACTIONS)[number];

/** RFC 6455 §7.4 and the IANA registry; application codes are folded, anything else is `other`. */
const CLOSE_CODES = [1000, 1001, 1002, 1003, 1005, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014];
const CLOSE_CODE_LABELS = [...CLOSE_CODES.map(String), '3xxx', '4xxx', 'other'];

const REJECTIONS = ['too_big', 'invalid_utf8', 'bad_frame', 'control_flood', 'other'] as const;

const OUTCOME_CLASSES = ['accepted', 'client_fault', 'server_fault'] as const;

/** What the public port answers but for 101; 200 and 204 are answers to health checks and to pages that ask. */
const HTTP_STATUSES = [200, 204, ...Object.values(HANDSHAKE_OUTCOMES).map(({ status }) => status)].filter(
  (status) => status !== 0 && status !== 101,
);

/** What one route has carried, and how its opening handshakes ended. */
export type RouteCounts = {
  readonly traffic: Traffic;
  readonly compression: CompressionCounts;
  readonly handshakes: Record<OutcomeClass, number>;
};

/** What the policy of a role refused, or would have refused, by rule. */
export type RoleCounts = Record<'denied' | 'would_deny', Record<Rule, number>>;

/**
 * Every event is counted here, once, in plain numbers that metrics and API read. Each value that a label can have is
 * there from the start. No number ever falls.
 */
export class Counters {
  /** Opening handshakes. */
  readonly handshakes = zeros(namesOf(HANDSHAKE_OUTCOMES));
  /** Sessions that ended. */
  readonly ends = zeros(namesOf(CLOSE_REASONS));
  readonly closeFrames = { sent: zeros(CLOSE_CODE_LABELS), received: zeros(CLOSE_CODE_LABELS) };
  /** Input of clients that was refused. */
  readonly rejections = zeros(REJECTIONS);
  /** HTTP answers other than 101, by status. */
  readonly httpAnswers = zeros(HTTP_STATUSES.map(String));
  /** Files of captures that could not be written, read or deleted. */
  captureFileFailures = 0;
  readonly tlsHandshakes = zeros(TLS_OUTCOMES);
  /** What became of the question who a client is. */
  readonly authVerdicts = zeros<AuthDetail | GrantedDetail>([...GRANTED_DETAILS, ...namesOf(AUTH_DETAILS)]);
  /** What pages were answered that asked what an upgrade would be answered. */
  readonly explanations = zeros(OUTCOME_CLASSES);
  /** Logins of ours (`connect`) that nats-server refused. */
  ownLoginsRefused = 0;
  readonly keyFetches = zeros(KEY_FETCH_OUTCOMES);
  readonly webhookRequests = zeros(WEBHOOK_OUTCOMES);
  /** Connections that were closed unanswered. */
  readonly droppedConnections = zeros(DROP_REASONS);
  /** Times that a limit of `rates` was exceeded, by what followed. */
  readonly rateLimits: Record<RateLimit['per'], Record<RateLimit['kind'], Record<RateAction, number>>> = {
    session: byRateKind(),
    identity: byRateKind(),
    origin: byRateKind(),
    toClient: byRateKind(),
  };
  /** How long sessions were not read from because of such limits; delays that are over. */
  readonly delaySeconds = zeros<RateLimit['per']>(['session', 'identity', 'origin', 'toClient']);
  /** Sessions that were cut at the deadline of a drain. */
  drainCuts = 0;
  /** -ERR lines of servers in inspected sessions. */
  readonly serverErrors = zeros(SERVER_ERROR_KINDS);
  /** Directions of inspected sessions that could not be read on. */
  readonly parserStops = { to_upstream: zeros(PARSE_PROBLEMS), to_client: zeros(PARSE_PROBLEMS) };
  readonly #roles = new Map<string, RoleCounts>();
  readonly #routes = new Map<string, RouteCounts>();
  readonly #connects = new Map<string, Record<ConnectOutcome, number>>();
  /** Of routes that are forgotten. */
  readonly #gone = { traffic: new Traffic(), compression: new CompressionCounts() };

  /** `route`: undefined where the handshake was refused before its route was known. */
  handshakeAnswered(outcome: HandshakeOutcome, route: string | undefined): void {
    this.handshakes[outcome]++;
    const counts = route === undefined ? undefined : this.#routes.get(route);
    if (counts !== undefined) counts.handshakes[HANDSHAKE_OUTCOMES[outcome].class]++;
  }

  httpAnswered(status: number): void {
    add(this.httpAnswers, String(status));
  }

  /** `code`: the close code of the session; 1006 when no close frame travelled. */
  sessionEnded({ code, rateLimit, reason }: Pick<EndedSession, 'code' | 'rateLimit' | 'reason'>): void {
    this.ends[reason]++;
    const label = closeCodeLabel(code);
    if (reason === 'client_closed') add(this.closeFrames.received, label);
    if (code !== 1006) add(this.closeFrames.sent, label);
    const rejection = rateLimit === undefined ? rejectionOf(reason, code) : undefined;
    if (rejection !== undefined) this.rejections[rejection]++;
  }

  /** What policies refused, by role: the configured ones, and those of open sessions. */
  get roles(): ReadonlyMap<string, RoleCounts> {
    return this.#roles;
  }

  /** Begins to count for these roles, where they are new, and forgets all but these and `alive`. */
  setRoles(configured: Iterable<string>, alive: ReadonlySet<string>): void {
    const roles = new Set(configured);
    for (const name of this.#roles.keys()) if (!roles.has(name) && !alive.has(name)) this.#roles.delete(name);
    for (const name of roles)
      if (!this.#roles.has(name)) this.#roles.set(name, { denied: zeros(RULES), would_deny: zeros(RULES) });
  }

  policyRefused(role: string, verdict: keyof RoleCounts, rule: Rule): void {
    const counts = this.#roles.get(role);
    if (counts !== undefined) counts[verdict][rule]++;
  }

  /** All routes that are running, or were and have not been forgotten. */
  get routes(): ReadonlyMap<string, RouteCounts> {
    return this.#routes;
  }

  /** Begins to count for the route, where that is new. */
  addRoute(name: string): RouteCounts {
    const known = this.#routes.get(name);
    if (known !== undefined) return known;
    const counts = {
      traffic: new Traffic(),
      compression: new CompressionCounts(),
      handshakes: zeros(OUTCOME_CLASSES),
    };
    this.#routes.set(name, counts);
    return counts;
  }

  /** TCP connects of each upstream, which has the name of its route. */
  get connects(): ReadonlyMap<string, Readonly<Record<ConnectOutcome, number>>> {
    return this.#connects;
  }

  /** Begins to count for the upstream, where that is new. */
  addUpstream(name: string): void {
    if (!this.#connects.has(name)) this.#connects.set(name, zeros(CONNECT_OUTCOMES));
  }

  /** A dial of an upstream that is forgotten counts no more. */
  upstreamConnected(upstream: string, outcome: ConnectOutcome): void {
    const counts = this.#connects.get(upstream);
    if (counts !== undefined) counts[outcome]++;
  }

  /** What all sessions have carried, those of forgotten routes too. */
  get traffic(): Traffic {
    const sum = new Traffic();
    for (const { traffic } of [this.#gone, ...this.#routes.values()]) addTo(sum, traffic);
    return sum;
  }

  /** What became of permessage-deflate, likewise. */
  get compression(): CompressionCounts {
    const sum = new CompressionCounts();
    for (const { compression } of [this.#gone, ...this.#routes.values()]) addTo(sum, compression);
    return sum;
  }

  /** Forgets all other routes and upstreams, but not what they have carried: names that come and go must not pile up. */
  keepOnly(names: ReadonlySet<string>): void {
    for (const [name, { traffic, compression }] of this.#routes) {
      if (names.has(name)) continue;
      addTo(this.#gone.traffic, traffic);
      addTo(this.#gone.compression, compression);
      this.#routes.delete(name);
    }
    for (const name of this.#connects.keys()) if (!names.has(name)) this.#connects.delete(name);
  }
}

/** Adds each number of the one to that of the sum. */
function addTo<Numbers extends { [Name in keyof Numbers]: number }>(sum: Numbers, one: Numbers): void {
  for (const name of Object.keys(sum) as (keyof Numbers)[]) sum[name] = (sum[name] + one[name]) as never;
}

function closeCodeLabel(code: number): string {
  if (code >= 3000 && code < 4000) return '3xxx';
  if (code >= 4000 && code < 5000) return '4xxx';
  return CLOSE_CODES.includes(code) ? String(code) : 'other';
}

function rejectionOf(reason: CloseReason, code: number): (typeof REJECTIONS)[number] | undefined {
  switch (reason) {
    case 'message_too_big':
      return 'too_big';
    case 'frame_violation':
      return code === 1007 ? 'invalid_utf8' : 'bad_frame';
    case 'rate_exceeded':
      return 'control_flood';
    case 'not_binary':
    case 'assembly_timeout':
      return 'other';
    default:
      return undefined;
  }
}

const namesOf = <Name extends string>(table: Readonly<Record<Name, unknown>>): readonly Name[] =>
  Object.keys(table) as Name[];

const zeros = <Name extends string>(names: readonly Name[]): Record<Name, number> =>
  Object.fromEntries(names.map((name) => [name, 0])) as Record<Name, number>;

const byRateKind = () => ({
  messages: zeros(RATE_ACTIONS),
  bytes: zeros(RATE_ACTIONS),
  subscribes: zeros(RATE_ACTIONS),
});

function add(counts: Record<string, number>, name: string): void {
  counts[name] = (counts[name] ?? 0) + 1;
}

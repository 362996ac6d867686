import { createHmac, randomBytes } from 'node:crypto';
import type { RouteConfig } from './config/config.ts';
import { connectPolicies } from './inspect/connect-policy.ts';
import type { LoginHint } from './inspect/inspection.ts';
import { type InspectionRules, Inspector } from './inspect/inspector.ts';
import { ratePolicy } from './inspect/rate-policy.ts';
import { signaturePolicy } from './inspect/signature-policy.ts';
import { stampPolicy } from './inspect/stamp-policy.ts';
import { subjectPolicy } from './inspect/subject-policy.ts';
import type { Login } from './nats/login.ts';
import type { Operation } from './nats/operation.ts';
import { rowOf } from './nats/operations.ts';
import type { ShownSubjects } from './nats/shown-subjects.ts';
import { Stamp, type StampFacts } from './nats/stamp.ts';
import type { Parts } from './parts.ts';
import type { RefusedOperation } from './policy/refused-operation.ts';
import type { Role } from './policy/role.ts';
import type { PolicyRules, Rule } from './policy/rules.ts';
import type { SessionRates } from './rates/session-rates.ts';
import type { Runtime } from './runtime.ts';
import type { SessionFacts } from './session/session-contract.ts';
import type { DialTarget } from './upstream/connection.ts';

/** What the inspection of a session depends on. */
export type InspectedSession = {
  readonly facts: SessionFacts;
  /** undefined: the client logs in by itself. */
  readonly login: Login | undefined;
  /** undefined: the client may say all that the server lets it. */
  readonly role: Role | undefined;
  /** undefined: it may say it as fast as it can. */
  readonly rates: SessionRates | undefined;
  readonly route: RouteConfig;
  readonly server: DialTarget;
  /** The client came over TLS. */
  readonly tls: boolean;
};

/**
 * The inspector of a session, as its route asks for it; undefined at level `off`, where the session only carries bytes.
 * The callbacks live as long as the session, so they must not refer to its handshake.
 */
export function inspectorFor(
  { facts, login, rates, role, route, server, tls }: InspectedSession,
  { pool, recorder, shownSubjects, wheel }: Parts,
  runtime: () => Runtime,
): Inspector | undefined {
  const { name, inspect: level, info, connect, limits, policy, upstream } = route;
  if (level === 'off') return undefined;
  const { id, clientAddress } = facts;
  const { proxySigner } = upstream;
  const { maxPayloadBytes: maxPayload = 0 } = role?.rules ?? {};
  const stamp = connect.stamp && new Stamp(connect.stamp, stampFacts(facts));
  const rateLimits = rates && ratePolicy(rates, wheel, (limit) => recorder.rateLimited(limit, 'error'));
  const rules: InspectionRules = {
    level,
    maxLineBytes: limits.maxControlLineBytes,
    info: {
      ...info,
      tls,
      clientIp: clientAddress,
      needsNoLogin: login !== undefined,
      ...(maxPayload > 0 && policy?.mode === 'enforce' ? { maxPayload } : {}),
      ...(stamp === undefined ? {} : { addedBytes: stamp.bytes }),
    },
    policies: [
      ...(proxySigner === undefined ? [] : [signaturePolicy(proxySigner.sign)]),
      ...connectPolicies({ ...connect, login }, connectionFacts(facts)),
      // Before the role counts a SUB that does not pass.
      ...(rateLimits === undefined ? [] : [rateLimits]),
      ...(role === undefined || policy === undefined
        ? []
        : [
            subjectPolicy(role, policy, (rule, operation) =>
              recorder.operationRefused(
                facts,
                refusalOf(role.rules.name, policy.mode, rule, operation, shownSubjects),
              ),
            ),
          ]),
      ...(stamp === undefined ? [] : [stampPolicy(stamp)]),
    ],
    keepsLogin: login === undefined && connect.clientCredentials === 'keep',
    ...(login === undefined ? {} : { loginHint: loginHint(login) }),
  };
  return new Inspector(rules, pool, {
    onParserStop: (direction, error) =>
      recorder.parserStopped({ id, clientAddress }, direction, error, level),
    onServerError: (kind) => recorder.serverError(kind),
    onOwnLoginRefused: (hint) => recorder.ownLoginRefused(facts, hint),
    onRoundTrip: (seconds) => recorder.natsRoundTrip(seconds),
    // The running pool must know, even if the pool before a reload placed the session.
    onLameDuck: () => runtime().route(name)?.upstreams.markLameDuck(server),
  });
}

/** Most of a subject; the log and the API show less. */
const MAX_SUBJECT_CHARACTERS = 256;

function refusalOf(
  role: string,
  mode: PolicyRules['mode'],
  rule: Rule,
  operation: Operation,
  subjects: ShownSubjects,
): RefusedOperation {
  const name = rule === 'replies' ? operation.reply : operation.subject;
  return {
    role,
    rule,
    verdict: mode === 'enforce' ? 'denied' : 'would_deny',
    operation: rowOf(operation.verb).name,
    subject: subjects.hashed(operation.read(name, 'utf8', MAX_SUBJECT_CHARACTERS)),
    queue: operation.read(operation.queue, 'utf8', MAX_SUBJECT_CHARACTERS),
  };
}

/** Another one in each process, so that nobody finds out which session a name is of. */
const SESSION_KEY = randomBytes(32);
const stampFacts = ({ id, user, tenant }: SessionFacts): StampFacts => ({
  // Only a stamp that names it pays for it.
  get session() {
    return createHmac('sha256', SESSION_KEY).update(String(id)).digest('hex').slice(0, 16);
  },
  ...(user === undefined ? {} : { user }),
  ...(tenant === undefined ? {} : { tenant }),
});

/** What the name in CONNECT may be made of. */
const connectionFacts = ({ id, clientAddress, origin, route, user, tenant, name }: SessionFacts) => ({
  session: String(id),
  address: clientAddress,
  route,
  ...(origin === undefined ? {} : { origin }),
  ...(user === undefined ? {} : { user }),
  ...(tenant === undefined ? {} : { tenant }),
  ...(name === undefined ? {} : { name }),
});

const loginHint = ({ kind, who, isOfClient, hint }: Login): LoginHint => ({
  isOfClient,
  text:
    hint ??
    `nats-server refused the login that connect gives to clients (kind ${kind}${who === undefined ? '' : `, ${who}`}); compare it with the users of the server, whose log says more`,
});

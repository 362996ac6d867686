import { stepsMs } from '../handshake-steps.ts';
import { foreignText } from '../log.ts';
import { limitName, withoutNames } from '../log-fields.ts';
import type { Session } from '../session/session.ts';
import type { EndedSession, SessionFacts } from '../session/session-contract.ts';
import type { Ended } from './ended-sessions.ts';
import { isoTime } from './iso-time.ts';

export type OpenRow = ReturnType<typeof openRow>;
export type EndedRow = ReturnType<typeof endedRow>;

/** A session that is open, or on its way out. */
export function openRow(session: Session) {
  const { facts, startedAtMs } = session;
  return {
    id: facts.id,
    state: 'open' as const,
    startedAt: isoTime(performance.timeOrigin + startedAtMs),
    seconds: Math.round((performance.now() - startedAtMs) / 1000),
    ...whoOf(facts),
    loginEndsAt: isoTime(session.loginEndsAtMs),
    ...carriedBy(session),
    ...waitsIn(session),
    slowSeconds: session.clientSlowMs / 1000,
    ...saidIn(session),
    rateLimited: limitOf(session),
    ending: session.reason,
  };
}

/** One that has ended, as its log line has it. */
export function endedRow({ session, endedAtMs }: Ended) {
  const { code, facts, hint, reason, seconds } = session;
  return {
    id: facts.id,
    state: 'ended' as const,
    startedAt: isoTime(endedAtMs - seconds * 1000),
    endedAt: isoTime(endedAtMs),
    seconds: Math.round(seconds * 1000) / 1000,
    ...whoOf(facts),
    ...carriedBy(session),
    ...waitsIn(session),
    reason,
    code,
    limit: session.rateLimit && limitName(session.rateLimit),
    ...saidIn(session),
    hint,
  };
}

/** The limit of `rates` that it is above now, and for how long already. */
const limitOf = ({ rateLimited: one }: Session) =>
  one && { limit: limitName(one.limit), seconds: one.seconds };

type Carried = Record<'bytesToUpstream' | 'bytesToClient' | 'framesToUpstream' | 'framesToClient', number>;

/** NATS bytes, and WebSocket frames with data. */
const carriedBy = ({ bytesToUpstream, bytesToClient, framesToUpstream, framesToClient }: Carried) => ({
  bytes: { toUpstream: bytesToUpstream, toClient: bytesToClient },
  frames: { toUpstream: framesToUpstream, toClient: framesToClient },
});

/** Of one that has ended: when its end began. */
const waitsIn = ({
  bufferedBytes,
  waitingMs,
}: Pick<Session | EndedSession, 'bufferedBytes' | 'waitingMs'>) => ({
  buffered: { toUpstream: bufferedBytes.upstream, toClient: bufferedBytes.client },
  waitingSeconds: { toUpstream: waitingMs.upstream / 1000, toClient: waitingMs.client / 1000 },
});

type Said = Pick<Session | EndedSession, 'clientName' | 'natsUser' | 'serverErrors' | 'serverError'>;

/** What both sides said, as far as rows have it. */
const saidIn = ({ clientName, natsUser, serverErrors, serverError }: Said) => ({
  clientName: clientName === undefined ? undefined : foreignText(clientName),
  natsUser: natsUser === undefined ? undefined : foreignText(natsUser),
  serverErrors,
  serverError: serverError === undefined ? undefined : foreignText(withoutNames(serverError)),
});

const whoOf = ({
  clientAddress,
  origin,
  user,
  tenant,
  role,
  route,
  upstream,
  natsClientId,
}: SessionFacts) => ({
  client: clientAddress,
  origin,
  user,
  tenant,
  role,
  route,
  upstream,
  natsClientId,
});

/** How long its handshake took, from the connection of the client on. */
export const handshakeOf = (facts: SessionFacts) => ({
  ms: facts.acceptedUs / 1000,
  steps: stepsMs(facts, facts.acceptedUs),
});

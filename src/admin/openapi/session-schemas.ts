import { VERDICTS, WAYS } from '../../capture/format.ts';
import { CLOSE_REASONS } from '../../close-reason.ts';
import { HANDSHAKE_OUTCOMES } from '../../handshake-outcome.ts';
import {
  bothWays,
  COUNT,
  COUNTS,
  either,
  FLAG,
  list,
  NUMBER,
  object,
  ref,
  type Schema,
  TEXT,
  TIME,
  word,
} from './schema.ts';

const STEPS = object(
  { request: NUMBER },
  { admit: NUMBER, authorize: NUMBER, dial: NUMBER, info: NUMBER, accept: NUMBER },
);
const HANDSHAKE = object({ ms: NUMBER, steps: STEPS });
const OUTCOME = word(...Object.keys(HANDSHAKE_OUTCOMES));
const TRIED = word('passed', 'refused', 'not_reached');
const REASON = word(...Object.keys(CLOSE_REASONS));

const WHO = {
  id: COUNT,
  startedAt: TIME,
  seconds: NUMBER,
  client: TEXT,
  route: TEXT,
  upstream: TEXT,
  serverErrors: COUNT,
};
const MORE = {
  clientName: TEXT,
  natsUser: TEXT,
  serverError: TEXT,
  origin: TEXT,
  user: TEXT,
  tenant: TEXT,
  role: TEXT,
  natsClientId: COUNT,
};
const OPEN = {
  ...WHO,
  state: word('open'),
  bytes: bothWays(COUNT),
  frames: bothWays(COUNT),
  buffered: bothWays(COUNT),
  waitingSeconds: bothWays(NUMBER),
  slowSeconds: NUMBER,
};
const MORE_OPEN = {
  ...MORE,
  loginEndsAt: TIME,
  rateLimited: object({ limit: TEXT, seconds: NUMBER }),
  ending: REASON,
};
const ENDED = {
  ...WHO,
  state: word('ended'),
  endedAt: TIME,
  bytes: bothWays(COUNT),
  frames: bothWays(COUNT),
  buffered: bothWays(COUNT),
  waitingSeconds: bothWays(NUMBER),
  reason: REASON,
  code: COUNT,
};
const MORE_ENDED = { ...MORE, limit: TEXT, hint: TEXT };

const DELIVERED = { messages: COUNT, bytes: COUNT, messagesPerSecond: NUMBER, bytesPerSecond: NUMBER };
const INFO: Schema = { type: 'object', additionalProperties: true };
const STOPPED = object({ problem: TEXT, offset: COUNT, expected: TEXT, found: TEXT });

/** Sessions, opening handshakes, and what was recorded of sessions. */
export const SESSION_SCHEMAS: Readonly<Record<string, Schema>> = {
  OpenSession: object(OPEN, MORE_OPEN),
  EndedSession: object(ENDED, MORE_ENDED),
  OpenSessionDetail: object({ ...OPEN, handshake: HANDSHAKE, inspection: ref('Inspection') }, MORE_OPEN),
  EndedSessionDetail: object({ ...ENDED, handshake: HANDSHAKE }, MORE_ENDED),
  Sessions: object({
    active: COUNT,
    kept: COUNT,
    matched: COUNT,
    sessions: list(either(ref('OpenSession'), ref('EndedSession'))),
  }),
  Inspection: object(
    { level: word('off', 'observe', 'enforce') },
    {
      server: object({}, { name: TEXT, version: TEXT, clientId: COUNT }),
      info: object({ received: INFO, sent: INFO }),
      connect: object(
        {
          flags: { type: 'object', additionalProperties: FLAG },
          credentials: list(TEXT),
          unknownFields: COUNT,
        },
        { name: TEXT, lang: TEXT, version: TEXT, protocol: NUMBER, user: TEXT },
      ),
      operations: bothWays(COUNTS),
      payloadBytes: bothWays(COUNT),
      subscriptions: list(object({ sid: TEXT, subject: TEXT }, { queue: TEXT })),
      lastError: object({ kind: TEXT, text: TEXT, first: TIME, last: TIME }),
      hint: TEXT,
      stopped: object({}, { toUpstream: STOPPED, toClient: STOPPED }),
    },
  ),
  Watch: object({ session: COUNT, startedAt: TIME, endsAt: TIME }),
  WatchedEvent: either(
    object(
      { t: COUNT, d: word(...WAYS), id: COUNT, op: TEXT },
      {
        subj: TEXT,
        reply: TEXT,
        queue: TEXT,
        sid: TEXT,
        max: COUNT,
        hb: COUNT,
        n: COUNT,
        hn: list(TEXT),
        st: TEXT,
        text: TEXT,
        v: word(...VERDICTS),
        note: TEXT,
        f: COUNT,
        fEnd: COUNT,
        answers: COUNT,
        after: COUNT,
        cause: COUNT,
        guess: FLAG,
      },
    ),
    object({ t: COUNT, of: COUNT, fEnd: COUNT }),
    object({ t: COUNT, d: word('g'), note: TEXT }, { missed: COUNT }),
  ),
  WatchedSubscriptions: object({
    t: COUNT,
    ...DELIVERED,
    isSample: FLAG,
    subscriptions: list(object({ sid: TEXT, ...DELIVERED })),
  }),
  WatchEnd: object({ reason: TEXT, sentence: TEXT }, { code: COUNT }),
  Handshakes: object({ handshakes: list(ref('Handshake')) }),
  Handshake: object(
    { at: TIME, outcome: OUTCOME, client: TEXT, ms: NUMBER, steps: STEPS },
    { detail: TEXT, origin: TEXT, user: TEXT, tenant: TEXT, route: TEXT, cause: TEXT, hint: TEXT },
  ),
  HandshakeTrial: object(
    {
      outcome: OUTCOME,
      status: COUNT,
      client: TEXT,
      steps: object({
        request: TRIED,
        admit: TRIED,
        authorize: either(TRIED, word('webhook_not_asked')),
        dial: word('not_tried', 'not_reached'),
      }),
    },
    {
      detail: TEXT,
      cause: TEXT,
      hint: TEXT,
      route: TEXT,
      user: TEXT,
      tenant: TEXT,
      role: TEXT,
      loginEndsAt: TIME,
      servers: list(object({ name: TEXT, state: TEXT })),
    },
  ),
  Subjects: object({
    since: TIME,
    operations: COUNT,
    looked: COUNT,
    sessions: object({ read: COUNT, unread: COUNT }),
    subjects: list(
      object({
        subject: TEXT,
        messagesPerSecond: bothWays(NUMBER),
        bytesPerSecond: bothWays(NUMBER),
        sessions: COUNT,
        sessionIds: list(COUNT),
      }),
    ),
  }),
  Kick: object({ ended: COUNT }, { until: TIME }),
  CaptureMatch: either(
    object({ session: COUNT }),
    object({}, { user: TEXT, tenant: TEXT, origin: TEXT, address: TEXT }),
  ),
  CaptureStart: either(
    object({ session: COUNT }, { payloads: FLAG }),
    object({}, { user: TEXT, origin: TEXT, address: TEXT, payloads: FLAG }),
  ),
  CaptureLimits: object({
    concurrent: COUNT,
    bytes: COUNT,
    seconds: NUMBER,
    totalBytes: COUNT,
    payloads: FLAG,
  }),
  Capture: object(
    {
      id: COUNT,
      state: word('waiting', 'recording', 'ended'),
      match: ref('CaptureMatch'),
      payloads: FLAG,
      startedAt: TIME,
      bytes: COUNT,
      operations: COUNT,
      lost: COUNT,
    },
    { session: COUNT, reason: TEXT },
  ),
};

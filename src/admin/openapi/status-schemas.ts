import { SERVER_STATES } from '../../upstream/endpoint.ts';
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

const SERVER_STATE = either(word(...SERVER_STATES), { type: 'null' });
const CHANGE = object({ key: TEXT, from: TEXT, to: TEXT });

/** What is running, and what a reload reports. */
export const STATUS_SCHEMAS: Readonly<Record<string, Schema>> = {
  Status: object(
    {
      state: word('starting', 'ready', 'draining', 'stopped'),
      host: TEXT,
      startedAt: TIME,
      uptimeSeconds: COUNT,
      memory: object(
        {},
        {
          rssBytes: COUNT,
          heapUsedBytes: COUNT,
          heapLimitBytes: COUNT,
          limitBytes: COUNT,
          limitFrom: word('configured', 'container', 'machine'),
        },
      ),
      eventLoop: object({ utilization: NUMBER, delayP99Seconds: NUMBER }),
      listen: TEXT,
      tls: FLAG,
      subjects: word('full', 'hashed'),
      engine: word('cut-through', 'buffered'),
      engineFallback: FLAG,
      configuration: object(
        { hash: TEXT, restartNeeded: list(CHANGE), lastSuccessAt: TIME },
        { lastReload: ref('Reload') },
      ),
      certificates: list(
        object({
          role: word('server', 'client_ca', 'upstream_ca', 'upstream_client', 'admin'),
          expiresAt: TIME,
        }),
      ),
      upstreamServers: list(
        object(
          { upstream: TEXT, name: TEXT, state: word(...SERVER_STATES), sessions: COUNT },
          { lastError: TEXT, lastErrorAt: TIME, downSince: TIME, lameDuckSince: TIME },
        ),
      ),
      routes: list(
        object(
          { name: TEXT, path: TEXT, inspect: word('off', 'observe', 'enforce'), sessions: COUNT },
          { host: TEXT, policy: word('observe', 'enforce') },
        ),
      ),
      sessions: object({
        active: COUNT,
        limit: COUNT,
        limitedBy: word('default', 'configured', 'descriptors', 'memory'),
        opened: COUNT,
      }),
      handshakesInFlight: COUNT,
      bytes: bothWays(COUNT),
      buffered: object({ toUpstream: COUNT, toClient: COUNT, heldBytes: COUNT }, { limitBytes: COUNT }),
      rates: object({ seconds: NUMBER, handshakesPerSecond: NUMBER, bytesPerSecond: bothWays(NUMBER) }),
      handshakes: COUNTS,
      ended: COUNTS,
      serverErrors: COUNTS,
      policyVerdicts: object({ denied: COUNT, would_deny: COUNT }),
    },
    {
      pid: COUNT,
      version: TEXT,
      revision: TEXT,
      node: TEXT,
      cpuSeconds: object({ user: NUMBER, system: NUMBER }),
    },
  ),
  Second: object({
    at: TIME,
    seconds: NUMBER,
    state: word('starting', 'ready', 'draining', 'stopped'),
    ready: FLAG,
    sessions: object({ active: COUNT, opened: COUNT, ended: COUNT }),
    handshakes: object({ accepted: COUNT, client_fault: COUNT, server_fault: COUNT }),
    bytes: bothWays(COUNT),
    messages: bothWays(COUNT),
    buffered: bothWays(COUNT),
    eventLoop: object({ utilization: NUMBER, delayP99Seconds: NUMBER }),
    servers: list(object({ upstream: TEXT, name: TEXT, from: SERVER_STATE, to: SERVER_STATE })),
  }),
  Reload: object(
    {
      outcome: word('applied', 'unchanged', 'restart_needed', 'refused'),
      trigger: word('signal', 'files', 'api'),
      at: TIME,
      seconds: NUMBER,
      changes: list(CHANGE),
      restartNeeded: list(CHANGE),
      problems: list(TEXT),
      warnings: list(TEXT),
    },
    { sessionsWithOldPolicy: COUNT },
  ),
};

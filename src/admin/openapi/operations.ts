import { LOG_LEVELS } from '../../log.ts';
import { FILTER_FIELDS, SORT_KEYS } from '../../status/session-query.ts';
import { COUNT, either, FLAG, list, object, ref, type Schema, TEXT, TIME, word } from './schema.ts';

export type Operation = {
  readonly summary: string;
  /** By the name of the parameter. */
  readonly query?: Readonly<Record<string, Schema>>;
  readonly body?: Schema;
  /** By status, all that are no problem document. Media types: a file of one of them. undefined: without content. */
  readonly answers: Readonly<Record<number, Schema | readonly string[] | undefined>>;
  /** Codes of the problem documents that only this operation has, by status. */
  readonly problems?: Readonly<Record<number, readonly string[]>>;
};

const LEVEL = word(...LOG_LEVELS);
const LEVELS = object({ level: LEVEL, configured: LEVEL });
const FILTER: Schema = {
  type: 'string',
  description:
    'The whole value must match. * matches any text, an empty filter matches sessions without a value. At most 256 characters.',
};

/** Every route below /api, by its method and path; a path has its parameters in braces. */
export const OPERATIONS: Readonly<Record<string, Operation>> = {
  'GET /api/status': {
    summary: 'What is running, without a name of any client',
    answers: { 200: ref('Status') },
  },
  'GET /api/sessions': {
    summary: 'Who is connected, or who was last',
    query: {
      state: word('open', 'ended'),
      ...Object.fromEntries(FILTER_FIELDS.map((field) => [field, FILTER])),
      any: { type: 'string', description: 'Words; each is a part of what a person may know a session by.' },
      sort: word(...SORT_KEYS),
      order: word('usual', 'reversed'),
      limit: { type: 'integer', minimum: 1, maximum: 500 },
      offset: { type: 'integer', minimum: 0 },
      after: { type: 'integer', minimum: 0, description: 'The id of a session: continues after it.' },
    },
    answers: { 200: ref('Sessions') },
    problems: { 400: ['query', 'state', 'sort', 'order', 'limit', 'offset', 'after', ...FILTER_FIELDS] },
  },
  'GET /api/sessions/{id}': {
    summary: 'One session, open or among the last that ended',
    answers: { 200: either(ref('OpenSessionDetail'), ref('EndedSessionDetail')) },
    problems: { 404: ['no_session'] },
  },
  'GET /api/sessions/{id}/operations': {
    summary:
      'Server-Sent Events: what an open session says, while it says it. `watch` begins, the data of `operations` is a list of WatchedEvent, that of `subscriptions` is WatchedSubscriptions, `end` says why nothing follows',
    query: { after: { type: 'string', description: 'The id of an event: continues after it.' } },
    answers: { 200: ['text/event-stream'] },
    problems: {
      404: ['no_session'],
      409: ['inspect_off', 'not_readable'],
      503: ['too_many_watched', 'streams'],
    },
  },
  'POST /api/sessions/{id}/kick': {
    summary: 'End a session',
    answers: { 200: ref('Kick') },
    problems: { 404: ['no_session'] },
  },
  'POST /api/sessions/kick': {
    summary: 'End all sessions of a user, who stays out for a time',
    body: object({ user: TEXT }, { tenant: TEXT, for: TEXT }),
    answers: { 200: ref('Kick') },
    problems: { 400: ['body'], 409: ['no_auth'], 503: ['too_many_kicked'] },
  },
  'GET /api/handshakes': {
    summary: 'What the last handshakes were answered, and how long their steps took, in milliseconds',
    answers: { 200: ref('Handshakes') },
  },
  'GET /api/subjects': {
    summary:
      'The subjects with the most messages, by a sample that begins with the first request and ends a minute after the last',
    answers: { 200: ref('Subjects') },
  },
  'GET /api/policy/observed': {
    summary: 'What policies have refused most often, or would have with mode: enforce',
    answers: { 200: ref('RefusedOperations') },
  },
  'GET /api/policy': {
    summary: 'What clients may say and how fast, by route, and what came of it since the start',
    answers: { 200: ref('Policy') },
  },
  'POST /api/policy/test': {
    summary: 'What a policy says to one operation of a client, without a client',
    body: object(
      { operation: TEXT },
      { role: TEXT, user: TEXT, tenant: TEXT, groups: list(TEXT), route: TEXT },
    ),
    answers: { 200: ref('PolicyVerdict') },
    problems: { 400: ['body'], 404: ['no_policy'], 409: ['not_testable'] },
  },
  'POST /api/handshakes/try': {
    summary: 'What a handshake would be answered, up to the dial, by the rules and limits of now',
    body: object(
      {},
      {
        origin: TEXT,
        path: TEXT,
        host: TEXT,
        headers: { type: 'object', additionalProperties: either(TEXT, list(TEXT)) },
        address: TEXT,
        secure: FLAG,
        webhook: FLAG,
      },
    ),
    answers: { 200: ref('HandshakeTrial') },
    problems: { 400: ['body'] },
  },
  'GET /api/events': {
    summary: 'Server-Sent Events: each second one event `second`, whose data is a Second',
    query: { after: { type: 'integer', description: 'The id of an event: continues after it.' } },
    answers: { 200: ['text/event-stream'] },
    problems: { 503: ['streams'] },
  },
  'GET /api/config': {
    summary: 'Every key of the running configuration, and where it was written',
    answers: {
      200: object({
        hash: TEXT,
        keys: list(
          object({
            key: TEXT,
            value: either(TEXT, list(TEXT), { type: 'null' }),
            default: FLAG,
            inherited: FLAG,
            at: either(TEXT, { type: 'null' }),
          }),
        ),
      }),
    },
    problems: { 501: ['no_source'] },
  },
  'GET /api/log': { summary: 'The level of the log', answers: { 200: LEVELS } },
  'PUT /api/log': {
    summary: 'Set the level of the log until the next reload that is applied',
    body: object({ level: LEVEL }),
    answers: { 200: LEVELS },
    problems: { 400: ['body'] },
  },
  'GET /api/log/lines': {
    summary:
      'The last lines of the log, at most 500, and the last warnings and actions by the API before them',
    query: { after: { type: 'integer', minimum: 0, description: 'The number of a line: those after it.' } },
    answers: {
      200: object({
        last: COUNT,
        lines: list(object({ number: COUNT, line: { type: 'object', additionalProperties: true } })),
      }),
    },
    problems: { 400: ['after'] },
  },
  'POST /api/reload': {
    summary: 'Read the configuration again; 422 has the same report, of one that was refused',
    answers: { 200: ref('Reload'), 422: ref('Reload') },
    problems: { 501: ['no_source'] },
  },
  'POST /api/login': {
    summary: 'A cookie for a browser, by the token; a form is answered with a redirect to /',
    body: object({ token: TEXT }),
    answers: { 200: object({ endsAt: TIME }), 303: undefined },
    problems: {
      400: ['body'],
      401: ['wrong_token'],
      403: ['token_required', 'tls_required'],
      409: ['no_token'],
      429: ['too_many_logins'],
    },
  },
  'POST /api/logout': {
    summary: 'End the login of the cookie',
    answers: { 204: undefined },
    problems: { 403: ['origin_required'], 409: ['no_login'] },
  },
  'GET /api/captures': {
    summary: 'What was recorded of sessions',
    answers: { 200: object({ limits: ref('CaptureLimits'), captures: list(ref('Capture')) }) },
  },
  'POST /api/captures': {
    summary: 'Record a session, or the next one that begins and fits',
    body: ref('CaptureStart'),
    answers: { 201: ref('Capture') },
    problems: {
      400: ['body'],
      403: ['payloads_locked'],
      404: ['no_session'],
      409: ['inspect_off', 'no_auth', 'not_readable', 'already_captured'],
      503: ['too_many_captures'],
    },
  },
  'POST /api/captures/{id}/stop': {
    summary: 'Stop a capture',
    answers: { 200: object({ stopped: FLAG }) },
    problems: { 404: ['no_capture'] },
  },
  'GET /api/captures/{id}/file': {
    summary: 'What was recorded, as NDJSON or as pcapng for Wireshark',
    query: { as: word('ndjson', 'pcapng') },
    answers: { 200: ['application/x-ndjson', 'application/x-pcapng'] },
    problems: {
      400: ['as'],
      403: ['payloads_locked'],
      404: ['no_capture'],
      409: ['cut'],
      413: ['too_large'],
    },
  },
  'DELETE /api/captures/{id}': {
    summary: 'Delete a capture',
    answers: { 200: object({ deleted: FLAG }) },
    problems: { 404: ['no_capture'] },
  },
  'GET /api/openapi.json': {
    summary: 'This document',
    answers: { 200: { type: 'object', additionalProperties: true } },
  },
};

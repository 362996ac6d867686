import { CLOSE_REASONS } from '../close-reason.ts';
import { HANDSHAKE_OUTCOMES } from '../handshake-outcome.ts';

/** Plain numbers of the program, read when a scrape comes. The data path only ever adds to its own. */
export type MetricsSource = {
  readonly ready: boolean;
  readonly draining: boolean;
  readonly sessions: Population;
  readonly handshakesInFlight: number;
  readonly pendingConnections: number;
  readonly bytes: Directions;
  readonly wireBytes: Directions;
  /** By opcode. */
  readonly framesToUpstream: Numbers;
  readonly framesToClient: Numbers;
  readonly pauses: Sides;
  readonly pausedNow: Sides;
  readonly buffered: Sides;
  /** What waits for all sessions together, and how much may. */
  readonly held: { readonly bytes: number; readonly limitBytes: number };
  /** Every state that a server can be in. */
  readonly serverStates: readonly string[];
  readonly upstreamServers: readonly UpstreamServerNumbers[];
  readonly routes: readonly RouteNumbers[];
  /** By reason. */
  readonly droppedConnections: Numbers;
  /** By reason. */
  readonly adminDrops: Numbers;
  readonly droppedLogLines: number;
  /** 1 for the engine at work, 0 for the other. */
  readonly engines: Numbers;
  /** The configured engine does not work here; the other one took over. */
  readonly engineFallback: boolean;
  readonly compression: { readonly active: number; readonly handshakes: Numbers };
  readonly inspection: {
    /** By direction and verb, a line break between them. */
    readonly operations: Numbers;
    readonly payloadBytes: Directions;
    readonly subscriptions: number;
    readonly sessions: number;
    readonly serverErrors: Numbers;
    /** By direction and problem, likewise. */
    readonly stops: Numbers;
  };
  readonly configHash: string;
  /** By outcome. */
  readonly reloads: Numbers;
  readonly lastReloadSucceeded: boolean;
  readonly lastReloadSuccessSeconds: number;
  readonly restartNeeded: boolean;
  /** Expiry by role, seconds since the epoch. */
  readonly certificatesNotAfter: Numbers;
};

/** One route, running or with sessions left. */
export type RouteNumbers = {
  readonly name: string;
  readonly sessions: number;
  /** By outcome class. */
  readonly handshakes: Numbers;
  readonly bytes: Directions;
};

/** One server of the configuration. */
export type UpstreamServerNumbers = {
  /** The route that has the upstream as its own. */
  readonly upstream: string;
  readonly name: string;
  readonly state: string;
  readonly sessions: number;
  readonly addresses: number;
  readonly retryInMs: number;
  readonly dials: Numbers;
  readonly healthChecks: Numbers;
  readonly lookups: Numbers;
  readonly lameDucks: number;
};

type Numbers = Readonly<Record<string, number>>;
type Directions = { readonly to_upstream: number; readonly to_client: number };
type Sides = { readonly client: number; readonly upstream: number };
type Population = {
  readonly active: number;
  readonly limit: number;
  readonly oldestStartSeconds: number | undefined;
};

/** There is one listener; its name bounds the label's values. */
export const LISTENER = { listener: 'default' } as const;
/** The upstream of the keys at the top; each further one goes by the name of its route. */
export const UPSTREAM = { upstream: 'default' } as const;

/** Between the label values in a key; none of them has a line break in it. */
export const BETWEEN_LABELS = '\n';

/** A metric whose value is copied from the source at each scrape. */
export type CopiedMetric = {
  readonly kind: 'gauge' | 'counter';
  readonly help: string;
  /** Labels with one value each. */
  readonly labels?: Numbers | Readonly<Record<string, string>>;
  /** Name of the label whose values are the keys of what `read` returns. */
  readonly by?: string;
  /** undefined: no sample now. */
  read(source: MetricsSource): number | undefined | Numbers;
};

const gauge = (help: string, read: CopiedMetric['read'], labels = {}, by?: string): CopiedMetric =>
  metric('gauge', help, read, labels, by);
const counter = (help: string, read: CopiedMetric['read'], labels = {}, by?: string): CopiedMetric =>
  metric('counter', help, read, labels, by);
function metric(
  kind: CopiedMetric['kind'],
  help: string,
  read: CopiedMetric['read'],
  labels: Readonly<Record<string, string>>,
  by: string | undefined,
): CopiedMetric {
  return { kind, help, read, labels, ...(by === undefined ? {} : { by }) };
}

function serverGauge(help: string, read: (server: UpstreamServerNumbers) => number): CopiedMetric {
  return gauge(help, (source) => byServer(source, read), {}, 'upstream,server');
}
function serverCounter(help: string, read: (server: UpstreamServerNumbers) => Numbers): CopiedMetric {
  return counter(help, (source) => byServer(source, read), {}, 'upstream,server,outcome');
}
function byRoute(source: MetricsSource, read: (route: RouteNumbers) => Numbers): Numbers {
  return Object.assign({}, ...source.routes.map((route) => prefixed(route.name, read(route))));
}
function byServer(source: MetricsSource, read: (server: UpstreamServerNumbers) => number | Numbers): Numbers {
  const rows = source.upstreamServers.map(
    (server) => [`${server.upstream}${BETWEEN_LABELS}${server.name}`, read(server)] as const,
  );
  return Object.assign(
    {},
    ...rows.map(([name, value]) => (typeof value === 'number' ? { [name]: value } : prefixed(name, value))),
  );
}

export const COPIED_METRICS: Readonly<Record<string, CopiedMetric>> = {
  natsgate_connections_active: gauge('Open WebSocket sessions.', (s) => s.sessions.active, LISTENER),
  natsgate_connections_limit: gauge('Most sessions that are let in.', (s) => s.sessions.limit, LISTENER),
  natsgate_route_connections_active: gauge(
    'Open WebSocket sessions of the route.',
    (s) => Object.fromEntries(s.routes.map(({ name, sessions }) => [name, sessions])),
    {},
    'route',
  ),
  natsgate_route_handshakes_total: counter(
    'Opening handshakes whose route was found, by the class of their outcome.',
    (s) => byRoute(s, ({ handshakes }) => handshakes),
    {},
    'route,outcome_class',
  ),
  natsgate_route_transfer_bytes_total: counter(
    'Bytes carried by the route.',
    (s) => byRoute(s, ({ bytes }) => bytes),
    {},
    'route,direction',
  ),
  natsgate_handshakes_in_progress: gauge(
    'Opening handshakes not answered yet.',
    (s) => s.handshakesInFlight,
    LISTENER,
  ),
  natsgate_session_oldest_start_timestamp_seconds: gauge(
    'Start of the oldest open session; absent while there is none.',
    (s) => s.sessions.oldestStartSeconds,
    LISTENER,
  ),
  natsgate_transfer_bytes_total: counter('NATS bytes carried.', (s) => s.bytes, LISTENER, 'direction'),
  natsgate_wire_bytes_total: counter(
    'Bytes on client sockets, framing included, TLS excluded.',
    (s) => s.wireBytes,
    LISTENER,
    'direction',
  ),
  natsgate_frames_total: counter(
    'WebSocket frames from clients (to_upstream) and to clients.',
    (s) => ({ ...prefixed('to_upstream', s.framesToUpstream), ...prefixed('to_client', s.framesToClient) }),
    LISTENER,
    'direction,opcode',
  ),
  natsgate_backpressure_paused_sessions: gauge(
    'Sessions not read from on this side because the other side is slow.',
    (s) => s.pausedNow,
    {},
    'side',
  ),
  natsgate_backpressure_pauses_total: counter(
    'Times that reading from this side was paused.',
    (s) => s.pauses,
    {},
    'side',
  ),
  natsgate_buffered_bytes: gauge(
    'Bytes waiting in the process to be written to this side.',
    (s) => s.buffered,
    {},
    'side',
  ),
  natsgate_buffer_held_bytes: gauge(
    'Memory that bytes take which wait in the process for slow clients and servers.',
    (s) => s.held.bytes,
  ),
  natsgate_buffer_limit_bytes: gauge(
    'Above so much of it the sessions end that have waited longest; absent without a limit.',
    (s) => (Number.isFinite(s.held.limitBytes) ? s.held.limitBytes : undefined),
  ),
  natsgate_upstream_connections_active: serverGauge(
    'Connections to nats-server that carry a session.',
    (server) => server.sessions,
  ),
  natsgate_upstream_healthy: serverGauge('1 while new sessions are placed there by choice.', ({ state }) =>
    Number(state === 'up' || state === 'untried'),
  ),
  natsgate_upstream_server_state: gauge(
    '1 for the state that the server is in, 0 for the others.',
    (s) =>
      byServer(s, ({ state }) =>
        Object.fromEntries(s.serverStates.map((one) => [one, Number(one === state)])),
      ),
    {},
    'upstream,server,state',
  ),
  natsgate_upstream_addresses: serverGauge('Addresses of the server.', (server) => server.addresses),
  natsgate_upstream_dials_total: serverCounter(
    'Attempts to get the INFO of a server, by outcome.',
    (server) => server.dials,
  ),
  natsgate_upstream_backoff_seconds: serverGauge(
    'Time until the server is tried again as one among others.',
    (server) => server.retryInMs / 1000,
  ),
  natsgate_upstream_health_checks_total: serverCounter(
    'Health checks by outcome.',
    (server) => server.healthChecks,
  ),
  natsgate_upstream_lookups_total: serverCounter(
    'Lookups of the name by outcome.',
    (server) => server.lookups,
  ),
  natsgate_nats_lame_duck_total: counter(
    'Times that an INFO of a server said lame duck.',
    (s) => byServer(s, (server) => server.lameDucks),
    {},
    'upstream,server',
  ),
  natsgate_pending_connections: gauge(
    'Connections without a whole request yet, or answered and not closed.',
    (s) => s.pendingConnections,
  ),
  natsgate_connections_dropped_total: counter(
    'Connections closed unanswered, because too many were open.',
    (s) => s.droppedConnections,
    {},
    'reason',
  ),
  natsgate_admin_connections_dropped_total: counter(
    'Connections of the admin port that ended without their answer.',
    (s) => s.adminDrops,
    {},
    'reason',
  ),
  natsgate_log_lines_dropped_total: counter(
    'Log lines lost because their reader was slow or gone.',
    (s) => s.droppedLogLines,
  ),
  natsgate_engine_info: gauge(
    '1 for the engine that reads and writes frames, 0 for the other.',
    (s) => s.engines,
    {},
    'engine',
  ),
  natsgate_engine_fallback: gauge(
    '1 when the buffered engine took over because cut-through does not work here.',
    (s) => Number(s.engineFallback),
  ),
  natsgate_compressed_sessions_active: gauge(
    'Open sessions with permessage-deflate.',
    (s) => s.compression.active,
    LISTENER,
  ),
  natsgate_compression_handshakes_total: counter(
    'Accepted handshakes by what became of permessage-deflate, while compression is on.',
    (s) => s.compression.handshakes,
    LISTENER,
    'result',
  ),
  natsgate_nats_inspected_sessions: gauge(
    'Open sessions whose NATS protocol is read.',
    (s) => s.inspection.sessions,
    LISTENER,
  ),
  natsgate_nats_operations_total: counter(
    'NATS operations of inspected sessions.',
    (s) => s.inspection.operations,
    LISTENER,
    'direction,verb',
  ),
  natsgate_nats_payload_bytes_total: counter(
    'Payload and header bytes of the messages of inspected sessions.',
    (s) => s.inspection.payloadBytes,
    LISTENER,
    'direction',
  ),
  natsgate_nats_subscriptions_active: gauge(
    'Subscriptions of inspected sessions.',
    (s) => s.inspection.subscriptions,
    LISTENER,
  ),
  natsgate_nats_errors_total: counter(
    '-ERR lines of nats-server in inspected sessions.',
    (s) => s.inspection.serverErrors,
    {},
    'kind',
  ),
  natsgate_nats_parser_stops_total: counter(
    'Directions of inspected sessions that could not be read on.',
    (s) => s.inspection.stops,
    {},
    'direction,problem',
  ),
  natsgate_config_info: gauge(
    'Hash of the running configuration; always 1.',
    (s) => ({ [s.configHash]: 1 }),
    {},
    'hash',
  ),
  natsgate_config_reloads_total: counter(
    'Reloads of the configuration by outcome.',
    (s) => s.reloads,
    {},
    'outcome',
  ),
  natsgate_config_last_reload_success: gauge('1 unless the last reload was refused.', (s) =>
    Number(s.lastReloadSucceeded),
  ),
  natsgate_config_last_reload_success_timestamp_seconds: gauge(
    'When the configuration was last read and not refused.',
    (s) => s.lastReloadSuccessSeconds,
  ),
  natsgate_config_restart_needed: gauge(
    '1 while the configuration asks for what only a restart brings.',
    (s) => Number(s.restartNeeded),
  ),
  natsgate_tls_certificate_not_after_timestamp_seconds: gauge(
    'When the first certificate of a file expires.',
    (s) => s.certificatesNotAfter,
    {},
    'role',
  ),
  natsgate_ready: gauge('1 while new sessions are welcome.', (s) => Number(s.ready)),
  natsgate_draining: gauge('1 while sessions are being closed for a shutdown.', (s) => Number(s.draining)),
};

function prefixed(first: string, numbers: Numbers): Numbers {
  return Object.fromEntries(
    Object.entries(numbers).map(([second, count]) => [`${first}${BETWEEN_LABELS}${second}`, count]),
  );
}

/** A counter of events. `values`: each label set that can occur, so that none appears late. */
export type EventCounter = {
  readonly help: string;
  readonly labelNames: readonly string[];
  readonly values: readonly Readonly<Record<string, string>>[];
};

/** RFC 6455 §7.4 and the IANA registry; application codes are folded, anything else is `other`. */
const CLOSE_CODES = [1000, 1001, 1002, 1003, 1005, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014];
const CLOSE_CODE_LABELS = [...CLOSE_CODES.map(String), '3xxx', '4xxx', 'other'];
const HTTP_STATUSES = new Set(
  Object.values(HANDSHAKE_OUTCOMES)
    .map((row) => row.status)
    .filter((status) => status >= 400),
);

/** The label value of a close code. */
export function closeCodeLabel(code: number): string {
  if (code >= 3000 && code < 4000) return '3xxx';
  if (code >= 4000 && code < 5000) return '4xxx';
  return CLOSE_CODES.includes(code) ? String(code) : 'other';
}

/** `connectOutcomes` and `tlsOutcomes` belong to other folders; without TLS the latter is undefined. */
export function eventCounters(
  connectOutcomes: readonly string[],
  tlsOutcomes: readonly string[] | undefined,
): Readonly<Record<string, EventCounter>> {
  return {
    natsgate_handshakes_total: {
      help: 'Opening handshakes by outcome (docs/close-reasons.md).',
      labelNames: ['listener', 'outcome'],
      values: Object.keys(HANDSHAKE_OUTCOMES).map((outcome) => ({ ...LISTENER, outcome })),
    },
    natsgate_http_requests_total: {
      help: 'HTTP answers other than 101, by status code.',
      labelNames: ['listener', 'code'],
      values: [200, ...HTTP_STATUSES].map((status) => ({ ...LISTENER, code: String(status) })),
    },
    ...(tlsOutcomes === undefined
      ? {}
      : {
          natsgate_tls_handshakes_total: {
            help: 'TLS handshakes with clients.',
            labelNames: ['listener', 'outcome'],
            values: tlsOutcomes.map((outcome) => ({ ...LISTENER, outcome })),
          },
        }),
    natsgate_sessions_closed_total: {
      help: 'Finished sessions by who ended them and why (docs/close-reasons.md).',
      labelNames: ['listener', 'initiator', 'reason'],
      values: Object.entries(CLOSE_REASONS).map(([reason, { initiator }]) => ({
        ...LISTENER,
        initiator,
        reason,
      })),
    },
    natsgate_close_frames_total: {
      help: 'Close frames by code.',
      labelNames: ['direction', 'code'],
      values: ['sent', 'received'].flatMap((direction) =>
        CLOSE_CODE_LABELS.map((code) => ({ direction, code })),
      ),
    },
    natsgate_rejected_messages_total: {
      help: 'Client input that was refused.',
      labelNames: ['reason'],
      values: ['too_big', 'invalid_utf8', 'bad_frame', 'control_flood', 'other'].map((reason) => ({
        reason,
      })),
    },
    natsgate_upstream_connects_total: {
      help: 'TCP connects to nats-server by outcome.',
      labelNames: ['upstream', 'outcome'],
      values: connectOutcomes.map((outcome) => ({ ...UPSTREAM, outcome })),
    },
    natsgate_drain_forced_closes_total: {
      help: 'Sessions cut at the drain deadline.',
      labelNames: [],
      values: [{}],
    },
  };
}

export type EventHistogram = EventCounter & { readonly buckets: readonly number[] };

const HANDSHAKE_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const DIAL_SECONDS = [0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];
const SESSION_SECONDS = [1, 5, 15, 60, 300, 900, 3600, 14_400, 28_800, 86_400, 259_200, 604_800];
const PING_SECONDS = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];

export const EVENT_HISTOGRAMS = {
  natsgate_handshake_duration_seconds: {
    help: 'Connection accepted to handshake answered.',
    labelNames: ['listener', 'outcome_class'],
    values: ['accepted', 'client_fault', 'server_fault'].map((outcome_class) => ({
      ...LISTENER,
      outcome_class,
    })),
    buckets: HANDSHAKE_SECONDS,
  },
  natsgate_session_duration_seconds: {
    help: 'Lifetime of finished sessions.',
    labelNames: ['listener', 'initiator'],
    values: ['client', 'upstream', 'gateway'].map((initiator) => ({ ...LISTENER, initiator })),
    buckets: SESSION_SECONDS,
  },
  natsgate_ping_rtt_seconds: {
    help: 'WebSocket ping to pong.',
    labelNames: ['listener'],
    values: [LISTENER],
    buckets: PING_SECONDS,
  },
  natsgate_nats_rtt_seconds: {
    help: 'NATS PING of a client to the PONG of nats-server, in inspected sessions.',
    labelNames: ['listener'],
    values: [LISTENER],
    buckets: PING_SECONDS,
  },
  natsgate_upstream_connect_duration_seconds: {
    help: 'TCP connect to nats-server.',
    labelNames: ['upstream'],
    values: [UPSTREAM],
    buckets: DIAL_SECONDS,
  },
  natsgate_upstream_first_byte_seconds: {
    help: 'TCP connection to nats-server made to the first byte of its INFO.',
    labelNames: ['upstream'],
    values: [UPSTREAM],
    buckets: DIAL_SECONDS,
  },
} as const satisfies Record<string, EventHistogram>;

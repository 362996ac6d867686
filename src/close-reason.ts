/**
 * The one table of ends. Every handshake has one outcome and every session one close reason; the same word
 * is on the wire, in the log line, in the metric label and in docs/close-reasons.md (a test keeps these
 * equal). The words are public interface: they may be added to, never renamed. The sentences may change.
 */

export type LogLevelOfEnd = 'debug' | 'info' | 'warn' | 'error';

/** Whose doing the end was: a label of natsgate_sessions_closed_total. */
export type Initiator = 'client' | 'upstream' | 'gateway';

export type CloseReasonRow = {
  /** Close code of the frame we send; `upstream_closed` follows the server's last -ERR where that is known. 'echo': the peer's own code goes back. 'none': nobody is left to tell. */
  readonly code: 1001 | 1002 | 1003 | 1007 | 1008 | 1009 | 1011 | 'echo' | 'none';
  readonly initiator: Initiator;
  readonly level: LogLevelOfEnd;
  /**
   * The `-ERR` before the close frame of an inspected session, since NATS applications see no close codes.
   * undefined: none is due, because the client left or does not read, or the server has spoken, or nothing can be known.
   */
  readonly finalError: string | undefined;
  readonly sentence: string;
};

/**
 * After this `-ERR` every client library connects again. After one that it does not know nats.go, nats.py and nats.c
 * stop for ever, so other texts are for ends that are the client's own fault, where nats-server says them too.
 */
export const RETURN_ERROR = 'Stale Connection';

export type CloseReason =
  | 'client_closed'
  | 'client_gone'
  | 'client_unresponsive'
  | 'not_binary'
  | 'frame_violation'
  | 'message_too_big'
  | 'nats_violation'
  | 'assembly_timeout'
  | 'rate_exceeded'
  | 'slow_consumer'
  | 'overload'
  | 'session_expired'
  | 'draining'
  | 'upstream_closed'
  | 'upstream_stalled'
  | 'upstream_reset'
  | 'internal_error';

/** What happened to a session after its 101. Codes: RFC 6455 §7.4.1. */
export const CLOSE_REASONS = {
  client_closed: {
    code: 'echo',
    initiator: 'client',
    level: 'info',
    finalError: undefined,
    sentence: 'The client closed the WebSocket normally.',
  },
  client_gone: {
    code: 'none',
    initiator: 'client',
    level: 'info',
    finalError: undefined,
    sentence:
      'The client vanished without a close frame: reset, lost network, or a program that just stopped.',
  },
  client_unresponsive: {
    code: 1001,
    initiator: 'gateway',
    level: 'info',
    finalError: RETURN_ERROR,
    sentence: 'No byte came from the client for timeouts.silence, not even an answer to our pings.',
  },
  not_binary: {
    code: 1003,
    initiator: 'gateway',
    level: 'warn',
    finalError: 'Unknown Protocol Operation',
    sentence: 'The client sent a text message; NATS travels in binary messages only.',
  },
  frame_violation: {
    code: 1002,
    initiator: 'gateway',
    level: 'warn',
    finalError: 'Unknown Protocol Operation',
    sentence: 'The client broke the framing rules of RFC 6455 (1007: a close reason was not UTF-8).',
  },
  message_too_big: {
    code: 1009,
    initiator: 'gateway',
    level: 'warn',
    finalError: 'Maximum Payload Violation',
    sentence: 'A frame or message announced more bytes than limits.frameBytes.',
  },
  nats_violation: {
    code: 1008,
    initiator: 'gateway',
    level: 'warn',
    finalError: 'Unknown Protocol Operation',
    sentence: 'A side sent what is no NATS operation, or a form that inspect: enforce does not let pass.',
  },
  assembly_timeout: {
    code: 1008,
    initiator: 'gateway',
    level: 'warn',
    finalError: RETURN_ERROR,
    sentence: 'A message was begun and not finished in 30 seconds (buffered engine).',
  },
  rate_exceeded: {
    code: 1008,
    initiator: 'gateway',
    level: 'warn',
    finalError: RETURN_ERROR,
    sentence:
      'Too many control frames (100 in 10 s beside answers to our pings) or too many tiny pieces of one message.',
  },
  slow_consumer: {
    code: 1008,
    initiator: 'gateway',
    level: 'warn',
    finalError: undefined,
    sentence:
      'The client read nothing, or next to nothing, for timeouts.stall while bytes for it were waiting.',
  },
  overload: {
    code: 1008,
    initiator: 'gateway',
    level: 'warn',
    finalError: RETURN_ERROR,
    sentence:
      'More bytes waited for slow clients and servers than the memory carries, and for this session for longest.',
  },
  session_expired: {
    code: 1001,
    initiator: 'gateway',
    level: 'info',
    finalError: RETURN_ERROR,
    sentence: 'The session reached limits.sessionAge.',
  },
  draining: {
    code: 1001,
    initiator: 'gateway',
    level: 'info',
    finalError: undefined,
    sentence: 'The gateway is shutting down; connect again.',
  },
  upstream_closed: {
    code: 1001,
    initiator: 'upstream',
    level: 'info',
    finalError: undefined,
    sentence: 'nats-server closed its connection normally; its log says why.',
  },
  upstream_stalled: {
    code: 1011,
    initiator: 'gateway',
    level: 'warn',
    finalError: undefined,
    sentence:
      'nats-server read nothing, or next to nothing, for timeouts.stall while bytes of the client were waiting.',
  },
  upstream_reset: {
    code: 1011,
    initiator: 'upstream',
    level: 'warn',
    finalError: undefined,
    sentence: 'The connection to nats-server broke (reset or network failure).',
  },
  internal_error: {
    code: 1011,
    initiator: 'gateway',
    level: 'error',
    finalError: undefined,
    sentence: 'A fault in the gateway; the log line beside this one says which.',
  },
} as const satisfies Record<CloseReason, CloseReasonRow>;

/** Fault classes of natsgate_handshake_duration_seconds and of the admission SLO. */
export type OutcomeClass = 'accepted' | 'client_fault' | 'server_fault';

export type HandshakeRow = {
  /** HTTP status of the answer; 0: the client left, nobody to answer. */
  readonly status: number;
  readonly class: OutcomeClass;
  /** The whole body of the answer is `token: sentence`. It says what to change and quotes nothing of the request. */
  readonly sentence: string;
};

export type HandshakeOutcome = keyof typeof HANDSHAKE_OUTCOMES;
export type Refusal = Exclude<HandshakeOutcome, 'accepted'>;

/** What happened to an opening handshake, in the order in which the rules are checked. */
export const HANDSHAKE_OUTCOMES = {
  accepted: { status: 101, class: 'accepted', sentence: 'The WebSocket is open.' },
  proxy_header: {
    status: 400,
    class: 'client_fault',
    sentence:
      'A connection from this network must begin with a valid PROXY header. Let the proxy send one, or take its network out of listen.proxyProtocol.',
  },
  bad_request: {
    status: 400,
    class: 'client_fault',
    sentence:
      'This is not a well-formed HTTP/1.1 request. Is something speaking another protocol to this port?',
  },
  header_too_large: {
    status: 431,
    class: 'client_fault',
    sentence:
      'The header fields are over limits.headBytes or limits.headLines. Send fewer or smaller headers and cookies.',
  },
  target_too_long: {
    status: 414,
    class: 'client_fault',
    sentence: 'The request target is over 8,000 bytes. Send a shorter path and query.',
  },
  timeout: {
    status: 408,
    class: 'client_fault',
    sentence: 'The request did not arrive in time. Send the whole request head within the handshake timeout.',
  },
  http_1_0: {
    status: 426,
    class: 'client_fault',
    sentence:
      'The request came as HTTP/1.0, which knows no Upgrade. Use HTTP/1.1; nginx does with "proxy_http_version 1.1".',
  },
  http_version: { status: 505, class: 'client_fault', sentence: 'Use HTTP/1.1.' },
  method: { status: 405, class: 'client_fault', sentence: 'Use GET to open a WebSocket.' },
  body: {
    status: 400,
    class: 'client_fault',
    sentence: 'A WebSocket handshake has no body. Send no Transfer-Encoding and no Content-Length.',
  },
  target: {
    status: 400,
    class: 'client_fault',
    sentence: 'The request target must be a plain path, or a URL with the authority of Host.',
  },
  host: { status: 400, class: 'client_fault', sentence: 'Send exactly one valid Host header.' },
  not_upgrade: {
    status: 426,
    class: 'client_fault',
    sentence:
      'This is a WebSocket endpoint for NATS clients. Connect with ws:// or wss://, and let proxies pass Upgrade and Connection on.',
  },
  upgrade: { status: 400, class: 'client_fault', sentence: 'Send exactly one Upgrade header: websocket.' },
  key: {
    status: 400,
    class: 'client_fault',
    sentence: 'Send exactly one Sec-WebSocket-Key: base64 of 16 bytes.',
  },
  version: {
    status: 426,
    class: 'client_fault',
    sentence: 'Send exactly one Sec-WebSocket-Version: 13.',
  },
  bad_version: {
    status: 400,
    class: 'client_fault',
    sentence: 'Send exactly one Sec-WebSocket-Version: 13.',
  },
  early_data: {
    status: 400,
    class: 'client_fault',
    sentence: 'Bytes came after the request before it was answered. Wait for the 101.',
  },
  no_route: {
    status: 404,
    class: 'client_fault',
    sentence: 'Nothing is served under this path. Check the path of the URL; it is compared literally.',
  },
  origin_multiple: { status: 400, class: 'client_fault', sentence: 'Send at most one Origin header.' },
  origin_missing: {
    status: 403,
    class: 'client_fault',
    sentence: 'No Origin header. To let programs other than browsers in, set origins.missing: allow.',
  },
  origin_too_long: { status: 403, class: 'client_fault', sentence: 'The Origin is over 300 bytes.' },
  origin_bad_byte: {
    status: 403,
    class: 'client_fault',
    sentence: 'The Origin is empty or holds a byte that no origin has.',
  },
  origin_opaque: {
    status: 403,
    class: 'client_fault',
    sentence:
      'The Origin is null (sandboxed frame, file or data page). To let these in, set origins.opaque: allow.',
  },
  origin_malformed: {
    status: 403,
    class: 'client_fault',
    sentence: 'The Origin is not in the form that browsers send: scheme://host[:port].',
  },
  origin_scheme: {
    status: 403,
    class: 'client_fault',
    sentence:
      'The scheme of the Origin is not http or https, and it is not in origins. Add it as it is, or all of its scheme as scheme://*.',
  },
  origin_not_listed: {
    status: 403,
    class: 'client_fault',
    sentence: 'This Origin is not allowed. Add it to origins in the configuration.',
  },
  subprotocol: {
    status: 400,
    class: 'client_fault',
    sentence:
      'Sec-WebSocket-Protocol must be a list of different tokens, with one that the route speaks where it names any.',
  },
  too_many_sessions: {
    status: 429,
    class: 'client_fault',
    sentence: 'Too many sessions from this address. Try again later.',
  },
  too_many_handshakes: {
    status: 429,
    class: 'client_fault',
    sentence: 'Too many handshakes. Try again later.',
  },
  over_capacity: {
    status: 503,
    class: 'server_fault',
    sentence: 'The gateway has no room for another session. Try again later.',
  },
  draining: { status: 503, class: 'server_fault', sentence: 'The gateway is shutting down. Try again.' },
  upstream_refused: {
    status: 502,
    class: 'server_fault',
    sentence: 'nats-server could not be reached or closed the connection at once. Is it running?',
  },
  upstream_not_nats: {
    status: 502,
    class: 'server_fault',
    sentence:
      'What answers at the upstream address does not speak NATS. Check the port (4222, not 8222 or a WebSocket port).',
  },
  upstream_error: {
    status: 502,
    class: 'server_fault',
    sentence: 'nats-server answered with an error in place of its INFO line.',
  },
  upstream_tls_required: {
    status: 502,
    class: 'server_fault',
    sentence: 'nats-server requires TLS on its client port. Set upstream.tls.mode.',
  },
  upstream_tls_unavailable: {
    status: 502,
    class: 'server_fault',
    sentence: 'nats-server offers no TLS, and upstream.tls.mode asks for it.',
  },
  upstream_tls_failed: {
    status: 502,
    class: 'server_fault',
    sentence: 'The TLS handshake with nats-server failed. The log of the gateway says why.',
  },
  upstream_proxy_ignored: {
    status: 502,
    class: 'server_fault',
    sentence: 'nats-server does not read the PROXY header that upstream.proxyProtocol sends.',
  },
  upstream_not_trusting: {
    status: 502,
    class: 'server_fault',
    sentence:
      'nats-server cannot check the signature of upstream.proxySeedFile. It must be 2.12 or newer, with the public key under proxies.trusted.',
  },
  upstream_timeout: {
    status: 504,
    class: 'server_fault',
    sentence: 'nats-server did not send its INFO line in time.',
  },
  internal_error: { status: 500, class: 'server_fault', sentence: 'A fault in the gateway.' },
  client_abort: { status: 0, class: 'client_fault', sentence: 'The client left before it was answered.' },
} as const satisfies Record<string, HandshakeRow>;

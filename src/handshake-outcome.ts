/**
 * The table of ends of opening handshakes. Every handshake has one outcome; the same word is in the answer, in the log
 * line, in the metric label and in docs/close-reasons.md (a test keeps these equal, and their order). The words are
 * public interface: they may be added to, never renamed. The sentences may change.
 */

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
    sentence: 'Too many sessions from this address, or of this user. Try again later.',
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
  cookie: {
    status: 400,
    class: 'client_fault',
    sentence:
      'A cookie that auth.from or connect names was sent twice. Remove one of them, perhaps of another path or domain.',
  },
  unauthenticated: {
    status: 401,
    class: 'client_fault',
    sentence: 'Send a cookie or token that auth.from names and that has not expired: log in again.',
  },
  forbidden: {
    status: 403,
    class: 'client_fault',
    sentence:
      'The token is good, but its user is not let in now, or it does not say who that is in a way that can be used here.',
  },
  authorizer_unavailable: {
    status: 503,
    class: 'server_fault',
    sentence: 'Tokens cannot be verified now. Try again later.',
  },
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

/**
 * The table of ends of sessions. Every session has one close reason; the same word is on the wire, in the log line, in
 * the metric label and in docs/close-reasons.md (a test keeps these equal). The words are public interface: they may be
 * added to, never renamed. The sentences may change.
 */

export type LogLevelOfEnd = 'debug' | 'info' | 'warn' | 'error';

/** Whose doing the end was: a label of natsgate_sessions_closed_total. */
export type Initiator = 'client' | 'upstream' | 'gateway';

export type CloseReasonRow = {
  /**
   * Close code of the frame that we send; `upstream_closed` has the code of the server's last -ERR where that is known.
   * 'echo': the client's own code goes back. 'none': no close frame is sent, because the client has gone.
   */
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
 * stop for ever, so other texts are for ends that are the client's own fault, where nats-server says them too. Those of
 * `auth_expired` and `auth_revoked` are exceptions: after them clients ask for a new token, and two in a row make them give
 * up. A login that is
 * refused is answered by HTTP, which does not count, so there is always a good one between two of them.
 */
export const RETURN_ERROR = 'Stale Connection';

export type CloseReason = keyof typeof CLOSE_REASONS;

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
    sentence:
      'A frame or message announced more bytes than limits.frameBytes, or a NATS message more than its role may send.',
  },
  nats_violation: {
    code: 1008,
    initiator: 'gateway',
    level: 'warn',
    finalError: 'Unknown Protocol Operation',
    sentence:
      'A side sent bytes that are not a NATS operation, or a form that inspect: enforce does not let pass.',
  },
  assembly_timeout: {
    code: 1008,
    initiator: 'gateway',
    level: 'warn',
    finalError: RETURN_ERROR,
    sentence: 'A message was begun and not finished in 30 seconds (buffered engine).',
  },
  forbidden: {
    code: 1008,
    initiator: 'gateway',
    level: 'warn',
    finalError: 'Authorization Violation',
    sentence:
      'The client did what the configuration of the gateway forbids, or too often what its policy refuses; the log line before says what.',
  },
  rate_exceeded: {
    code: 1008,
    initiator: 'gateway',
    level: 'warn',
    finalError: RETURN_ERROR,
    sentence:
      'Too many control frames (100 in 10 s beside answers to our pings) or too many tiny pieces of one message; or more than rates allows.',
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
      'More bytes waited for slow clients and servers than the memory allows, and this session had waited longest.',
  },
  session_expired: {
    code: 1001,
    initiator: 'gateway',
    level: 'info',
    finalError: RETURN_ERROR,
    sentence: 'The session reached limits.sessionAge.',
  },
  auth_expired: {
    code: 1008,
    initiator: 'gateway',
    level: 'info',
    finalError: 'User Authentication Expired',
    sentence: 'The token of the client has expired, and auth.expiry.grace is over.',
  },
  auth_revoked: {
    code: 1008,
    initiator: 'gateway',
    level: 'info',
    finalError: 'User Authentication Revoked',
    sentence: 'auth.webhook was asked again about the session, and said no.',
  },
  killed: {
    code: 1008,
    initiator: 'gateway',
    level: 'info',
    finalError: RETURN_ERROR,
    sentence: 'An operator or an application has ended the session by the admin API.',
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
} as const satisfies Record<string, CloseReasonRow>;

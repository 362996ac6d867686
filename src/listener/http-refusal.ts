import { STATUS_CODES } from 'node:http';
import { HANDSHAKE_OUTCOMES, type Refusal } from '../handshake-outcome.ts';

/** Used when the caller brings no jitter of its own. */
const DEFAULT_RETRY_AFTER_SECONDS = 5;

type Header = readonly [name: string, value: string];

export type RefusalOptions = {
  /** True when the request was HEAD: the same head, no body (RFC 9110 §9.3.2). */
  readonly head?: boolean;
  readonly retryAfterSeconds?: number;
};

/**
 * The complete HTTP/1.1 answer to a refused handshake, ready to be written and followed by the end of the
 * connection. It is made of constants only; nothing of the request is ever in it. Empty for `client_abort`,
 * where nobody is left to answer.
 */
export function refusalResponse(outcome: Refusal, options: RefusalOptions = {}): Buffer {
  const { status } = HANDSHAKE_OUTCOMES[outcome];
  if (status === 0) return Buffer.alloc(0);
  const headers = refusalHeaders(outcome, options.retryAfterSeconds);
  return Buffer.from(responseText(status, headers, options.head === true ? '' : refusalBody(outcome)));
}

/** The header lines of that answer, Content-Length included. Empty for `client_abort`. */
export function refusalHeaders(outcome: Refusal, retryAfterSeconds?: number): readonly Header[] {
  const { status } = HANDSHAKE_OUTCOMES[outcome];
  if (status === 0) return [];
  const headers = [
    ...answerHeaders(status, 'text/plain; charset=utf-8', refusalBody(outcome), retryAfterSeconds),
  ];
  if (status === 405) headers.push(['Allow', 'GET']); // RFC 9110 §15.5.6
  if (status === 426) headers.push(['Upgrade', 'websocket']); // RFC 9110 §15.5.22
  if (outcome === 'version' || outcome === 'bad_version') headers.push(['Sec-WebSocket-Version', '13']); // RFC 6455 §4.4
  return headers;
}

/** What each answer with a body has. */
export function answerHeaders(
  status: number,
  contentType: string,
  body: string,
  retryAfterSeconds?: number,
): readonly Header[] {
  return [
    // RFC 9110 §7.8: a sender of Upgrade names it in Connection too. close: no proxy may think that the
    // upgrade happened and go on using this connection.
    ['Connection', status === 426 ? 'Upgrade, close' : 'close'],
    ['Content-Type', contentType],
    ['Content-Length', String(Buffer.byteLength(body))],
    ['Cache-Control', 'no-store'],
    ['X-Content-Type-Options', 'nosniff'],
    ...(status === 401 ? [['WWW-Authenticate', 'Bearer'] as const] : []), // RFC 9110 §15.5.2
    ...(status === 429 || status === 503 ? [['Retry-After', retryAfter(retryAfterSeconds)] as const] : []),
  ];
}

/** The text of a response. */
export function responseText(status: number, headers: readonly Header[], body: string): string {
  const lines = headers.map(([name, value]) => `${name}: ${value}\r\n`);
  return `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n${lines.join('')}\r\n${body}`;
}

/** The body of that answer: the token, which programs may read, and a sentence for people. */
export function refusalBody(outcome: Refusal): string {
  return `${outcome}: ${HANDSHAKE_OUTCOMES[outcome].sentence}\n`;
}

/** RFC 9110 §10.2.3: whole seconds. At least one, for 0 means "at once". */
function retryAfter(seconds: number = DEFAULT_RETRY_AFTER_SECONDS): string {
  return String(Number.isFinite(seconds) ? Math.max(1, Math.ceil(seconds)) : DEFAULT_RETRY_AFTER_SECONDS);
}

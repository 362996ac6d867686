/** What an upstream's first line is, as far as its first bytes tell. */
export type FirstLine =
  | { readonly kind: 'incomplete' }
  /** `length`: bytes of the whole line, LF included. */
  | { readonly kind: 'info'; readonly length: number; readonly info: ServerInfo }
  | { readonly kind: 'error'; readonly text: string }
  | { readonly kind: 'not_nats' };

/** The fields of INFO that a gateway acts on before the pipe stands; all others pass unread. */
export type ServerInfo = {
  readonly serverName: string | undefined;
  readonly version: string | undefined;
  readonly clientId: number | undefined;
  readonly tlsRequired: boolean;
  /** The server is in lame-duck mode: it is about to go. */
  readonly lameDuck: boolean;
};

/** nats-server sets no limit; INFO grows with the cluster (connect_urls), and 64 KiB hold some 2,000 servers. */
export const MAX_INFO_BYTES = 64 * 1024;

const LF = 0x0a;
const VERBS = ['INFO', '-ERR'] as const;

/**
 * Reads the first line that a NATS server sends on accept: `INFO {json}` or `-ERR 'text'`, verb in any case, up to
 * LF. Anything that cannot become one of them any more is `not_nats` at once, however few bytes have come.
 */
export function readFirstLine(bytes: Buffer): FirstLine {
  const verb = VERBS.find((candidate) => startsLike(bytes, candidate));
  if (verb === undefined) return { kind: 'not_nats' };
  const lineEnd = bytes.indexOf(LF);
  if (lineEnd === -1) return bytes.length >= MAX_INFO_BYTES ? { kind: 'not_nats' } : { kind: 'incomplete' };
  if (lineEnd >= MAX_INFO_BYTES || lineEnd < verb.length) return { kind: 'not_nats' };
  const argument = bytes.toString('utf8', verb.length, lineEnd).trim();
  if (verb === '-ERR') return { kind: 'error', text: argument };
  const info = parseInfo(argument);
  return info === undefined ? { kind: 'not_nats' } : { kind: 'info', length: lineEnd + 1, info };
}

function startsLike(bytes: Buffer, verb: string): boolean {
  return bytes.toString('latin1', 0, verb.length).toUpperCase() === verb.slice(0, bytes.length);
}

function parseInfo(json: string): ServerInfo | undefined {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    // Not JSON is one more way of not being NATS; the caller says so.
    return undefined;
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  const field = (name: string): unknown =>
    Object.hasOwn(value, name) ? (value as Record<string, unknown>)[name] : undefined;
  const serverName = field('server_name');
  const version = field('version');
  const clientId = field('client_id');
  return {
    serverName: typeof serverName === 'string' ? serverName : undefined,
    version: typeof version === 'string' ? version : undefined,
    clientId: typeof clientId === 'number' ? clientId : undefined,
    tlsRequired: field('tls_required') === true,
    lameDuck: field('ldm') === true,
  };
}

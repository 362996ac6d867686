/** What an upstream's first line is, as far as its first bytes tell. */
export type FirstLine =
  | { readonly kind: 'incomplete' }
  /** `length`: bytes of the whole line, LF included. */
  | { readonly kind: 'info'; readonly length: number; readonly info: ServerInfo }
  | { readonly kind: 'error'; readonly text: string }
  | { readonly kind: 'not_nats' };

/** The fields of INFO that a gateway acts on before the pipe is connected; all others pass unread. */
export type ServerInfo = {
  readonly serverName: string | undefined;
  readonly version: string | undefined;
  readonly clientId: number | undefined;
  readonly tlsRequired: boolean;
  /** Where else clients may connect; the first 64 of them. */
  readonly connectUrls: readonly string[];
  /** The server is about to go, and its clients shall leave it. */
  readonly ldm: boolean;
  /** Bytes. */
  readonly maxPayload: number | undefined;
  /** What a login by key has to sign. */
  readonly nonce: string | undefined;
  /** TLS is possible, and so is going on in clear. */
  readonly tlsAvailable: boolean;
  /** TLS will ask for a client certificate. */
  readonly tlsVerify: boolean;
  /** Whom the server takes for its peer. */
  readonly clientIp: string | undefined;
  /** The server's `api_lvl`, which grows with what it can do. */
  readonly apiLevel: number | undefined;
};

/** Of an upstream that says nothing of itself. */
export const NO_INFO: ServerInfo = {
  serverName: undefined,
  version: undefined,
  clientId: undefined,
  tlsRequired: false,
  connectUrls: [],
  ldm: false,
  maxPayload: undefined,
  nonce: undefined,
  tlsAvailable: false,
  tlsVerify: false,
  clientIp: undefined,
  apiLevel: undefined,
};

/** nats-server sets no limit; INFO grows with the cluster (connect_urls), and 64 KiB hold some 2,000 servers. */
export const MAX_INFO_BYTES = 64 * 1024;

const MAX_CONNECT_URLS = 64;
/** Characters: a DNS name and a port. */
const MAX_CONNECT_URL_LENGTH = 260;

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
  const argument = bytes.toString('utf8', verb.length, lineEnd);
  if (verb === '-ERR') return { kind: 'error', text: argument.trim() };
  const info = parseInfo(argument);
  return info === undefined ? { kind: 'not_nats' } : { kind: 'info', length: lineEnd + 1, info };
}

/** One INFO line (LF included), wherever it is in the stream; undefined when it is none. */
export function readInfo(line: Buffer): ServerInfo | undefined {
  const read = readFirstLine(line);
  return read.kind === 'info' && read.length === line.length ? read.info : undefined;
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
  const text = (name: string): string | undefined => {
    const found = field(name);
    return typeof found === 'string' ? found : undefined;
  };
  const number = (name: string): number | undefined => {
    const found = field(name);
    return typeof found === 'number' ? found : undefined;
  };
  return {
    serverName: text('server_name'),
    version: text('version'),
    clientId: number('client_id'),
    tlsRequired: field('tls_required') === true,
    tlsAvailable: field('tls_available') === true,
    tlsVerify: field('tls_verify') === true,
    clientIp: text('client_ip'),
    connectUrls: connectUrlsOf(field('connect_urls')),
    ldm: field('ldm') === true,
    maxPayload: number('max_payload'),
    nonce: text('nonce'),
    apiLevel: number('api_lvl'),
  };
}

function connectUrlsOf(value: unknown): readonly string[] {
  if (!Array.isArray(value)) return [];
  const isUrl = (url: unknown): url is string =>
    typeof url === 'string' && url.length <= MAX_CONNECT_URL_LENGTH;
  return value.filter(isUrl).slice(0, MAX_CONNECT_URLS);
}

import { parseSafely } from '../../auth/safe-json.ts';
import { parseIpAddress } from '../../net/ip-address.ts';

/** An opening handshake that nobody sends. */
export type TriedRequest = {
  /** The request target, up to and with its query. */
  readonly path: string;
  /** Names and values in turn; those of an upgrade are added. */
  readonly rawHeaders: readonly string[];
  /** Of the connection, which may be that of a proxy. */
  readonly address: string;
  /** The client's own connection is TLS; undefined: as the listener's are. */
  readonly secure: boolean | undefined;
  readonly asksWebhook: boolean;
};

const KEYS = ['origin', 'path', 'host', 'headers', 'address', 'secure', 'webhook'];
/** More than a head of the listener may have. */
const MAX_BODY_CHARACTERS = 32 * 1024;
const MOST_LINES = 128;
/** `token` of RFC 9110 §5.6.2. */
const NAME = /^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/;
/** As Node hands it on: bytes as Latin-1, without control characters. */
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

/** What a body asks for, or a sentence about what is wrong with it, which quotes nothing of it. */
export function readTrial(body: string): TriedRequest | string {
  if (body.length > MAX_BODY_CHARACTERS) return `at most ${MAX_BODY_CHARACTERS} characters.`;
  const json = parseSafely(body);
  if (json === undefined)
    return 'send a JSON object such as {"origin": "https://shop.example", "path": "/"}.';
  if (Object.keys(json).some((key) => !KEYS.includes(key))) return `the keys are ${KEYS.join(', ')}.`;
  const { origin, path = '/', host, headers = {}, address = '127.0.0.1', secure, webhook = false } = json;
  if (!isValue(path) || /[\t ]/.test(path))
    return 'path must be a path with its query, as in a request line.';
  if (origin !== undefined && !isValue(origin))
    return 'origin must be one line of text; leave it out for none.';
  if (host !== undefined && !isValue(host))
    return 'host must be one line of text, such as gateway.example:8443.';
  const lines = linesOf(headers);
  if (lines === undefined)
    return `headers must be an object of at most ${MOST_LINES} lines: names with a text, or a list of texts.`;
  const client = typeof address === 'string' ? parseIpAddress(address)?.text : undefined;
  if (client === undefined) return 'address must be an IP address.';
  if (secure !== undefined && typeof secure !== 'boolean') return 'secure must be true or false.';
  if (typeof webhook !== 'boolean') return 'webhook must be true or false.';
  const own = [
    ...(host === undefined ? [] : ['Host', host]),
    ...(origin === undefined ? [] : ['Origin', origin]),
  ];
  return { path, rawHeaders: [...own, ...lines], address: client, secure, asksWebhook: webhook };
}

/** Names and values in turn; undefined: no request could have them. */
function linesOf(headers: unknown): readonly string[] | undefined {
  if (typeof headers !== 'object' || headers === null || Array.isArray(headers)) return undefined;
  const lines: string[] = [];
  for (const [name, given] of Object.entries(headers as Record<string, unknown>)) {
    if (!NAME.test(name)) return undefined;
    for (const value of Array.isArray(given) ? (given as unknown[]) : [given]) {
      if (!isValue(value)) return undefined;
      lines.push(name, value);
    }
  }
  return lines.length > 2 * MOST_LINES ? undefined : lines;
}

const isValue = (value: unknown): value is string => typeof value === 'string' && VALUE.test(value);

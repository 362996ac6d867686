import type { TokenSource } from '../config/config.ts';
import { trimBlanks } from '../net/raw-headers.ts';
import { NotGranted } from './details.ts';

/** What of an opening handshake may hold a token. */
export type AuthHead = {
  readonly target: string;
  /** All lines of one name, in lower case, in their order. */
  header(name: string): readonly string[];
};

/** An opening handshake, as far as it says who the client is. */
export type AuthRequest = AuthHead & {
  readonly client: {
    readonly route: string;
    readonly address: string;
    readonly origin: string | undefined;
    /** The client's own connection is encrypted. */
    readonly tls: boolean;
  };
};

export type Credential = { readonly source: TokenSource['kind']; readonly value: string };

export const BEARER_SUBPROTOCOL = 'natsgate.bearer.';

/** The token of the first source that is there, whatever it is worth. @throws NotGranted when it is there twice. */
export function findCredential(sources: readonly TokenSource[], request: AuthHead): Credential | undefined {
  for (const source of sources) {
    const [token, ...more] = tokensIn(source, request);
    if (token === undefined) continue;
    // A proxy, a server of the domain and we could each believe another one of them.
    if (more.length > 0)
      throw new NotGranted('token_ambiguous', undefined, source.kind === 'cookie' ? 'cookie' : 'bad_request');
    return { source: source.kind, value: token };
  }
  return undefined;
}

/** A cookie, whatever is in it. @throws NotGranted when it is there twice. */
export const cookieOf = (request: AuthHead, name: string): string | undefined =>
  findCredential([{ kind: 'cookie', name }], request)?.value;

function tokensIn(source: TokenSource, request: AuthHead): readonly string[] {
  switch (source.kind) {
    case 'cookie':
      return cookies(request.header('cookie'), source.name);
    case 'header':
      return bearers(request.header('authorization'));
    case 'subprotocol':
      return offered(request.header('sec-websocket-protocol'));
    case 'query':
      return parameters(request.target, source.name);
  }
}

/** RFC 6265 §5.4: nothing is decoded. Quotes around a value belong to it for browsers, and to no token. */
const cookies = (lines: readonly string[], name: string): readonly string[] =>
  valuesOf(
    lines.flatMap((line) => line.split(';')),
    name,
  ).map((value) => value.replace(/^"(.*)"$/, '$1'));

/** RFC 6750 §2.1. Other schemes are no token; two lines are, together. */
function bearers(lines: readonly string[]): readonly string[] {
  const isBearer = lines.some((line) => /^bearer( |$)/i.test(line));
  return isBearer ? lines.map((line) => trimBlanks(line.slice('Bearer'.length))) : [];
}

/** Base64url, since a subprotocol must be a token of HTTP, and a list of them is divided by commas. */
const offered = (lines: readonly string[]): readonly string[] =>
  lines
    .flatMap((line) => line.split(','))
    .map(trimBlanks)
    .filter((name) => name.startsWith(BEARER_SUBPROTOCOL))
    .map((name) => decoded(name.slice(BEARER_SUBPROTOCOL.length)));

/** An empty text if it is not base64url; the form of the token is refused later. */
const decoded = (text: string): string =>
  /^[A-Za-z0-9_-]+$/.test(text) ? Buffer.from(text, 'base64url').toString('latin1') : '';

function parameters(target: string, name: string): readonly string[] {
  const query = target.indexOf('?');
  return query === -1 ? [] : valuesOf(target.slice(query + 1).split('&'), name);
}

function valuesOf(pairs: readonly string[], name: string): string[] {
  const values: string[] = [];
  for (const pair of pairs) {
    // No more than browsers take away: U+00A0 before __Host- is another name for them, and any page of the domain may set it.
    const text = trimBlanks(pair);
    if (text.startsWith(name) && text[name.length] === '=') values.push(text.slice(name.length + 1));
  }
  return values;
}

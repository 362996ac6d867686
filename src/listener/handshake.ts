/**
 * The rules of the opening handshake: a request in, a verdict out. They run on the raw header lines and in
 * front of ws, because Node hands over requests without Host, with two, with bodies or in HTTP/1.0, and ws
 * answers those with 101.
 */

import type { Refusal } from '../handshake-outcome.ts';
import { type Authority, isLoopback, parseAuthority } from '../net/host.ts';
import { MAX_TARGET_BYTES } from '../net/http-head.ts';
import type { TrustedProxies } from '../net/networks.ts';
import { defaultPort } from '../net/origin-grammar.ts';
import { headerLines, listElements } from '../net/raw-headers.ts';
import { fitsHost, parseTarget } from '../net/request-target.ts';
import { clientAddress, forwardedOrigin } from './client-address.ts';
import { judgeOrigin, type OriginPolicy, type SelfOrigin } from './origin.ts';

export type HandshakeRequest = {
  readonly method: string;
  readonly target: string;
  readonly httpVersion: string;
  /** Names and values in turn, as Node lists them. */
  readonly rawHeaders: readonly string[];
  /** Bytes that arrived behind the head. */
  readonly earlyBytes: number;
  readonly tls: boolean;
  readonly peerAddress: string;
};

export type HandshakeRules = {
  /** Path of the health answer; undefined: there is none. */
  readonly health: string | undefined;
  readonly trustedProxies: TrustedProxies;
  /** Names (lower case, no port) under which browsers reach the gateway; empty: loopback names only. */
  readonly hosts: readonly string[];
  readonly routes: readonly RouteRules[];
};

export type RouteRules = {
  readonly name: string;
  /** Lower case, no port; undefined: any. */
  readonly host: string | undefined;
  /** Compared byte for byte with the target up to its query. */
  readonly path: string;
  readonly origins: OriginPolicy;
  /** Those that are spoken here; empty: none is ever confirmed, whatever a client offers. */
  readonly subprotocols: readonly string[];
  /** Its pages may ask by a plain GET what would become of an upgrade, see explanation.ts. */
  readonly explain: boolean;
};

/** `origin`: the first Origin value as received, for the log; foreign text, to be escaped and cut there. */
export type HandshakeVerdict =
  | {
      readonly accept: true;
      readonly clientAddress: string;
      readonly origin: string | undefined;
      /** The client's own connection is TLS: ours is, or a trusted proxy says so. */
      readonly secure: boolean;
      readonly route: string;
    }
  | {
      readonly accept: false;
      readonly outcome: Refusal;
      readonly clientAddress: string;
      readonly origin: string | undefined;
      /** undefined: refused before it was known. */
      readonly route: string | undefined;
    };

/**
 * Decides whether this request may become a WebSocket. The first rule that it breaks names the outcome; the
 * order is that of RFC 6455 §4.2.1 and part of the interface.
 */
export function checkHandshake(request: HandshakeRequest, rules: HandshakeRules): HandshakeVerdict {
  const facts = {
    clientAddress: clientAddress(request.peerAddress, request.rawHeaders, rules.trustedProxies),
    origin: headerLines(request.rawHeaders, 'origin')[0],
  };
  const found = place(request, rules, upgradeBreach);
  if (typeof found === 'string') return { accept: false, outcome: found, ...facts, route: undefined };
  const route = found.route.name;
  const outcome = routeBreach(request, rules, found);
  if (outcome !== undefined) return { accept: false, outcome, ...facts, route };
  return { accept: true, ...facts, secure: isSecure(request, found), route };
}

/** The client's own connection is TLS. */
export const isSecure = ({ tls }: HandshakeRequest, { forwarded }: Found): boolean =>
  forwarded.scheme === undefined ? tls : forwarded.scheme === 'https';

export type Found = {
  readonly route: RouteRules;
  /** Of Host. */
  readonly host: Authority;
  readonly forwarded: ReturnType<typeof forwardedOrigin>;
};

/** The route of a request, or the first rule that it breaks. `breachOf`: what its headers must be besides. */
export function place(
  request: HandshakeRequest,
  rules: HandshakeRules,
  breachOf: (rawHeaders: readonly string[]) => Refusal | undefined,
): Found | Refusal {
  const { rawHeaders } = request;
  // RFC 9110 §7.8: Upgrade in an HTTP/1.0 request is to be ignored, so this one asks for no upgrade.
  if (request.httpVersion === '1.0') return 'http_1_0';
  if (request.httpVersion !== '1.1') return 'http_version';
  if (request.method !== 'GET') return 'method';
  if (hasBody(rawHeaders)) return 'body';
  if (request.target.length > MAX_TARGET_BYTES) return 'target_too_long';
  const target = parseTarget(request.target);
  if (target === undefined) return 'target';
  const host = hostOf(rawHeaders);
  if (host === undefined) return 'host';
  if (!fitsHost(target, host)) return 'target';
  const breach = breachOf(rawHeaders);
  if (breach !== undefined) return breach;
  // Nobody may speak before the 101 (RFC 6455 §4.1). A front proxy that thinks otherwise would let a second
  // request through here unseen.
  if (request.earlyBytes > 0) return 'early_data';
  const forwarded = forwardedOrigin(request.peerAddress, rawHeaders, rules.trustedProxies);
  const route = routeFor(rules.routes, (forwarded.authority ?? host).host.text, target.path);
  return route === undefined ? 'no_route' : { route, host, forwarded };
}

/** The route of this path that names the host, else the one for any. */
function routeFor(routes: readonly RouteRules[], host: string, path: string): RouteRules | undefined {
  const ofPath = routes.filter((route) => route.path === path);
  return ofPath.find((route) => route.host === host) ?? ofPath.find((route) => route.host === undefined);
}

function routeBreach(request: HandshakeRequest, rules: HandshakeRules, found: Found): Refusal | undefined {
  const { subprotocols } = found.route;
  const breach = originBreach(headerLines(request.rawHeaders, 'origin'), request, rules, found);
  if (breach !== undefined) return breach;
  const offered = subprotocolsOf(request.rawHeaders);
  if (offered === undefined) return 'subprotocol';
  const fits = offered.length === 0 || subprotocols.length === 0;
  return fits || offered.some((name) => subprotocols.includes(name)) ? undefined : 'subprotocol';
}

/** `lines`: the values of all Origin lines. */
export function originBreach(
  lines: readonly string[],
  request: HandshakeRequest,
  rules: HandshakeRules,
  found: Found,
): Refusal | undefined {
  const verdict = judgeOrigin(found.route.origins, lines, selfOrigin(request, rules, found));
  return verdict.allow ? undefined : verdict.token;
}

/** Points 3 to 6 of RFC 6455 §4.2.1: what makes an HTTP request an opening handshake. */
function upgradeBreach(rawHeaders: readonly string[]): Refusal | undefined {
  const [upgrade, ...moreUpgrades] = headerLines(rawHeaders, 'upgrade');
  if (upgrade === undefined) return 'not_upgrade';
  // A list of several is legal and refused: no WebSocket client sends one, smuggling of h2c does.
  const [protocol, ...moreProtocols] = listElements([upgrade]);
  if (moreUpgrades.length > 0 || moreProtocols.length > 0 || protocol?.toLowerCase() !== 'websocket')
    return 'upgrade';
  const connection = listElements(headerLines(rawHeaders, 'connection'));
  if (!connection.some((option) => option.toLowerCase() === 'upgrade')) return 'not_upgrade';
  const [key, ...moreKeys] = headerLines(rawHeaders, 'sec-websocket-key');
  if (key === undefined || moreKeys.length > 0 || !KEY.test(key)) return 'key';
  const [version, ...moreVersions] = headerLines(rawHeaders, 'sec-websocket-version');
  // Read as two bytes, not as a number: ws would take 013, 0xd and draft version 8, which moves Origin elsewhere.
  if (version === undefined || moreVersions.length > 0 || !isVersion(version)) return 'bad_version';
  return version === '13' ? undefined : 'version';
}

/** Base64 of 16 bytes. The last digit may carry stray bits; the key is hashed as text and never decoded. */
const KEY = /^[A-Za-z0-9+/]{22}==$/;

/** `version` of RFC 6455 §4.3: 0 to 255 without leading zero. */
function isVersion(text: string): boolean {
  return /^(0|[1-9][0-9]{0,2})$/.test(text) && Number(text) <= 255;
}

/** With a body before the frames, two parsers could disagree on where the frames begin. */
function hasBody(rawHeaders: readonly string[]): boolean {
  if (headerLines(rawHeaders, 'transfer-encoding').length > 0) return true;
  const [length, ...more] = headerLines(rawHeaders, 'content-length');
  return more.length > 0 || (length !== undefined && length !== '0');
}

function hostOf(rawHeaders: readonly string[]): Authority | undefined {
  const [host, ...more] = headerLines(rawHeaders, 'host');
  return host === undefined || more.length > 0 ? undefined : parseAuthority(host);
}

/**
 * The origin of a page that the browser got from where it got us. The scheme is that of the listener, and the
 * authority that of Host, unless a trusted proxy says otherwise. Undefined for a host that is not ours. A proxy may
 * take the port out of Host (nginx does with $host) and tell it in X-Forwarded-Port, which others fill with a port of
 * their own; so where Host has none, both that port and the usual one count.
 */
function selfOrigin(
  { tls }: HandshakeRequest,
  { hosts }: HandshakeRules,
  { forwarded, host }: Found,
): SelfOrigin | undefined {
  const scheme = forwarded.scheme ?? (tls ? 'https' : 'http');
  const authority = forwarded.authority ?? host;
  const known = hosts.length === 0 ? isLoopback(authority.host) : hosts.includes(authority.host.text);
  if (!known) return undefined;
  const ports =
    authority.port === undefined
      ? [defaultPort(scheme), ...(forwarded.port === undefined ? [] : [forwarded.port])]
      : [authority.port];
  return { scheme, host: authority.host.text, ports };
}

/** RFC 6455 §4.2.1 point 8: tokens, none twice, in the order of the client; undefined when they are not. */
function subprotocolsOf(rawHeaders: readonly string[]): readonly string[] | undefined {
  const lines = headerLines(rawHeaders, 'sec-websocket-protocol');
  if (lines.length === 0) return [];
  const names = listElements(lines);
  const valid =
    names.length > 0 && new Set(names).size === names.length && names.every((name) => TOKEN.test(name));
  return valid ? names : undefined;
}

/** `token` of RFC 9110 §5.6.2. */
const TOKEN = /^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/;

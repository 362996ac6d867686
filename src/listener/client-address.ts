/**
 * Who is at the other end. Behind balancers the TCP peer is one of them, and each of them appends the address
 * it saw to X-Forwarded-For; whatever is further left was written by somebody nobody knows:
 *
 * ```
 *  X-Forwarded-For: 6.6.6.6, 203.0.113.9, 10.0.0.7      TCP peer 10.0.0.2
 *                   └ forged └ client     └ proxy       └ proxy          trusted: 10.0.0.0/8
 *                              ◀──────────────────────── read from here, stop at the first untrusted
 * ```
 */

import { type Authority, parseAuthority, parsePort } from '../net/host.ts';
import { formatIpv6, ipv6Groups, parseIpAddress } from '../net/ip-address.ts';
import type { TrustedProxies } from '../net/networks.ts';
import { headerLines, listElements, trimBlanks } from '../net/raw-headers.ts';

/** No honest chain of proxies is longer; what a client puts further left is not even looked at. */
const MAX_HOPS = 32;
/** A bracketed IPv6 address with a port has 53 bytes at most. */
const MAX_HOP_LENGTH = 64;

/** What a trusted proxy says about the request as the browser made it; undefined where it says nothing usable. */
export type ForwardedOrigin = {
  readonly scheme: 'http' | 'https' | undefined;
  readonly authority: Authority | undefined;
  readonly port: number | undefined;
};

/**
 * The client's address in canonical spelling: the right-most hop that is not a trusted proxy, or the TCP peer
 * when that is not trusted itself. A hop that is not an address ends the walk at the last good one. Never throws.
 */
export function clientAddress(peer: string, rawHeaders: readonly string[], trusted: TrustedProxies): string {
  const peerAddress = withoutZone(peer);
  let client = parseIpAddress(peerAddress)?.text ?? peerAddress;
  if (!trusted.has(client)) return client;
  for (const hop of hopsFromRight(headerLines(rawHeaders, 'x-forwarded-for'))) {
    // RFC 9110 §5.6.1.2: an empty element is none.
    if (trimBlanks(hop) === '') continue;
    const address = hopAddress(hop);
    if (address === undefined) return client;
    client = address;
    if (!trusted.has(client)) return client;
  }
  return client;
}

/**
 * Scheme, authority and port by X-Forwarded-Proto, -Host and -Port of a trusted peer. Where several proxies have written
 * a value each, they must agree: of different ones nobody can tell which the browser made, and the header is ignored.
 */
export function forwardedOrigin(
  peer: string,
  rawHeaders: readonly string[],
  trusted: TrustedProxies,
): ForwardedOrigin {
  if (!trusted.has(withoutZone(peer))) return NOTHING_FORWARDED;
  const agreed = <T>(name: string, read: (value: string) => T | undefined, same: (value: T) => unknown) =>
    agreedValue(listElements(headerLines(rawHeaders, name)), read, same);
  return {
    scheme: agreed('x-forwarded-proto', (value) => FORWARDED_SCHEMES.get(value.toLowerCase()), String),
    authority: agreed('x-forwarded-host', parseAuthority, ({ host, port }) => `${host.text}:${port ?? ''}`),
    port: agreed('x-forwarded-port', parsePort, Number),
  };
}

const NOTHING_FORWARDED: ForwardedOrigin = { scheme: undefined, authority: undefined, port: undefined };

/** What all of `values` say; undefined for none, for one that cannot be read, and where two differ. */
function agreedValue<T>(
  values: readonly string[],
  read: (value: string) => T | undefined,
  same: (value: T) => unknown,
): T | undefined {
  const [first = '', ...others] = values;
  const value = read(first);
  if (value === undefined) return undefined;
  const agrees = (other: T | undefined): boolean => other !== undefined && same(other) === same(value);
  // Equal texts, nearly always, are not read twice.
  return others.every((other) => other === first || agrees(read(other))) ? value : undefined;
}

/**
 * What per-address caps count by: an IPv4 address, or the /64 of an IPv6 address, because one subscriber
 * usually owns a whole /64 and can come from a new address each time.
 */
export function addressKey(address: string): string {
  const parsed = parseIpAddress(address);
  const groups = parsed?.family === 'ipv6' ? ipv6Groups(address) : undefined;
  if (groups === undefined) return parsed?.text ?? address;
  return `${formatIpv6([...groups.slice(0, 4), 0, 0, 0, 0])}/64`;
}

/** Some proxies write the scheme of the WebSocket URL in place of that of the HTTP request. */
const FORWARDED_SCHEMES: ReadonlyMap<string, 'http' | 'https'> = new Map([
  ['http', 'http'],
  ['ws', 'http'],
  ['https', 'https'],
  ['wss', 'https'],
]);

/** The elements of all lines, right-most first, at most MAX_HOPS of them and without splitting the whole text. */
function* hopsFromRight(lines: readonly string[]): Generator<string> {
  let hops = 0;
  for (const line of lines.toReversed()) {
    let end = line.length;
    while (end >= 0) {
      if (hops === MAX_HOPS) return;
      hops += 1;
      const comma = end === 0 ? -1 : line.lastIndexOf(',', end - 1);
      yield line.slice(comma + 1, end);
      end = comma;
    }
  }
}

/** The address in `1.2.3.4`, `1.2.3.4:5678`, `2001:db8::1`, `[2001:db8::1]` or `[2001:db8::1]:5678`. */
function hopAddress(hop: string): string | undefined {
  if (hop.length > MAX_HOP_LENGTH) return undefined;
  const text = trimBlanks(hop);
  const bare = parseIpAddress(text);
  if (bare !== undefined) return bare.text;
  const authority = parseAuthority(text);
  if (authority === undefined || authority.host.kind === 'name') return undefined;
  return parseIpAddress(authority.host.text.replace(/^\[|\]$/g, ''))?.text;
}

/** A peer in a link-local network may be reported with its interface: fe80::1%eth0. */
function withoutZone(peer: string): string {
  const zone = peer.indexOf('%');
  return zone === -1 ? peer : peer.slice(0, zone);
}

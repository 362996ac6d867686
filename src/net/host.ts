/**
 * The one grammar of hosts, for Origin, Host, X-Forwarded-Host and the entries of `origins`. It never repairs:
 * what a browser would not have written itself is not a host. `new URL()` repairs (it drops userinfo, turns
 * `\` into `/`, reads 0xc0.0.2.10 as an address) and would let such values pass as something they are not.
 */

import { isIPv4 } from 'node:net';
import { canonicalIpv6 } from './ip-address.ts';

/** RFC 1035 §2.3.4. A trailing dot counts: it is part of the name. */
const MAX_NAME_LENGTH = 253;
const MAX_LABEL_LENGTH = 63;

export type Host = {
  readonly kind: 'name' | 'ipv4' | 'ipv6';
  /** Lower case; IPv6 in its canonical spelling and in brackets. Equal hosts have equal texts. */
  readonly text: string;
};

export type Authority = { readonly host: Host; readonly port: number | undefined };

/** Reads `host` or `host:port` (port 1–65535 without leading zero). Undefined for anything else. */
export function parseAuthority(text: string): Authority | undefined {
  const hostEnd = text.startsWith('[') ? text.indexOf(']') + 1 : text.indexOf(':');
  // -1: a name without port. 0: a bracket that never closes, or nothing before the colon.
  if (hostEnd === 0) return undefined;
  const host = parseHost(hostEnd === -1 ? text : text.slice(0, hostEnd));
  if (host === undefined) return undefined;
  if (hostEnd === -1 || hostEnd === text.length) return { host, port: undefined };
  const port = text[hostEnd] === ':' ? parsePort(text.slice(hostEnd + 1)) : undefined;
  return port === undefined ? undefined : { host, port };
}

/** Reads a name, a dotted quad or a bracketed IPv6 literal. */
function parseHost(text: string): Host | undefined {
  if (text.startsWith('[')) {
    const address = text.endsWith(']') ? canonicalIpv6(text.slice(1, -1)) : undefined;
    return address === undefined ? undefined : { kind: 'ipv6', text: `[${address}]` };
  }
  if (isIPv4(text)) return { kind: 'ipv4', text };
  return isName(text) ? { kind: 'name', text: text.toLowerCase() } : undefined;
}

/** True for hosts that only ever mean the machine itself: no DNS answer can point them elsewhere. */
export function isLoopback(host: Host): boolean {
  if (host.kind === 'ipv4') return host.text.startsWith('127.');
  if (host.kind === 'ipv6') return host.text === '[::1]';
  return host.text === 'localhost' || host.text.endsWith('.localhost');
}

export function isAlphanumeric(code: number): boolean {
  return isDigit(code) || isLetter(code);
}

function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39;
}

export function isLetter(code: number): boolean {
  return (code >= 0x61 && code <= 0x7a) || (code >= 0x41 && code <= 0x5a);
}

/** A port from 1 to 65535 without leading zeros. */
export function parsePort(text: string): number | undefined {
  if (text.length === 0 || text.length > 5 || text.startsWith('0')) return undefined;
  for (let index = 0; index < text.length; index += 1) {
    if (!isDigit(text.charCodeAt(index))) return undefined;
  }
  const port = Number(text);
  return port <= 65_535 ? port : undefined;
}

function isName(text: string): boolean {
  if (text.length > MAX_NAME_LENGTH) return false;
  const end = text.endsWith('.') ? text.length - 1 : text.length;
  let labelStart = 0;
  for (let index = 0; index < end; index += 1) {
    const code = text.charCodeAt(index);
    if (code === 0x2e) {
      if (!isLabelLength(index - labelStart)) return false;
      labelStart = index + 1;
    } else if (!isAlphanumeric(code) && code !== 0x2d && code !== 0x5f) {
      return false;
    }
  }
  return isLabelLength(end - labelStart) && !looksLikeNumber(text, labelStart, end);
}

function isLabelLength(length: number): boolean {
  return length >= 1 && length <= MAX_LABEL_LENGTH;
}

/** URL parsers read a host whose last label is a number as an IPv4 address, so such a thing is not a name. */
function looksLikeNumber(text: string, start: number, end: number): boolean {
  if (text.charCodeAt(start) === 0x30 && (text.charCodeAt(start + 1) | 0x20) === 0x78) return true;
  for (let index = start; index < end; index += 1) {
    if (!isDigit(text.charCodeAt(index))) return false;
  }
  return true;
}

/** As it is written in a URL. An IPv6 address may come with brackets or without. */
export const addressText = ({ host, port }: { readonly host: string; readonly port: number }): string =>
  host.includes(':') && !host.startsWith('[') ? `[${host}]:${port}` : `${host}:${port}`;

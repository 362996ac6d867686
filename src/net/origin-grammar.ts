import { type Authority, isAlphanumeric, isLetter, parseAuthority } from './host.ts';

/** A browser's longest origin: 8 for `https://`, 253 for the name, 6 for the port. The rest is slack. */
export const MAX_ORIGIN_LENGTH = 300;

export type OriginScheme = 'http' | 'https';

export type ParsedOrigin =
  | { readonly kind: 'web'; readonly scheme: OriginScheme; readonly authority: Authority }
  /** Of an application. `scheme` as it was sent; `named`: something follows it. */
  | { readonly kind: 'foreign_scheme'; readonly scheme: string; readonly named: boolean }
  | { readonly kind: 'malformed' };

/**
 * Reads `scheme://host[:port]`, of applications also `scheme://`, and nothing else: no path, no userinfo, no blank (RFC 6454 §6.2). Scheme and
 * host may be in any case. One pass over the value; work grows with its length only.
 */
export function parseOrigin(value: string): ParsedOrigin {
  const schemeEnd = endOfScheme(value);
  if (schemeEnd === 0 || !value.startsWith('://', schemeEnd)) return { kind: 'malformed' };
  const rest = value.slice(schemeEnd + 3);
  const authority = parseAuthority(rest);
  const sent = value.slice(0, schemeEnd);
  const scheme = sent.toLowerCase();
  const isWeb = scheme === 'http' || scheme === 'https';
  if (!isWeb && rest === '') return { kind: 'foreign_scheme', scheme: sent, named: false };
  if (authority === undefined) return { kind: 'malformed' };
  if (!isWeb) return { kind: 'foreign_scheme', scheme: sent, named: true };
  return { kind: 'web', scheme, authority };
}

/** Number of bytes of the scheme at the start of `text` (RFC 3986 §3.1); 0 when there is none. */
export function endOfScheme(text: string): number {
  if (!isLetter(text.charCodeAt(0))) return 0;
  let index = 1;
  while (index < text.length && isSchemeByte(text.charCodeAt(index))) index += 1;
  return index;
}

export function defaultPort(scheme: OriginScheme): number {
  return scheme === 'https' ? 443 : 80;
}

/** The triple as one string to compare and look up: the port is always there (RFC 6454 §4). */
export function originKey(scheme: OriginScheme, host: string, port: number | undefined): string {
  return `${scheme}://${host}:${port ?? defaultPort(scheme)}`;
}

/** The triple as browsers write it: without the default port. */
export function originText(scheme: OriginScheme, host: string, port: number | undefined): string {
  const shown = port === undefined || port === defaultPort(scheme) ? '' : `:${port}`;
  return `${scheme}://${host}${shown}`;
}

/** True when every byte is visible ASCII, 0x21–0x7E. */
export function isVisibleAscii(text: string): boolean {
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    if (code < 0x21 || code > 0x7e) return false;
  }
  return true;
}

function isSchemeByte(code: number): boolean {
  return isAlphanumeric(code) || code === 0x2b || code === 0x2d || code === 0x2e;
}

import { type Authority, parseAuthority } from './host.ts';
import { defaultPort, isVisibleAscii, type OriginScheme } from './origin-grammar.ts';

export type RequestTarget = {
  /** Up to the query, byte for byte as received: never decoded, never normalised. */
  readonly path: string;
  /** Only in the absolute form. */
  readonly absolute: { readonly scheme: OriginScheme; readonly authority: Authority } | undefined;
};

/** Reads a target in origin form or in absolute form with http or https (RFC 9112 §3.2). Undefined for all else. */
export function parseTarget(target: string): RequestTarget | undefined {
  if (!isVisibleAscii(target) || target.includes('#')) return undefined;
  if (target.startsWith('/')) return { path: withoutQuery(target), absolute: undefined };
  const scheme = absoluteScheme(target);
  if (scheme === undefined) return undefined;
  const rest = target.slice(scheme.length + 3);
  const authorityEnd = rest.search(/[/?]/);
  const authority = parseAuthority(authorityEnd === -1 ? rest : rest.slice(0, authorityEnd));
  if (authority === undefined) return undefined;
  const path = authorityEnd === -1 ? '' : withoutQuery(rest.slice(authorityEnd));
  return { path: path === '' ? '/' : path, absolute: { scheme, authority } };
}

/** True when an absolute target names the same authority as Host (RFC 9112 §3.2.2); origin form always fits. */
export function fitsHost(target: RequestTarget, host: Authority): boolean {
  if (target.absolute === undefined) return true;
  const { scheme, authority } = target.absolute;
  const port = defaultPort(scheme);
  return authority.host.text === host.host.text && (authority.port ?? port) === (host.port ?? port);
}

function absoluteScheme(target: string): OriginScheme | undefined {
  const start = target.slice(0, 'https://'.length).toLowerCase();
  if (start === 'https://') return 'https';
  return start.startsWith('http://') ? 'http' : undefined;
}

function withoutQuery(text: string): string {
  const query = text.indexOf('?');
  return query === -1 ? text : text.slice(0, query);
}

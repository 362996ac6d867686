import { type Authority, isLoopback } from './host.ts';
import {
  endOfScheme,
  isVisibleAscii,
  MAX_ORIGIN_LENGTH,
  type OriginScheme,
  originKey,
  originText,
} from './origin-grammar.ts';
import { entryWarning } from './origin-warning.ts';
import { parseWrittenAuthority } from './written-authority.ts';

/** One entry of `origins.allow`, understood. `text` is its canonical spelling, `key` what requests are looked up by. */
export type OriginEntry =
  | {
      /** `scheme`: every application of one scheme; its key is that scheme. */
      readonly kind: 'exact' | 'wildcard' | 'application' | 'scheme';
      readonly key: string;
      readonly text: string;
      readonly warning?: string;
    }
  /** `localhost`: every page of the machine itself, whatever its port. */
  | { readonly kind: 'self' | 'any' | 'localhost'; readonly text: string; readonly warning?: string }
  | { readonly kind: 'problem'; readonly problem: string };

const WILDCARD = '*.';
const LOCALHOST = 'localhost alone, which is every port of the machine itself';
/** Schemes whose origin without a name is that of every local file or document. */
const OF_FILES: readonly string[] = ['file', 'content'];

/** Reads an entry as written in the configuration; a problem says what is wrong and what to write. */
export function parseOriginEntry(entry: string): OriginEntry {
  if (entry === 'self') return { kind: 'self', text: 'self' };
  if (entry === '*') return anyOrigin();
  if (entry === 'localhost') return localhost();
  const word = entry.toLowerCase();
  if (entry === '') return problem('the entry is empty; write an origin such as https://app.example.com');
  if (/\s/.test(entry)) return problem('an origin holds no blanks; write one origin in each entry');
  if (word === 'null')
    return problem('null is not an origin; write origins.opaque: allow to let such pages in');
  if (word === 'self' || word === 'localhost')
    return problem(`the word is written in lower case; write ${word}`);
  const schemeEnd = endOfScheme(entry);
  if (schemeEnd === 0 || !entry.startsWith('://', schemeEnd)) return withoutScheme(entry);
  const scheme = word.slice(0, schemeEnd);
  const rest = entry.slice(schemeEnd + 3);
  if (scheme === 'http' || scheme === 'https') return webEntry(scheme, rest);
  if (scheme === 'ws' || scheme === 'wss') {
    return problem(
      `an origin is the address of the page, not of the socket; write http${scheme.slice(2)}://${rest}`,
    );
  }
  return applicationEntry(entry, scheme, rest);
}

/** The key under which a wildcard entry for `suffix` (a name without the `*.`) is stored. */
export function wildcardKey(scheme: OriginScheme, suffix: string, port: number | undefined): string {
  return originKey(scheme, WILDCARD + suffix, port);
}

function webEntry(scheme: OriginScheme, rest: string): OriginEntry {
  if (rest.endsWith('/') && !rest.slice(0, -1).includes('/')) {
    return problem(`an origin ends without a slash; write ${scheme}://${rest.slice(0, -1)}`);
  }
  if (/[/?#\\]/.test(rest))
    return problem(`an origin has no path; write only ${scheme}://host or ${scheme}://host:port`);
  if (rest.includes('@')) return problem('an origin holds no user name; write only scheme, host and port');
  if (rest.endsWith(':*')) return everyPort(rest.slice(0, -2));
  const wildcard = rest.startsWith(WILDCARD);
  const plain = wildcard ? rest.slice(WILDCARD.length) : rest;
  if (plain.includes('*')) {
    return problem(
      `* matches exactly one whole label at the left; write ${scheme}://*.preview.example.com, or '*' alone for every origin`,
    );
  }
  const authority = parseWrittenAuthority(plain);
  if (authority === undefined) {
    return problem(
      'the host or port is not valid; write a name, a dotted quad or [IPv6], then :1 to :65535 or nothing',
    );
  }
  return wildcard ? wildcardEntry(scheme, authority) : exactEntry(scheme, authority);
}

function exactEntry(scheme: OriginScheme, { host, port }: Authority): OriginEntry {
  // What serves pages for development mostly has a port, and without one written nothing of it is let in.
  const usual = scheme === 'http' ? 80 : 443;
  const portless = `without a port this is port ${usual} alone; write ${scheme}://${host.text}:5173 with the port of the page, or ${LOCALHOST}`;
  return {
    kind: 'exact',
    key: originKey(scheme, host.text, port),
    text: originText(scheme, host.text, port),
    ...(isLoopback(host) && port === undefined ? { warning: portless } : entryWarning(scheme, host, false)),
  };
}

function wildcardEntry(scheme: OriginScheme, { host, port }: Authority): OriginEntry {
  if (host.kind !== 'name') return problem('addresses have no wildcards; write each origin out');
  if (isLoopback(host)) return problem(`*.${host.text} has no form of its own; write ${LOCALHOST}`);
  const labels = host.text.split('.').filter((label) => label !== '');
  if (labels.length < 2) {
    return problem(
      `*.${host.text} would cover names of many owners; write at least two labels behind *. as in ${scheme}://*.example.com`,
    );
  }
  return {
    kind: 'wildcard',
    key: wildcardKey(scheme, host.text, port),
    text: originText(scheme, WILDCARD + host.text, port),
    ...entryWarning(scheme, host, true),
  };
}

/**
 * Origins of browser extensions and application shells; compared byte for byte, as no grammar binds them. Some have no
 * name behind the scheme (qrc://), some another one in each installation (vscode-webview://*).
 */
function applicationEntry(entry: string, scheme: string, rest: string): OriginEntry {
  if (rest === '*') {
    const warning = `every extension or application with this scheme may connect; write names where they do not change`;
    return { kind: 'scheme', key: scheme, text: `${scheme}://*`, warning };
  }
  if (rest.includes('*')) return problem(`* matches the whole name of an application; write ${scheme}://*`);
  if (rest.endsWith('/') && !rest.slice(0, -1).includes('/'))
    return problem(`an origin ends without a slash; write ${scheme}://${rest.slice(0, -1)}`);
  if (!isVisibleAscii(entry) || entry.length > MAX_ORIGIN_LENGTH || /[/?#\\@,"]/.test(rest)) {
    return problem(
      `the origin of an application is ${scheme}:// and its name; write it exactly as the application sends it`,
    );
  }
  const application = { kind: 'application', key: entry, text: entry } as const;
  if (rest !== '' || !OF_FILES.includes(scheme)) return application;
  return { ...application, warning: 'every file opened in a web view that sends this origin may connect' };
}

function anyOrigin(): OriginEntry {
  const warning =
    'every web page may connect, from the browser of anybody who opens it; list origins where you can';
  return { kind: 'any', text: '*', warning };
}

function localhost(): OriginEntry {
  const warning =
    'every page that any program on the machine of a visitor serves may connect; for development only';
  return { kind: 'localhost', text: 'localhost', warning };
}

function everyPort(host: string): OriginEntry {
  const authority = parseWrittenAuthority(host.startsWith(WILDCARD) ? host.slice(WILDCARD.length) : host);
  return authority !== undefined && isLoopback(authority.host)
    ? problem(`a port has no wildcard; write ${LOCALHOST}`)
    : problem('a port has no wildcard; write one entry for each port');
}

function withoutScheme(entry: string): OriginEntry {
  if (entry.endsWith(':*')) return everyPort(entry.slice(0, -2));
  const authority = parseWrittenAuthority(entry.startsWith(WILDCARD) ? entry.slice(2) : entry);
  return authority !== undefined && isLoopback(authority.host)
    ? problem(`the scheme is missing; write http://${entry}, or ${LOCALHOST}`)
    : problem(`the scheme is missing; write https://${authority ? entry : 'app.example.com'}`);
}

function problem(text: string): OriginEntry {
  return { kind: 'problem', problem: text };
}

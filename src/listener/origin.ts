import type { OriginsConfig } from '../config/config.ts';
import type { Refusal } from '../handshake-outcome.ts';
import { isLoopback } from '../net/host.ts';
import { parseOriginEntry, wildcardKey } from '../net/origin-entry.ts';
import { isVisibleAscii, MAX_ORIGIN_LENGTH, originKey, parseOrigin } from '../net/origin-grammar.ts';

export type OriginRefusal = Extract<Refusal, `origin_${string}`>;

/** The compiled origins of one configuration. Immutable; a reload compiles a new one. */
export type OriginPolicy = {
  /** The compiled entries as browsers would write them, in the order of the configuration, none twice. */
  readonly entries: readonly string[];
  readonly exact: ReadonlySet<string>;
  readonly wildcards: ReadonlySet<string>;
  readonly applications: ReadonlySet<string>;
  /** Those of which every application may connect. */
  readonly schemes: ReadonlySet<string>;
  readonly allowsSelf: boolean;
  readonly allowsLocalhost: boolean;
  readonly allowsAny: boolean;
  readonly allowsMissing: boolean;
  readonly allowsOpaque: boolean;
};

/**
 * The origin under which the browser reached the gateway. `host` is canonical: lower case, IPv6 in brackets. `ports`:
 * one, or two where proxies say so.
 */
export type SelfOrigin = {
  readonly scheme: 'http' | 'https';
  readonly host: string;
  readonly ports: readonly number[];
};

export type OriginVerdict =
  | { readonly allow: true }
  | { readonly allow: false; readonly token: OriginRefusal };

/**
 * Compiles the list once, so that a request costs a few hash lookups however long it is. Throws at the first
 * entry that is not one. An empty list allows nothing.
 */
export function compileOrigins(config: OriginsConfig): OriginPolicy {
  const exact = new Set<string>();
  const wildcards = new Set<string>();
  const applications = new Set<string>();
  const schemes = new Set<string>();
  const entries = new Set<string>();
  for (const written of config.allow) {
    const entry = parseOriginEntry(written);
    if (entry.kind === 'problem') throw new Error(`origins: ${JSON.stringify(written)}: ${entry.problem}`);
    entries.add(entry.text);
    if (entry.kind === 'exact') exact.add(entry.key);
    if (entry.kind === 'wildcard') wildcards.add(entry.key);
    if (entry.kind === 'application') applications.add(entry.key);
    if (entry.kind === 'scheme') schemes.add(entry.key);
  }
  return {
    entries: [...entries],
    exact,
    wildcards,
    applications,
    schemes,
    allowsSelf: entries.has('self'),
    allowsLocalhost: entries.has('localhost'),
    allowsAny: entries.has('*'),
    allowsMissing: config.missing === 'allow',
    allowsOpaque: config.opaque === 'allow',
  };
}

/**
 * Decides about one request by the values of all its Origin lines. Anything that is not exactly what a browser
 * sends is refused, not repaired. `self` is undefined when the host that was asked for is not a known name of
 * the gateway: an unknown one may be the attacker's own name, pointed here by DNS rebinding.
 */
export function judgeOrigin(
  policy: OriginPolicy,
  originLines: readonly string[],
  self: SelfOrigin | undefined,
): OriginVerdict {
  const [value, ...more] = originLines;
  if (more.length > 0) return refuse('origin_multiple');
  if (value === undefined) return policy.allowsMissing ? ALLOWED : refuse('origin_missing');
  if (value.length > MAX_ORIGIN_LENGTH) return refuse('origin_too_long');
  if (value === '' || !isVisibleAscii(value)) return refuse('origin_bad_byte');
  if (value === 'null') return policy.allowsOpaque ? ALLOWED : refuse('origin_opaque');
  if (policy.applications.has(value)) return ALLOWED;
  const origin = parseOrigin(value);
  if (origin.kind === 'malformed') return refuse('origin_malformed');
  if (origin.kind === 'foreign_scheme')
    return origin.named && policy.schemes.has(origin.scheme) ? ALLOWED : refuse('origin_scheme');
  const { scheme, authority } = origin;
  const { host, port } = authority;
  const key = originKey(scheme, host.text, port);
  if (policy.exact.has(key)) return ALLOWED;
  if (policy.wildcards.has(wildcardKey(scheme, parentOf(host.text), port))) return ALLOWED;
  if (policy.allowsSelf && self?.ports.some((one) => key === originKey(self.scheme, self.host, one)))
    return ALLOWED;
  if (policy.allowsLocalhost && isLoopback(authority.host)) return ALLOWED;
  return policy.allowsAny ? ALLOWED : refuse('origin_not_listed');
}

const ALLOWED: OriginVerdict = { allow: true };

function refuse(token: OriginRefusal): OriginVerdict {
  return { allow: false, token };
}

/** The name without its first label; '' when it has only one. */
function parentOf(name: string): string {
  const dot = name.indexOf('.');
  return dot === -1 ? '' : name.slice(dot + 1);
}

/**
 * Hosts as people write them into a configuration. Browsers send A-labels (xn--…), people write U-labels: those are
 * converted here, once. All else is the grammar that requests are read by, so what is accepted here is matched there.
 */
import { domainToASCII } from 'node:url';
import { type Authority, isAlphanumeric, parseAuthority } from './host.ts';
import { isVisibleAscii } from './origin-grammar.ts';

/**
 * Reads `host` or `host:port`. Only names that hold other than ASCII are converted, and never into an address, because
 * domainToASCII also decodes percent signs and reads historic address spellings. Undefined for anything else.
 */
export function parseWrittenAuthority(text: string): Authority | undefined {
  if (isVisibleAscii(text)) return parseAuthority(text);
  const colon = text.indexOf(':');
  const name = colon === -1 ? text : text.slice(0, colon);
  if (!hasOnlyNameBytes(name)) return undefined;
  const authority = parseAuthority(domainToASCII(name) + text.slice(name.length));
  return authority?.host.kind === 'name' ? authority : undefined;
}

/** True when all ASCII in `name` may be in a host name. */
function hasOnlyNameBytes(name: string): boolean {
  for (let index = 0; index < name.length; index += 1) {
    const code = name.charCodeAt(index);
    if (code < 0x80 && !isAlphanumeric(code) && code !== 0x2d && code !== 0x2e && code !== 0x5f) return false;
  }
  return true;
}

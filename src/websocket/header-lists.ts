import type { IncomingMessage } from 'node:http';

const LISTS = ['upgrade', 'sec-websocket-protocol', 'sec-websocket-extensions'] as const;

/** Blank elements. Nearly no client sends any. */
const HAS_EMPTY = /(?:^|,)[\t ]*(?:,|$)/;

/**
 * Removes empty elements from the lists that ws will read. ws refuses them, after the upstream was dialled and in its
 * own words, but RFC 9110 §5.6.1.2 ignores them. No element of these lists can contain a comma.
 */
export function dropEmptyElements({ headers }: IncomingMessage): void {
  for (const name of LISTS) {
    const list = headers[name];
    if (list === undefined || !HAS_EMPTY.test(list)) continue;
    const elements = list
      .split(',')
      .map((element) => element.trim())
      .filter((element) => element !== '');
    if (elements.length > 0) headers[name] = elements.join(',');
    else delete headers[name];
  }
}

import type { IncomingMessage } from 'node:http';

const LISTS = ['upgrade', 'sec-websocket-protocol', 'sec-websocket-extensions'] as const;

/**
 * Takes empty elements out of the lists that ws is going to read: it refuses them in words of its own, after the
 * upstream was dialled, where RFC 9110 §5.6.1.2 ignores them. None of these lists may hold a comma inside an element.
 */
export function dropEmptyElements({ headers }: IncomingMessage): void {
  for (const name of LISTS) {
    const list = headers[name];
    if (list === undefined) continue;
    const elements = list
      .split(',')
      .map((element) => element.trim())
      .filter((element) => element !== '');
    if (elements.length > 0) headers[name] = elements.join(',');
    else delete headers[name];
  }
}

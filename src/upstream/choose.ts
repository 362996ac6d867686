import type { UpstreamConfig } from '../config/config.ts';
import { type Endpoint, RANK } from './endpoint.ts';

export type Order = UpstreamConfig['order'];

/**
 * The endpoint for the next attempt, undefined when all were `tried`. The best class decides (good, unhealthy,
 * failed, lame duck), within it the order, and chance between equals. None is ever ruled out: where all have
 * failed, the one whose backoff ends first is tried first.
 */
export function choose(
  endpoints: readonly Endpoint[],
  tried: ReadonlySet<Endpoint>,
  order: Order,
  nowMs: number,
  random: () => number,
): Endpoint | undefined {
  let best: Endpoint | undefined;
  let bestRank = 0;
  let bestKey = 0;
  let equals = 0;
  for (const [index, endpoint] of endpoints.entries()) {
    if (tried.has(endpoint)) continue;
    const rank = endpoint.rank(nowMs);
    const key = rank === RANK.failed ? endpoint.retryAtMs : keyOf(endpoint, index, order);
    if (best !== undefined) {
      if (rank > bestRank || (rank === bestRank && key > bestKey)) continue;
      if (rank === bestRank && key === bestKey) {
        equals++;
        if (random() < 1 - 1 / equals) continue;
        best = endpoint;
        continue;
      }
    }
    best = endpoint;
    bestRank = rank;
    bestKey = key;
    equals = 1;
  }
  return best;
}

function keyOf(endpoint: Endpoint, index: number, order: Order): number {
  switch (order) {
    case 'first':
      return index;
    case 'least-sessions':
      // Attempts count as well, or a wave of clients would all see the same empty server.
      return endpoint.sessions + endpoint.pending;
    case 'random':
      return 0;
  }
}

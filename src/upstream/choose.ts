import type { UpstreamConfig } from '../config/config.ts';
import { type Member, RANK } from './member.ts';

export type Order = UpstreamConfig['order'];

/**
 * The member for the next attempt, undefined when all were `tried`. The best class decides (good, unhealthy,
 * failed, lame duck), within it the order, and chance between equals. Nobody is ever ruled out: where all have
 * failed, the one whose backoff ends first is tried first.
 */
export function choose(
  members: readonly Member[],
  tried: ReadonlySet<Member>,
  order: Order,
  nowMs: number,
  random: () => number,
): Member | undefined {
  let best: Member | undefined;
  let bestRank = 0;
  let bestKey = 0;
  let equals = 0;
  for (const [index, member] of members.entries()) {
    if (tried.has(member)) continue;
    const rank = member.rank(nowMs);
    const key = rank === RANK.failed ? member.retryAtMs : keyOf(member, index, order);
    if (best !== undefined) {
      if (rank > bestRank || (rank === bestRank && key > bestKey)) continue;
      if (rank === bestRank && key === bestKey) {
        equals++;
        if (random() < 1 - 1 / equals) continue;
        best = member;
        continue;
      }
    }
    best = member;
    bestRank = rank;
    bestKey = key;
    equals = 1;
  }
  return best;
}

function keyOf(member: Member, index: number, order: Order): number {
  switch (order) {
    case 'first':
      return index;
    case 'least-sessions':
      // Attempts count as well, or a wave of clients would all see the same empty server.
      return member.sessions + member.pending;
    case 'random':
      return 0;
  }
}

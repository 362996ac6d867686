import type { HandshakeRow } from '../../src/status/recent-handshakes.ts';

/** Handshakes that are one problem. */
export type HandshakeGroup = {
  readonly key: string;
  /** The last of them. */
  readonly row: HandshakeRow;
  readonly count: number;
  readonly firstAt: string;
};

/**
 * The last handshakes, the newest first, as far as each of `words` is in a row. Refused ones are together by outcome,
 * detail and origin; of accepted ones each is of its own.
 */
export function groupsOf(
  rows: readonly HandshakeRow[],
  withAccepted: boolean,
  words: readonly string[],
): readonly HandshakeGroup[] {
  const groups = new Map<string, HandshakeGroup>();
  for (const row of rows) {
    const { at, cause, client, detail, ms, origin, outcome, user } = row;
    const isAccepted = outcome === 'accepted';
    const text = [outcome, detail, origin, client, user, cause].join('\n').toLowerCase();
    if ((isAccepted && !withAccepted) || !words.every((word) => text.includes(word))) continue;
    const key = JSON.stringify(isAccepted ? [at, ms, client] : [outcome, detail, origin]);
    const known = groups.get(key);
    groups.set(key, { key, row: known?.row ?? row, count: (known?.count ?? 0) + 1, firstAt: at });
  }
  return [...groups.values()];
}

import { CLOSE_REASONS } from '../../src/close-reason.ts';
import { HANDSHAKE_OUTCOMES } from '../../src/handshake-outcome.ts';

export type OutcomeKind = 'accepted' | 'refused' | 'gateway' | 'upstream' | 'left';

/** What became of handshakes, in few kinds, and what each is called. */
export const OUTCOME_KINDS: Readonly<Record<OutcomeKind, string>> = {
  accepted: 'accepted',
  refused: 'refused by a rule',
  gateway: 'no room, or a fault',
  upstream: 'server not reached',
  left: 'the client left',
};

type Row = { readonly class?: string; readonly sentence: string };

/** Whose doing an outcome is. A word that is in no table, of a newer gateway, counts as a refusal. */
export function outcomeClass(outcome: string): OutcomeKind {
  if (outcome === 'accepted') return 'accepted';
  if (outcome === 'client_abort') return 'left';
  if (outcome.startsWith('upstream_')) return 'upstream';
  return rowOf(HANDSHAKE_OUTCOMES, outcome)?.class === 'server_fault' ? 'gateway' : 'refused';
}

/** What an outcome or a close reason means, and what to do. */
export const sentenceOf = (word: string): string | undefined =>
  (rowOf(HANDSHAKE_OUTCOMES, word) ?? rowOf(CLOSE_REASONS, word))?.sentence;

const rowOf = (table: Readonly<Record<string, Row>>, word: string): Row | undefined =>
  Object.hasOwn(table, word) ? table[word] : undefined;

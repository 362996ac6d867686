import { CLOSE_REASONS } from '../../src/close-reason.ts';
import { HANDSHAKE_OUTCOMES, type HandshakeOutcome } from '../../src/handshake-outcome.ts';
import type { SocketEnd } from './socket-end.ts';

/** The sentence of a close reason or of a handshake's outcome; undefined for a word that is in no table. */
export function sentenceOf(token: string): string | undefined {
  return lookUp(CLOSE_REASONS, token) ?? lookUp(HANDSHAKE_OUTCOMES, token);
}

/** A refusal in few words: whose doing it was. */
export function outcomeTitle(outcome: string): string {
  if (outcome === '') return 'No connection';
  if (outcome.startsWith('upstream_')) return 'nats-server not reached';
  const row = Object.hasOwn(HANDSHAKE_OUTCOMES, outcome)
    ? HANDSHAKE_OUTCOMES[outcome as HandshakeOutcome]
    : undefined;
  return row?.class === 'server_fault' ? 'The gateway could not' : 'Not let in';
}

/** The word for an end that came without one. */
export function tokenOf(end: SocketEnd): string {
  if (end.reason !== '') return end.reason;
  // The client's own close is echoed, with the client's (empty) reason.
  return end.code === 1000 || end.code === 1005 ? 'client_closed' : '';
}

/** What a close code alone says, where no token came with it. RFC 6455 §7.4.1. */
export function sentenceOfCode(code: number): string {
  if (code === 1006) return 'The connection broke without a closing handshake.';
  return `Closed with code ${code} and no reason.`;
}

function lookUp(
  table: Readonly<Record<string, { readonly sentence: string }>>,
  token: string,
): string | undefined {
  return Object.hasOwn(table, token) ? table[token]?.sentence : undefined;
}

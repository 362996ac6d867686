import type { UpstreamServer } from '../config/config.ts';
import { HANDSHAKE_OUTCOMES, type HandshakeOutcome } from '../handshake-outcome.ts';

/** Why an attempt failed: the handshake outcomes that begin with `upstream_`. */
export type DialFailure = Extract<HandshakeOutcome, `upstream_${string}`>;

const isDialFailure = (outcome: string): outcome is DialFailure => outcome.startsWith('upstream_');
export const DIAL_FAILURES: readonly DialFailure[] = Object.keys(HANDSHAKE_OUTCOMES).filter(isDialFailure);

/** One attempt, or a whole dial, failed. The message names the server and is for the log, never for a client. */
export class DialError extends Error {
  override readonly name = 'DialError';
  readonly outcome: DialFailure;
  readonly server: UpstreamServer;

  constructor(outcome: DialFailure, server: UpstreamServer, message: string, cause?: unknown) {
    super(message, { cause });
    this.outcome = outcome;
    this.server = server;
  }
}

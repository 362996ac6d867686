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

/** Servers named in the message of a dial that failed at all of them. */
const MAX_NAMED_FAILURES = 4;

/** One error that names the servers; its outcome is that of the last. */
export function joinedFailures(failures: readonly DialError[]): unknown {
  const last = failures.at(-1);
  if (last === undefined || failures.length === 1) return last;
  const named = failures.slice(0, MAX_NAMED_FAILURES).map((failure) => failure.message);
  const more = failures.length - named.length;
  const message = `${named.join('; ')}${more > 0 ? `; and ${more} more` : ''}`;
  return new DialError(last.outcome, last.server, message, last);
}

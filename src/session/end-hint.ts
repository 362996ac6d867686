import { CLOSE_REASONS, type CloseReason } from '../close-reason.ts';

/** Less says nothing: a burst of the server is not read at once by anybody. */
const LEAST_SLOW_MS = 2000;

/** What the session knows of why the server has closed its connection. */
export type EndSigns = {
  /** Its last INFO said ldm. */
  readonly isLameDuck: boolean;
  /** For how long the client has read too slowly. */
  readonly clientSlowMs: number;
  readonly waitingBytes: number;
};

/** Why the server may have ended a session; undefined: nothing is known, or it was not the server. */
export function endHint(
  reason: CloseReason,
  { clientSlowMs, isLameDuck, waitingBytes }: EndSigns,
): string | undefined {
  if (CLOSE_REASONS[reason].initiator !== 'upstream') return undefined;
  if (isLameDuck) return 'the server was in lame duck mode';
  if (clientSlowMs < LEAST_SLOW_MS) return undefined;
  return `the client was slow: for ${Math.round(clientSlowMs / 1000)} s bytes waited for it (${waitingBytes} at the end), and the server was read no faster; nats-server closes such connections after its write_deadline (10s by default)`;
}

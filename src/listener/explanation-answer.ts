import { HANDSHAKE_OUTCOMES, type HandshakeOutcome } from '../handshake-outcome.ts';
import { answerHeaders, responseText } from './http-refusal.ts';

/** What an upgrade would be answered. Words of closed lists alone: no claim, and nothing of a token. */
export type Explanation = {
  readonly outcome: HandshakeOutcome;
  readonly detail?: string | undefined;
  /** Milliseconds since the epoch: when the token expires. */
  readonly expiresAtMs?: number | undefined;
};

const MAX_AGE_SECONDS = 600;

/** `origin`: which pages may read it, as they sent it and as it was allowed; undefined: those of the same origin. */
export function explanationResponse(
  { outcome, detail, expiresAtMs }: Explanation,
  origin: string | undefined,
  retryAfterSeconds: number,
): Buffer {
  const status = statusOf(outcome);
  const text = {
    outcome,
    detail,
    ...(expiresAtMs === undefined ? {} : { expiresAt: new Date(expiresAtMs).toISOString() }),
    doc: `docs/close-reasons.md#${detail === undefined ? 'handshakes' : 'details-of-a-refused-login'}`,
  };
  const body = `${JSON.stringify(text)}\n`;
  const headers = answerHeaders(status, 'application/json', body, retryAfterSeconds);
  return Buffer.from(responseText(status, [...headers, ...sharedWith(origin)], body));
}

/** A page may ask with a bearer token. */
export function preflightResponse(origin: string | undefined): Buffer {
  const headers = [
    ['Connection', 'close'],
    ['Cache-Control', 'no-store'],
    ['Access-Control-Allow-Methods', 'GET'],
    ['Access-Control-Allow-Headers', 'authorization'],
    ['Access-Control-Max-Age', String(MAX_AGE_SECONDS)],
    ...sharedWith(origin),
  ] as const;
  return Buffer.from(responseText(204, headers, ''));
}

export const statusOf = (outcome: HandshakeOutcome): number =>
  outcome === 'accepted' ? 200 : HANDSHAKE_OUTCOMES[outcome].status;

/** CORS: for this origin alone, with its cookies. */
function sharedWith(origin: string | undefined): readonly (readonly [string, string])[] {
  const vary = ['Vary', 'Origin'] as const;
  if (origin === undefined) return [vary];
  return [
    vary,
    ['Access-Control-Allow-Origin', origin],
    ['Access-Control-Allow-Credentials', 'true'],
    ['Access-Control-Expose-Headers', 'Retry-After'],
  ];
}

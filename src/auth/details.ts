/**
 * Why a client was not let in, beside the outcome of its handshake: a closed list for the log field `detail` and the
 * metric label of the same name. Words may be added, never renamed.
 */
import type { LogLevelOfEnd } from '../close-reason.ts';
import { HANDSHAKE_OUTCOMES, type Refusal } from '../handshake-outcome.ts';

type DetailRow = {
  readonly outcome: Refusal;
  readonly level: LogLevelOfEnd;
  /** What to do, for operators; undefined: what the sentence of the outcome says. */
  readonly hint?: string;
};

export const AUTH_DETAILS = {
  token_missing: { outcome: 'unauthenticated', level: 'info' },
  token_ambiguous: { outcome: 'bad_request', level: 'warn' },
  token_malformed: { outcome: 'unauthenticated', level: 'info' },
  token_algorithm: { outcome: 'unauthenticated', level: 'warn' },
  token_key_unknown: { outcome: 'unauthenticated', level: 'warn' },
  token_signature: { outcome: 'unauthenticated', level: 'warn' },
  token_unsupported: { outcome: 'unauthenticated', level: 'info' },
  token_expired: { outcome: 'unauthenticated', level: 'info' },
  token_not_yet_valid: { outcome: 'unauthenticated', level: 'warn' },
  token_without_expiry: { outcome: 'unauthenticated', level: 'warn' },
  token_issuer: { outcome: 'unauthenticated', level: 'warn' },
  token_audience: { outcome: 'unauthenticated', level: 'warn' },
  token_type: { outcome: 'unauthenticated', level: 'warn' },
  token_claim: { outcome: 'unauthenticated', level: 'warn' },
  claim_unusable: { outcome: 'forbidden', level: 'warn' },
  webhook_denied: { outcome: 'unauthenticated', level: 'info' },
  webhook_busy: { outcome: 'too_many_handshakes', level: 'warn' },
  webhook_error: { outcome: 'authorizer_unavailable', level: 'warn' },
  webhook_timeout: { outcome: 'authorizer_unavailable', level: 'warn' },
  webhook_bad_answer: { outcome: 'authorizer_unavailable', level: 'warn' },
  kicked: {
    outcome: 'forbidden',
    level: 'info',
    hint: 'An operator has ended the sessions of this user, who stays out for the time of that kick (POST /api/sessions/kick). The login itself is good.',
  },
  /** Or `too_many_handshakes`. */
  identity: { outcome: 'too_many_sessions', level: 'info' },
  authorizer_busy: { outcome: 'authorizer_unavailable', level: 'warn' },
  keys_unavailable: { outcome: 'authorizer_unavailable', level: 'error' },
  keys_stale: { outcome: 'authorizer_unavailable', level: 'error' },
} as const satisfies Readonly<Record<string, DetailRow>>;
export type AuthDetail = keyof typeof AUTH_DETAILS;

/** How a client was let in: its token was verified now, or a short time ago; or nobody must have one. */
export const GRANTED_DETAILS = ['verified', 'cached', 'anonymous'] as const;
export type GrantedDetail = (typeof GRANTED_DETAILS)[number];

/** Label values of natsgate_auth_verdicts_total. */
export const verdictOf = (detail: AuthDetail | GrantedDetail): 'granted' | 'refused' | 'unavailable' => {
  if (!isAuthDetail(detail)) return 'granted';
  return AUTH_DETAILS[detail].outcome === 'authorizer_unavailable' ? 'unavailable' : 'refused';
};

/** What to do about a refusal, for those who run the gateway. */
export function refusalHint(outcome: Refusal, detail: string | undefined): string {
  const row: DetailRow | undefined =
    detail !== undefined && isAuthDetail(detail) ? AUTH_DETAILS[detail] : undefined;
  return row?.hint ?? HANDSHAKE_OUTCOMES[outcome].sentence;
}

export const isAuthDetail = (text: string): text is AuthDetail => Object.hasOwn(AUTH_DETAILS, text);

/** Not an error: a token that does not count is what a stranger sends. `cause`: for the log, in our own words. */
export class NotGranted extends Error {
  readonly detail: AuthDetail;
  readonly reason: string | undefined;
  readonly outcome: Refusal;
  /** undefined: the answer says one of ours, where it says any. */
  readonly retryAfterSeconds: number | undefined;

  constructor(
    detail: AuthDetail,
    reason?: string,
    outcome: Refusal = AUTH_DETAILS[detail].outcome,
    retryAfterSeconds?: number,
  ) {
    super(detail);
    this.retryAfterSeconds = retryAfterSeconds;
    this.detail = detail;
    this.reason = reason;
    this.outcome = outcome;
  }
}

/** What the server's -ERR lines are about. Label values of natsgate_nats_errors_total; texts of nats-server 2.9 to 2.15. */
export const SERVER_ERROR_KINDS = [
  'authorization',
  'auth_timeout',
  'auth_expired',
  'permissions',
  'max_payload',
  'slow_consumer',
  'stale',
  'max_connections',
  'max_subscriptions',
  'parser',
  'other',
] as const;
export type ServerErrorKind = (typeof SERVER_ERROR_KINDS)[number];

/** Parts of the text, in any case. */
const TEXTS: readonly (readonly [string, ServerErrorKind])[] = [
  ['permissions violation', 'permissions'],
  ['authorization violation', 'authorization'],
  ['failed account registration', 'authorization'],
  ['authentication timeout', 'auth_timeout'],
  ['authentication expired', 'auth_expired'],
  ['authentication revoked', 'auth_expired'],
  ['maximum payload violation', 'max_payload'],
  ['slow consumer', 'slow_consumer'],
  ['stale connection', 'stale'],
  ['maximum connections exceeded', 'max_connections'],
  ['active connections exceeded', 'max_connections'],
  ['maximum subscriptions exceeded', 'max_subscriptions'],
  ['unknown protocol operation', 'parser'],
  ['maximum control line exceeded', 'parser'],
  ['invalid client protocol', 'parser'],
];

export function serverErrorKind(text: string): ServerErrorKind {
  const folded = text.toLowerCase();
  return TEXTS.find(([part]) => folded.includes(part))?.[1] ?? 'other';
}

/**
 * Close code of a session whose server closed the connection after such a line. undefined: the server goes on after
 * such a line, so a later end has another cause; or the end needs no code of its own. (After `max_subscriptions` it
 * closes only when the limit of an account was lowered below the open subscriptions.)
 */
export function closeCodeOf(kind: ServerErrorKind): number | undefined {
  switch (kind) {
    case 'authorization':
    case 'auth_timeout':
    case 'auth_expired':
    case 'max_connections':
    case 'slow_consumer':
      return 1008;
    case 'max_payload':
      return 1009;
    case 'parser':
      return 1002;
    default:
      return undefined;
  }
}

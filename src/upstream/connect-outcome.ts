/** What became of one TCP connect: label values of natsgate_upstream_connects_total. */
export const CONNECT_OUTCOMES = ['ok', 'refused', 'timeout', 'dns', 'reset', 'unreachable', 'other'] as const;
export type ConnectOutcome = (typeof CONNECT_OUTCOMES)[number];

/** The outcome of a connect that failed with this error of the system. */
export function connectOutcome(error: NodeJS.ErrnoException): ConnectOutcome {
  switch (error.code) {
    case 'ECONNREFUSED':
      return 'refused';
    case 'ETIMEDOUT':
      return 'timeout';
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
    case 'EAI_FAIL':
      return 'dns';
    case 'ECONNRESET':
    case 'EPIPE':
      return 'reset';
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
    case 'EADDRNOTAVAIL':
      return 'unreachable';
    default:
      return 'other';
  }
}

import type { TLSSocket } from 'node:tls';

export const TLS_OUTCOMES = ['ok', 'no_cert', 'bad_cert', 'protocol', 'timeout', 'other'] as const;
export type TlsOutcome = (typeof TLS_OUTCOMES)[number];

/** How a TLS handshake with a client failed. */
export function tlsOutcome(error: NodeJS.ErrnoException, socket: TLSSocket): TlsOutcome {
  const code = error.code ?? '';
  // A certificate that another CA signed: Node hangs up by itself and reports a reset.
  if (socket.authorizationError) return 'bad_cert';
  if (code === 'ERR_TLS_HANDSHAKE_TIMEOUT') return 'timeout';
  if (code === 'ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE') return 'no_cert';
  if (code.includes('CERT')) return 'bad_cert';
  return code.startsWith('ERR_SSL_') ? 'protocol' : 'other';
}

import { constants } from 'node:crypto';
import type { TlsOptions } from 'node:tls';
import { isDeepStrictEqual } from 'node:util';
import type { ServerTls } from '../config/config.ts';

/**
 * TLS options of the public listener. HTTP/1.1 only, no renegotiation, no callback that could throw into the
 * handshake.
 */
export function serverTlsOptions({ material, minVersion }: ServerTls, handshakeTimeout: number): TlsOptions {
  const { pem } = material();
  return {
    ...pem,
    ...(pem.ca === undefined ? {} : { requestCert: true, rejectUnauthorized: true }),
    minVersion,
    ALPNProtocols: ['http/1.1'],
    handshakeTimeout,
    secureOptions: constants.SSL_OP_NO_RENEGOTIATION,
  };
}

/** Whether both would show clients the same: then there is nothing to change, and TLS sessions can be resumed. */
export const isSameTls = (one: TlsOptions, other: TlsOptions): boolean => isDeepStrictEqual(one, other);

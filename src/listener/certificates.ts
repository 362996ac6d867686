import { constants, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { TlsOptions } from 'node:tls';
import type { ServerTls } from '../config/config.ts';

export type ServerCertificate = {
  readonly options: TlsOptions;
  /** Expiry of the (first) certificate, seconds since the epoch. */
  readonly notAfterSeconds: number;
};

/**
 * TLS options of the public listener, with the files read. HTTP/1.1 only, no renegotiation, no callback that
 * could throw into the handshake.
 *
 * @throws when a file cannot be read or holds no certificate; a wrong pair is found by whoever makes the server of it.
 */
export async function loadServerCertificate(
  tls: ServerTls,
  handshakeTimeoutMs: number,
): Promise<ServerCertificate> {
  const [cert, key, ca] = await Promise.all([
    readFile(tls.certFile),
    readFile(tls.keyFile),
    tls.clientCaFile === undefined ? undefined : readFile(tls.clientCaFile),
  ]);
  const options: TlsOptions = {
    cert,
    key,
    ...(ca === undefined ? {} : { ca, requestCert: true, rejectUnauthorized: true }),
    minVersion: tls.minVersion,
    ALPNProtocols: ['http/1.1'],
    handshakeTimeout: handshakeTimeoutMs,
    secureOptions: constants.SSL_OP_NO_RENEGOTIATION,
  };
  return { options, notAfterSeconds: Date.parse(new X509Certificate(cert).validTo) / 1000 };
}

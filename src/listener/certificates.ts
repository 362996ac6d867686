import { constants, X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createSecureContext, type TlsOptions } from 'node:tls';
import { isDeepStrictEqual } from 'node:util';
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
 * @throws when a file cannot be read, holds no certificate, or the key is that of another one.
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
  // Of authorities OpenSSL takes a text without any as none at all, and would refuse every client.
  if (ca !== undefined) new X509Certificate(ca);
  const notAfterSeconds = Date.parse(new X509Certificate(cert).validTo) / 1000;
  try {
    createSecureContext(options);
  } catch (error) {
    const problem = (error as Error).message;
    throw new Error(
      `listen.tls: certificate and key cannot be used together (${problem}); write a matching pair`,
    );
  }
  return { options, notAfterSeconds };
}

/** Whether both would show clients the same: then there is nothing to change, and TLS sessions can be resumed. */
export function isSameCertificate(one: ServerCertificate, other: ServerCertificate): boolean {
  return isDeepStrictEqual(one.options, other.options);
}

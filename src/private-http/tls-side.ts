import { constants } from 'node:crypto';
import type { Socket } from 'node:net';
import { createSecureContext, type SecureContext, TLSSocket } from 'node:tls';
import type { AdminTls } from '../config/config.ts';

/** TLS with whom the port has accepted: HTTP/1.1 only, no renegotiation. */
export class TlsSide {
  #context: SecureContext;

  /** @throws when the certificate does not fit its key. */
  constructor(tls: AdminTls) {
    this.#context = contextOf(tls);
  }

  /** Another certificate from the next connection on. @throws when it does not fit its key; the old one then stays. */
  present(tls: AdminTls): void {
    this.#context = contextOf(tls);
  }

  /** Begins the handshake. `secure` says that it is over, `error` that it has failed; no deadline is kept here. */
  over(socket: Socket): TLSSocket {
    socket.on('error', () => {});
    return new TLSSocket(socket, {
      isServer: true,
      secureContext: this.#context,
      ALPNProtocols: ['http/1.1'],
    });
  }
}

const contextOf = ({ material, minVersion }: AdminTls): SecureContext =>
  createSecureContext({
    ...material().pem,
    minVersion,
    secureOptions: constants.SSL_OP_NO_RENEGOTIATION,
  });

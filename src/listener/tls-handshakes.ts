import type { Socket } from 'node:net';
import { type TLSSocket, type TlsOptions, Server as TlsServer } from 'node:tls';
import type { PendingConnection } from './pending-connection.ts';
import { type TlsOutcome, tlsOutcome } from './tls-outcome.ts';

export type TlsOwner = {
  /** `connection.socket` is its TLS from now on. */
  onSecure(connection: PendingConnection): void;
  onOutcome(outcome: TlsOutcome): void;
};

/** TLS with clients. A connection whose handshake fails is destroyed. */
export class TlsHandshakes {
  /** Never listens: it is given connections. */
  readonly #server: TlsServer;
  readonly #owner: TlsOwner;
  /** Connections whose TLS socket does not exist yet, by their addresses: it is another object with the same ones. */
  readonly #underWay = new Map<string, PendingConnection>();

  /** @throws when the certificate does not fit its key. */
  constructor(options: TlsOptions, owner: TlsOwner) {
    this.#owner = owner;
    this.#server = new TlsServer(options, (socket) => this.#onSecure(socket));
    this.#server.on('tlsClientError', (error: NodeJS.ErrnoException, socket: TLSSocket) => {
      owner.onOutcome(tlsOutcome(error, socket));
      socket.destroy();
    });
  }

  /** Another certificate from the next connection on. @throws when it does not fit its key; the old one then stays. */
  present(options: TlsOptions): void {
    this.#server.setSecureContext(options);
  }

  /** `rest`: what was read of it before. */
  begin(connection: PendingConnection, rest: Buffer): void {
    const { socket } = connection;
    connection.key = keyOf(socket);
    this.#underWay.set(connection.key, connection);
    // TLS fetches by itself what was put back.
    if (rest.length > 0) socket.unshift(rest);
    this.#server.emit('connection', socket);
  }

  /** It is closed; nothing happens when its handshake was over. */
  delete(connection: PendingConnection): void {
    if (connection.inTls) this.#underWay.delete(connection.key);
  }

  #onSecure(socket: TLSSocket): void {
    this.#owner.onOutcome('ok');
    const key = keyOf(socket);
    const connection = this.#underWay.get(key);
    // It may have been dropped in this very turn.
    if (connection === undefined || connection.accepted.destroyed) return void socket.destroy();
    this.#underWay.delete(key);
    connection.socket = socket.on('error', ignore);
    this.#owner.onSecure(connection);
  }
}

const keyOf = ({ remoteAddress, remotePort, localAddress }: Socket): string =>
  `${remoteAddress} ${remotePort} ${localAddress}`;

function ignore(): void {}

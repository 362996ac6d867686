import type { Socket } from 'node:net';
import type { Link } from '../linked-list.ts';
import type { Endpoint } from '../net/proxy-protocol.ts';

/** The crowds of `PendingConnections`. */
export type CrowdName = 'waiting' | 'inTls' | 'answered';

/** Who is at the other end of a connection, and where it connected to. */
type Arrival = { readonly peer: Endpoint; readonly reached: Endpoint };

/** An accepted connection, until it is a handshake that passed the rules or is closed. */
export class PendingConnection {
  readonly accepted: Socket;
  /** What HTTP is spoken on: the accepted socket, or its TLS. */
  socket: Socket;
  readonly acceptedAtMs: number;
  /** Listens to the accepted socket while the connection is pending. */
  readonly onClose: () => void;
  /** The two addresses, while TLS begins. */
  key = '';
  /** By a PROXY header: the client, and where it connected to. */
  named: Arrival | undefined = undefined;
  /** Whose share it counts to; undefined: a proxy's, which connects for many. */
  address: string | undefined = undefined;
  inTls = false;
  /** @internal its position in each crowd; undefined: it is not there */
  readonly links: Record<CrowdName, Link<PendingConnection> | undefined> = {
    waiting: undefined,
    inTls: undefined,
    answered: undefined,
  };
  /** Reads its head. */
  onData: (chunk: Buffer) => void = ignore;
  /** The verdict has fallen: nothing more of this connection may reach a parser or a rule. */
  judged = false;
  /** Bytes that came after the head, in one piece with its end. */
  earlyBytes = 0;

  constructor(socket: Socket, acceptedAtMs: number, onClose: () => void) {
    this.accepted = socket;
    this.socket = socket;
    this.acceptedAtMs = acceptedAtMs;
    this.onClose = onClose;
  }

  // Both are those of a header, else what TCP says. Not what its TLS says: that was not asked before a reset, and then
  // it knows nothing.

  get peer(): Endpoint {
    const { accepted, named } = this;
    return named?.peer ?? { address: accepted.remoteAddress ?? '', port: accepted.remotePort ?? 0 };
  }

  get reached(): Endpoint {
    const { accepted, named } = this;
    return named?.reached ?? { address: accepted.localAddress ?? '', port: accepted.localPort ?? 0 };
  }
}

function ignore(): void {}

import type { Server, Socket } from 'node:net';
import type { TrustedProxies } from '../net/networks.ts';
import { type Endpoint, readProxyHeader } from '../proxy-protocol.ts';

/** Senders put the header into their first packet; whoever takes longer is not one of them. */
const HEADER_MS = 2000;

/** Who is at the other end of an accepted connection, and which bytes of it were the PROXY header. */
export type Arrival = {
  /** The client as the TCP connection or the header names it. */
  readonly peer: Endpoint;
  /** Where it connected to. */
  readonly reached: Endpoint;
  readonly headerBytes: number;
};

export type ProxyGateOptions = {
  readonly networks: TrustedProxies;
  /** The server speaks TLS, behind the header. */
  readonly secure: boolean;
  /** No valid header; the connection is the owner's to end. */
  onRefused(socket: Socket, cause: string): void;
};

/**
 * Stands in front of a server: takes the PROXY header off new connections before the server sees them. What follows
 * the header in the same packet is put back, so the server reads as if the connection began there.
 */
export class ProxyGate {
  readonly #options: ProxyGateOptions;
  /** Whose connections must begin with a header. Anybody else's are let through untouched. */
  networks: TrustedProxies;
  readonly #deliver: (socket: Socket) => void;
  readonly #arrivals = new WeakMap<Socket, Arrival>();
  /** Connections whose TLS socket does not exist yet, by their two addresses. */
  readonly #inHandshake = new Map<string, { readonly arrival: Arrival; forget(): void }>();
  readonly #waiting = new Set<Socket>();

  /** Takes over what `server` does with new connections; whoever listens for them later is told as before. */
  constructor(server: Server, options: ProxyGateOptions) {
    this.#options = options;
    this.networks = options.networks;
    const listeners = server.listeners('connection') as ((this: Server, socket: Socket) => void)[];
    this.#deliver = (socket) => {
      for (const listener of listeners) listener.call(server, socket);
    };
    server.removeAllListeners('connection');
    server.on('connection', (socket: Socket) => this.#accept(socket));
  }

  /** To be told of each TLS socket as soon as it is there. */
  secured(socket: Socket): void {
    const entry = this.#inHandshake.get(keyOf(socket));
    if (entry === undefined) return;
    entry.forget();
    this.#arrivals.set(socket, entry.arrival);
  }

  /** Who is at the other end; without a header what TCP says. */
  arrival(socket: Socket): Arrival {
    return (
      this.#arrivals.get(socket) ?? {
        peer: { address: socket.remoteAddress ?? '', port: socket.remotePort ?? 0 },
        reached: { address: socket.localAddress ?? '', port: socket.localPort ?? 0 },
        headerBytes: 0,
      }
    );
  }

  /** Nobody will ask for the arrival of this connection again. */
  forget(socket: Socket): void {
    this.#arrivals.delete(socket);
  }

  /** Drops connections whose header has not come. */
  close(): void {
    for (const socket of this.#waiting) socket.destroy();
  }

  #accept(socket: Socket): void {
    if (!this.networks.has(withoutZone(socket.remoteAddress ?? ''))) {
      this.#deliver(socket);
      return;
    }
    let received: Buffer = Buffer.alloc(0);
    const settle = (): void => {
      clearTimeout(deadline);
      this.#waiting.delete(socket);
      socket.off('data', onData).off('end', onEnd).off('close', settle);
      socket.pause();
    };
    const refuse = (cause: string): void => {
      settle();
      this.#options.onRefused(socket, cause);
    };
    const onData = (chunk: Buffer): void => {
      received = received.length === 0 ? chunk : Buffer.concat([received, chunk]);
      const header = readProxyHeader(received);
      if (header.kind === 'incomplete') return;
      if (header.kind === 'malformed') return refuse(`PROXY header: ${header.what}`);
      settle();
      const { source, destination, length } = header;
      if (source !== undefined && destination !== undefined)
        this.#remember(socket, { peer: source, reached: destination, headerBytes: length });
      else this.#remember(socket, { ...this.arrival(socket), headerBytes: length });
      this.#hand(socket, received.subarray(length));
    };
    const onEnd = (): void => {
      // Connecting and leaving again is how balancers look whether a port is open.
      if (received.length > 0) return refuse('PROXY header: the connection ended inside it');
      settle();
      socket.destroy();
    };
    const deadline = setTimeout(() => refuse(`no PROXY header within ${HEADER_MS} ms`), HEADER_MS);
    this.#waiting.add(socket);
    // A reset is followed by `close`; unheard it would end the process.
    socket.on('error', ignore);
    socket.on('data', onData).on('end', onEnd).on('close', settle);
  }

  #remember(socket: Socket, arrival: Arrival): void {
    if (!this.#options.secure) {
      this.#arrivals.set(socket, arrival);
      return;
    }
    // The TLS socket that the server makes of it is another object, with the same addresses.
    const key = keyOf(socket);
    const forget = (): void => {
      this.#inHandshake.delete(key);
      socket.off('close', forget);
    };
    this.#inHandshake.set(key, { arrival, forget });
    socket.on('close', forget);
  }

  #hand(socket: Socket, rest: Buffer): void {
    if (rest.length > 0) socket.unshift(rest);
    this.#deliver(socket);
    // TLS fetches by itself what was put back; HTTP waits for it to flow.
    if (!this.#options.secure) socket.resume();
  }
}

function ignore(): void {}

const keyOf = ({ remoteAddress, remotePort, localAddress }: Socket): string =>
  `${remoteAddress} ${remotePort} ${localAddress}`;

function withoutZone(address: string): string {
  const zone = address.indexOf('%');
  return zone === -1 ? address : address.slice(0, zone);
}

import {
  createServer as createHttpServer,
  type Server as HttpServer,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http';
import { type AddressInfo, createServer, type Server, Socket } from 'node:net';
import { TLSSocket, type TlsOptions, Server as TlsServer } from 'node:tls';
import type { ListenAddress } from '../config/config.ts';
import { HANDSHAKE_OUTCOMES, type Refusal } from '../handshake-outcome.ts';
import type { HeadLimits } from '../net/http-head.ts';
import type { TrustedProxies } from '../net/networks.ts';
import { answer, answerWith } from './answer.ts';
import { addressKey } from './client-address.ts';
import { checkHandshake, type HandshakeRules } from './handshake.ts';
import { healthResponse, isHealthCheck } from './health-answer.ts';
import { readOneHead } from './one-head.ts';
import { Opening, type OpeningFacts, type OpeningObserver } from './opening.ts';
import { type DropReason, PendingConnection, PendingConnections, type PendingLimits } from './pending.ts';
import { takeProxyHeader } from './proxy-gate.ts';
import { type TlsOutcome, tlsOutcome } from './tls-outcome.ts';

const BACKLOG = 1024;
/** Above any limit of ours: those are kept before the parser. */
const PARSER_HEAD_BYTES = 128 * 1024;

export type ListenerObserver = OpeningObserver & {
  /** A handshake passed the rules; it is answered through the opening, sooner or later. */
  onOpening(opening: Opening): void;
  /** For the health answer: new sessions are welcome. */
  isReady(): boolean;
  /** An HTTP answer other than 101. */
  onHttpAnswer(status: number): void;
  onTlsHandshake(outcome: TlsOutcome): void;
  /** There was no room; a connection was closed without a word. */
  onDropped(reason: DropReason): void;
};

export type ListenerLimits = {
  readonly handshakeMs: number;
  /** The last fence: connections of any kind. */
  readonly maxConnections: number;
  readonly pending: PendingLimits;
  readonly head: HeadLimits;
};

/**
 * The public port. It answers everything by itself but for opening handshakes which pass the rules; every answer but
 * 101 is a constant text, closes the connection, and is its last.
 *
 * ```
 *  accept ─▶ pending ─▶ PROXY header ─▶ TLS ─▶ one head ─▶ rules ─▶ Opening
 *            (oldest first, one deadline)      (Node's HTTP parser)
 * ```
 */
export class Listener {
  readonly #server: Server;
  /** Neither of them listens: they are given connections. */
  readonly #tls: TlsServer | undefined;
  readonly #http: HttpServer;
  #rules: HandshakeRules;
  /** Whose connections must begin with a PROXY header. */
  #proxies: TrustedProxies;
  #limits: ListenerLimits;
  readonly #observer: ListenerObserver;
  readonly #pending: PendingConnections;
  readonly #bySocket = new WeakMap<Socket, PendingConnection>();
  /** Connections whose TLS socket does not exist yet, by their two addresses. */
  readonly #beforeTls = new Map<string, PendingConnection>();

  /**
   * With `tls` for wss. `proxies`: whose connections must begin with a PROXY header.
   *
   * @throws when the certificate does not fit its key.
   */
  constructor(
    tls: TlsOptions | undefined,
    rules: HandshakeRules,
    proxies: TrustedProxies,
    limits: ListenerLimits,
    observer: ListenerObserver,
  ) {
    this.#rules = rules;
    this.#proxies = proxies;
    this.#limits = limits;
    this.#observer = observer;
    this.#pending = new PendingConnections(limits.pending, limits.handshakeMs, {
      onDropped: (connection, reason) => {
        connection.socket.destroy();
        observer.onDropped(reason);
      },
      onExpired: (connection) => this.#refuse(connection, 'timeout'),
    });
    // No TCP keepalive: WebSocket pings do its work, and its four system calls are 3 % of a handshake. With a mark of
    // 1 byte, `drain` is certain whenever the kernel did not take all of a write (socket-writer.ts).
    const options = { allowHalfOpen: tls === undefined, noDelay: true, highWaterMark: 1 };
    this.#server = createServer(options, (socket) => this.#onConnection(socket));
    this.#server.maxConnections = limits.maxConnections;
    this.#server.on('drop', () => observer.onDropped('cap'));
    this.#tls = tls && this.#makeTlsServer(tls);
    this.#http = this.#makeHttpServer();
  }

  #makeTlsServer(options: TlsOptions): TlsServer {
    const server = new TlsServer(options, (socket) => this.#onSecure(socket));
    return server.on('tlsClientError', (error: NodeJS.ErrnoException, socket: TLSSocket) => {
      this.#observer.onTlsHandshake(tlsOutcome(error, socket));
      socket.destroy();
    });
  }

  #makeHttpServer(): HttpServer {
    // The rules answer a missing Host themselves, with their own words.
    const server = createHttpServer({ maxHeaderSize: PARSER_HEAD_BYTES, requireHostHeader: false });
    // No silent cut: the lines are counted before the parser.
    server.maxHeadersCount = 0;
    const onRequest = (request: IncomingMessage, _response: ServerResponse): void =>
      this.#onRequest(request, request.socket, false);
    return server
      .on('upgrade', (request, stream) => {
        // With a body it is a stream of Node's own, which fails when the socket has ended before it.
        if (stream !== request.socket) stream.on('error', ignore);
        this.#onRequest(request, stream, true);
      })
      .on('request', onRequest)
      .on('checkContinue', onRequest)
      .on('checkExpectation', onRequest)
      .on('connect', (request, stream) => this.#onRequest(request, stream, false))
      .on('clientError', (error: NodeJS.ErrnoException, socket) =>
        this.#onClientError(error, socket as Socket),
      );
  }

  /** Connections that are no handshakes yet, or have their answer and are not closed. */
  get pending(): number {
    return this.#pending.size;
  }

  /** Resolves with the address that the system gave. @throws the system's error, for instance EADDRINUSE. */
  listen(address: ListenAddress): Promise<ListenAddress> {
    const { promise, resolve, reject } = Promise.withResolvers<ListenAddress>();
    this.#server.once('error', reject);
    this.#server.listen({ host: address.host, port: address.port, backlog: BACKLOG }, () => {
      this.#server.off('error', reject);
      this.#pending.start();
      const bound = this.#server.address() as AddressInfo;
      resolve({ host: bound.address, port: bound.port });
    });
    return promise;
  }

  /** Other rules and limits from the next request on, other proxies from the next connection on. The deadline of TLS itself stays: Node sets it only once. */
  configure(rules: HandshakeRules, proxies: TrustedProxies, limits: ListenerLimits): void {
    this.#rules = rules;
    this.#proxies = proxies;
    this.#limits = limits;
    this.#pending.configure(limits.pending, limits.handshakeMs);
    this.#server.maxConnections = limits.maxConnections;
  }

  /** Another certificate from the next connection on. @throws when it does not fit its key; the old one then stays. */
  present(tls: TlsOptions): void {
    this.#tls?.setSecureContext(tls);
  }

  /** Stops listening and drops connections that are no sessions yet. Sessions are not touched. */
  async close(): Promise<void> {
    // Its callback would wait for sessions too, and those are the live set's to end.
    this.#server.close();
    this.#pending.close();
  }

  #onConnection(socket: Socket): void {
    const connection = new PendingConnection(socket, performance.now(), () => {
      this.#pending.delete(connection);
      if (connection.inTls) this.#beforeTls.delete(connection.key);
    });
    this.#bySocket.set(socket, connection);
    // A reset is followed by `close`; unheard it would end the process.
    socket.on('error', ignore).on('close', connection.onClose);
    const address = withoutZone(socket.remoteAddress ?? '');
    const speaksProxy = this.#proxies.has(address);
    if (!speaksProxy && !this.#rules.trustedProxies.has(address)) connection.address = addressKey(address);
    this.#pending.add(connection);
    if (!speaksProxy) return this.#begin(connection, NOTHING);
    takeProxyHeader(socket, {
      onRefused: (cause) => this.#refuse(connection, 'proxy_header', { cause }),
      onHeader: (named, rest) => {
        connection.named = named;
        if (named !== undefined) this.#pending.setAddress(connection, addressKey(named.peer.address));
        this.#begin(connection, rest);
      },
    });
  }

  /** What follows a PROXY header, or the accept. `rest` was read with the header. */
  #begin(connection: PendingConnection, rest: Buffer): void {
    if (this.#tls === undefined) return this.#readHead(connection, rest);
    const { socket } = connection;
    // The TLS socket that the server makes of it is another object, with the same addresses.
    connection.key = keyOf(socket);
    this.#beforeTls.set(connection.key, connection);
    this.#pending.beginTls(connection);
    // TLS fetches by itself what was put back.
    if (rest.length > 0) socket.unshift(rest);
    this.#tls.emit('connection', socket);
  }

  #onSecure(socket: TLSSocket): void {
    this.#observer.onTlsHandshake('ok');
    const key = keyOf(socket);
    const connection = this.#beforeTls.get(key);
    // It may have been dropped in this very turn.
    if (connection === undefined || connection.accepted.destroyed) return void socket.destroy();
    this.#beforeTls.delete(key);
    connection.socket = socket.on('error', ignore);
    this.#bySocket.set(socket, connection);
    this.#readHead(connection, NOTHING);
    this.#pending.endTls(connection);
  }

  #readHead(connection: PendingConnection, rest: Buffer): void {
    readOneHead(connection, this.#http, this.#limits.head, (breach) => this.#refuse(connection, breach));
    if (rest.length > 0) connection.onData(rest);
    connection.socket.resume();
  }

  #onRequest(request: IncomingMessage, stream: unknown, upgrade: boolean): void {
    const { socket } = request;
    const connection = this.#bySocket.get(socket);
    if (connection === undefined || connection.judged) return;
    const { health } = this.#rules;
    if (health !== undefined && isHealthCheck(request, health))
      return this.#answerHealth(connection, request.method === 'HEAD');
    const { peer, reached } = connection.arrival;
    const verdict = checkHandshake(
      {
        method: request.method ?? '',
        target: request.url ?? '',
        httpVersion: request.httpVersion,
        rawHeaders: request.rawHeaders,
        earlyBytes: connection.earlyBytes,
        tls: this.#tls !== undefined,
        peerAddress: peer.address,
      },
      this.#rules,
    );
    const head = request.method === 'HEAD';
    if (!verdict.accept) return this.#refuse(connection, verdict.outcome, verdict, head);
    // With a body Node may hand over a stream that is not the socket; the body rule has refused those, and
    // whatever else is not a bare socket after a good verdict is nothing that can be carried.
    if (!upgrade || stream !== socket) return this.#refuse(connection, 'upgrade', verdict, head);
    if (!(socket instanceof Socket) || !socket.writable || !socket.readable) {
      return this.#refuse(connection, 'client_abort', verdict, head);
    }
    connection.judged = true;
    socket.off('data', connection.onData);
    this.#pending.delete(connection);
    const timeLeftMs = this.#limits.handshakeMs - (performance.now() - connection.acceptedAtMs);
    const observer: OpeningObserver = {
      onOutcome: (outcome, seconds, facts) => {
        if (outcome === 'accepted') this.#forget(connection);
        else this.#countAnswer(outcome);
        if (outcome !== 'accepted' && !socket.destroyed) this.#pending.answered(connection);
        this.#observer.onOutcome(outcome, seconds, facts);
      },
    };
    this.#observer.onOpening(
      new Opening(
        request,
        {
          clientAddress: verdict.clientAddress,
          origin: verdict.origin,
          secure: verdict.secure,
          route: verdict.route,
          clientPort: peer.port || (socket.remotePort ?? 0),
          reached,
        },
        connection.acceptedAtMs,
        Math.max(0, timeLeftMs),
        observer,
      ),
    );
  }

  /** No handshake: nothing of it is logged, or counted as an outcome. */
  #answerHealth(connection: PendingConnection, head: boolean): void {
    const ready = this.#observer.isReady();
    connection.judged = true;
    answerWith(connection.socket, healthResponse(ready, head));
    this.#pending.answered(connection);
    this.#observer.onHttpAnswer(ready ? 200 : 503);
  }

  #onClientError(error: NodeJS.ErrnoException, socket: Socket): void {
    const connection = this.#bySocket.get(socket);
    // A reset leaves nobody to answer.
    if (connection === undefined || error.code?.startsWith('HPE_') !== true || !socket.writable) {
      socket.destroy();
      return;
    }
    this.#refuse(connection, 'bad_request');
  }

  #refuse(
    connection: PendingConnection,
    outcome: Refusal,
    facts: Partial<OpeningFacts> = {},
    head = false,
  ): void {
    const { socket } = connection;
    if (connection.judged) return;
    connection.judged = true;
    const seconds = (performance.now() - connection.acceptedAtMs) / 1000;
    // A client that waits for TLS could not read an answer.
    if (this.#tls !== undefined && !(socket instanceof TLSSocket)) socket.destroy();
    else {
      answer(socket, outcome, { head });
      this.#countAnswer(outcome);
      this.#pending.answered(connection);
    }
    const clientAddress = connection.arrival.peer.address;
    this.#observer.onOutcome(outcome, seconds, { clientAddress, origin: undefined, ...facts });
  }

  /** Nothing of a handshake survives its 101. */
  #forget({ accepted, socket, onClose }: PendingConnection): void {
    accepted.off('close', onClose);
    this.#bySocket.delete(accepted);
    this.#bySocket.delete(socket);
  }

  #countAnswer(outcome: Refusal): void {
    const { status } = HANDSHAKE_OUTCOMES[outcome];
    if (status !== 0) this.#observer.onHttpAnswer(status);
  }
}

function ignore(): void {}

const NOTHING = Buffer.alloc(0);

const keyOf = ({ remoteAddress, remotePort, localAddress }: Socket): string =>
  `${remoteAddress} ${remotePort} ${localAddress}`;

/** A peer in a link-local network may be reported with its interface: fe80::1%eth0. */
function withoutZone(address: string): string {
  const zone = address.indexOf('%');
  return zone === -1 ? address : address.slice(0, zone);
}

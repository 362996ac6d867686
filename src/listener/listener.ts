import type { IncomingMessage } from 'node:http';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { TLSSocket, type TlsOptions } from 'node:tls';
import type { ListenAddress } from '../config/config.ts';
import type { HandshakeOutcome, Refusal } from '../handshake-outcome.ts';
import { NO_MARKS } from '../handshake-steps.ts';
import type { HeadLimits } from '../net/http-head.ts';
import type { TrustedProxies } from '../net/networks.ts';
import type { Endpoint } from '../net/proxy-protocol.ts';
import { answer, answerWith } from './answer.ts';
import { addressKey } from './client-address.ts';
import { checkExplanation } from './explanation.ts';
import { preflightResponse, statusOf } from './explanation-answer.ts';
import { checkHandshake, type HandshakeRequest, type HandshakeRules } from './handshake.ts';
import { healthResponse, isHealthCheck } from './health-answer.ts';
import { OneHeadParser } from './one-head.ts';
import { type DropReason, PendingConnections, type PendingLimits } from './pending.ts';
import { PendingConnection } from './pending-connection.ts';
import { type HandshakeFacts, type HandshakeObserver, PendingHandshake } from './pending-handshake.ts';
import { takeProxyHeader } from './proxy-header.ts';
import { TlsHandshakes } from './tls-handshakes.ts';
import type { TlsOutcome } from './tls-outcome.ts';

const BACKLOG = 1024;

export type ListenerObserver = HandshakeObserver & {
  /** A handshake passed the rules, and waits for its answer. */
  onHandshake(pending: PendingHandshake): void;
  /** For the health answer: new sessions are welcome. */
  isReady(): boolean;
  /** A page has the answer to what an upgrade would be answered; this is no handshake. */
  onExplained(outcome: HandshakeOutcome): void;
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
 *  accept ─▶ pending ─▶ PROXY header ─▶ TLS ─▶ one head ─▶ rules ─▶ PendingHandshake
 *            (oldest first, one deadline)      (Node's HTTP parser)
 * ```
 */
export class Listener {
  readonly #server: Server;
  /** undefined: in clear. */
  readonly #tls: TlsHandshakes | undefined;
  readonly #heads: OneHeadParser;
  #rules: HandshakeRules;
  /** Whose connections must begin with a PROXY header. */
  #proxies: TrustedProxies;
  #limits: ListenerLimits;
  readonly #observer: ListenerObserver;
  readonly #pending: PendingConnections;

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
    this.#tls =
      tls &&
      new TlsHandshakes(tls, {
        onOutcome: (outcome) => observer.onTlsHandshake(outcome),
        onSecure: (connection) => {
          this.#heads.read(connection, this.#limits.head, NOTHING);
          this.#pending.endTls(connection);
        },
      });
    this.#heads = new OneHeadParser({
      onRequest: (connection, request, upgrade) => this.#onRequest(connection, request, upgrade),
      onRefused: (connection, breach) => this.#refuse(connection, breach),
    });
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
    this.#tls?.present(tls);
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
      this.#tls?.delete(connection);
    });
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
    if (this.#tls === undefined) return this.#heads.read(connection, this.#limits.head, rest);
    this.#pending.beginTls(connection);
    this.#tls.begin(connection, rest);
  }

  #onRequest(connection: PendingConnection, request: IncomingMessage, upgrade: boolean): void {
    const { socket } = connection;
    const { health } = this.#rules;
    const isHead = request.method === 'HEAD';
    if (health !== undefined && isHealthCheck(request, health)) return this.#answerHealth(connection, isHead);
    const { peer } = connection;
    const asked = {
      method: request.method ?? '',
      target: request.url ?? '',
      httpVersion: request.httpVersion,
      rawHeaders: request.rawHeaders,
      earlyBytes: connection.earlyBytes,
      tls: this.#tls !== undefined,
      peerAddress: peer.address,
    };
    const verdict = checkHandshake(asked, this.#rules);
    if (!verdict.accept && this.#explains(connection, request, asked)) return;
    if (!verdict.accept) return this.#refuse(connection, verdict.outcome, verdict, isHead);
    if (!upgrade) return this.#refuse(connection, 'upgrade', verdict, isHead);
    if (!socket.writable || !socket.readable)
      return this.#refuse(connection, 'client_abort', verdict, isHead);
    const { clientAddress, origin, secure, route } = verdict;
    const clientPort = peer.port || (socket.remotePort ?? 0);
    const reached = (): Endpoint => connection.reached;
    this.#handOn(connection, request, { clientAddress, origin, secure, route, clientPort, reached });
  }

  /** True: the request only asks what an upgrade would be answered, and gets that. */
  #explains(connection: PendingConnection, request: IncomingMessage, asked: HandshakeRequest): boolean {
    const found = checkExplanation(asked, this.#rules);
    if (found === undefined || !connection.socket.writable) return false;
    const { isPreflight, origin, ...facts } = found;
    if (isPreflight) this.#answerAtOnce(connection, preflightResponse(origin), 204);
    else this.#handOn(connection, request, { ...facts, origin, asks: { origin } });
    return true;
  }

  /** The socket belongs to the handshake from now on, unless that is refused. */
  #handOn(connection: PendingConnection, request: IncomingMessage, handshake: HandshakeFacts): void {
    const { socket, acceptedAtMs } = connection;
    connection.judged = true;
    socket.off('data', connection.onData);
    connection.onData = ignore;
    this.#pending.delete(connection);
    const timeLeftMs = Math.max(0, this.#limits.handshakeMs - (performance.now() - acceptedAtMs));
    const observer: HandshakeObserver = {
      onOutcome: (outcome, seconds, facts, marks) => {
        const isAnswered = outcome !== 'accepted' || facts.asks !== undefined;
        if (isAnswered) this.#countAnswer(outcome);
        else this.#forget(connection);
        if (isAnswered && !socket.destroyed) this.#pending.answered(connection);
        if (facts.asks === undefined) this.#observer.onOutcome(outcome, seconds, facts, marks);
        else this.#observer.onExplained(outcome);
      },
    };
    this.#observer.onHandshake(new PendingHandshake(request, handshake, acceptedAtMs, timeLeftMs, observer));
  }

  /** No handshake: nothing of it is logged, or counted as an outcome. */
  #answerHealth(connection: PendingConnection, head: boolean): void {
    const ready = this.#observer.isReady();
    this.#answerAtOnce(connection, healthResponse(ready, head), ready ? 200 : 503);
  }

  #answerAtOnce(connection: PendingConnection, response: Buffer, status: number): void {
    connection.judged = true;
    answerWith(connection.socket, response);
    this.#pending.answered(connection);
    this.#observer.onHttpAnswer(status);
  }

  #refuse(
    connection: PendingConnection,
    outcome: Refusal,
    facts: Partial<HandshakeFacts> = {},
    isHead = false,
  ): void {
    const { socket } = connection;
    if (connection.judged) return;
    connection.judged = true;
    const seconds = (performance.now() - connection.acceptedAtMs) / 1000;
    // A client that waits for TLS could not read an answer.
    if (this.#tls !== undefined && !(socket instanceof TLSSocket)) socket.destroy();
    else {
      answer(socket, outcome, { head: isHead });
      this.#countAnswer(outcome);
      this.#pending.answered(connection);
    }
    const clientAddress = connection.peer.address;
    const known = { clientAddress, origin: undefined, ...facts };
    this.#observer.onOutcome(outcome, seconds, known, NO_MARKS);
  }

  /** Nothing of a handshake survives its 101. */
  #forget(connection: PendingConnection): void {
    connection.accepted.off('close', connection.onClose);
    this.#heads.forget(connection);
  }

  /** 101 is none. */
  #countAnswer(outcome: HandshakeOutcome): void {
    const status = statusOf(outcome);
    if (status !== 0) this.#observer.onHttpAnswer(status);
  }
}

function ignore(): void {}

const NOTHING = Buffer.alloc(0);

/** A peer in a link-local network may be reported with its interface: fe80::1%eth0. */
function withoutZone(address: string): string {
  const zone = address.indexOf('%');
  return zone === -1 ? address : address.slice(0, zone);
}

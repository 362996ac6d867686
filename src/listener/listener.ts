import {
  createServer as createHttpServer,
  type IncomingMessage,
  type Server,
  type ServerOptions,
} from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { type AddressInfo, Socket } from 'node:net';
import { type TLSSocket, type TlsOptions, Server as TlsServer } from 'node:tls';
import { HANDSHAKE_OUTCOMES, type Refusal } from '../close-reason.ts';
import type { ListenAddress } from '../config/config.ts';
import type { TrustedProxies } from '../net/networks.ts';
import { answer, isAnswered } from './answer.ts';
import { type HandshakeRules, judgeHandshake } from './handshake.ts';
import { Opening, type OpeningFacts, type OpeningObserver } from './opening.ts';
import { ProxyGate } from './proxy-gate.ts';

export const MAX_HEAD_BYTES = 8 * 1024;
const BACKLOG = 1024;
/** Node enforces its header deadline only at this grain. */
const DEADLINE_CHECK_MS = 1000;

export const TLS_OUTCOMES = ['ok', 'no_cert', 'bad_cert', 'protocol', 'timeout', 'other'] as const;
export type TlsOutcome = (typeof TLS_OUTCOMES)[number];

export type ListenerObserver = OpeningObserver & {
  /** A handshake passed the rules; it is answered through the opening, sooner or later. */
  onOpening(opening: Opening): void;
  /** An HTTP answer other than 101. */
  onHttpAnswer(status: number): void;
  onTlsHandshake(outcome: TlsOutcome): void;
  /** More connections than the last fence lets in; this one was closed without a word. */
  onDropped(): void;
};

export type ListenerLimits = { readonly handshakeMs: number; readonly maxConnections: number };

/**
 * The public port: an HTTP or HTTPS server that answers everything by itself but for opening handshakes which
 * pass the rules. Every answer but 101 is a constant text, closes the connection, and is its last.
 */
export class Listener {
  readonly #server: Server;
  #rules: HandshakeRules;
  readonly #observer: ListenerObserver;
  #handshakeMs: number;
  /** When each connection came; the handshake deadline counts from there. */
  readonly #acceptedAtMs = new WeakMap<Socket, number>();
  readonly #secure: boolean;
  readonly #gate: ProxyGate;

  /**
   * With `tls` an HTTPS server. `proxies`: whose connections must begin with a PROXY header.
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
    const options: ServerOptions = {
      maxHeaderSize: MAX_HEAD_BYTES,
      headersTimeout: limits.handshakeMs,
      requestTimeout: limits.handshakeMs,
      connectionsCheckingInterval: Math.min(DEADLINE_CHECK_MS, limits.handshakeMs),
      // The rules answer a missing Host themselves, with their own words.
      requireHostHeader: false,
      // With 1 byte, `drain` is certain whenever the kernel did not take all of a write (buffer-pool.ts).
      highWaterMark: 1,
      // No TCP keepalive: WebSocket pings do its work, and its four system calls are 3 % of a handshake.
      noDelay: true,
    };
    const secure = tls !== undefined;
    const server = secure ? createHttpsServer({ ...options, ...tls }) : createHttpServer(options);
    server.maxConnections = limits.maxConnections;
    // No silent cut: the 8 KiB bound the number of lines, and the rules count them.
    server.maxHeadersCount = 0;
    this.#server = server;
    this.#secure = secure;
    this.#rules = rules;
    this.#handshakeMs = limits.handshakeMs;
    this.#observer = observer;
    this.#gate = new ProxyGate(server, {
      networks: proxies,
      secure,
      onRefused: (socket, cause) => this.#onNoProxyHeader(socket, cause),
    });
    server.on(secure ? 'secureConnection' : 'connection', (socket: Socket) => this.#onConnection(socket));
    server.on('upgrade', (request, stream, head) => this.#onRequest(request, stream, head.length, true));
    server.on('request', (request) => this.#onRequest(request, request.socket, 0, false));
    server.on('checkContinue', (request) => this.#onRequest(request, request.socket, 0, false));
    server.on('checkExpectation', (request) => this.#onRequest(request, request.socket, 0, false));
    server.on('connect', (request, stream) => this.#onRequest(request, stream, 0, false));
    server.on('clientError', (error: NodeJS.ErrnoException, socket) =>
      this.#onClientError(error, socket as Socket),
    );
    server.on('tlsClientError', (error: NodeJS.ErrnoException, socket: TLSSocket) =>
      observer.onTlsHandshake(tlsOutcome(error, socket)),
    );
    server.on('drop', () => observer.onDropped());
  }

  /** Resolves with the address that the system gave. @throws the system's error, for instance EADDRINUSE. */
  listen(address: ListenAddress): Promise<ListenAddress> {
    const { promise, resolve, reject } = Promise.withResolvers<ListenAddress>();
    this.#server.once('error', reject);
    this.#server.listen({ host: address.host, port: address.port, backlog: BACKLOG }, () => {
      this.#server.off('error', reject);
      const bound = this.#server.address() as AddressInfo;
      resolve({ host: bound.address, port: bound.port });
    });
    return promise;
  }

  /** Other rules and limits from the next request on, other proxies from the next connection on. The deadline of TLS itself stays: Node sets it only once. */
  configure(rules: HandshakeRules, proxies: TrustedProxies, limits: ListenerLimits): void {
    this.#rules = rules;
    this.#gate.networks = proxies;
    this.#handshakeMs = limits.handshakeMs;
    this.#server.headersTimeout = limits.handshakeMs;
    this.#server.requestTimeout = limits.handshakeMs;
    this.#server.maxConnections = limits.maxConnections;
  }

  /** Another certificate from the next connection on. @throws when it does not fit its key; the old one then stays. */
  present(tls: TlsOptions): void {
    if (this.#server instanceof TlsServer) this.#server.setSecureContext(tls);
  }

  /** Stops listening and drops connections that are no sessions yet. Sessions are not touched. */
  async close(): Promise<void> {
    // Its callback would wait for upgraded sockets too, and those are the live set's to end.
    this.#server.close();
    this.#gate.close();
    this.#server.closeAllConnections();
  }

  #onConnection(socket: Socket): void {
    this.#acceptedAtMs.set(socket, performance.now());
    if (!this.#secure) return;
    this.#gate.secured(socket);
    this.#observer.onTlsHandshake('ok');
  }

  #onRequest(request: IncomingMessage, stream: unknown, earlyBytes: number, upgrade: boolean): void {
    const socket = request.socket;
    if (isAnswered(socket)) return;
    // A handshake that waits for its answer is upgraded, so a second request can only follow a plain one.
    const startedAtMs = this.#acceptedAtMs.get(socket) ?? performance.now();
    const { peer, reached, headerBytes } = this.#gate.arrival(socket);
    const verdict = judgeHandshake(
      {
        method: request.method ?? '',
        target: request.url ?? '',
        httpVersion: request.httpVersion,
        rawHeaders: request.rawHeaders,
        headBytes: headBytes(request, earlyBytes + (this.#secure ? 0 : headerBytes), upgrade),
        earlyBytes,
        tls: this.#secure,
        peerAddress: peer.address,
      },
      this.#rules,
    );
    const head = request.method === 'HEAD';
    if (!verdict.accept) return this.#refuse(socket, verdict.outcome, startedAtMs, verdict, head);
    // With a body Node may hand over a stream that is not the socket; the body rule has refused those, and
    // whatever else is not a bare socket after a good verdict is nothing that can be carried.
    if (!upgrade || stream !== socket) return this.#refuse(socket, 'upgrade', startedAtMs, verdict, head);
    if (!(socket instanceof Socket) || !socket.writable || !socket.readable) {
      return this.#refuse(socket, 'client_abort', startedAtMs, verdict, head);
    }
    this.#gate.forget(socket);
    const timeLeftMs = Math.max(0, this.#handshakeMs - (performance.now() - startedAtMs));
    const observer: OpeningObserver = {
      onOutcome: (outcome, seconds, facts) => {
        if (outcome !== 'accepted') this.#countAnswer(outcome);
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
        startedAtMs,
        timeLeftMs,
        observer,
      ),
    );
  }

  #onClientError(error: NodeJS.ErrnoException, socket: Socket): void {
    const outcome = parserOutcome(error);
    // A failed TLS handshake and a reset leave nobody to answer.
    if (outcome === undefined || !socket.writable || isAnswered(socket)) {
      socket.destroy();
      return;
    }
    const facts = { clientAddress: this.#gate.arrival(socket).peer.address, origin: undefined };
    this.#refuse(socket, outcome, this.#acceptedAtMs.get(socket) ?? performance.now(), facts, false);
  }

  #onNoProxyHeader(socket: Socket, cause: string): void {
    const facts = { clientAddress: socket.remoteAddress ?? '', origin: undefined, cause };
    const startedAtMs = this.#acceptedAtMs.get(socket) ?? performance.now();
    if (!this.#secure) return this.#refuse(socket, 'proxy_header', startedAtMs, facts, false);
    // Whoever waits for TLS could not read an answer.
    socket.destroy();
    this.#observer.onOutcome('proxy_header', (performance.now() - startedAtMs) / 1000, facts);
  }

  #refuse(socket: Socket, outcome: Refusal, startedAtMs: number, facts: OpeningFacts, head: boolean): void {
    answer(socket, outcome, { head });
    this.#countAnswer(outcome);
    this.#observer.onOutcome(outcome, (performance.now() - startedAtMs) / 1000, facts);
  }

  #countAnswer(outcome: Refusal): void {
    const { status } = HANDSHAKE_OUTCOMES[outcome];
    if (status !== 0) this.#observer.onHttpAnswer(status);
  }
}

/**
 * Bytes of the request head. On an upgrade the socket's own count (over TLS of what was decrypted) is exact, less
 * what was no part of the head, and includes what came before the request line; elsewhere bodies and further requests may have been read with it,
 * so the lines are added up.
 */
function headBytes(request: IncomingMessage, otherBytes: number, upgrade: boolean): number {
  if (upgrade) return request.socket.bytesRead - otherBytes;
  // `METHOD target HTTP/1.1` CR LF, then `name: value` CR LF each, then CR LF.
  let bytes = (request.method?.length ?? 0) + (request.url?.length ?? 0) + 14;
  for (let index = 0; index < request.rawHeaders.length; index += 2) {
    bytes += (request.rawHeaders[index]?.length ?? 0) + (request.rawHeaders[index + 1]?.length ?? 0) + 4;
  }
  return bytes;
}

function parserOutcome(error: NodeJS.ErrnoException): Refusal | undefined {
  if (error.code === 'ERR_HTTP_REQUEST_TIMEOUT') return 'timeout';
  if (error.code === 'HPE_HEADER_OVERFLOW') return 'header_too_large';
  return error.code?.startsWith('HPE_') === true ? 'bad_request' : undefined;
}

function tlsOutcome(error: NodeJS.ErrnoException, socket: TLSSocket): TlsOutcome {
  const code = error.code ?? '';
  // A certificate that another CA signed: Node hangs up by itself and reports a reset.
  if (socket.authorizationError) return 'bad_cert';
  if (code === 'ERR_TLS_HANDSHAKE_TIMEOUT') return 'timeout';
  if (code === 'ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE') return 'no_cert';
  if (code.includes('CERT')) return 'bad_cert';
  return code.startsWith('ERR_SSL_') ? 'protocol' : 'other';
}

import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { Socket } from 'node:net';
import { type HeadBreach, type HeadLimits, HeadMeter } from '../net/http-head.ts';
import type { PendingConnection } from './pending-connection.ts';

/** Above any limit of ours: those are kept before the parser. */
const PARSER_HEAD_BYTES = 128 * 1024;

export type HeadOwner = {
  /** `upgrade`: Node takes it for one, and has let go of the socket. */
  onRequest(connection: PendingConnection, request: IncomingMessage, upgrade: boolean): void;
  /** The head is over a limit, or the parser does not take it for one. */
  onRefused(connection: PendingConnection, breach: HeadBreach): void;
};

/**
 * Node's HTTP parser, which gets one head of each connection and not a byte more: it would parse and keep whatever a
 * client sends after its first request, at a hundred times the size.
 */
export class OneHeadParser {
  /** Never listens: it is given connections. */
  readonly #http: Server;
  readonly #owner: HeadOwner;
  readonly #bySocket = new WeakMap<Socket, PendingConnection>();

  constructor(owner: HeadOwner) {
    this.#owner = owner;
    // The rules answer a missing Host themselves, with their own words.
    this.#http = createServer({ maxHeaderSize: PARSER_HEAD_BYTES, requireHostHeader: false });
    // No silent cut: the lines are counted before the parser.
    this.#http.maxHeadersCount = 0;
    const onRequest = (request: IncomingMessage): void => this.#onRequest(request, false);
    this.#http
      .on('upgrade', (request, stream) => {
        // With a body it is a stream of Node's own, which fails when the socket has ended before it. The body rule
        // refuses those; what else is not the bare socket cannot be carried.
        if (stream !== request.socket) stream.on('error', ignore);
        this.#onRequest(request, stream === request.socket);
      })
      .on('request', onRequest)
      .on('checkContinue', onRequest)
      .on('checkExpectation', onRequest)
      .on('connect', onRequest)
      .on('clientError', (error: NodeJS.ErrnoException, socket) => this.#onError(error, socket as Socket));
  }

  /** Reads the head of `connection`, of which `rest` was read before. */
  read(connection: PendingConnection, limits: HeadLimits, rest: Buffer): void {
    const { socket } = connection;
    this.#bySocket.set(socket, connection);
    this.#http.emit('connection', socket);
    // The server's own listener; by ours it learns that it must not read the connection's handle by itself.
    const parse = socket.listeners('data').at(-1) as (this: Socket, chunk: Buffer) => void;
    socket.off('data', parse);
    const meter = new HeadMeter(limits);
    connection.onData = (chunk) => {
      const length = meter.read(chunk);
      connection.earlyBytes = chunk.length - length;
      if (length > 0) parse.call(socket, length === chunk.length ? chunk : chunk.subarray(0, length));
      if (connection.judged || socket.destroyed) return;
      if (meter.breach !== undefined) this.#owner.onRefused(connection, meter.breach);
      else if (meter.ended) this.#owner.onRefused(connection, 'bad_request');
    };
    socket.on('data', connection.onData);
    if (rest.length > 0) connection.onData(rest);
    socket.resume();
  }

  forget({ socket }: PendingConnection): void {
    this.#bySocket.delete(socket);
  }

  #onRequest(request: IncomingMessage, upgrade: boolean): void {
    const connection = this.#bySocket.get(request.socket);
    if (connection !== undefined && !connection.judged) this.#owner.onRequest(connection, request, upgrade);
  }

  #onError(error: NodeJS.ErrnoException, socket: Socket): void {
    const connection = this.#bySocket.get(socket);
    // A reset leaves nobody to answer.
    if (connection === undefined || error.code?.startsWith('HPE_') !== true || !socket.writable)
      socket.destroy();
    else this.#owner.onRefused(connection, 'bad_request');
  }
}

function ignore(): void {}

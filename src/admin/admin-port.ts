import {
  createServer as createHttpServer,
  type Server as HttpServer,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import type { ListenAddress } from '../config/config.ts';
import {
  ADMIN_DROP_REASONS,
  AdminConnection,
  type AdminDeadlines,
  type AdminDropReason,
  type AdminPhase,
  DEADLINES,
  MAX_BODY_BYTES,
} from './admin-connection.ts';

/** Connections of the admin port at a time, each one descriptor. */
export const ADMIN_CONNECTIONS = 40;
/** Of those, answers that may take long. The other places are for probes and for requests on their way. */
const LONG_ANSWERS = 32;

/** Who goes first when another one comes, the oldest of each: who has its answer, then who has sent no whole request. */
const GIVES_WAY: Readonly<Record<AdminPhase, number>> = {
  lingering: 0,
  silent: 1,
  request: 1,
  brief: 2,
  answering: 3,
};

/**
 * Listens, keeps the places, and brings each connection's one request. A connection more than there are places takes
 * the place of another: of the client address that has the most, and there of the oldest without a request. So no number
 * of silent or slow connections of one client keeps a probe of another away.
 */
export class AdminPort {
  readonly #server: Server;
  /** Parses and answers; it never listens itself. */
  readonly #http: HttpServer;
  readonly #deadlines: AdminDeadlines;
  /** Oldest first. */
  readonly #connections = new Set<AdminConnection>();
  readonly drops = Object.fromEntries(ADMIN_DROP_REASONS.map((reason) => [reason, 0])) as Record<
    AdminDropReason,
    number
  >;

  constructor(
    onRequest: (request: IncomingMessage, response: ServerResponse, place: AdminPlace) => void,
    deadlines: AdminDeadlines = DEADLINES,
  ) {
    this.#deadlines = deadlines;
    this.#http = createHttpServer({
      // The connection has measured the head, and keeps the deadlines.
      maxHeaderSize: 64 * 1024,
      headersTimeout: 0,
      requestTimeout: 0,
    });
    this.#http.on('request', (request: IncomingMessage, response: ServerResponse) => {
      const connection = request.socket as unknown as AdminConnection;
      connection.expectBody(isBodyFitting(request) ? declaredBytes(request) : 0);
      onRequest(request, response, { take: () => this.#takePlace(connection) });
    });
    this.#http.on('connect', (request: IncomingMessage) => asConnection(request.socket).refuse(405));
    // Node's own answer would leave the connection open.
    this.#http.on('checkExpectation', (request) => asConnection(request.socket).refuse(417));
    this.#http.on('clientError', (_error, socket) => asConnection(socket as Socket).refuse(400));
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => this.#accept(socket));
  }

  /** Resolves with the address that the system gave. @throws the system's error. */
  listen(address: ListenAddress): Promise<ListenAddress> {
    const { promise, resolve, reject } = Promise.withResolvers<ListenAddress>();
    this.#server.once('error', reject);
    this.#server.listen({ host: address.host, port: address.port }, () => {
      this.#server.off('error', reject);
      const bound = this.#server.address() as AddressInfo;
      resolve({ host: bound.address, port: bound.port });
    });
    return promise;
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const connection of this.#connections) connection.destroy();
    await closed;
  }

  #accept(socket: Socket): void {
    if (this.#connections.size >= ADMIN_CONNECTIONS) this.#makeRoom();
    const observer = {
      onHead: (whole: AdminConnection) => void this.#http.emit('connection', whole),
      onDropped: (reason: AdminDropReason) => this.drops[reason]++,
    };
    const connection = new AdminConnection(socket, observer, this.#deadlines);
    this.#connections.add(connection);
    connection.once('close', () => this.#connections.delete(connection));
  }

  /** Long answers have fewer places than there are, so there always is one that can go. */
  #makeRoom(): void {
    const others = [...this.#connections].filter(({ phase }) => phase !== 'answering');
    this.#dropOne(others, 'crowded');
  }

  #takePlace(connection: AdminConnection): boolean {
    const answering = [...this.#connections].filter(({ phase }) => phase === 'answering');
    const isFull = answering.length >= LONG_ANSWERS;
    if (
      isFull &&
      !this.#dropOne(
        answering.filter(({ isStalled }) => isStalled),
        'slow_reader',
      )
    ) {
      this.drops.busy++;
      return false;
    }
    connection.phase = 'answering';
    return true;
  }

  /** False: there is none. */
  #dropOne(candidates: readonly AdminConnection[], reason: AdminDropReason): boolean {
    const byClient = Map.groupBy(candidates, ({ remoteAddress }) => remoteAddress);
    const most = [...byClient.values()].reduce(
      (found, ones) => (ones.length > found.length ? ones : found),
      [] as AdminConnection[],
    );
    const [first] = most.toSorted((a, b) => GIVES_WAY[a.phase] - GIVES_WAY[b.phase]);
    if (first === undefined) return false;
    this.#connections.delete(first);
    first.abandon(reason);
    return true;
  }
}

export type AdminPlace = {
  /** Takes a place for a long answer; it is given back with the connection. False: all are taken. */
  take(): boolean;
};

const asConnection = (socket: Socket): AdminConnection => socket as unknown as AdminConnection;

const declaredBytes = (request: IncomingMessage): number => Number(request.headers['content-length'] ?? 0);

/** A body whose length is declared, and no larger than this port takes. */
export const isBodyFitting = (request: IncomingMessage): boolean =>
  request.headers['transfer-encoding'] === undefined && declaredBytes(request) <= MAX_BODY_BYTES;

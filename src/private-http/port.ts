import {
  createServer as createHttpServer,
  type Server as HttpServer,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import type { ListenAddress } from '../config/config.ts';
import {
  Connection,
  DEADLINES,
  type Deadlines,
  DROP_REASONS,
  type DropReason,
  declaredBytes,
  isBodyFitting,
  isLong,
  type LongPhase,
  type Phase,
} from './connection.ts';
import type { TlsSide } from './tls-side.ts';

/** Places that no answer which may take long can have: they are for probes and for requests on their way. */
const BRIEF_PLACES = 8;

/**
 * Places of streams, which last: beside those, so that no number of pages keeps a scraper away. `streaming` are for what
 * each page follows, `watching` for what some of them look at.
 */
export const STREAM_PLACES = 8;
export const WATCH_PLACES = 16;

/** Who goes first when another one comes, the oldest of each: who has its answer, then who has sent no whole request. */
const GIVES_WAY: Readonly<Record<Phase, number>> = {
  lingering: 0,
  silent: 1,
  request: 1,
  brief: 2,
  answering: 3,
  streaming: 3,
  watching: 3,
};

/**
 * Listens, keeps the places, and brings each connection's one request. A connection more than there are places takes
 * the place of another: of the client address that has the most, and there of the oldest without a request. So no number
 * of silent or slow connections of one client keeps a probe of another away.
 */
export class PrivatePort {
  readonly #server: Server;
  /** Parses and answers; it never listens itself. */
  readonly #http: HttpServer;
  readonly #maxConnections: number;
  readonly #tls: TlsSide | undefined;
  readonly #deadlines: Deadlines;
  /** Oldest first. */
  readonly #connections = new Set<Connection>();
  readonly drops = Object.fromEntries(DROP_REASONS.map((reason) => [reason, 0])) as Record<
    DropReason,
    number
  >;

  /** `maxConnections`: each is one descriptor. */
  constructor(
    onRequest: (request: IncomingMessage, response: ServerResponse, takePlace: TakePlace) => void,
    maxConnections: number,
    tls: TlsSide | undefined,
    deadlines: Deadlines = DEADLINES,
  ) {
    this.#maxConnections = maxConnections;
    this.#tls = tls;
    this.#deadlines = deadlines;
    this.#http = createHttpServer({
      // The connection has measured the head, and keeps the deadlines.
      maxHeaderSize: 64 * 1024,
      headersTimeout: 0,
      requestTimeout: 0,
    });
    this.#http.on('request', (request: IncomingMessage, response: ServerResponse) => {
      const connection = request.socket as unknown as Connection;
      // A handler that waited for a slow body would keep its place from those who have sent theirs.
      connection.expectBody(isBodyFitting(request) ? declaredBytes(request) : 0, () =>
        onRequest(request, response, (phase) => this.#takePlace(connection, phase)),
      );
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
    if (this.#connections.size >= this.#maxConnections) this.#makeRoom();
    const observer = {
      onHead: (whole: Connection) => void this.#http.emit('connection', whole),
      onDropped: (reason: DropReason) => this.drops[reason]++,
    };
    const connection = new Connection(this.#tls?.over(socket) ?? socket, observer, this.#deadlines);
    this.#connections.add(connection);
    connection.once('close', () => this.#connections.delete(connection));
  }

  /** Long answers and streams have fewer places than there are, so there always is one that can go. */
  #makeRoom(): void {
    const others = [...this.#connections].filter(({ phase }) => !isLong(phase));
    this.#dropOne(others, 'crowded');
  }

  /** A place for a long answer; it is given back with the connection. False: all are taken. */
  #takePlace(connection: Connection, wanted: LongPhase): boolean {
    const places = {
      streaming: STREAM_PLACES,
      watching: WATCH_PLACES,
      answering: this.#maxConnections - BRIEF_PLACES - STREAM_PLACES - WATCH_PLACES,
    }[wanted];
    const others = [...this.#connections].filter(({ phase }) => phase === wanted);
    if (
      others.length >= places &&
      !this.#dropOne(
        others.filter(({ isStalled }) => isStalled),
        'slow_reader',
      )
    ) {
      this.drops.busy++;
      return false;
    }
    connection.begin(wanted);
    return true;
  }

  /** False: there is none. */
  #dropOne(candidates: readonly Connection[], reason: DropReason): boolean {
    const byClient = Map.groupBy(candidates, ({ remoteAddress }) => remoteAddress);
    const most = [...byClient.values()].reduce(
      (found, ones) => (ones.length > found.length ? ones : found),
      [] as Connection[],
    );
    const [first] = most.toSorted((a, b) => GIVES_WAY[a.phase] - GIVES_WAY[b.phase]);
    if (first === undefined) return false;
    this.#connections.delete(first);
    first.abandon(reason);
    return true;
  }
}

type TakePlace = (phase: LongPhase) => boolean;

const asConnection = (socket: Socket): Connection => socket as unknown as Connection;

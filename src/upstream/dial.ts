import { connect, type NetConnectOpts, type Socket } from 'node:net';
import type { BufferPool } from '../buffer-pool.ts';
import type { UpstreamServer } from '../config/config.ts';
import { MAX_INFO_BYTES, readFirstLine, type ServerInfo } from '../nats/info.ts';

/** A server and the address of it to connect to; its host stays the name by which it is known. */
export type DialTarget = UpstreamServer & { readonly address: string };

/** A connection to a nats-server that has spoken. The socket is paused and owned by whoever dialled. */
export type Upstream = {
  readonly socket: Socket;
  readonly server: UpstreamServer;
  /** The first whole INFO line, LF included, as it arrived. */
  readonly infoLine: Buffer;
  /** What had come behind it. */
  readonly rest: Buffer;
  readonly info: ServerInfo;
  readonly reads: Reads;
};

/** Where the reads of one connection go, and all that its socket keeps of the dial. The socket has no 'data' events. */
export type Reads = {
  /** To be set before the socket is resumed. The chunk lies in the pool's receive area, valid during the call. */
  onBytes: (chunk: Buffer) => void;
};

export const DIAL_FAILURES = [
  'upstream_refused',
  'upstream_not_nats',
  'upstream_error',
  'upstream_tls_required',
  'upstream_timeout',
] as const;
export type DialFailure = (typeof DIAL_FAILURES)[number];

/** What became of one TCP connect: label values of natsgate_upstream_connects_total. */
export const CONNECT_OUTCOMES = ['ok', 'refused', 'timeout', 'dns', 'reset', 'unreachable', 'other'] as const;
export type ConnectOutcome = (typeof CONNECT_OUTCOMES)[number];

export class DialError extends Error {
  override readonly name = 'DialError';
  readonly outcome: DialFailure;
  readonly server: UpstreamServer;

  constructor(outcome: DialFailure, server: UpstreamServer, message: string, cause?: unknown) {
    super(message, { cause });
    this.outcome = outcome;
    this.server = server;
  }
}

/** Told of each attempt, for the metrics. Seconds. */
export type DialObserver = {
  onConnect(outcome: ConnectOutcome, seconds: number): void;
  onFirstByte(seconds: number): void;
};

/** A full read fits one frame of the 16-bit length form; one byte more would make a second frame of that byte. */
const MAX_READ_BYTES = 65_535;

/** Node reads both; its types know neither together with the other. */
type ConnectOptions = NetConnectOpts & { readonly writableHighWaterMark: number };

/** Not a part of `attempt`, since what a socket refers to lives as long as its session. */
function open(server: DialTarget, pool: BufferPool, reads: Reads): Socket {
  const socket = connect({
    host: server.address,
    port: server.port,
    noDelay: true,
    keepAlive: true,
    keepAliveInitialDelay: 30_000,
    // With 1 byte, `drain` is certain whenever the kernel did not take all of a write (buffer-pool.ts).
    writableHighWaterMark: 1,
    onread: {
      buffer: pool.receive.subarray(0, MAX_READ_BYTES),
      callback: (length) => {
        reads.onBytes(pool.receive.subarray(0, length));
        pool.received(length);
        return true;
      },
    },
  } as ConnectOptions);
  // A socket may fail on its way out, or before its next owner listens; unheard, that would end the process.
  socket.on('error', ignore);
  return socket;
}

function ignore(): void {}

/**
 * Connects to one server, in at most `connectTimeoutMs`, and waits for its first INFO line, in at most
 * `dialTimeoutMs` in all.
 *
 * @throws DialError; the reason of `signal` when it aborts. No socket is left then.
 */
export function attempt(
  server: DialTarget,
  pool: BufferPool,
  connectTimeoutMs: number,
  dialTimeoutMs: number,
  signal: AbortSignal,
  observer: DialObserver,
): Promise<Upstream> {
  const { promise, resolve, reject } = Promise.withResolvers<Upstream>();
  const startMs = performance.now();
  const reads: Reads = { onBytes: (chunk) => onData(Buffer.from(chunk)) };
  const socket = open(server, pool, reads);
  let received: Buffer = Buffer.alloc(0);
  let connectedAtMs: number | undefined;

  const settle = (): void => {
    clearTimeout(connectTimer);
    clearTimeout(dialTimer);
    signal.removeEventListener('abort', onAbort);
    socket.off('connect', onConnect).off('end', onEnd).off('error', onError);
    reads.onBytes = ignore;
  };
  const fail = (error: unknown): void => {
    settle();
    socket.destroy();
    reject(error);
  };
  const failWith = (outcome: DialFailure, message: string, cause?: unknown): void =>
    fail(new DialError(outcome, server, `${server.name}: ${message}`, cause));
  const onAbort = (): void => fail(signal.reason);
  const onConnect = (): void => {
    clearTimeout(connectTimer);
    connectedAtMs = performance.now();
    observer.onConnect('ok', (connectedAtMs - startMs) / 1000);
  };
  const onData = (chunk: Buffer): void => {
    if (received.length === 0 && connectedAtMs !== undefined) {
      observer.onFirstByte((performance.now() - connectedAtMs) / 1000);
    }
    received = received.length === 0 ? chunk : Buffer.concat([received, chunk]);
    const line = readFirstLine(received.subarray(0, MAX_INFO_BYTES + 1));
    if (line.kind === 'incomplete') return;
    if (line.kind === 'not_nats')
      return failWith('upstream_not_nats', 'the first bytes are not a NATS INFO line');
    if (line.kind === 'error') return failWith('upstream_error', `answered -ERR ${line.text}`);
    if (line.info.tlsRequired) return failWith('upstream_tls_required', 'its INFO says tls_required');
    settle();
    socket.pause();
    resolve({
      socket,
      server,
      infoLine: received.subarray(0, line.length),
      rest: received.subarray(line.length),
      info: line.info,
      reads,
    });
  };
  const onEnd = (): void =>
    received.length === 0
      ? failWith('upstream_refused', 'closed the connection without a word')
      : failWith('upstream_not_nats', 'closed the connection inside its first line');
  const onError = (error: NodeJS.ErrnoException): void => {
    if (connectedAtMs === undefined)
      observer.onConnect(connectOutcome(error), (performance.now() - startMs) / 1000);
    failWith('upstream_refused', error.code ?? error.message, error);
  };
  const connectTimer = setTimeout(() => {
    observer.onConnect('timeout', (performance.now() - startMs) / 1000);
    failWith('upstream_timeout', `no TCP connection within ${Math.round(connectTimeoutMs)} ms`);
  }, connectTimeoutMs);
  const dialTimer = setTimeout(() => {
    failWith('upstream_timeout', `no INFO line within ${Math.round(dialTimeoutMs)} ms`);
  }, dialTimeoutMs);

  socket.on('connect', onConnect).on('end', onEnd).on('error', onError);
  if (signal.aborted) onAbort();
  else signal.addEventListener('abort', onAbort);
  return promise;
}

function connectOutcome(error: NodeJS.ErrnoException): ConnectOutcome {
  switch (error.code) {
    case 'ECONNREFUSED':
      return 'refused';
    case 'ETIMEDOUT':
      return 'timeout';
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
    case 'EAI_FAIL':
      return 'dns';
    case 'ECONNRESET':
    case 'EPIPE':
      return 'reset';
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
    case 'EADDRNOTAVAIL':
      return 'unreachable';
    default:
      return 'other';
  }
}

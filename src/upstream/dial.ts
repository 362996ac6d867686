import { Socket, type TcpNetConnectOpts } from 'node:net';
import type { BufferPool } from '../buffer-pool.ts';
import type { UpstreamServer } from '../config/config.ts';
import { MAX_INFO_BYTES, NO_INFO, readFirstLine, type ServerInfo } from '../nats/info.ts';
import { unsignable } from '../nats/proxy-signature.ts';
import { type ConnectOutcome, connectOutcome } from './connect-outcome.ts';
import { judgeClearInfo } from './judge-info.ts';
import { describeTlsFailure, startTls, type TlsClient } from './start-tls.ts';
import { UpstreamSocket } from './upstream-socket.ts';

/** A server and the address of it to connect to; its host stays the name by which it is known. */
export type DialTarget = UpstreamServer & { readonly address: string };

/** A connection to a nats-server that has spoken. The socket is paused and owned by whoever dialled. */
export type Upstream = {
  readonly socket: Socket;
  readonly server: DialTarget;
  /** The first whole INFO line, LF included, as it arrived. Of an opaque server, empty. */
  readonly infoLine: Buffer;
  /** What had come behind it. */
  readonly rest: Buffer;
  readonly info: ServerInfo;
  readonly reads: Reads;
};

/** Where the reads of one connection go, and all that its socket keeps of the dial. */
export type Reads = {
  /** To be set before the socket is resumed. The chunk may lie in the pool's receive area: valid during the call. */
  onBytes: (chunk: Buffer) => void;
};

export const DIAL_FAILURES = [
  'upstream_refused',
  'upstream_not_nats',
  'upstream_error',
  'upstream_tls_required',
  'upstream_not_trusting',
  'upstream_tls_unavailable',
  'upstream_tls_failed',
  'upstream_proxy_ignored',
  'upstream_timeout',
] as const;
export type DialFailure = (typeof DIAL_FAILURES)[number];

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

/** What an attempt needs beside the server and its deadlines. */
export type DialOptions = {
  readonly pool: BufferPool;
  readonly signal: AbortSignal;
  readonly observer: DialObserver;
  /** Undefined: in clear. */
  readonly tls: TlsClient | undefined;
  /** The first bytes of the connection, and whose address they tell (undefined: nobody's). */
  readonly proxy: { readonly header: Buffer; readonly address: string | undefined } | undefined;
  /** The server must take signatures of CONNECT (proxy_sig); one that does not know them would ignore ours. */
  readonly signs: boolean;
};

/** A full read fits one frame of the 16-bit length form; one byte more would make a second frame of that byte. */
const MAX_READ_BYTES = 65_535;

/** Node reads both; its types know neither together with the other. */
type ConnectOptions = TcpNetConnectOpts & { readonly writableHighWaterMark: number };

/** Not a part of `attempt`, since what a socket refers to lives as long as its session. */
function open(server: DialTarget, pool: BufferPool, reads: Reads, becomesTls: boolean): Socket {
  const options = {
    host: server.address,
    port: server.port,
    noDelay: true,
    // With 1 byte, `drain` is certain whenever the kernel did not take all of a write (buffer-pool.ts).
    writableHighWaterMark: 1,
    // A socket that reads into memory of ours cannot be handed to TLS.
    ...(becomesTls
      ? {}
      : {
          onread: {
            buffer: pool.receive.subarray(0, MAX_READ_BYTES),
            callback: (length: number) => {
              reads.onBytes(pool.receive.subarray(0, length));
              pool.received(length);
              return true;
            },
          },
        }),
  } as ConnectOptions;
  const socket = becomesTls ? new Socket(options) : new UpstreamSocket(options);
  socket.connect(options);
  if (becomesTls) readByEvents(socket, reads);
  // A socket may fail on its way out, or before its next owner listens; unheard, that would end the process.
  socket.on('error', ignore);
  return socket;
}

function readByEvents(socket: Socket, reads: Reads): void {
  socket.on('data', (chunk: Buffer) => reads.onBytes(chunk));
}

function ignore(): void {}

/**
 * Connects to one server, in at most `connectTimeoutMs`, and waits for its first INFO line, in at most
 * `dialTimeoutMs` in all.
 *
 * ```
 *  off         connect ─▶ [PROXY] ─▶ INFO ─────────────────▶ done
 *  after-info  connect ─▶ [PROXY] ─▶ INFO in clear ─▶ TLS ─▶ done
 *  first       connect ─▶ [PROXY] ─▶ TLS ─▶ INFO ──────────▶ done
 * ```
 *
 * An opaque server may be silent, and nothing is awaited from it: done once TCP stands, and TLS where it is first.
 *
 * @throws DialError; the reason of `options.signal` when it aborts. No socket is left then.
 */
export function attempt(
  server: DialTarget,
  connectTimeoutMs: number,
  dialTimeoutMs: number,
  options: DialOptions,
): Promise<Upstream> {
  const { pool, signal, observer, tls, proxy, signs } = options;
  const { promise, resolve, reject } = Promise.withResolvers<Upstream>();
  const startMs = performance.now();
  const reads: Reads = { onBytes: (chunk) => onData(Buffer.from(chunk)) };
  let socket = open(server, pool, reads, tls !== undefined);
  let awaited = INFO;
  let received: Buffer = Buffer.alloc(0);
  let connectedAtMs: number | undefined;
  let inTls = false;

  const unlisten = (): void => void socket.off('connect', onConnect).off('end', onEnd).off('error', onError);
  const settle = (): void => {
    clearTimeout(connectTimer);
    clearTimeout(dialTimer);
    signal.removeEventListener('abort', onAbort);
    unlisten();
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
  const done = (infoLine: Buffer, rest: Buffer, info: ServerInfo): void => {
    const problem = signs ? unsignable(info) : undefined;
    if (problem !== undefined) return failWith('upstream_not_trusting', problem);
    settle();
    socket.pause();
    resolve({ socket, server, infoLine, rest, info, reads });
  };
  const onConnect = (): void => {
    clearTimeout(connectTimer);
    connectedAtMs = performance.now();
    observer.onConnect('ok', (connectedAtMs - startMs) / 1000);
    // In front of everything, TLS included; nats-server waits for it before it answers a byte of ours.
    if (proxy !== undefined) socket.write(proxy.header);
    if (tls?.config.mode === 'first') secure(tls, false, standing);
    else if (server.opaque) standing();
  };
  const standing = (): void => {
    if (server.opaque) done(NOTHING, NOTHING, NO_INFO);
  };
  /** The clear socket is gone for us from here on: nothing of it is read, nothing is written to it. */
  const secure = (by: TlsClient, judgesUs: boolean, onSecure: () => void): void => {
    unlisten();
    socket.removeAllListeners('data');
    inTls = true;
    awaited = TLS_DONE;
    socket = startTls(socket, server, by, judgesUs, () => {
      awaited = INFO;
      onSecure();
    });
    readByEvents(socket, reads);
    socket.on('end', onEnd).on('error', onError);
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
    const { info } = line;
    const [infoLine, rest] = [received.subarray(0, line.length), received.subarray(line.length)];
    if (inTls) return done(infoLine, rest, info);
    const told = { address: proxy?.address, ours: socket.localAddress };
    const problem = judgeClearInfo(info, rest.length, tls !== undefined, told);
    if (problem !== undefined) return failWith(...problem);
    if (tls === undefined) return done(infoLine, rest, info);
    secure(tls, info.tlsVerify, () => done(infoLine, NOTHING, info));
    // The session reads on; nothing comes before its CONNECT.
    socket.pause();
  };
  const onEnd = (): void => {
    if (awaited === TLS_DONE)
      failWith('upstream_tls_failed', 'it closed the connection inside the TLS handshake');
    else if (received.length === 0) failWith('upstream_refused', 'closed the connection without a word');
    else failWith('upstream_not_nats', 'closed the connection inside its first line');
  };
  const onError = (error: NodeJS.ErrnoException): void => {
    if (connectedAtMs === undefined)
      observer.onConnect(connectOutcome(error), (performance.now() - startMs) / 1000);
    if (inTls && tls !== undefined)
      failWith('upstream_tls_failed', describeTlsFailure(error, server, tls.config), error);
    else failWith('upstream_refused', error.code ?? error.message, error);
  };
  const connectTimer = setTimeout(() => {
    observer.onConnect('timeout', (performance.now() - startMs) / 1000);
    failWith('upstream_timeout', `no TCP connection within ${Math.round(connectTimeoutMs)} ms`);
  }, connectTimeoutMs);
  const dialTimer = setTimeout(() => {
    failWith('upstream_timeout', `no ${awaited} within ${Math.round(dialTimeoutMs)} ms`);
  }, dialTimeoutMs);

  socket.on('connect', onConnect).on('end', onEnd).on('error', onError);
  if (signal.aborted) onAbort();
  else signal.addEventListener('abort', onAbort);
  return promise;
}

const NOTHING = Buffer.alloc(0);
const INFO = 'INFO line';
const TLS_DONE = 'end of the TLS handshake';

import { Socket, type TcpNetConnectOpts } from 'node:net';
import type { BufferPool } from '../bytes/buffer-pool.ts';
import { MAX_INFO_BYTES, readFirstLine, type ServerInfo } from '../nats/info.ts';
import { connectOutcome } from './connect-outcome.ts';
import type { ConnectOptions, DialTarget, Reads, Upstream } from './connection.ts';
import { DialError, type DialFailure } from './dial-error.ts';
import { describeTlsFailure, startTls, type TlsClient } from './start-tls.ts';
import { UpstreamSocket } from './upstream-socket.ts';

/** A full read fits one frame of the 16-bit length form; one byte more would make a second frame of that byte. */
const MAX_READ_BYTES = 65_535;

/** What is awaited, in the words of the failure at the deadline. */
const AWAITED = { tcp: 'TCP connection', tls: 'end of the TLS handshake', info: 'INFO line' } as const;
type Phase = keyof typeof AWAITED;

type FirstLine = { readonly infoLine: Buffer; readonly info: ServerInfo };

/**
 * One connection on its way to its first INFO line, step by step. Each step settles, or rejects with what went wrong
 * first: the deadline, the signal, or the socket. Afterwards either `release` or `destroy` is called, once.
 */
export class Attempt {
  readonly #target: DialTarget;
  readonly #options: ConnectOptions;
  // Not an object of its own with a function in it: V8 puts what most sessions keep into the old generation, and from
  // there, dead, it would keep the attempt and its race through every scavenge.
  readonly #reads: Reads = { to: this };
  /** What went wrong first. */
  #failure: { readonly error: unknown } | undefined;
  #line: FirstLine | undefined;
  /** Of the step under way. */
  #reject: (error: unknown) => void = ignore;
  #onLine: (line: FirstLine) => void = ignore;
  readonly #startedAtMs = performance.now();
  readonly #deadline: NodeJS.Timeout;
  #socket: Socket;
  #phase: Phase = 'tcp';
  #tls: TlsClient | undefined;
  #received: Buffer = Buffer.alloc(0);
  #connectedAtMs: number | undefined;

  /** Opens the socket at once. */
  constructor(target: DialTarget, options: ConnectOptions) {
    this.#target = target;
    this.#options = options;
    this.#socket = open(target, options.buffers, this.#reads, options.tls !== undefined);
    this.#listen();
    const { dialTimeoutMs, signal } = options;
    this.#deadline = setTimeout(() => {
      this.#fail('upstream_timeout', `no ${AWAITED[this.#phase]} within ${Math.round(dialTimeoutMs)} ms`);
    }, dialTimeoutMs);
    signal.addEventListener('abort', this.#onAbort);
  }

  get isSecure(): boolean {
    return this.#tls !== undefined;
  }

  get localAddress(): string | undefined {
    return this.#socket.localAddress;
  }

  /** The TCP connection is up. */
  async connected(timeoutMs: number): Promise<void> {
    const { observer } = this.#options;
    const timer = setTimeout(() => {
      observer.onConnect('timeout', this.#seconds());
      this.#fail('upstream_timeout', `no TCP connection within ${Math.round(timeoutMs)} ms`);
    }, timeoutMs);
    try {
      await this.#step<void>((done) => this.#socket.once('connect', done));
    } finally {
      clearTimeout(timer);
    }
    this.#phase = 'info';
    this.#connectedAtMs = performance.now();
    observer.onConnect('ok', this.#seconds());
  }

  write(bytes: Buffer): void {
    this.#socket.write(bytes);
  }

  /**
   * TLS is up, and the server is who it should be. `judgesUs`: it has accepted our certificate. The clear socket
   * belongs to the TLS socket from here on.
   */
  async secured(tls: TlsClient, judgesUs: boolean): Promise<void> {
    this.#unlisten();
    this.#socket.removeAllListeners('data');
    this.#tls = tls;
    this.#phase = 'tls';
    await this.#step<void>((done) => {
      this.#socket = startTls(this.#socket, this.#target, tls, judgesUs, done);
      readByEvents(this.#socket, this.#reads);
      this.#listen();
    });
    this.#phase = 'info';
  }

  firstLine(): Promise<FirstLine> {
    return this.#step((done) => {
      if (this.#line === undefined) this.#onLine = done;
      else done(this.#line);
    });
  }

  /** Bytes that came after `line`. */
  bytesAfter(line: Buffer): number {
    return this.#received.length - line.length;
  }

  error(outcome: DialFailure, message: string, cause?: unknown): DialError {
    return new DialError(outcome, this.#target, `${this.#target.name}: ${message}`, cause);
  }

  /** Hands the connection over, paused; nothing of the attempt listens to it any more. */
  release(infoLine: Buffer, info: ServerInfo): Upstream {
    this.#settle();
    this.#socket.pause();
    return {
      socket: this.#socket,
      server: this.#target,
      infoLine,
      rest: this.#received.subarray(infoLine.length),
      info,
      connectedAtMs: this.#connectedAtMs ?? this.#startedAtMs,
      reads: this.#reads,
    };
  }

  destroy(): void {
    this.#settle();
    this.#socket.destroy();
  }

  #settle(): void {
    clearTimeout(this.#deadline);
    this.#options.signal.removeEventListener('abort', this.#onAbort);
    this.#unlisten();
    this.#reads.to = NOBODY;
  }

  /** Settles by `begin`, or rejects with what went wrong first, before or meanwhile. */
  #step<T>(begin: (done: (value: T) => void) => void): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.#failure !== undefined) return reject(this.#failure.error);
      this.#reject = reject;
      begin(resolve);
    });
  }

  #seconds(): number {
    return (performance.now() - this.#startedAtMs) / 1000;
  }

  #listen(): void {
    this.#socket.on('end', this.#onEnd).on('error', this.#onError);
  }

  #unlisten(): void {
    this.#socket.off('end', this.#onEnd).off('error', this.#onError);
  }

  #fail(outcome: DialFailure, message: string, cause?: unknown): void {
    this.#failWith(this.error(outcome, message, cause));
  }

  #failWith(error: unknown): void {
    this.#failure ??= { error };
    this.#reject(error);
  }

  readonly #onAbort = (): void => this.#failWith(this.#options.signal.reason);

  /** The chunk is valid during the call only. */
  onUpstreamBytes(chunk: Buffer): void {
    if (this.#received.length === 0 && this.#connectedAtMs !== undefined)
      this.#options.observer.onFirstByte((performance.now() - this.#connectedAtMs) / 1000);
    this.#received = Buffer.concat([this.#received, chunk]);
    const line = readFirstLine(this.#received.subarray(0, MAX_INFO_BYTES + 1));
    if (line.kind === 'not_nats') this.#fail('upstream_not_nats', 'the first bytes are not a NATS INFO line');
    else if (line.kind === 'error') this.#fail('upstream_error', `answered -ERR ${line.text}`);
    else if (line.kind === 'info') {
      this.#line = { infoLine: this.#received.subarray(0, line.length), info: line.info };
      this.#onLine(this.#line);
    }
  }

  readonly #onEnd = (): void => {
    if (this.#phase === 'tls')
      this.#fail('upstream_tls_failed', 'it closed the connection during the TLS handshake');
    else if (this.#received.length === 0)
      this.#fail('upstream_refused', 'closed the connection without sending a byte');
    else this.#fail('upstream_not_nats', 'closed the connection in the middle of its first line');
  };

  readonly #onError = (error: NodeJS.ErrnoException): void => {
    if (this.#phase === 'tcp') this.#options.observer.onConnect(connectOutcome(error), this.#seconds());
    if (this.#tls === undefined) this.#fail('upstream_refused', error.code ?? error.message, error);
    else this.#fail('upstream_tls_failed', describeTlsFailure(error, this.#target, this.#tls.config), error);
  };
}

/** Node reads both; its types know neither together with the other. */
type OpenOptions = TcpNetConnectOpts & { readonly writableHighWaterMark: number };

/** Not a part of `Attempt`, since what a socket refers to lives as long as its session. */
function open(target: DialTarget, buffers: BufferPool, reads: Reads, becomesTls: boolean): Socket {
  const options = {
    host: target.address,
    port: target.port,
    noDelay: true,
    // With 1 byte, `drain` is certain whenever the kernel did not take all of a write (socket-writer.ts).
    writableHighWaterMark: 1,
    // A socket that reads into memory of ours cannot be handed to TLS.
    ...(becomesTls
      ? {}
      : {
          onread: {
            buffer: buffers.receive.subarray(0, MAX_READ_BYTES),
            callback: (length: number) => {
              reads.to.onUpstreamBytes(buffers.receive.subarray(0, length));
              buffers.received(length);
              return true;
            },
          },
        }),
  } as OpenOptions;
  const socket = becomesTls ? new Socket(options) : new UpstreamSocket(options);
  socket.connect(options);
  if (becomesTls) readByEvents(socket, reads);
  // A socket may fail before its next owner listens, and without any listener that would end the process.
  socket.on('error', ignore);
  return socket;
}

function readByEvents(socket: Socket, reads: Reads): void {
  socket.on('data', (chunk: Buffer) => reads.to.onUpstreamBytes(chunk));
}

const NOBODY: Reads['to'] = { onUpstreamBytes: ignore };

function ignore(): void {}

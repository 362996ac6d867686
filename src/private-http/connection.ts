import { type IncomingMessage, STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { TLSSocket } from 'node:tls';
import { HeadMeter } from '../net/http-head.ts';

/** Why a connection ended otherwise than by its answer: label values of natsgate_admin_connections_dropped_total. */
export const DROP_REASONS = ['tls', 'silent', 'slow_request', 'slow_reader', 'crowded', 'busy'] as const;
export type DropReason = (typeof DROP_REASONS)[number];

/** A cookie of every program that was ever served from localhost may be in it. */
const HEAD_LIMITS = { headBytes: 16 * 1024, headLines: 128 };
const MAX_BODY_BYTES = 64 * 1024;

export const DEADLINES = {
  tlsMs: 5000,
  /** After TLS, where it is spoken. */
  firstByteMs: 1000,
  /** For head and body, from the first byte on. */
  requestMs: 5000,
  /** For one write to be taken over by the kernel. */
  takeMs: 10_000,
  /** For the client to read its answer and close: a close of ours with unread input would be a reset. */
  lingerMs: 1000,
};
export type Deadlines = typeof DEADLINES;

const NOTHING = Buffer.alloc(0);
const BREACHES = { bad_request: 400, target_too_long: 414, header_too_large: 431 } as const;

/** In every answer. */
export const ANSWER_HEADERS = {
  'Cache-Control': 'no-store',
  'X-Content-Type-Options': 'nosniff',
  'Content-Security-Policy': "default-src 'none'; frame-ancestors 'none'",
  Connection: 'close',
} as const;

/**
 * `silent`: no byte has come; those of a TLS handshake do not count. `request`: not all of its head and body. `brief`: its answer is short and made at once.
 * `answering`: it takes one of the places of long answers, or with `streaming` and `watching` of those that last. `lingering`: its answer
 * has been written.
 */
export type Phase = 'silent' | 'request' | 'brief' | LongPhase | 'lingering';
export type LongPhase = 'answering' | 'streaming' | 'watching';

/** It goes on for as long as its reader stays. */
const isLasting = (phase: Phase): boolean => phase === 'streaming' || phase === 'watching';

export const isLong = (phase: Phase): boolean => phase === 'answering' || isLasting(phase);

export type ConnectionObserver = {
  /** The head is whole: `connection` can be given to an HTTP server, which reads it, the declared body, and no more. */
  onHead(connection: Connection): void;
  onDropped(reason: DropReason): void;
};

/**
 * One connection of the admin port, with one request. Node's HTTP parser is given a whole head and not a byte more: it
 * would parse and answer all that is pipelined behind it at once. The body follows when `expectBody` says how much of
 * it; whatever else comes is not read until the answer is written, and then dropped.
 */
export class Connection extends Duplex {
  readonly remoteAddress: string;
  phase: Phase = 'silent';
  readonly #socket: Socket;
  readonly #observer: ConnectionObserver;
  readonly #deadlines: Deadlines;
  readonly #meter = new HeadMeter(HEAD_LIMITS);
  #head: Buffer[] = [];
  /** What came in one read with the end of the head. */
  #behindHead: Buffer = NOTHING;
  #bodyBytes: number | undefined;
  #onWhole = (): void => {};
  #requestTimer: NodeJS.Timeout | undefined;
  #answerTimer: NodeJS.Timeout | undefined;

  constructor(socket: Socket, observer: ConnectionObserver, deadlines: Deadlines) {
    super();
    this.#socket = socket;
    this.#deadlines = deadlines;
    this.#observer = observer;
    this.remoteAddress = socket.remoteAddress ?? '';
    if (socket instanceof TLSSocket) this.#awaitTls(socket);
    else this.#awaitFirstByte();
    socket.on('data', (chunk: Buffer) => this.#onData(chunk));
    socket.on('end', () => {
      // One that has sent its request may be done with writing, but nobody who listens is.
      if (this.phase === 'silent' || this.phase === 'request' || isLasting(this.phase)) this.destroy();
    });
    socket.on('error', () => {});
    socket.on('close', () => this.destroy());
    // A reset in the middle of an answer; `close` follows.
    this.on('error', () => {});
  }

  /** It has got a place. */
  begin(phase: LongPhase): void {
    this.phase = phase;
    // A reader that leaves must be noticed before something is written for it.
    if (isLasting(phase)) this.#socket.resume();
  }

  /** A write of the answer waits for the client to read. */
  get isStalled(): boolean {
    return isLong(this.phase) && this.#socket.writableLength > 0;
  }

  /**
   * Hands on this many bytes of body, at most MAX_BODY_BYTES, and calls `onWhole` when all of them have come. To be called
   * once, when the head was understood.
   */
  expectBody(bytes: number, onWhole: () => void): void {
    this.#onWhole = onWhole;
    this.#bodyBytes = Math.min(bytes, MAX_BODY_BYTES);
    const behind = this.#behindHead;
    this.#behindHead = NOTHING;
    // The parser is still at work on the head, and cannot be entered again.
    queueMicrotask(() => this.#takeBody(behind));
  }

  /** Answers for the HTTP server, which has not understood the request or has none yet. */
  refuse(status: number): void {
    if (this.writableEnded || this.destroyed) return;
    this.phase = 'brief';
    const body = `${STATUS_CODES[status]}\n`;
    const headers = Object.entries({ ...ANSWER_HEADERS, 'Content-Length': body.length });
    const lines = headers.map(([name, value]) => `${name}: ${value}\r\n`).join('');
    this.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${lines}\r\n${body}`);
  }

  /** Ends it without a word. */
  abandon(reason: DropReason): void {
    // One that has its answer loses nothing.
    if (this.phase !== 'lingering') this.#observer.onDropped(reason);
    this.destroy();
  }

  #awaitTls(socket: TLSSocket): void {
    this.#requestTimer = this.#dropAfter(this.#deadlines.tlsMs, 'tls');
    const onFailed = (): void => this.#observer.onDropped('tls');
    socket.once('error', onFailed);
    socket.once('secure', () => {
      socket.off('error', onFailed);
      clearTimeout(this.#requestTimer);
      if (!this.destroyed) this.#awaitFirstByte();
    });
  }

  #awaitFirstByte(): void {
    this.#requestTimer = this.#dropAfter(this.#deadlines.firstByteMs, 'silent');
  }

  #onData(chunk: Buffer): void {
    if (this.writableEnded) return;
    if (isLasting(this.phase)) {
      // It has nothing more to say; its end is noticed by a write then.
      this.#socket.pause();
      return;
    }
    if (this.#bodyBytes !== undefined) {
      this.#takeBody(chunk);
      return;
    }
    if (this.phase === 'silent') {
      this.phase = 'request';
      clearTimeout(this.#requestTimer);
      this.#requestTimer = this.#dropAfter(this.#deadlines.requestMs, 'slow_request');
    }
    const length = this.#meter.read(chunk);
    this.#head.push(chunk.subarray(0, length));
    if (this.#meter.breach !== undefined) this.refuse(BREACHES[this.#meter.breach]);
    else if (this.#meter.ended) {
      this.#socket.pause();
      this.#behindHead = chunk.subarray(length);
      const head = Buffer.concat(this.#head);
      this.#head = [];
      this.#observer.onHead(this);
      this.push(head);
    }
  }

  #takeBody(chunk: Buffer): void {
    const left = this.#bodyBytes ?? 0;
    const part = chunk.subarray(0, left);
    this.#bodyBytes = left - part.length;
    if (part.length > 0) this.push(part);
    if (this.#bodyBytes > 0) this.#socket.resume();
    else {
      this.#socket.pause();
      clearTimeout(this.#requestTimer);
      this.phase = 'brief';
      this.#onWhole();
    }
  }

  #dropAfter(ms: number, reason: DropReason): NodeJS.Timeout {
    return setTimeout(() => this.abandon(reason), ms);
  }

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: (error?: Error | null) => void): void {
    this.#answerTimer = this.#dropAfter(this.#deadlines.takeMs, 'slow_reader');
    this.#socket.write(chunk, (error) => {
      clearTimeout(this.#answerTimer);
      callback(error);
    });
  }

  override _writev(chunks: { chunk: Buffer }[], callback: (error?: Error | null) => void): void {
    this._write(Buffer.concat(chunks.map(({ chunk }) => chunk)), 'buffer' as BufferEncoding, callback);
  }

  /** The answer has been written. */
  override _final(callback: (error?: Error | null) => void): void {
    this.phase = 'lingering';
    this.#socket.end();
    this.#socket.resume();
    clearTimeout(this.#requestTimer);
    this.#answerTimer = this.#dropAfter(this.#deadlines.lingerMs, 'slow_reader');
    callback();
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    clearTimeout(this.#requestTimer);
    clearTimeout(this.#answerTimer);
    this.#socket.destroy();
    callback(error);
  }
}

export const declaredBytes = (request: IncomingMessage): number =>
  Number(request.headers['content-length'] ?? 0);

/** A body whose length is declared, and no larger than is taken here. */
export const isBodyFitting = (request: IncomingMessage): boolean =>
  request.headers['transfer-encoding'] === undefined && declaredBytes(request) <= MAX_BODY_BYTES;

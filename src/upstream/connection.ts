/** What a connection to a server is made with, and what comes of it. */
import type { Socket } from 'node:net';
import type { BufferPool } from '../bytes/buffer-pool.ts';
import type { UpstreamServer } from '../config/config.ts';
import type { ServerInfo } from '../nats/info.ts';
import type { ConnectOutcome } from './connect-outcome.ts';
import type { TlsClient } from './start-tls.ts';

/** A server and the address of it to connect to; its host stays the name by which it is known. */
export type DialTarget = UpstreamServer & { readonly address: string };

/** A connection to a nats-server that has spoken. The socket is paused and belongs to the caller. */
export type Upstream = {
  readonly socket: Socket;
  readonly server: DialTarget;
  /** The first whole INFO line, LF included, as it arrived. Of an opaque server, empty. */
  readonly infoLine: Buffer;
  /** What had come after it. */
  readonly rest: Buffer;
  readonly info: ServerInfo;
  /** When TCP was up, by `performance.now()`. */
  readonly connectedAtMs: number;
  readonly reads: Reads;
};

/** Where the reads of one connection go. */
export type Reads = {
  /** To be set before the socket is resumed. The chunk may lie in the pool's receive area: valid during the call. */
  to: { onUpstreamBytes(chunk: Buffer): void };
};

/** Called for each attempt, for the metrics. Seconds. */
export type DialObserver = {
  onConnect(outcome: ConnectOutcome, seconds: number): void;
  onFirstByte(seconds: number): void;
};

/** What belongs to the client (or to the gateway itself) on whose behalf a connection is made. */
export type DialContext = {
  /** undefined: in clear. */
  readonly tls: TlsClient | undefined;
  /** The first bytes of the connection, and the client address in them (undefined: none). */
  readonly proxy: { readonly header: Buffer; readonly address: string | undefined } | undefined;
  /** The server must take signatures of CONNECT (proxy_sig); one that does not know them would ignore ours. */
  readonly signs: boolean;
};

export type ConnectOptions = DialContext & {
  readonly buffers: BufferPool;
  readonly signal: AbortSignal;
  readonly observer: DialObserver;
  /** For TCP alone. */
  readonly connectTimeoutMs: number;
  /** For all of it. */
  readonly dialTimeoutMs: number;
};

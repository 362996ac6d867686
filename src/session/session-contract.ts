/** What a session gets, and what it reports. */
import type { Socket } from 'node:net';
import type { BufferPool } from '../bytes/buffer-pool.ts';
import type { CloseReason } from '../close-reason.ts';
import type { RateLimit } from '../config/config.ts';
import type { HandshakeMarks } from '../handshake-steps.ts';
import type { TimerWheel } from '../timer-wheel.ts';
import type { LivenessLimits } from './liveness.ts';
import type { HeldBytes, Traffic } from './pipe.ts';
import type { ReadTurns } from './read-turns.ts';
import type { Queues } from './stall-watch.ts';

/**
 * Who is connected to what: for the log line and the live view. How long its handshake took is among these facts, since
 * another object would live as long.
 */
export type SessionFacts = HandshakeMarks & {
  readonly acceptedUs: number;
  readonly id: number;
  readonly clientAddress: string;
  readonly origin: string | undefined;
  readonly route: string;
  readonly upstream: string;
  /** The server's id of this connection (`cid` in its /connz). */
  readonly natsClientId: number | undefined;
  /** Who the client is, where that was asked: text of a token. */
  readonly user?: string | undefined;
  readonly tenant?: string | undefined;
  /** What a webhook calls its rights. */
  readonly role?: string | undefined;
  /** What the webhook calls the client, for nats-server. */
  readonly name?: string | undefined;
  /** Milliseconds since the epoch: its login ends then, as it was said at the beginning. */
  readonly loginEndsAtMs?: number | undefined;
};

/** The upstream's side of a session: a socket that was paused when its INFO line had come. */
export type UpstreamSide = {
  readonly socket: Socket;
  /** `to` gets every read; the chunk is only valid during the call. */
  readonly reads: { to: { onUpstreamBytes(chunk: Buffer): void } };
  /** LF included. Empty where nothing was awaited. */
  readonly infoLine: Buffer;
  /** What had come after the INFO line. */
  readonly rest: Buffer;
};

type SessionLimits = LivenessLimits & { readonly stallMs: number; readonly closeMs: number };

/** What all sessions of a route share. */
export type SessionParts = {
  readonly pool: BufferPool;
  readonly wheel: TimerWheel;
  readonly limits: SessionLimits;
  readonly traffic: Traffic;
  readonly held: HeldBytes;
  readonly queues: Queues;
  readonly turns: ReadTurns;
  readonly observer: SessionObserver;
};

export type SessionObserver = {
  /** A fault of the gateway. The session ends as internal_error, the others go on. */
  onFault(error: unknown): void;
  onPingAnswered(seconds: number): void;
  /** A limit of `rates` was exceeded: this is what follows. */
  onRateLimited(limit: RateLimit, action: 'delay' | 'close'): void;
  /** A delay is over, after this many seconds. */
  onDelayed(limit: RateLimit, seconds: number): void;
  /** Exactly once, when both sockets are gone and nothing of the session is left. */
  onEnded(session: EndedSession): void;
};

type BySide = { readonly client: number; readonly upstream: number };

export type EndedSession = {
  readonly facts: SessionFacts;
  readonly reason: CloseReason;
  /** What we sent as close code, or what the client sent; 1006 when neither did. */
  readonly code: number;
  readonly seconds: number;
  readonly bytesToUpstream: number;
  readonly bytesToClient: number;
  /** With data. */
  readonly framesToUpstream: number;
  readonly framesToClient: number;
  /** What the client calls itself, and how many -ERR lines the server has sent, where the session was inspected. */
  readonly clientName: string | undefined;
  /** As `natsUser` of Inspection. */
  readonly natsUser: string | undefined;
  readonly serverErrors: number;
  /** The text of the server's last -ERR, where the session was inspected: foreign text. */
  readonly serverError: string | undefined;
  /** What waited for each side when its end began, and for how long it had. */
  readonly bufferedBytes: BySide;
  readonly waitingMs: BySide;
  /** What to change on the server, where inspection knows it, or why the server has closed its connection. */
  readonly hint: string | undefined;
  /** The limit of `rates` that ended the session. */
  readonly rateLimit?: RateLimit | undefined;
};

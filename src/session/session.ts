import type { Socket } from 'node:net';
import type { BufferPool } from '../bytes/buffer-pool.ts';
import { own, type SocketOwner, type SocketWriter } from '../bytes/socket-writer.ts';
import { CLOSE_REASONS, type CloseReason } from '../close-reason.ts';
import type { Inspection, SessionSides } from '../inspect/inspection.ts';
import { type TimerWheel, WheelEntry } from '../timer-wheel.ts';
import type { ByteSocket, ByteSocketOwner, ClientEnd } from '../websocket/byte-socket.ts';
import { Liveness, type LivenessLimits } from './liveness.ts';
import type { Holder } from './overload.ts';
import { type HeldBytes, Pipe, type PipeOwner, type Traffic } from './pipe.ts';
import { type Queues, RATE_STALLS } from './stall-watch.ts';
import { type Side, type Waiting, Waits } from './waits.ts';

export type SessionLimits = LivenessLimits & { readonly stallMs: number; readonly closeMs: number };

/** How long the upstream may be silent before its TCP is asked whether it is still there. */
const UPSTREAM_KEEPALIVE_MS = 30_000;

/** Who is connected to what: for the log line and the live view. */
export type SessionFacts = {
  readonly id: number;
  readonly clientAddress: string;
  readonly origin: string | undefined;
  readonly route: string;
  readonly upstream: string;
  /** The server's id of this connection (`cid` in its /connz). */
  readonly natsClientId: number | undefined;
};

export type SessionSummary = {
  readonly facts: SessionFacts;
  readonly reason: CloseReason;
  /** The close code of the session: what we sent, or what the client sent; 1006 when neither did. */
  readonly code: number;
  readonly seconds: number;
  readonly bytesToUpstream: number;
  readonly bytesToClient: number;
  /** The text of the server's last -ERR, where the session was inspected: foreign text. */
  readonly serverError: string | undefined;
  /** What to change on the server, where inspection knows it. */
  readonly hint: string | undefined;
};

/** The upstream's side of a session: a socket that was paused when its INFO line had come. */
export type UpstreamSide = {
  readonly socket: Socket;
  /** Told of every read; the chunk is only valid during the call. */
  readonly reads: { to: { onUpstreamBytes(chunk: Buffer): void } };
  /** LF included. Empty where nothing was awaited. */
  readonly infoLine: Buffer;
  /** What had come after the INFO line. */
  readonly rest: Buffer;
};

export type SessionObserver = {
  /** A fault of ours; the session ends as internal_error, the others go on. */
  onFault(error: unknown): void;
  onPingAnswered(seconds: number): void;
  /** Exactly once, when both sockets are gone and nothing of the session is left. */
  onEnded(summary: SessionSummary, session: Session): void;
};

/** What all sessions of a gateway share. */
export type SessionParts = {
  readonly pool: BufferPool;
  readonly wheel: TimerWheel;
  readonly limits: SessionLimits;
  readonly traffic: Traffic;
  readonly held: HeldBytes;
  readonly queues: Queues;
  readonly observer: SessionObserver;
};

/**
 * `awaiting_boundary`: the reason is decided, and the rest of an operation of the server goes to the client, so that the
 * final error comes between two operations.
 */
type State = 'open' | 'awaiting_boundary' | 'closing' | 'closed';

/**
 * One client with its upstream, from the 101 to the last close of a socket.
 *
 * ```
 *  open ──first event──▶ closing: client gets what was read, then one close frame;     ──both gone──▶ closed
 *   │       (end)         ▲       upstream gets what was read, then FIN; closeMs, then destroy
 *   └─▶ awaiting_boundary ┘ final error written, its deadline, or a side is gone
 * ```
 *
 * The first event decides the reason; whatever follows is a consequence and changes nothing.
 */
export class Session
  extends WheelEntry
  implements ByteSocketOwner, SocketOwner, PipeOwner, SessionSides, Waiting, Holder
{
  readonly facts: SessionFacts;
  readonly startedAtMs = performance.now();
  readonly #client: ByteSocket;
  readonly #pipe: Pipe;
  readonly #parts: SessionParts;
  readonly inspection: Inspection | undefined;
  readonly #liveness: Liveness;
  #state: State = 'open';
  #reason: CloseReason | undefined;
  #code = 1006;
  #clientOpen = true;
  #upstreamOpen = true;
  #closeDeadlineMs = 0;
  #waits: Waits | undefined;

  constructor(
    facts: SessionFacts,
    client: ByteSocket,
    upstream: Socket,
    parts: SessionParts,
    inspection?: Inspection,
  ) {
    super();
    const { wheel, limits } = parts;
    this.facts = facts;
    this.#client = client;
    this.#parts = parts;
    this.inspection = inspection;
    this.#pipe = new Pipe(client, upstream, parts, this);
    inspection?.start(this);
    this.#liveness = new Liveness(limits, wheel.nowMs);
  }

  /**
   * Takes both sockets and starts the pipe. The INFO line becomes the first message, alone: nats.py hands the
   * rest of the first message to a JSON reader. The upstream must be paused; it is resumed here.
   */
  start(side: UpstreamSide): void {
    const upstream = this.#upstream;
    this.#client.start(this);
    side.reads.to = this;
    own(this);
    const { inspection } = this;
    if (side.infoLine.length > 0)
      this.#pipe.toClient(inspection === undefined ? side.infoLine : inspection.firstInfo(side.infoLine));
    this.#endAsInspected();
    if (side.rest.length > 0) this.onUpstreamBytes(side.rest);
    if (upstream.destroyed) this.socketClosed();
    else if (this.#pipe.clientStalledSinceMs === undefined) upstream.resume();
    this.#reschedule();
  }

  get #upstream(): Socket {
    return this.#pipe.upstream.socket;
  }

  get reason(): CloseReason | undefined {
    return this.#reason;
  }

  get bytesToUpstream(): number {
    return this.#pipe.bytesToUpstream;
  }

  get bytesToClient(): number {
    return this.#pipe.bytesToClient;
  }

  /** Bytes waiting in this process for a side to take them. */
  get bufferedBytes(): { readonly client: number; readonly upstream: number } {
    return { client: this.#client.bufferedBytes, upstream: this.#upstream.writableLength };
  }

  /**
   * Ends the session for `reason`, unless it has one already. Bytes that were taken are still delivered to
   * either side that can take them, for at most the close deadline. Where a line announces the end to the client, the
   * rest of the server's operation goes to it first.
   */
  end(reason: CloseReason, code?: number): void {
    if (this.#state !== 'open') return;
    this.#reason = reason;
    const row = CLOSE_REASONS[reason];
    const ownCode = reason === 'upstream_closed' ? this.inspection?.closeCode : undefined;
    this.#code = code ?? ownCode ?? (typeof row.code === 'number' ? row.code : 1006);
    this.#pipe.shutToUpstream();
    if (this.#announces(reason)) this.#awaitBoundary();
    else this.#close();
  }

  /** Puts the final error before the close frame. True: it must wait for the end of an operation of the server. */
  #announces(reason: CloseReason): boolean {
    const { inspection } = this;
    if (inspection === undefined || !this.#clientOpen || !this.#upstreamOpen) return false;
    // A drain was announced before, and only waits for the operation's end.
    const line = inspection.finalError(reason) ?? (reason === 'draining' ? NO_LINE : undefined);
    // A client that does not read would get neither this nor the rest of the operation.
    if (line === undefined || !this.clientTakes) return false;
    inspection.insertLast(line);
    return inspection.isWaiting;
  }

  #awaitBoundary(): void {
    this.#state = 'awaiting_boundary';
    this.#closeDeadlineMs = this.#parts.wheel.nowMs + this.#parts.limits.closeMs;
    this.#reschedule();
  }

  /** The final error does not get its boundary any more. */
  #stopAwaiting(): void {
    if (this.#state === 'awaiting_boundary') this.#close();
  }

  /** Closes both sides; nothing more is taken from either. */
  #close(): void {
    this.#state = 'closing';
    this.inspection?.cancel();
    this.#pipe.shut();

    // What the upstream still says is for nobody: read and drop it, so that its FIN is seen.
    this.#upstream.resume();
    this.#upstream.end();

    if (this.#reason === 'client_gone') this.#client.destroy();
    else if (this.#reason !== 'client_closed') this.#client.close(this.#code, this.#reason ?? '');
    this.#setCloseDeadline();
  }

  /** The gateway will close this session soon: an inspected client learns it, as from a server in lame duck mode. */
  announceDrain(): void {
    const { inspection } = this;
    if (this.#state !== 'open' || inspection === undefined) return;
    const line = inspection.lameDuckInfo();
    if (line !== undefined) inspection.insert(line);
  }

  /** Drops both sockets now: the deadline of a drain has passed, or the program must stop. */
  cut(): void {
    this.end('draining');
    this.#stopAwaiting();
    this.#drop();
  }

  // Holder

  get heldBytes(): number {
    return this.#pipe.heldBytes + this.#client.assemblingBytes;
  }

  get heldSinceMs(): number {
    return Math.min(
      this.waitsSinceMs('client') ?? Number.POSITIVE_INFINITY,
      this.waitsSinceMs('upstream') ?? Number.POSITIVE_INFINITY,
      this.#client.assemblingSinceMs ?? Number.POSITIVE_INFINITY,
    );
  }

  /** For the good of the others. A client that only waits for the server hears why. */
  shed(): void {
    const pipe = this.#pipe;
    const clientReads = !pipe.holdsForClient && this.#client.assemblingSinceMs === undefined;
    this.end('overload');
    this.#stopAwaiting();
    if (!clientReads) this.#drop();
    else pipe.upstream.drop();
    pipe.forgetHeld();
  }

  /** Nobody waits for the last bytes and the close frame any more. */
  #drop(): void {
    this.#client.destroy();
    this.#pipe.upstream.drop();
  }

  // PipeOwner

  onMark(): void {
    this.#liveness.markSent();
    this.#client.ping();
  }

  onStall(): void {
    this.#waits ??= new Waits(this.#client.socket, this.#upstream, this.#parts, this);
    if (this.#waits.begin()) this.#reschedule();
  }

  // Waiting

  waitsSinceMs(side: Side): number | undefined {
    if (this.#carries)
      return side === 'client' ? this.#pipe.clientStalledSinceMs : this.#pipe.upstreamStalledSinceMs;
    const bytes = side === 'client' ? this.#client.bufferedBytes : this.#upstream.writableLength;
    if (bytes === 0) return undefined;
    return this.#closeDeadlineMs - RATE_STALLS * this.#parts.limits.stallMs;
  }

  /** Bytes of the server still go to the client. */
  get #carries(): boolean {
    return this.#state === 'open' || this.#state === 'awaiting_boundary';
  }

  onProgress(side: Side): void {
    // A client that takes bytes is alive, though its pongs wait behind what it has not sent yet.
    if (side === 'client') this.#liveness.sawActivity(this.#parts.wheel.nowMs);
  }

  onStalled(side: Side): void {
    if (this.#state === 'open') this.end(side === 'client' ? 'slow_consumer' : 'upstream_stalled');
    else this.#drop();
  }

  // ByteSocketOwner

  onBytes(chunk: Buffer): void {
    try {
      if (this.inspection === undefined) this.#pipe.toUpstream(chunk);
      else {
        this.inspection.toUpstream(chunk);
        this.#endAsInspected();
      }
    } catch (error) {
      this.#fail(error);
    }
  }

  #endAsInspected(): void {
    const reason = this.inspection?.endReason;
    if (reason !== undefined) this.end(reason);
  }

  // SessionSides

  writeToUpstream(chunk: Buffer): void {
    this.#pipe.toUpstream(chunk);
  }

  writeToClient(piece: Buffer): void {
    this.#pipe.toClient(piece);
  }

  get clientTakes(): boolean {
    return this.#pipe.clientStalledSinceMs === undefined;
  }

  onDrain(): void {
    this.#pipe.clientDrained();
    this.#onDelivered();
  }

  onAssembling(change: number): void {
    const { held } = this.#parts;
    if (change > 0) held.hold(change);
    else held.release(-change);
  }

  onActivity(): void {
    this.#liveness.sawActivity(this.#parts.wheel.nowMs);
  }

  onPong(): void {
    this.#waits?.answered();
    const seconds = this.#liveness.answered();
    if (seconds !== undefined) this.#parts.observer.onPingAnswered(seconds);
  }

  onEnd(end: ClientEnd): void {
    // A client that leaves does not wait for a final error.
    if (this.#state === 'awaiting_boundary') this.#close();
    else this.end(end.reason, end.code);
  }

  onClosed(): void {
    this.#clientOpen = false;
    this.#pipe.releaseClient();
    this.#stopAwaiting();
    this.#finish();
  }

  // WheelEntry

  override onDeadline(): void {
    try {
      const waits = this.#waits;
      if (waits !== undefined && this.#parts.wheel.nowMs >= waits.lookAtMs) waits.look();
      if (this.#state === 'open') this.#checkDeadlines();
      else if (this.#parts.wheel.nowMs >= this.#closeDeadlineMs) return this.#closeIsOverdue();
    } catch (error) {
      this.#fail(error);
    }
    this.#reschedule();
  }

  #closeIsOverdue(): void {
    // The server's operation does not end: the close frame must come without the final error.
    if (this.#state === 'awaiting_boundary') this.#close();
    else this.#drop();
  }

  #checkDeadlines(): void {
    const { nowMs } = this.#parts.wheel;
    const isReading = this.#pipe.upstreamStalledSinceMs === undefined;
    const { assemblingSinceMs } = this.#client;
    const expired = this.#liveness.expiredReason(nowMs, { isReading, assemblingSinceMs });
    if (expired !== undefined) this.end(expired);
    else if (this.#liveness.isPingDue(nowMs)) this.#ping(nowMs);
  }

  #ping(nowMs: number): void {
    this.#liveness.planNextPing(nowMs);
    // Not at the dial: it is four system calls, which short sessions need not pay. Node does nothing when it is set.
    this.#upstream.setKeepAlive(true, UPSTREAM_KEEPALIVE_MS);
    // Bytes that wait for the client test the connection better than a ping queued behind them.
    if (!this.clientTakes) return;
    this.#liveness.pingSent();
    this.#client.ping();
  }

  /** A side has taken all that was on its way to it; when ending, only its own end is waited for now. */
  #onDelivered(): void {
    if (this.#state === 'closing') this.#setCloseDeadline();
  }

  onUpstreamBytes(chunk: Buffer): void {
    try {
      const { inspection } = this;
      if (inspection === undefined) {
        this.#pipe.toClient(chunk);
        return;
      }
      if (!this.#carries) return;
      inspection.toClient(chunk);
      if (!inspection.isWaiting) this.#stopAwaiting();
      this.#endAsInspected();
    } catch (error) {
      this.#fail(error);
    }
  }

  /** The boundary of a session: nothing that goes wrong inside reaches another one, or ends the process. */
  #fail(error: unknown): void {
    this.#parts.observer.onFault(error);
    this.end('internal_error');
  }

  // SocketOwner, of the upstream's socket

  get writer(): SocketWriter {
    return this.#pipe.upstream;
  }

  socketDrained(): void {
    this.#pipe.upstreamDrained();
    this.#onDelivered();
  }

  socketEnded(): void {
    this.end('upstream_closed');
    this.#stopAwaiting();
  }

  /** A server that says why it hangs up often leaves a reset behind. */
  socketFailed(): void {
    this.end(this.inspection?.closeCode === undefined ? 'upstream_reset' : 'upstream_closed');
  }

  socketClosed(): void {
    if (!this.#upstreamOpen) return;
    this.#upstreamOpen = false;
    this.#pipe.releaseUpstream();
    this.socketFailed();
    this.#stopAwaiting();
    this.#finish();
  }

  #setCloseDeadline(): void {
    // While accepted bytes are still on their way the stall limit holds, afterwards the close limit; a side that
    // took nothing for a whole stall limit already gets no second one.
    const stalled = this.#reason === 'slow_consumer' || this.#reason === 'upstream_stalled';
    const bytesOnTheirWay = this.#client.bufferedBytes > 0 || this.#upstream.writableLength > 0;
    const { stallMs, closeMs } = this.#parts.limits;
    const { nowMs } = this.#parts.wheel;
    const waits = bytesOnTheirWay && !stalled;
    this.#closeDeadlineMs = nowMs + (waits ? RATE_STALLS * stallMs : closeMs);
    if (waits) this.onStall();
    this.#reschedule();
  }

  /** The wheel holds one entry for each session: the next moment at which something may be due. */
  #reschedule(): void {
    if (!this.#clientOpen && !this.#upstreamOpen) return;
    const { nowMs } = this.#parts.wheel;
    const dueMs =
      this.#state === 'open'
        ? this.#liveness.dueAtMs(nowMs, this.#client.assemblingSinceMs)
        : this.#closeDeadlineMs;
    const nextMs = Math.min(dueMs, this.#waits?.lookAtMs ?? Number.POSITIVE_INFINITY);
    this.#parts.wheel.schedule(this, Math.max(0, nextMs - nowMs));
  }

  #finish(): void {
    if (this.#clientOpen || this.#upstreamOpen) return;
    this.#state = 'closed';
    this.#parts.wheel.cancel(this);
    const summary: SessionSummary = {
      facts: this.facts,
      reason: this.#reason ?? 'internal_error',
      code: this.#code,
      seconds: (performance.now() - this.startedAtMs) / 1000,
      bytesToUpstream: this.#pipe.bytesToUpstream,
      bytesToClient: this.#pipe.bytesToClient,
      serverError: this.inspection?.lastError,
      hint: this.inspection?.hint,
    };
    this.#parts.observer.onEnded(summary, this);
  }
}

const NO_LINE = Buffer.alloc(0);

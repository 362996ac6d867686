import type { Socket } from 'node:net';
import { own, type SocketOwner, type SocketWriter } from '../bytes/socket-writer.ts';
import type { CloseReason } from '../close-reason.ts';
import type { RateLimit } from '../config/config.ts';
import type { Inspection } from '../inspect/inspection.ts';
import type { Direction } from '../nats/operations.ts';
import type { SessionRates } from '../rates/session-rates.ts';
import type { ByteSocket, ByteSocketOwner, ClientEnd, FrameWatcher } from '../websocket/byte-socket.ts';
import { Deadlines, type DeadlinesOwner } from './deadlines.ts';
import { endHint } from './end-hint.ts';
import { Ending } from './ending.ts';
import type { Holder } from './overload.ts';
import { Pipe, type PipeOwner } from './pipe.ts';
import type { EndedSession, SessionFacts, SessionParts, UpstreamSide } from './session-contract.ts';
import { Throttle, type ThrottleOwner } from './throttle.ts';
import type { Side } from './waits.ts';

const NOTHING = { client: 0, upstream: 0 };

/**
 * One client with its upstream, from the 101 to the last close of a socket.
 *
 * ```
 *  open ──first event: end()──▶ ending, see ending.ts ──both sockets gone──▶ closed
 * ```
 *
 * The first event decides the reason. What follows is a consequence, and does not change it.
 */
export class Session
  implements ByteSocketOwner, SocketOwner, PipeOwner, DeadlinesOwner, ThrottleOwner, Holder
{
  readonly facts: SessionFacts;
  readonly startedAtMs = performance.now();
  readonly inspection: Inspection | undefined;
  readonly #pipe: Pipe;
  readonly #deadlines: Deadlines;
  readonly #parts: SessionParts;
  /** undefined: the session may be as fast as it can. */
  readonly #throttle: Throttle | undefined;
  #clientOpen = true;
  #upstreamOpen = true;
  /** undefined: the session is open. */
  #ending: Ending | undefined;
  /** What was true when its end began. */
  #atEnd: Pick<EndedSession, 'bufferedBytes' | 'waitingMs' | 'hint'> | undefined;

  constructor(
    facts: SessionFacts,
    client: ByteSocket,
    upstream: Socket,
    parts: SessionParts,
    inspection?: Inspection,
    rates?: SessionRates,
  ) {
    this.facts = facts;
    this.inspection = inspection;
    this.#pipe = new Pipe(client, upstream, parts, this);
    this.#deadlines = new Deadlines(this.#pipe, parts, this, facts.loginEndsAtMs);
    this.#parts = parts;
    this.#throttle = rates && new Throttle(rates, this.#pipe, parts.wheel, this);
    this.#deadlines.throttle = this.#throttle;
    inspection?.start(this.#pipe);
  }

  /**
   * Takes both sockets and starts the pipe. The first message is the INFO line alone, because nats.py parses all of the
   * first message as the INFO. The upstream must be paused; it is resumed here.
   */
  start(side: UpstreamSide): void {
    const upstream = this.#pipe.upstream.socket;
    this.#client.start(this);
    side.reads.to = this;
    own(this);
    const { inspection } = this;
    const { infoLine, rest } = side;
    if (infoLine.length > 0) this.#pipe.writeToClient(inspection?.firstInfo(infoLine) ?? infoLine);
    this.#endAsInspected();
    if (rest.length > 0) this.onUpstreamBytes(rest);
    if (upstream.destroyed) this.socketClosed();
    else this.#pipe.readUpstream();
    this.#deadlines.reschedule();
  }

  get #client(): ByteSocket {
    return this.#pipe.client;
  }

  // For the live view

  get reason(): CloseReason | undefined {
    return this.#ending?.reason;
  }

  get bytesToUpstream(): number {
    return this.#pipe.bytesToUpstream;
  }

  get bytesToClient(): number {
    return this.#pipe.bytesToClient;
  }

  /** WebSocket frames with data. */
  get framesToUpstream(): number {
    return this.#client.framesReceived;
  }

  get framesToClient(): number {
    return this.#client.framesSent;
  }

  /** As `watchFrames` of ByteSocket. */
  watchFrames(watcher: FrameWatcher | undefined): void {
    this.#client.watchFrames(watcher);
  }

  /** Bytes waiting in this process for a side to take them. */
  get bufferedBytes(): { readonly client: number; readonly upstream: number } {
    return { client: this.#client.bufferedBytes, upstream: this.#pipe.upstream.socket.writableLength };
  }

  /** The limit of `rates` for which it is not read from now, and for how long already. */
  get delay(): Throttle['delay'] {
    return this.#throttle?.delay;
  }

  /** The same, or the limit for which its operations are refused. */
  get rateLimited(): Throttle['limited'] {
    return this.#throttle?.limited;
  }

  /** For how many milliseconds bytes have been waiting for each side; 0: none do. */
  get waitingMs(): { readonly client: number; readonly upstream: number } {
    const { nowMs } = this.#parts.wheel;
    const of = (side: Side): number => nowMs - (this.waitsSinceMs(side) ?? nowMs);
    return { client: of('client'), upstream: of('upstream') };
  }

  /** For how long the client has read too slowly, also where it takes all from time to time; 0: it keeps up. */
  get clientSlowMs(): number {
    return this.#pipe.clientSlowMs;
  }

  get clientName(): string | undefined {
    return this.inspection?.clientName;
  }

  get natsUser(): string | undefined {
    return this.inspection?.natsUser;
  }

  get serverErrors(): number {
    return this.inspection?.serverErrors ?? 0;
  }

  get serverError(): string | undefined {
    return this.inspection?.lastError;
  }

  // From the client: ByteSocketOwner

  onBytes(chunk: Buffer): void {
    try {
      // Afterwards the chunk may be somebody else's.
      const { length } = chunk;
      if (this.inspection === undefined) this.#pipe.writeToUpstream(chunk);
      else {
        this.inspection.toUpstream(chunk);
        this.#endAsInspected();
      }
      this.#throttle?.readClient(length, this.inspection?.messagesToUpstream ?? 0);
    } catch (error) {
      this.onFault(error);
    }
  }

  onDrain(): void {
    this.#pipe.clientDrained();
    this.#ending?.delivered();
  }

  onAssembling(change: number): void {
    const { held } = this.#parts;
    if (change > 0) held.hold(change);
    else held.release(-change);
  }

  onActivity(): void {
    this.#deadlines.sawActivity();
    this.#throttle?.countFrames(this.#client.framesReceived);
  }

  onPong(): void {
    const seconds = this.#deadlines.answered();
    if (seconds !== undefined) this.#parts.observer.onPingAnswered(seconds);
  }

  onEnd(end: ClientEnd): void {
    // A client that leaves does not wait for a final error.
    if (this.#ending !== undefined) this.#ending.stopAwaiting();
    else this.end(end.reason, end.code);
  }

  onClosed(): void {
    this.#clientOpen = false;
    this.#pipe.releaseClient();
    this.#ending?.stopAwaiting();
    this.#finish();
  }

  // From the server: its reads, and SocketOwner

  onUpstreamBytes(chunk: Buffer): void {
    try {
      const { inspection } = this;
      if (inspection === undefined) {
        this.#pipe.writeToClient(chunk);
        this.#throttle?.readUpstream(chunk.length);
        return;
      }
      if (this.#ending?.isClosing === true) return;
      inspection.toClient(chunk);
      if (!inspection.isWaiting) this.#ending?.stopAwaiting();
      this.#endAsInspected();
      this.#throttle?.readUpstream(chunk.length);
    } catch (error) {
      this.onFault(error);
    }
  }

  get writer(): SocketWriter {
    return this.#pipe.upstream;
  }

  socketDrained(): void {
    this.#pipe.upstreamDrained();
    this.#ending?.delivered();
  }

  socketEnded(): void {
    this.end('upstream_closed');
    this.#ending?.stopAwaiting();
  }

  /** A server that sends an -ERR before it closes often resets the connection after it. */
  socketFailed(): void {
    this.end(this.inspection?.closeCode === undefined ? 'upstream_reset' : 'upstream_closed');
  }

  socketClosed(): void {
    if (!this.#upstreamOpen) return;
    this.#upstreamOpen = false;
    this.#pipe.releaseUpstream();
    this.socketFailed();
    this.#ending?.stopAwaiting();
    this.#finish();
  }

  // A side that takes no more: PipeOwner, and DeadlinesOwner by the sides

  onMark(): void {
    this.#deadlines.markSent();
  }

  onStall(direction: Direction): void {
    this.#deadlines.watchSides();
    this.inspection?.paused(direction);
  }

  onFlow(direction: Direction): void {
    this.inspection?.resumed(direction);
  }

  waitsSinceMs(side: Side): number | undefined {
    const ending = this.#ending;
    if (ending?.isClosing === true) return ending.waitsSinceMs(side);
    return side === 'client' ? this.#pipe.clientStalledSinceMs : this.#pipe.upstreamStalledSinceMs;
  }

  onProgress(side: Side): void {
    // A client that takes bytes is alive, even when its pongs are late.
    if (side === 'client') this.#deadlines.sawActivity();
  }

  onStalled(side: Side): void {
    if (this.#ending !== undefined) this.#ending.drop();
    else this.end(side === 'client' ? 'slow_consumer' : 'upstream_stalled');
  }

  // Too much waits in all sessions together: Holder

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

  /** Ends the session in an overload. A client that reads still gets the reason. */
  shed(): void {
    const pipe = this.#pipe;
    const clientReads = !pipe.holdsForClient && this.#client.assemblingSinceMs === undefined;
    const ending = this.#endNow('overload');
    if (clientReads) pipe.upstream.drop();
    else ending.drop();
    pipe.forgetHeld();
  }

  // Faster than its rates: ThrottleOwner

  onThrottle(): void {
    this.#deadlines.reschedule();
  }

  onRateLimited(limit: RateLimit, action: 'delay' | 'close'): void {
    this.#parts.observer.onRateLimited(limit, action);
  }

  onDelayed(limit: RateLimit, seconds: number): void {
    this.#parts.observer.onDelayed(limit, seconds);
  }

  // The login

  /** Milliseconds since the epoch: the login ends then; undefined: never. */
  get loginEndsAtMs(): number | undefined {
    return this.#deadlines.loginEndsAtMs;
  }

  /** Earlier or later than before. */
  moveLoginEnd(endsAtMs: number): void {
    this.#deadlines.moveLoginEnd(endsAtMs);
  }

  // The end

  /**
   * The gateway will close this session soon. An inspected client gets an INFO with `ldm`, as from a server in lame
   * duck mode.
   */
  announceDrain(): void {
    const { inspection } = this;
    if (this.#ending !== undefined || inspection === undefined) return;
    const line = inspection.lameDuckInfo();
    if (line !== undefined) inspection.insert(line);
  }

  /**
   * Ends the session for `reason`, unless it has one already. Bytes that were taken are still delivered to either side
   * that can take them, for at most the close deadline. If a line announces the end to the client, the rest of the
   * server's operation goes to the client first.
   */
  end(reason: CloseReason, code?: number): void {
    if (this.#ending === undefined) this.#begin(reason, code);
  }

  #begin(reason: CloseReason, code?: number): Ending {
    this.#atEnd = this.#lookAtEnd(reason);
    const ending = new Ending(reason, code, {
      pipe: this.#pipe,
      deadlines: this.#deadlines,
      inspection: this.inspection,
      limits: this.#parts.limits,
    });
    this.#ending = ending;
    this.#throttle?.stop();
    ending.begin(this.#clientOpen && this.#upstreamOpen);
    return ending;
  }

  #lookAtEnd(reason: CloseReason) {
    const { bufferedBytes, clientSlowMs, inspection, waitingMs } = this;
    const isLameDuck = inspection?.isLameDuck === true;
    const hint = endHint(reason, { isLameDuck, clientSlowMs, waitingBytes: bufferedBytes.client });
    return { bufferedBytes, waitingMs, hint: inspection?.hint ?? hint };
  }

  /** Without waiting for a boundary. */
  #endNow(reason: CloseReason): Ending {
    const ending = this.#ending ?? this.#begin(reason);
    ending.stopAwaiting();
    return ending;
  }

  #endAsInspected(): void {
    const reason = this.inspection?.endReason;
    if (reason !== undefined) this.end(reason);
  }

  /** An exception inside a session ends that session, and neither others nor the process. */
  onFault(error: unknown): void {
    this.#parts.observer.onFault(error);
    this.end('internal_error');
  }

  onEndOverdue(): void {
    this.#ending?.overdue();
  }

  /** Drops both sockets now: the deadline of a drain has passed, or the program must stop. */
  cut(): void {
    this.#endNow('draining').drop();
  }

  #finish(): void {
    if (this.#clientOpen || this.#upstreamOpen) return;
    this.#deadlines.stop();
    this.#ending?.stop();
    this.#parts.observer.onEnded({
      facts: this.facts,
      reason: this.#ending?.reason ?? 'internal_error',
      code: this.#ending?.code ?? 1006,
      seconds: (performance.now() - this.startedAtMs) / 1000,
      bytesToUpstream: this.#pipe.bytesToUpstream,
      bytesToClient: this.#pipe.bytesToClient,
      framesToUpstream: this.framesToUpstream,
      framesToClient: this.framesToClient,
      clientName: this.clientName,
      natsUser: this.natsUser,
      serverErrors: this.serverErrors,
      serverError: this.serverError,
      bufferedBytes: this.#atEnd?.bufferedBytes ?? NOTHING,
      waitingMs: this.#atEnd?.waitingMs ?? NOTHING,
      hint: this.#atEnd?.hint,
      rateLimit: this.#throttle?.endedBy,
    });
  }
}

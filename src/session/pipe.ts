import type { Socket } from 'node:net';
import type { BufferPool } from '../bytes/buffer-pool.ts';
import { SocketWriter } from '../bytes/socket-writer.ts';
import type { SessionSides } from '../inspect/inspection.ts';
import type { Direction } from '../nats/operations.ts';
import type { ByteSocket } from '../websocket/byte-socket.ts';
import type { Reader, ReadTurns } from './read-turns.ts';
import type { Side } from './waits.ts';

/**
 * Payload bytes and pauses of all sessions together. These are plain numbers, read at scrape time, because a metrics
 * library is too slow for the data path (1.3 µs for a labelled increment, 3 ns for this).
 */
export class Traffic {
  bytesToUpstream = 0;
  bytesToClient = 0;
  clientPauses = 0;
  upstreamPauses = 0;
  clientsPausedNow = 0;
  upstreamsPausedNow = 0;
}

/** Counts the bytes that all sessions have waiting. */
export type HeldBytes = { hold(bytes: number): void; release(bytes: number): void };

/** What all pipes share. */
type PipeParts = {
  readonly pool: BufferPool;
  readonly traffic: Traffic;
  readonly held: HeldBytes;
  readonly wheel: { readonly nowMs: number; readonly tick: number };
  readonly turns: Pick<ReadTurns, 'mustWait'>;
};

export type PipeOwner = {
  /** A ping goes to the client with the bytes that are written now. */
  onMark(): void;
  /** The receiver of this direction takes no more bytes for now, until `onFlow`. */
  onStall(direction: Direction): void;
  onFlow(direction: Direction): void;
};

/**
 * A client that reads slowly from large kernel buffers looks as if it had stopped: its TCP window opens in steps of up
 * to half a buffer, which are minutes apart at 5 KB/s (Linux 6.18). So a ping (a mark) follows the write that fills
 * MARK_BYTES, and its pong shows that the client has read up to there. A write brings up to 64 KiB, so two marks are at
 * most 96 KiB apart: 20 s at 5 KB/s, within `timeouts.stall`. With 128 KiB they were up to 192 KiB apart, 38 s. MAX_MARKS
 * in one tick of the wheel cover all that both kernels hold for a client that reads nothing, and cost next to nothing
 * for a fast one.
 */
const MARK_BYTES = 32 * 1024;
const MAX_MARKS = 128;

/** A client that has taken all for this long is not slow any more. */
const CAUGHT_UP_MS = 1000;

/**
 * Carries bytes both ways between one client and one upstream, with backpressure.
 *
 * ```
 *   client ──onBytes── one chunk a turn ──write──▶ upstream     not all taken: client.pause()   … 'drain'
 *   client ◀──write──────────────────────'data'── upstream     not all taken: upstream.pause() … onDrain
 * ```
 *
 * Each direction holds at most what one read brought plus one read ahead. A direction that is paused says since
 * when, so that its owner can set a deadline.
 */
export class Pipe implements SessionSides, Reader {
  readonly client: ByteSocket;
  readonly upstream: SocketWriter;
  /** Since when the client is slow: bytes wait for it now, or did less than CAUGHT_UP_MS before they did again. */
  #clientSlowSinceMs = 0;
  #clientDrainedAtMs = Number.NEGATIVE_INFINITY;
  #unmarkedBytes = 0;
  #marks = 0;
  #marksTick = 0;
  readonly #parts: PipeParts;
  readonly #owner: PipeOwner;
  bytesToUpstream = 0;
  bytesToClient = 0;
  /** Since when the upstream has taken nothing while client bytes wait; undefined while it flows. */
  upstreamStalledSinceMs: number | undefined;
  /** Since when the client has taken nothing while upstream bytes wait; undefined while it flows. */
  clientStalledSinceMs: number | undefined;
  /** Memory of the bytes that wait here for each side. */
  #heldForUpstream = 0;
  #heldForClient = 0;
  /** Bytes of errors that wait for a boundary. */
  #waitingErrors = 0;
  #awaitsErrors = false;
  #open = true;
  #openToUpstream = true;
  /** The side must not be read for now, whatever the other one takes. */
  #clientDelayed = false;
  #upstreamDelayed = false;

  constructor(client: ByteSocket, upstream: Socket, parts: PipeParts, owner: PipeOwner) {
    this.client = client;
    this.upstream = new SocketWriter(upstream, parts.pool);
    this.#parts = parts;
    this.#owner = owner;
  }

  /** Its turn has come: both sides are read on, unless bytes wait for the other. */
  readOn(): void {
    this.#readClient();
    this.readUpstream();
  }

  #readClient(): void {
    if (this.#open && this.isReadingClient && !this.#awaitsErrors) this.client.resume();
  }

  /** If the client takes it. */
  readUpstream(): void {
    if (this.#open && this.clientTakes && !this.#upstreamDelayed) this.upstream.socket.resume();
  }

  /** But for errors that it must take first: the limits of stalls and of silence are for these waits too. */
  get isReadingClient(): boolean {
    return this.upstreamStalledSinceMs === undefined && !this.#clientDelayed;
  }

  /** Nothing more is read from the side, until `endDelay`. */
  delay(side: Side): void {
    this.#setDelayed(side, true);
    if (side === 'client') this.client.pause();
    else this.upstream.socket.pause();
  }

  endDelay(side: Side): void {
    this.#setDelayed(side, false);
    this.readOn();
  }

  /** Reads a delayed side, until `delay` is called again. */
  peek(side: Side): void {
    this.#setDelayed(side, false);
    this.readOn();
    this.#setDelayed(side, true);
  }

  #setDelayed(side: Side, isDelayed: boolean): void {
    if (side === 'client') this.#clientDelayed = isDelayed;
    else this.#upstreamDelayed = isDelayed;
  }

  /** From the client. The chunk goes back to the pool when the kernel has it. */
  writeToUpstream(chunk: Buffer): void {
    if (!this.#openToUpstream) {
      this.#parts.pool.release(chunk);
      return;
    }
    this.bytesToUpstream += chunk.length;
    this.#parts.traffic.bytesToUpstream += chunk.length;
    const { length } = chunk;
    if (this.upstream.write(chunk)) {
      if (this.#parts.turns.mustWait(this, length)) this.client.pause();
      return;
    }
    this.#heldForUpstream = this.#hold(this.#heldForUpstream, this.upstream.heldBytes);
    if (this.upstreamStalledSinceMs !== undefined) return;
    this.upstreamStalledSinceMs = this.#parts.wheel.nowMs;
    this.#parts.traffic.clientPauses++;
    this.#parts.traffic.clientsPausedNow++;
    this.client.pause();
    this.#owner.onStall('to_upstream');
  }

  #hold(before: number, now: number): number {
    this.#parts.held.hold(now - before);
    return now;
  }

  get heldBytes(): number {
    return this.#heldForUpstream + this.#heldForClient + this.#waitingErrors;
  }

  get clientTakes(): boolean {
    return this.clientStalledSinceMs === undefined;
  }

  get holdsForClient(): boolean {
    return this.#heldForClient > 0;
  }

  /** The sockets are being dropped, so the bytes that wait no longer count, though they exist a moment longer. */
  forgetHeld(): void {
    this.#parts.held.release(this.heldBytes);
    this.#heldForUpstream = 0;
    this.#heldForClient = 0;
    this.#waitingErrors = 0;
  }

  awaitErrors(waitingBytes: number): void {
    this.#waitingErrors = this.#hold(this.#waitingErrors, waitingBytes);
    const didAwait = this.#awaitsErrors;
    this.#awaitsErrors = this.#openToUpstream && (waitingBytes > 0 || !this.clientTakes);
    if (this.#awaitsErrors) this.client.pause();
    else if (didAwait) this.#readClient();
  }

  upstreamDrained(): void {
    this.releaseUpstream();
    if (this.upstreamStalledSinceMs === undefined) return;
    this.upstreamStalledSinceMs = undefined;
    this.#parts.traffic.clientsPausedNow--;
    this.#readClient();
    this.#owner.onFlow('to_upstream');
  }

  /** Nothing waits for the upstream any more, or it is gone. */
  releaseUpstream(): void {
    this.#parts.held.release(this.#heldForUpstream);
    this.#heldForUpstream = 0;
  }

  /** From the upstream; the chunk is only read during the call. */
  writeToClient(chunk: Buffer): void {
    if (!this.#open) return;
    this.bytesToClient += chunk.length;
    this.#parts.traffic.bytesToClient += chunk.length;
    this.#unmarkedBytes += chunk.length;
    const isMarked = this.#unmarkedBytes >= MARK_BYTES && this.#mark();
    const flows = this.client.write(chunk, isMarked);
    if (flows) {
      if (this.#parts.turns.mustWait(this, chunk.length)) this.upstream.socket.pause();
      return;
    }
    this.#heldForClient = this.#hold(this.#heldForClient, this.client.heldBytes);
    if (this.clientStalledSinceMs !== undefined) return;
    const { nowMs } = this.#parts.wheel;
    this.clientStalledSinceMs = nowMs;
    if (nowMs - this.#clientDrainedAtMs > CAUGHT_UP_MS) this.#clientSlowSinceMs = nowMs;
    this.#parts.traffic.upstreamPauses++;
    this.#parts.traffic.upstreamsPausedNow++;
    this.upstream.socket.pause();
    this.#owner.onStall('to_client');
  }

  /** For how long the client has read too slowly, so that the server was only read as fast; 0: it has kept up. */
  get clientSlowMs(): number {
    const { nowMs } = this.#parts.wheel;
    const isSlow = !this.clientTakes || nowMs - this.#clientDrainedAtMs <= CAUGHT_UP_MS;
    return isSlow ? nowMs - this.#clientSlowSinceMs : 0;
  }

  /** False: this tick has had its marks. */
  #mark(): boolean {
    const { tick } = this.#parts.wheel;
    if (tick !== this.#marksTick) this.#marks = 0;
    this.#marksTick = tick;
    this.#unmarkedBytes = 0;
    if (++this.#marks > MAX_MARKS) return false;
    this.#owner.onMark();
    return true;
  }

  /** Nothing waits for the client any more, or it is gone. */
  releaseClient(): void {
    this.#parts.held.release(this.#heldForClient);
    this.#heldForClient = 0;
  }

  clientDrained(): void {
    this.releaseClient();
    if (this.clientStalledSinceMs === undefined) return;
    this.clientStalledSinceMs = undefined;
    this.#clientDrainedAtMs = this.#parts.wheel.nowMs;
    this.#parts.traffic.upstreamsPausedNow--;
    this.readUpstream();
    if (this.#awaitsErrors) this.awaitErrors(this.#waitingErrors);
    this.#owner.onFlow('to_client');
  }

  /** Nothing more is taken from the client, though it is read; the other direction goes on. */
  shutToUpstream(): void {
    this.#openToUpstream = false;
    if (this.#awaitsErrors) this.awaitErrors(this.#waitingErrors);
  }

  /** Ends both directions: nothing more is taken from either side; what was taken is still delivered. */
  shut(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#openToUpstream = false;
    this.#waitingErrors = this.#hold(this.#waitingErrors, 0);
    if (this.upstreamStalledSinceMs !== undefined) this.#parts.traffic.clientsPausedNow--;
    if (this.clientStalledSinceMs !== undefined) this.#parts.traffic.upstreamsPausedNow--;
    this.upstreamStalledSinceMs = undefined;
    this.clientStalledSinceMs = undefined;
  }
}

import { CLOSE_REASONS, type CloseReason } from '../close-reason.ts';
import type { Inspection } from '../inspect/inspection.ts';
import type { Deadlines } from './deadlines.ts';
import type { Pipe } from './pipe.ts';
import { RATE_STALLS } from './stall-watch.ts';
import type { Side } from './waits.ts';

/** The parts of a session that have to end. */
type EndingParts = {
  readonly pipe: Pipe;
  readonly deadlines: Deadlines;
  readonly inspection: Inspection | undefined;
  readonly limits: { readonly stallMs: number; readonly closeMs: number };
};

const NO_LINE = Buffer.alloc(0);

/**
 * A client that gets an `-ERR` and the close frame in one read may see the frame alone (nats.go before its fix of #2024),
 * so there is a gap between them. Two turns of the event loop are no gap: a reader of another process got both at once
 * in 166 of 1,000 cases, with 1 ms between them in 22, with 5 ms in none (Node 26.10, two busy cores).
 */
const GAP_MS = 10;

/**
 * The end of one session, from the event that decided its reason to the close of its sockets.
 *
 * ```
 *  begin() ──▶ awaiting a boundary: the rest of an operation ──▶ closing: both sides get what was read, then a FIN
 *              goes to the client, then the final error                   and, a moment after an error, a close frame
 * ```
 *
 * Both states have a deadline, after which the owner calls `overdue`. If no final error has to wait, closing begins at
 * once.
 */
export class Ending {
  readonly reason: CloseReason;
  readonly code: number;
  isClosing = false;
  readonly #parts: EndingParts;
  /** The last that the client gets before the close frame may be an `-ERR`: ours, or the server's. */
  #mayHaveError: boolean;
  #gap: NodeJS.Timeout | undefined;

  /** `code`: the client's own close code, where it sent one. */
  constructor(reason: CloseReason, code: number | undefined, parts: EndingParts) {
    this.reason = reason;
    this.code = code ?? closeCodeOf(reason, parts.inspection);
    this.#parts = parts;
    this.#mayHaveError = CLOSE_REASONS[reason].initiator === 'upstream';
  }

  /** Nothing more is taken from the client. `isWhole`: neither side has closed yet. */
  begin(isWhole: boolean): void {
    const { deadlines, limits, pipe } = this.#parts;
    pipe.shutToUpstream();
    deadlines.endAfter(limits.closeMs);
    const mustWait = isWhole && this.#announce();
    if (!mustWait) this.stopAwaiting();
  }

  /** Puts the final error before the close frame. True: it must wait for the end of an operation of the server. */
  #announce(): boolean {
    const { inspection, pipe } = this.#parts;
    if (inspection === undefined) return false;
    // A drain was announced before, and only waits for the operation's end.
    const line = inspection.finalError(this.reason) ?? (this.reason === 'draining' ? NO_LINE : undefined);
    // A client that does not read would not get it, nor the rest of the operation.
    if (line === undefined || !pipe.clientTakes) return false;
    inspection.insertLast(line);
    this.#mayHaveError = true;
    return inspection.isWaiting;
  }

  /** The final error is written, or its boundary will not come any more. */
  stopAwaiting(): void {
    if (!this.isClosing) this.#close();
  }

  /** Closes both sides; nothing more is taken from either. */
  #close(): void {
    const { inspection, pipe } = this.#parts;
    this.isClosing = true;
    inspection?.cancel();
    const { clientTakes } = pipe;
    pipe.shut();

    // Nobody needs what the upstream still sends, but it must be read, so that its FIN is seen.
    const upstream = pipe.upstream.socket;
    upstream.resume();
    upstream.end();

    if (this.reason === 'client_gone') pipe.client.destroy();
    else if (!this.#mayHaveError) this.#closeClient();
    // Else the gap begins when the kernel has all bytes for the client, and `delivered` says so.
    else if (clientTakes) this.#closeAfterGap();
    this.#renewDeadline();
  }

  #closeClient(): void {
    const { client } = this.#parts.pipe;
    if (this.reason !== 'client_closed' && !client.socket.destroyed) client.close(this.code, this.reason);
  }

  #closeAfterGap(): void {
    this.#gap ??= setTimeout(() => this.#closeClient(), GAP_MS);
  }

  /** A side has taken all bytes; now only its close is awaited. */
  delivered(): void {
    if (!this.isClosing) return;
    if (this.#mayHaveError && this.#bytesFor('client') === 0) this.#closeAfterGap();
    this.#renewDeadline();
  }

  #renewDeadline(): void {
    // While bytes are on their way the stall limit holds, then the close limit. After a stall the side does not get the
    // stall limit a second time.
    const { deadlines, limits } = this.#parts;
    const hasStalled = this.reason === 'slow_consumer' || this.reason === 'upstream_stalled';
    const waits = !hasStalled && (this.#bytesFor('client') > 0 || this.#bytesFor('upstream') > 0);
    deadlines.endAfter(waits ? RATE_STALLS * limits.stallMs : limits.closeMs);
    if (waits) deadlines.watchSides();
  }

  /** Since when bytes wait for the side while it is closing, so that its deadline is the end of the longest wait. */
  waitsSinceMs(side: Side): number | undefined {
    const { deadlines, limits } = this.#parts;
    return this.#bytesFor(side) === 0 ? undefined : deadlines.endMs - RATE_STALLS * limits.stallMs;
  }

  #bytesFor(side: Side): number {
    const { pipe } = this.#parts;
    return side === 'client' ? pipe.client.bufferedBytes : pipe.upstream.socket.writableLength;
  }

  overdue(): void {
    // The server's operation does not end, so the close frame is sent without the final error.
    if (!this.isClosing) this.#close();
    else this.drop();
  }

  /** Drops both sockets, with the bytes and the close frame that wait. */
  drop(): void {
    const { client, upstream } = this.#parts.pipe;
    if (this.isClosing && this.#mayHaveError) this.#closeClient();
    client.destroy();
    upstream.drop();
  }

  /** Both sockets are gone. */
  stop(): void {
    clearTimeout(this.#gap);
  }
}

function closeCodeOf(reason: CloseReason, inspection: Inspection | undefined): number {
  const { code } = CLOSE_REASONS[reason];
  const serversCode = reason === 'upstream_closed' ? inspection?.closeCode : undefined;
  return serversCode ?? (typeof code === 'number' ? code : 1006);
}

import { BufferPool } from '../../src/bytes/buffer-pool.ts';
import type { Policy, SessionSides } from '../../src/inspect/inspection.ts';
import type { InspectionLevel } from '../../src/inspect/inspection-facts.ts';
import { type InspectionRules, Inspector } from '../../src/inspect/inspector.ts';
import type { Direction } from '../../src/nats/operations.ts';
import type { ParseError } from '../../src/nats/protocol.ts';
import { cutAt } from '../nats/parse-pieces.ts';

export const INFO =
  'INFO {"server_id":"S","server_name":"n1","version":"2.15.1","max_payload":65536,"client_id":7} \r\n';
export const CONNECT = 'CONNECT {"protocol":1}\r\n';

/** An inspector whose pool overwrites whatever has become free, and what came of it. */
export class Inspected implements SessionSides {
  readonly pool = new BufferPool({ slots: 2, poison: true });
  readonly inspector: Inspector;
  readonly stops: [Direction, ParseError][] = [];
  readonly serverErrors: string[] = [];
  lameDucks = 0;
  readonly roundTrips: number[] = [];
  readonly #up: Buffer[] = [];
  readonly #down: Buffer[] = [];

  constructor(
    level: InspectionLevel,
    info: InspectionRules['info'] = { connectUrls: 'keep', hide: [] },
    policies: readonly Policy[] = [],
  ) {
    this.inspector = new Inspector(
      { level, maxLineBytes: 4096, keepsLogin: true, info, policies },
      this.pool,
      {
        onParserStop: (direction, error) => void this.stops.push([direction, error]),
        onServerError: (kind) => void this.serverErrors.push(kind),
        onOwnLoginRefused: () => {},
        onLameDuck: () => void this.lameDucks++,
        onRoundTrip: (seconds) => void this.roundTrips.push(seconds),
      },
    );
    this.inspector.start(this);
  }

  /** Behind INFO and CONNECT, which count as not sent. */
  static connected(level: InspectionLevel, policies: readonly Policy[] = [], connect = CONNECT): Inspected {
    const inspected = new Inspected(level, undefined, policies);
    inspected.inspector.firstInfo(Buffer.from(INFO));
    inspected.toUpstream(Buffer.from(connect));
    inspected.#up.length = 0;
    return inspected;
  }

  /** What the client gets before the close frame when the session ends over what it, or its server, said. */
  get finalError(): string | undefined {
    const { inspector } = this;
    return inspector.endReason && inspector.finalError(inspector.endReason)?.toString();
  }

  get up(): string {
    return Buffer.concat(this.#up).toString('latin1');
  }

  get down(): string {
    return Buffer.concat(this.#down).toString('latin1');
  }

  /** In slots of the pool, as an engine does it. */
  toUpstream(bytes: Buffer, cuts: readonly number[] = []): this {
    for (const piece of cutAt(bytes, cuts)) {
      if (this.inspector.endReason !== undefined) break;
      const slot = this.pool.take();
      piece.copy(this.pool.bytes, slot);
      this.inspector.toUpstream(this.pool.lend(slot, slot + piece.length));
    }
    if (this.pool.free !== 3) throw new Error(`${3 - this.pool.free} slots did not come back`);
    return this;
  }

  /** Read into the receive area, where they fit, as from a server without TLS. */
  toClient(bytes: Buffer, cuts: readonly number[] = []): this {
    const { receive } = this.pool;
    for (const piece of cutAt(bytes, cuts)) {
      const chunk =
        piece.length > receive.length ? piece : receive.subarray(0, piece.copy(receive, 0, 0, piece.length));
      this.inspector.toClient(chunk);
      // It is overwritten by the next read.
      chunk.fill(0xdb);
    }
    return this;
  }

  // SessionSides

  /** Of errors that wait; the client must not be read then. */
  waitingErrorBytes = 0;

  awaitErrors(waitingBytes: number): void {
    this.waitingErrorBytes = waitingBytes;
  }

  onWrite: (() => void) | undefined;

  /** Each write to the client. */
  get writes(): readonly Buffer[] {
    return this.#down;
  }

  writeToUpstream(chunk: Buffer): void {
    this.#up.push(Buffer.from(chunk));
    this.pool.release(chunk);
  }

  writeToClient(piece: Buffer): void {
    this.#down.push(Buffer.from(piece));
    this.onWrite?.();
  }
}

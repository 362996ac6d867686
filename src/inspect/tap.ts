import type { Operation } from '../nats/operation.ts';
import type { Direction } from '../nats/operations.ts';
import type { ParseError } from '../nats/protocol.ts';
import type { Verdict } from './inspection.ts';

/** Looks at every operation of one session, when it is judged. The operation is only valid during the call. */
export type Tap = {
  /**
   * Before each read of so many bytes: whether all of it is to be seen. Otherwise runs of messages are not, but for their
   * number.
   */
  beginRead(direction: Direction, bytes: number): boolean;
  /** False in the middle of a read: of the rest, runs of messages need not be seen either. */
  readonly wantsMore: boolean;
  /** After each read: how many operations it had, seen or not. */
  endRead(operations: number): void;
  fromClient(operation: Operation, verdict: Verdict | undefined): void;
  fromServer(operation: Operation, verdict: Verdict | undefined): void;
  /**
   * Where there is one, it gets the payload of each operation after it, headers included, in pieces that are only valid
   * during the call. The first may be the rest of a message that the tap has not seen.
   */
  readonly payload?: ((direction: Direction, piece: Buffer) => void) | undefined;
  /** Lines of natsgate for the client alone. */
  inserted(lines: Buffer): void;
  /** Nothing more of this direction will be seen. */
  stopped(direction: Direction, error: ParseError): void;
  /** Its receiver takes no more bytes, so its sender is not read until `resumed`. */
  paused(direction: Direction): void;
  resumed(direction: Direction): void;
};

/** One tap that tells all of `taps`; undefined: there are none. */
export function joinedTap(taps: readonly Tap[]): Tap | undefined {
  return taps.length < 2 ? taps[0] : new JoinedTap(taps);
}

class JoinedTap implements Tap {
  readonly #taps: readonly Tap[];
  readonly payload: Tap['payload'];

  constructor(taps: readonly Tap[]) {
    this.#taps = taps;
    const payloads = taps.flatMap(({ payload }) => payload ?? []);
    this.payload =
      payloads.length === 0
        ? undefined
        : (direction, piece) => {
            for (const payload of payloads) payload(direction, piece);
          };
  }

  beginRead(direction: Direction, bytes: number): boolean {
    // Each of them counts the read.
    return this.#taps.map((tap) => tap.beginRead(direction, bytes)).some(Boolean);
  }

  get wantsMore(): boolean {
    return this.#taps.some((tap) => tap.wantsMore);
  }

  endRead(operations: number): void {
    for (const tap of this.#taps) tap.endRead(operations);
  }

  fromClient(operation: Operation, verdict: Verdict | undefined): void {
    for (const tap of this.#taps) tap.fromClient(operation, verdict);
  }

  fromServer(operation: Operation, verdict: Verdict | undefined): void {
    for (const tap of this.#taps) tap.fromServer(operation, verdict);
  }

  inserted(lines: Buffer): void {
    for (const tap of this.#taps) tap.inserted(lines);
  }

  stopped(direction: Direction, error: ParseError): void {
    for (const tap of this.#taps) tap.stopped(direction, error);
  }

  paused(direction: Direction): void {
    for (const tap of this.#taps) tap.paused(direction);
  }

  resumed(direction: Direction): void {
    for (const tap of this.#taps) tap.resumed(direction);
  }
}

import type { Operation } from '../nats/operation.ts';
import type { Direction } from '../nats/operations.ts';
import type { ParseError } from '../nats/protocol.ts';
import type { Verdict } from './inspection.ts';

/** Looks at every operation of one session, when it is judged. The operation is only valid during the call. */
export type Tap = {
  /** Before each read: whether all of it is to be seen. Otherwise runs of messages are not, but for their number. */
  beginRead(): boolean;
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
};

import type { Operation } from '../nats/operation.ts';
import type { Verdict } from './inspection.ts';

/** Looks at every operation of one session, when it is judged. The operation is only valid during the call. */
export type Tap = {
  fromClient(operation: Operation, verdict: Verdict | undefined): void;
  fromServer(operation: Operation, verdict: Verdict | undefined): void;
  /** Lines of natsgate for the client alone. */
  inserted(lines: Buffer): void;
};

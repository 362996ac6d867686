import type { CloseReason } from '../close-reason.ts';
import type { Connect, ConnectChanges } from '../nats/connect.ts';
import type { Operation } from '../nats/operation.ts';
import type { ParseProblem } from '../nats/protocol.ts';

/** The two sides that an inspection writes to. */
export type SessionSides = {
  /** The chunk goes back to the pool by this side. */
  writeToUpstream(chunk: Buffer): void;
  /** The piece is only read during the call. */
  writeToClient(piece: Buffer): void;
  /** Nothing that was written to the client waits for it. */
  readonly clientTakes: boolean;
};

/**
 * The inspection of one session, where there is one. It sees every byte in order, says what may pass, and knows where a
 * line of ours may be inserted.
 */
export interface Inspection {
  /** To be called first. */
  start(sides: SessionSides): void;
  /** The line that came before the 101; returns the client's first message. */
  firstInfo(line: Buffer): Buffer;
  /** Writes what may go upstream now, as one chunk at most. Owns the chunk as `ByteSocketOwner.onBytes` does. */
  toUpstream(chunk: Buffer): void;
  /** Writes what may go to the client now. The chunk is only valid during the call. */
  toClient(chunk: Buffer): void;
  /** Set by the three above: the session must end for this reason. */
  readonly endReason: CloseReason | undefined;
  /**
   * Inserts a line of ours between two operations of the server: now, or at the next boundary after the server's first
   * PONG; until then some clients take the next message for it (nats.py).
   */
  insert(line: Buffer): void;
  /** The same for the last line, which may be empty: nothing is written after it, and it does not wait for a PONG. */
  insertLast(line: Buffer): void;
  /** A line still waits for its boundary. */
  readonly isWaiting: boolean;
  /** No line is inserted any more. */
  cancel(): void;
  /** The line that announces an end to the client; undefined: none. */
  finalError(reason: CloseReason): Buffer | undefined;
  /** The line that announces a shutdown. */
  lameDuckInfo(): Buffer | undefined;
  /** For `upstream_closed`: the code that the server's last -ERR asks for. */
  readonly closeCode: number | undefined;
  readonly lastError: string | undefined;
  readonly hint: string | undefined;
}

/** What is to become of an operation. undefined: it passes as it came. */
export type Verdict =
  /** Its line leaves as these bytes; a payload follows as it came. */
  | { readonly kind: 'replace'; readonly line: Buffer }
  /** Nothing of it leaves, its payload neither; the client gets this -ERR line, where there is one. */
  | { readonly kind: 'drop'; readonly error: Buffer | undefined }
  /** The session ends; what the stream needed in its place goes into the log. */
  | {
      readonly kind: 'end';
      readonly reason: CloseReason;
      readonly problem: ParseProblem;
      readonly expected: string;
    };

/** What a policy may know besides the operation. */
export type PolicyContext = {
  /** The nonce of the server's most recent INFO that had one. */
  readonly nonce: string | undefined;
};

/**
 * One rule about what a client says, asked before the operation may pass. Policies are asked in their order, and the first
 * that does not let an operation pass as it came decides; so those that judge come before those that rewrite.
 */
export type Policy = {
  /** It must see every message: the fast scan, which reports none, is switched off. */
  readonly needsEveryMessage: boolean;
  /** For every operation after CONNECT. */
  readonly judge?: (operation: Operation, context: PolicyContext) => Verdict | undefined;
  /** For the CONNECT: fields to set or to remove before it is written anew. Later policies see the client's own words. */
  readonly connect?: (connect: Connect, context: PolicyContext) => ConnectChanges;
};

/** A form that no policy of ours lets pass: the client's fault. */
export const violation = (expected: string, problem: ParseProblem = 'policy'): Verdict => ({
  kind: 'end',
  reason: 'nats_violation',
  problem,
  expected,
});

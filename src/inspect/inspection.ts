import type { CloseReason } from '../close-reason.ts';
import type { Connect, ConnectChanges } from '../nats/connect.ts';
import type { KnownMessages } from '../nats/known-subjects.ts';
import type { Operation } from '../nats/operation.ts';
import type { Direction } from '../nats/operations.ts';
import type { ParseProblem } from '../nats/protocol.ts';
import type { Stamp } from '../nats/stamp.ts';

/** The two sides that an inspection writes to. */
export type SessionSides = {
  /** The side gives the chunk back to the pool. */
  writeToUpstream(chunk: Buffer): void;
  /** The piece is only read during the call. */
  writeToClient(piece: Buffer): void;
  /**
   * So many bytes of errors for the client wait for a boundary. While any do, or the client does not take what was written,
   * it is not read, since what it says brings more of them.
   */
  awaitErrors(waitingBytes: number): void;
};

/**
 * The inspection of one session, if its route reads NATS. It sees every byte in order, decides what may pass, and knows
 * where natsgate may insert a line of its own.
 */
export interface Inspection {
  /** To be called first. */
  start(sides: SessionSides): void;
  /** Takes the INFO line that came before the 101; returns the client's first message. */
  firstInfo(line: Buffer): Buffer;
  /** Writes what may go upstream now, as one chunk unless it has grown. Owns the chunk as `ByteSocketOwner.onBytes` does. */
  toUpstream(chunk: Buffer): void;
  /** Writes what may go to the client now. The chunk is only valid during the call. */
  toClient(chunk: Buffer): void;
  /** The session must end for this reason. Set by the three methods above. */
  readonly endReason: CloseReason | undefined;
  /**
   * Inserts a line of ours between two operations of the server: now, or at the next boundary after the server's first
   * PONG. Before that PONG some clients (nats.py) take any line for the answer to their PING.
   */
  insert(line: Buffer): void;
  /** The same for the last line, which may be empty. Nothing is written after it, and it does not wait for the PONG. */
  insertLast(line: Buffer): void;
  /** The receiver of this direction takes no more bytes, so its sender is not read until `resumed`. */
  paused(direction: Direction): void;
  resumed(direction: Direction): void;
  /** A line still waits for its boundary. */
  readonly isWaiting: boolean;
  /** Drops the lines that wait. */
  cancel(): void;
  /** The line that announces an end to the client; undefined: none. */
  finalError(reason: CloseReason): Buffer | undefined;
  /** The line that announces a shutdown. */
  lameDuckInfo(): Buffer | undefined;
  /** As CONNECT has it, cut. */
  readonly clientName: string | undefined;
  /** The user that the client logs in as by itself; undefined: it names none, or natsgate logs in for it. */
  readonly natsUser: string | undefined;
  /** How many -ERR lines the server has sent. */
  readonly serverErrors: number;
  /** For `upstream_closed`: the code that the server's last -ERR asks for. */
  readonly closeCode: number | undefined;
  /** That the client has published so far. */
  readonly messagesToUpstream: number;
  readonly lastError: string | undefined;
  readonly hint: string | undefined;
  /** The server's last INFO said that it will stop. */
  readonly isLameDuck: boolean;
}

/** What to change when the server refuses the login that the gateway has written into CONNECT. */
export type LoginHint = {
  readonly text: string;
  /** It is made of what the client has sent, so the configuration may be right. */
  readonly isOfClient: boolean;
};

/** What happens to an operation. undefined: it passes unchanged. */
export type Verdict =
  /** Its line, with the headers held back with it, is replaced by these bytes; its payload follows unchanged. */
  | { readonly kind: 'replace'; readonly line: Buffer }
  /** No byte of it passes, nor of its payload. The client gets the -ERR line, if there is one. */
  | { readonly kind: 'drop'; readonly error: Buffer | undefined }
  /** The session ends. `expected`, for the log: what was expected in its place. */
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
 * One rule about what a client sends, asked before the operation may pass. Policies are asked in order, and the first
 * with a verdict decides, so those that refuse come before those that rewrite.
 */
export type Policy = {
  /** The policy must see every message, so the fast scan, which reports none, is switched off. */
  readonly needsEveryMessage: boolean;
  /** The policy must see every message but these, which the fast scan may read. Only one policy of a session has it. */
  readonly known?: KnownMessages | undefined;
  /** Each message gets it that the fast scan reads; the verdict on others is the policy's. */
  readonly stamp?: Stamp | undefined;
  /** The policy must see headers, so a block of up to 8 KiB is held back with its line. */
  readonly needsHeaders?: boolean;
  /** Messages of the server, while `isNeeded`: for a policy that counts what a subscription gets. */
  readonly deliveries?: { readonly isNeeded: boolean; seen(operation: Operation): void } | undefined;
  /** For every operation after CONNECT. */
  readonly judge?: (operation: Operation, context: PolicyContext) => Verdict | undefined;
  /** For the CONNECT, which it may only let pass or end the session for. */
  readonly judgeConnect?: (connect: Connect) => Extract<Verdict, { readonly kind: 'end' }> | undefined;
  /** For the CONNECT: fields to set or to remove before it is written. Every policy sees the client's own CONNECT. */
  readonly connect?: (connect: Connect, context: PolicyContext) => ConnectChanges;
};

/** The verdict on a form that must not pass: the session ends by a fault of the client. */
export const violation = (expected: string, problem: ParseProblem = 'policy'): Verdict => ({
  kind: 'end',
  reason: 'nats_violation',
  problem,
  expected,
});

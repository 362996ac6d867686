import type { EventEmitter } from 'node:events';
import * as ws from 'ws';

export type WsError = Error & { readonly code: string };

/** The frame parser of `ws`, which its types leave out: an oracle for frames of ours. */
export type WsReceiver = EventEmitter & {
  /** Reads one piece at once; `done` is called in the same turn, with the error that ends the stream if any. */
  _write(piece: Buffer, encoding: string, done: (error?: WsError | null) => void): void;
  end(): void;
};

export type WsReceiverOptions = {
  /** Frames of clients, masked; else frames of servers, unmasked. */
  readonly isServer: boolean;
  readonly maxPayload?: number;
  readonly maxFragments?: number;
  readonly maxBufferedChunks?: number;
};

const { Receiver } = ws as unknown as { Receiver: new (options: WsReceiverOptions) => WsReceiver };

/** Delivers with `message`, `ping`, `pong` and, for a close frame, `conclude`. */
export function wsReceiver(options: WsReceiverOptions): WsReceiver {
  return new Receiver(options);
}

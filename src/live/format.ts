import type { GatewayEvent, OperationEvent } from '../capture/format.ts';

/** An operation as a capture has it, and what is known of it only while it happens. */
export type WatchedOperation = OperationEvent & {
  /** Counts all operations since the watch began, those that are not shown, too. */
  readonly id: number;
  /** The WebSocket message in which it began; 0: one that had begun before the watch. */
  f?: number;
  /** The one in which it ended, if that is another. */
  fEnd?: number;
  /** The operation that this one answers, and so many microseconds later. */
  readonly answers?: number;
  readonly after?: number;
  /** Of an -ERR: the operation that has caused it, and whether that is a guess. */
  readonly cause?: number;
  readonly guess?: true;
};

/** An operation that was sent before has ended, in another message than the one in which it began. */
export type FrameEnd = { readonly t: number; readonly of: number; readonly fEnd: number };

/** `missed`: operations that are not shown here. */
export type WatchNote = GatewayEvent & { readonly missed?: number };

export type WatchedEvent = WatchedOperation | FrameEnd | WatchNote;

/** Delivered by the server: since the watch began, and in a second of about the last one. Bytes are those of headers and payloads. */
export type DeliveredNumbers = Readonly<
  Record<'messages' | 'bytes' | 'messagesPerSecond' | 'bytesPerSecond', number>
>;

export type WatchedSubscriptions = DeliveredNumbers & {
  /** As of an event. */
  readonly t: number;
  /** More came than were looked at: of each subscription it is an estimate, of all together it is exact. */
  readonly isSample: boolean;
  /** Those that got something, with the most messages first. */
  readonly subscriptions: readonly (DeliveredNumbers & { readonly sid: string })[];
};

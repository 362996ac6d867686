import { Allowance } from '../capture/allowance.ts';
import type { Tap } from '../inspect/tap.ts';
import type { Operation } from '../nats/operation.ts';
import { type Direction, rowOf } from '../nats/operations.ts';
import type { WatchedSubscriptions } from './format.ts';

/** Messages that are looked at in 100 ms; when there are more, the others count as these. */
const MOST_LOOKS = 500;
/** Subscriptions; those that got nothing in a report are forgotten above this. */
const MOST_KEPT = 500;
/** New ones of one report. */
const MOST_NEW = 500;
const SHOWN = 200;
/** No client library writes longer ones. */
const MAX_SID_BYTES = 256;

/** What the server has delivered so far. */
export type Delivered = { readonly messages: number; readonly bytes: number };

/** Since the watch began, and since the last report. */
type Sums = { messages: number; bytes: number; newMessages: number; newBytes: number };

/** What each subscription of one session gets, while somebody watches. */
export class Deliveries implements Tap {
  readonly #delivered: () => Delivered;
  readonly #onFirst: () => void;
  readonly #nowMs: () => number;
  readonly #startedMs: number;
  readonly #allowance = new Allowance(1, MOST_LOOKS);
  readonly #bySid = new Map<string, Sums>();
  readonly #all = { messages: 0, bytes: 0 };
  #before: Delivered;
  #reportedMs: number;
  #looked = { messages: 0, bytes: 0 };
  #reads = false;
  /** Nothing came before the last report. */
  isIdle = true;

  /** `onFirst`: something has come, so that reports are due until one has nothing. */
  constructor(delivered: () => Delivered, onFirst: () => void, nowMs: () => number) {
    this.#delivered = delivered;
    this.#onFirst = onFirst;
    this.#nowMs = nowMs;
    this.#startedMs = nowMs();
    this.#reportedMs = this.#startedMs;
    this.#before = delivered();
  }

  /** What has come since the last report, and in all. */
  report(): WatchedSubscriptions {
    const nowMs = this.#nowMs();
    const seconds = Math.max(0.001, (nowMs - this.#reportedMs) / 1000);
    const now = this.#delivered();
    const looked = this.#looked;
    const messages = now.messages - this.#before.messages;
    const isSample = messages > looked.messages;
    const bytes = isSample ? now.bytes - this.#before.bytes : looked.bytes;
    const rows = [...this.#bySid].map(([sid, sums]) => {
      const got = {
        messages: shareOf(messages, sums.newMessages, looked.messages),
        bytes: shareOf(bytes, sums.newBytes, looked.bytes),
      };
      sums.messages += got.messages;
      sums.bytes += got.bytes;
      Object.assign(sums, { newMessages: 0, newBytes: 0 });
      return { sid, ...shown(sums, got, seconds) };
    });
    for (const { sid, messagesPerSecond } of rows)
      if (messagesPerSecond === 0 && this.#bySid.size > MOST_KEPT) this.#bySid.delete(sid);
    this.#all.messages += messages;
    this.#all.bytes += bytes;
    this.#before = now;
    this.#looked = { messages: 0, bytes: 0 };
    this.#reportedMs = nowMs;
    this.isIdle = messages === 0;
    return {
      t: Math.round((nowMs - this.#startedMs) * 1000),
      ...shown(this.#all, { messages, bytes }, seconds),
      isSample,
      subscriptions: rows.toSorted((one, other) => other.messages - one.messages).slice(0, SHOWN),
    };
  }

  beginRead(direction: Direction): boolean {
    this.#reads = direction === 'to_client';
    return this.#reads && this.#allowance.isLeft(this.#micros());
  }

  get wantsMore(): boolean {
    return this.#reads && this.#allowance.hasLeft;
  }

  endRead(operations: number): void {
    const isFirst = this.isIdle && this.#reads && operations > 0;
    this.#reads = false;
    if (!isFirst) return;
    this.isIdle = false;
    this.#reportedMs = this.#nowMs();
    this.#onFirst();
  }

  fromServer(operation: Operation): void {
    if (!rowOf(operation.verb).hasPayload || !this.#allowance.take(0, this.#micros())) return;
    const bytes = operation.payloadBytes;
    this.#looked.messages++;
    this.#looked.bytes += bytes;
    const sums = this.#sumsOf(operation.read(operation.sid, 'latin1', MAX_SID_BYTES + 1));
    if (sums === undefined) return;
    sums.newMessages++;
    sums.newBytes += bytes;
  }

  /** undefined: there is no room for another one. */
  #sumsOf(sid: string): Sums | undefined {
    let sums = this.#bySid.get(sid);
    if (sums !== undefined || sid.length > MAX_SID_BYTES) return sums;
    if (this.#bySid.size >= MOST_KEPT + MOST_NEW) return undefined;
    sums = { messages: 0, bytes: 0, newMessages: 0, newBytes: 0 };
    this.#bySid.set(sid, sums);
    return sums;
  }

  fromClient(): void {}
  inserted(): void {}
  stopped(): void {}
  paused(): void {}
  resumed(): void {}

  #micros(): number {
    return Math.round((this.#nowMs() - this.#startedMs) * 1000);
  }
}

/** Of `all`, when `looked` of them were looked at. */
const shareOf = (all: number, part: number, looked: number): number =>
  looked === 0 ? 0 : (all * part) / looked;

const shown = (sums: Delivered, got: Delivered, seconds: number) => ({
  messages: Math.round(sums.messages),
  bytes: Math.round(sums.bytes),
  messagesPerSecond: rounded(got.messages / seconds),
  bytesPerSecond: rounded(got.bytes / seconds),
});

const rounded = (rate: number): number => Math.round(rate * 10) / 10;

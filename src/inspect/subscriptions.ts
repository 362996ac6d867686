import type { NatsParser } from '../nats/parser.ts';
import { VERB } from '../nats/protocol.ts';

export type Subscription = { readonly subject: string; readonly queue: string | undefined };

/** A session with more is only counted from there on. */
const MAX_KEPT = 1000;
/** Longer ones are only counted; no client library writes them. */
const MAX_SID_BYTES = 256;
/** Of a subject, for the live view. */
const MAX_SUBJECT_CHARACTERS = 256;

/**
 * The subscriptions of one session. As on the server a repeated sid changes nothing. One with a maximum counts until
 * the maximum is set: who watches every message to know when it is reached pays for it with every message.
 */
export class Subscriptions {
  readonly #bySid = new Map<string, Subscription>();
  /** Those that were not kept; one fewer with each UNSUB of a sid that is not. */
  #more = 0;

  get alive(): number {
    return this.#bySid.size + this.#more;
  }

  list(): readonly { readonly sid: string; readonly subject: string; readonly queue?: string }[] {
    return [...this.#bySid].map(([sid, { subject, queue }]) => ({
      sid,
      subject,
      ...(queue === undefined ? {} : { queue }),
    }));
  }

  /** For SUB and UNSUB lines. */
  seen(line: NatsParser): void {
    const { bytes } = line;
    const text = (start: number, end: number): string =>
      bytes.toString('utf8', start, Math.min(end, start + MAX_SUBJECT_CHARACTERS));
    if (line.verb === VERB.UNSUB) {
      const known = this.#bySid.delete(sidOf(bytes, line.firstStart, line.firstEnd));
      if (!known && this.#more > 0) this.#more--;
      return;
    }
    const sid = sidOf(bytes, line.lastStart, line.lastEnd);
    if (this.#bySid.has(sid)) return;
    if (this.#bySid.size >= MAX_KEPT || sid.length > MAX_SID_BYTES) {
      this.#more++;
      return;
    }
    this.#bySid.set(sid, {
      subject: text(line.firstStart, line.firstEnd),
      queue: line.tokens === 3 ? text(line.previousStart, line.previousEnd) : undefined,
    });
  }
}

/** Any bytes, one character for each: sids that differ must not meet in the replacement character. */
const sidOf = (bytes: Buffer, start: number, end: number): string =>
  bytes.toString('latin1', start, Math.min(end, start + MAX_SID_BYTES + 1));

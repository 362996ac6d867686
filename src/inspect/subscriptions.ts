import type { Operation, Span } from '../nats/operation.ts';
import { VERB } from '../nats/operations.ts';

export type Subscription = { readonly subject: string; readonly queue: string | undefined };

/** Memory of one session's list; subscriptions beyond it are only counted. */
const MAX_KEPT_BYTES = 64 * 1024;
/** Of the lists of all sessions: thousands that are full would be more than the memory that sessions are counted with. */
const MAX_KEPT_BY_ALL = 16 * 1024 * 1024;
/** Of one subscription, besides its texts. */
const ENTRY_BYTES = 128;
/** Longer ones are only counted; no client library writes them. */
const MAX_SID_BYTES = 256;
/** Of a subject, for the live view. */
const MAX_SUBJECT_CHARACTERS = 256;
const DOT = 0x2e;
const GREATER = 0x3e;

/** What the lists of several sessions take together. */
export type KeptBytes = { bytes: number };

/**
 * The subscriptions of one session. As on the server a repeated sid changes nothing. One with a maximum counts until
 * the maximum is set: who watches every message to know when it is reached pays for it with every message.
 */
export class Subscriptions {
  readonly #bySid = new Map<string, Subscription>();
  #keptBytes = 0;
  #byAll: KeptBytes = { bytes: 0 };
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

  /** From now on the list shares its room with all others that joined; to be called while it is empty. */
  join(all: KeptBytes): void {
    this.#byAll = all;
  }

  /** The session has ended. */
  forget(): void {
    this.#keep(-this.#keptBytes);
    this.#bySid.clear();
    this.#more = 0;
  }

  #keep(bytes: number): void {
    this.#keptBytes += bytes;
    this.#byAll.bytes += bytes;
  }

  #hasRoom(bytes: number): boolean {
    return this.#keptBytes + bytes <= MAX_KEPT_BYTES && this.#byAll.bytes + bytes <= MAX_KEPT_BY_ALL;
  }

  /** For SUB and UNSUB. */
  seen(operation: Operation): void {
    const { bytes, subject, queue } = operation;
    const sid = sidOf(operation);
    if (operation.verb === VERB.UNSUB) {
      const known = this.#bySid.get(sid);
      if (known !== undefined) {
        this.#keep(-bytesOf(sid, known));
        this.#bySid.delete(sid);
      } else if (this.#more > 0) this.#more--;
      return;
    }
    // The server answers `Invalid Subject` and goes on.
    if (this.#bySid.has(sid) || !isPattern(bytes, subject)) return;
    const textOf = (part: Span): string => operation.read(part, 'utf8', MAX_SUBJECT_CHARACTERS);
    const subscription = {
      subject: textOf(subject),
      queue: queue.length === 0 ? undefined : textOf(queue),
    };
    const size = bytesOf(sid, subscription);
    if (!this.#hasRoom(size) || sid.length > MAX_SID_BYTES) {
      this.#more++;
      return;
    }
    this.#keep(size);
    this.#bySid.set(sid, subscription);
  }
}

/** Any bytes, one character for each: sids that differ must not meet in the replacement character. */
const sidOf = (operation: Operation): string => operation.read(operation.sid, 'latin1', MAX_SID_BYTES + 1);

/** No empty token, and `>` as the last one only. */
function isPattern(bytes: Buffer, { start, end }: Span): boolean {
  let tokenStart = start;
  for (let at = start; at <= end; at++) {
    if (at < end && bytes[at] !== DOT) continue;
    if (at === tokenStart) return false;
    if (at < end && at === tokenStart + 1 && bytes[tokenStart] === GREATER) return false;
    tokenStart = at + 1;
  }
  return true;
}

/** At most: text beyond Latin-1 takes two bytes a character. */
const bytesOf = (sid: string, { subject, queue = '' }: Subscription): number =>
  ENTRY_BYTES + sid.length + 2 * (subject.length + queue.length);

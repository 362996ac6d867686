import type { Operation, Span } from '../nats/operation.ts';
import { VERB } from '../nats/operations.ts';
import { SubjectTokens } from '../nats/subject.ts';

export type Subscription = { readonly subject: string; readonly queue: string | undefined };

/** Memory of one session's list; subscriptions beyond it are only counted. */
const MAX_KEPT_BYTES = 64 * 1024;
/** Memory of the lists of all sessions. Thousands of full lists would need more than the budget counts for sessions. */
const MAX_KEPT_BY_ALL = 16 * 1024 * 1024;
/** Memory of one subscription, without its texts. */
const ENTRY_BYTES = 128;
/** Longer ones are only counted; no client library writes them. */
const MAX_SID_BYTES = 256;
/** Characters of a subject that are kept for the live view. */
const MAX_SUBJECT_CHARACTERS = 256;
/** Of the subscription that is looked at. */
const tokens = new SubjectTokens();

/** What the lists of several sessions take together. */
export type KeptBytes = { bytes: number };

/**
 * The subscriptions of one session. As on the server, a repeated sid changes nothing. A subscription with a maximum
 * counts until `UNSUB` sets the maximum: to count until it is reached, every message would have to be read.
 */
export class Subscriptions {
  readonly #bySid = new Map<string, Subscription>();
  #keptBytes = 0;
  #byAll: KeptBytes = { bytes: 0 };
  /** Subscriptions that the list has no room for. An UNSUB of an unknown sid takes one away. */
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

  /** From now on the list shares its room with all lists that joined. To be called while it is empty. */
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
    if (this.#bySid.has(sid) || !tokens.read(bytes, subject.start, subject.end).isPattern) return;
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

/** Latin-1 keeps each byte, so two sids never become the same text by a replacement character. */
const sidOf = (operation: Operation): string => operation.read(operation.sid, 'latin1', MAX_SID_BYTES + 1);

/** An upper bound: text beyond Latin-1 takes two bytes for each character. */
const bytesOf = (sid: string, { subject, queue = '' }: Subscription): number =>
  ENTRY_BYTES + sid.length + 2 * (subject.length + queue.length);

import { SubjectPattern, SubjectTokens } from '../nats/subject.ts';
import { fillSubjectTemplate, type TemplateIdentity } from '../nats/subject-template.ts';
import type { EntryTemplate, SubjectLists } from './rules.ts';

type Entry = { readonly subject: SubjectPattern; readonly queue: SubjectPattern | undefined };

/** Of the queue that is looked at. */
const queueTokens = new SubjectTokens();

/**
 * The allow and deny lists of one role, for publishing or for subscribing. nats-server's rules, and stricter where its
 * comparison of wildcards as text would let more pass than an entry says; test/fuzz/policy-server.test.ts lists each difference.
 */
export class Permissions {
  readonly #allow: readonly Entry[] | undefined;
  readonly #deny: readonly Entry[];
  readonly #hasQueues: boolean;

  private constructor(allow: readonly Entry[] | undefined, deny: readonly Entry[]) {
    this.#allow = allow;
    this.#deny = deny;
    this.#hasQueues = [...(allow ?? []), ...deny].some(({ queue }) => queue !== undefined);
  }

  /** `also`: patterns that are allowed besides. undefined: who the client is cannot be a part of a subject. */
  static of(
    { allow, deny }: SubjectLists,
    also: readonly string[],
    identity: TemplateIdentity | undefined,
  ): Permissions | undefined {
    const allowed = allow?.map((entry) => entryOf(entry, identity));
    const denied = deny.map((entry) => entryOf(entry, identity));
    if (allowed?.includes(undefined) || denied.includes(undefined)) return undefined;
    const more = also.map((text) => ({ subject: new SubjectPattern(text), queue: undefined }));
    return new Permissions(
      allowed === undefined ? undefined : [...(allowed as readonly Entry[]), ...more],
      denied as readonly Entry[],
    );
  }

  /** One entry covers the subject, or there is no list of what is allowed. */
  allows(subject: SubjectTokens): boolean {
    const entries = this.#allow;
    if (entries === undefined) return true;
    for (let index = 0; index < entries.length; index++) {
      const entry = entries[index] as Entry;
      if (entry.queue === undefined && entry.subject.covers(subject)) return true;
    }
    return false;
  }

  /** An entry for all queues overlaps the subject. */
  denies(subject: SubjectTokens): boolean {
    const entries = this.#deny;
    for (let index = 0; index < entries.length; index++) {
      const entry = entries[index] as Entry;
      if (entry.queue === undefined && entry.subject.overlaps(subject)) return true;
    }
    return false;
  }

  /**
   * The same for a subscription with a queue. Once the server finds an entry with a queue for the subject, one of these
   * must have the queue. It finds them by text, so `matches` and not `covers` says whether there are any.
   */
  allowsQueue(subject: SubjectTokens, bytes: Buffer, start: number, end: number): boolean {
    const entries = this.#allow;
    if (entries === undefined || !this.#hasQueues) return this.allows(subject);
    const queue = queueTokens.read(bytes, start, end);
    let isBound = false;
    for (const entry of entries) {
      if (entry.queue === undefined || !entry.subject.matches(subject)) continue;
      isBound = true;
      if (entry.queue.covers(queue) && entry.subject.covers(subject)) return true;
    }
    return !isBound && this.allows(subject);
  }

  deniesQueue(subject: SubjectTokens, bytes: Buffer, start: number, end: number): boolean {
    if (this.denies(subject)) return true;
    if (!this.#hasQueues) return false;
    const queue = queueTokens.read(bytes, start, end);
    return this.#deny.some(
      (entry) => entry.queue?.matches(queue) === true && entry.subject.overlaps(subject),
    );
  }
}

/** Entries that are the same for all: thousands of identities would have one each. */
const shared = new WeakMap<EntryTemplate, Entry>();

function entryOf(entry: EntryTemplate, identity: TemplateIdentity | undefined): Entry | undefined {
  const known = shared.get(entry);
  if (known !== undefined) return known;
  const { subject, queue } = entry;
  const filled = fillSubjectTemplate(subject, identity);
  const ofQueue = queue && fillSubjectTemplate(queue, identity);
  if (filled === undefined || (queue !== undefined && ofQueue === undefined)) return undefined;
  const made = {
    subject: new SubjectPattern(filled),
    queue: ofQueue === undefined ? undefined : new SubjectPattern(ofQueue),
  };
  if ([...subject, ...(queue ?? [])].every((part) => typeof part === 'string')) shared.set(entry, made);
  return made;
}

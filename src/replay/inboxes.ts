import type { OperationEvent } from '../capture/format.ts';
import { shortInbox } from '../nats/inbox.ts';

/** The part of an inbox that is of its client alone. */
const INBOX = /(_INBOX\.[^.*>\s"']+)/g;
/** In JSON, whole. */
const IN_PAYLOAD = /_INBOX\.[^\s"'\\]+/g;
/** Headers that JetStream obeys; with another value they would change what it does. */
const OBEYED = /^Nats-/i;

/**
 * Operations as a replay sends them: with inboxes that nobody else has, always the same for the same. A capture has them
 * cut short, in payloads whole.
 */
export class FreshInboxes {
  readonly #nonce: string;

  constructor(nonce: string) {
    this.#nonce = nonce;
  }

  of(text: string): string {
    return text.includes('_INBOX.') ? text.replaceAll(INBOX, `$1${this.#nonce}`) : text;
  }

  /** `subject`: in place of the recorded one, as it is. */
  sent(event: OperationEvent, subject?: string): OperationEvent {
    const { subj, reply, hn, b } = event;
    return {
      ...event,
      ...(subj === undefined ? {} : { subj: subject ?? this.of(subj) }),
      ...(reply === undefined ? {} : { reply: this.of(reply) }),
      ...(hn === undefined ? {} : { hn: hn.filter((name) => !OBEYED.test(name)) }),
      ...(b === undefined ? {} : this.#inPayload(b, event)),
    };
  }

  /** A request to JetStream can name an inbox in its body. */
  #inPayload(b: string, { subj = '', n = 0, hb = 0 }: OperationEvent): Pick<OperationEvent, 'b' | 'n'> {
    if (!subj.startsWith('$JS.')) return { b, n };
    const recorded = Buffer.from(b, 'base64');
    const text = recorded.toString('latin1', hb);
    const body = Buffer.from(this.of(text.replaceAll(IN_PAYLOAD, shortInbox)), 'latin1');
    const bytes = Buffer.concat([recorded.subarray(0, hb), body]);
    return { b: bytes.toString('base64'), n: n + bytes.length - recorded.length };
  }
}

import { MAX_SCANNED_PAYLOAD_BYTES } from '../nats/fast-scan.ts';
import { type KnownMessages, KnownSubjects } from '../nats/known-subjects.ts';
import type { Operation } from '../nats/operation.ts';
import { VERB } from '../nats/operations.ts';
import {
  publishDenied,
  replyDenied,
  subscribeDenied,
  TOO_MANY_SUBSCRIPTIONS,
} from '../policy/denial-text.ts';
import type { Role } from '../policy/role.ts';
import type { PolicyRules, Rule } from '../policy/rules.ts';
import type { Policy, Verdict } from './inspection.ts';
import { SubscriptionLimit } from './subscription-limit.ts';

/** A header block that is longer is refused where a role looks at headers. */
export const MAX_HELD_HEADER_BYTES = 8 * 1024;

/** Gets each refusal, and each that would be one. The operation is only valid during the call. */
export type RefusalObserver = (rule: Rule, operation: Operation) => void;

/** What the role of one session lets its client say. `rules`: the policy of which the role is. */
export function subjectPolicy(role: Role, rules: PolicyRules, onRefusal: RefusalObserver): Policy {
  const session = new SessionPolicy(role, rules, onRefusal);
  return {
    needsEveryMessage: false,
    known: session.known,
    needsHeaders: role.headers.isNeeded,
    deliveries: session.limit,
    judge: (operation) => session.judge(operation),
  };
}

class SessionPolicy {
  readonly limit: SubscriptionLimit | undefined;
  /** Allowed. Clients say the same subjects again and again. */
  readonly known: KnownMessages;
  readonly #role: Role;
  readonly #rules: PolicyRules;
  readonly #onRefusal: RefusalObserver;
  #denials = 0;
  #countedFromMs = 0;

  constructor(role: Role, rules: PolicyRules, onRefusal: RefusalObserver) {
    this.#role = role;
    this.#rules = rules;
    this.#onRefusal = onRefusal;
    const { maxPayloadBytes, maxSubscriptions, replies } = role.rules;
    this.known = {
      subjects: new KnownSubjects(),
      maxPayloadBytes: maxPayloadBytes > 0 ? maxPayloadBytes : MAX_SCANNED_PAYLOAD_BYTES,
      withReply: replies === 'any',
    };
    this.limit = maxSubscriptions > 0 ? new SubscriptionLimit(maxSubscriptions) : undefined;
  }

  judge(operation: Operation): Verdict | undefined {
    switch (operation.verb) {
      case VERB.PUB:
      case VERB.HPUB:
        return this.#judgeMessage(operation);
      case VERB.SUB:
        return this.#judgeSubscribe(operation);
      case VERB.UNSUB:
        this.limit?.unsubscribed(operation);
        return undefined;
      default:
        return undefined;
    }
  }

  #judgeMessage(operation: Operation): Verdict | undefined {
    const { bytes, subject, reply, payloadBytes, headerBytes } = operation;
    const role = this.#role;
    const { maxPayloadBytes } = role.rules;
    if (maxPayloadBytes > 0 && payloadBytes > maxPayloadBytes) return this.#tooLarge(operation);
    const { subjects } = this.known;
    if (!subjects.has(bytes, subject)) {
      const rule = role.judgePublish(bytes, subject);
      if (rule !== undefined) return this.#refuse(rule, operation, publishText);
      subjects.add(bytes, subject);
    }
    if (reply.length > 0) {
      const rule = role.judgeReply(bytes, reply);
      if (rule !== undefined) return this.#refuse(rule, operation, replyText);
    }
    return headerBytes > 0 && role.headers.isNeeded ? this.#judgeHeaders(operation) : undefined;
  }

  #judgeHeaders(operation: Operation): Verdict | undefined {
    const { bytes, headers: block } = operation;
    const { headers } = this.#role;
    if (block.length > 0 && !headers.refuses(bytes, block.start, block.end)) return undefined;
    const what =
      block.length === 0
        ? `more than ${MAX_HELD_HEADER_BYTES} bytes of headers`
        : `header ${printable(bytes.toString('latin1', headers.nameStart, headers.nameEnd))}`;
    return this.#refuse('headers', operation, (one) => publishDenied(one.read(one.subject, 'utf8'), what));
  }

  #judgeSubscribe(operation: Operation): Verdict | undefined {
    const rule = this.#role.judgeSubscribe(operation.bytes, operation.subject, operation.queue);
    if (rule !== undefined) return this.#refuse(rule, operation, subscribeText);
    if (this.limit?.isReached) return this.#refuse('subscriptions', operation, tooManyText);
    this.limit?.subscribed(operation);
    return undefined;
  }

  #tooLarge(operation: Operation): Verdict | undefined {
    this.#onRefusal('payload', operation);
    if (this.#rules.mode === 'observe') return undefined;
    const expected = `a message of at most ${this.#role.rules.maxPayloadBytes} bytes (payload of the role)`;
    return { kind: 'end', reason: 'message_too_big', problem: 'policy', expected };
  }

  #refuse(rule: Rule, operation: Operation, text: (operation: Operation) => Buffer): Verdict | undefined {
    this.#onRefusal(rule, operation);
    const { mode, onDeny } = this.#rules;
    if (mode === 'observe') return undefined;
    if (onDeny === 'close' || this.#isTooMuch()) return FORBIDDEN;
    return { kind: 'drop', error: text(operation) };
  }

  /** One refusal more than the policy has patience for. */
  #isTooMuch(): boolean {
    const patience = this.#rules.denialsBeforeClose;
    if (patience === undefined) return false;
    const nowMs = performance.now();
    if (this.#denials === 0 || nowMs - this.#countedFromMs >= patience.perMs) {
      this.#denials = 0;
      this.#countedFromMs = nowMs;
    }
    this.#denials++;
    return this.#denials > patience.count;
  }
}

const FORBIDDEN: Verdict = {
  kind: 'end',
  reason: 'forbidden',
  problem: 'policy',
  expected: 'an operation that policy allows',
};

const publishText = (one: Operation): Buffer => publishDenied(one.read(one.subject, 'utf8'));
const replyText = (one: Operation): Buffer => replyDenied(one.read(one.reply, 'utf8'));
const subscribeText = (one: Operation): Buffer =>
  subscribeDenied(one.read(one.subject, 'utf8'), one.read(one.queue, 'utf8'));
const tooManyText = (): Buffer => TOO_MANY_SUBSCRIPTIONS;

/** A name of a header is any bytes; the text for the client is a line. */
const printable = (name: string): string => name.slice(0, 64).replace(/[^!-~]/g, '?');

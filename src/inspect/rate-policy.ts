import type { RateLimit } from '../config/config.ts';
import type { Operation } from '../nats/operation.ts';
import { VERB } from '../nats/operations.ts';
import { publishDenied, subscribeDenied } from '../policy/denial-text.ts';
import type { Amounts, SessionRates } from '../rates/session-rates.ts';
import type { Policy, Verdict } from './inspection.ts';

const WHY = 'rate exceeded';
const LINE_END_BYTES = 2;

/**
 * Refuses publications and subscriptions above the rates that are held by errors. All else passes, and counts as bytes.
 * undefined: there is no such rate.
 */
export function ratePolicy(
  rates: SessionRates,
  clock: { readonly nowMs: number },
  onRefusal: (limit: RateLimit) => void,
): Policy | undefined {
  const needsEveryMessage = rates.judges('messages') || rates.judges('bytes');
  if (!needsEveryMessage && !rates.judges('subscribes')) return undefined;
  /** Of the operation that is looked at. */
  const amounts: Amounts = { messages: 0, bytes: 0, subscribes: 0 };
  return {
    needsEveryMessage,
    judge(operation: Operation): Verdict | undefined {
      const { line, payloadBytes, verb } = operation;
      const isMessage = verb === VERB.PUB || verb === VERB.HPUB;
      amounts.messages = isMessage ? 1 : 0;
      amounts.subscribes = verb === VERB.SUB ? 1 : 0;
      amounts.bytes = line.length + (isMessage ? payloadBytes + LINE_END_BYTES : 0);
      const { nowMs } = clock;
      const canRefuse = isMessage || verb === VERB.SUB;
      const limit = canRefuse ? rates.refusal(amounts, nowMs) : undefined;
      if (limit === undefined) {
        rates.chargeOperation(amounts, nowMs);
        return undefined;
      }
      onRefusal(limit);
      return { kind: 'drop', error: isMessage ? publishText(operation) : subscribeText(operation) };
    },
  };
}

const publishText = (one: Operation): Buffer => publishDenied(one.read(one.subject, 'utf8'), WHY);
const subscribeText = (one: Operation): Buffer =>
  subscribeDenied(one.read(one.subject, 'utf8'), one.read(one.queue, 'utf8'), WHY);

import type { CaptureRecord } from '../capture/format.ts';
import { CaptureError } from '../capture/ndjson.ts';
import type { TriedOperation } from '../inspect/policy-trial.ts';

/** A capture has the end of each token of an inbox; as long as this the token was once. */
const ENDING = /(?<=\.)[^.]{8}(?=\.|$)/g;
const MORE = 'x'.repeat(24);

/** What a policy would see of a captured operation of the client; undefined: nothing. */
export function operationOf(record: CaptureRecord): TriedOperation | undefined {
  if (!('op' in record) || record.d !== 'c>' || record.subj === undefined) return undefined;
  const { op, subj, reply = '', queue = '', n = 0, hn = [] } = record;
  const subject = withIds(subj);
  if (op === 'SUB') return { verb: 'SUB', subject, second: queue, bytes: 0, headers: [] };
  return op === 'PUB' || op === 'HPUB'
    ? { verb: 'PUB', subject, second: withIds(reply), bytes: n, headers: hn }
    : undefined;
}

/** @throws CaptureError where the header says that the subjects are not those that a policy would see. */
export function refuseHashed(record: CaptureRecord): void {
  if ('kind' in record && record.subjects === 'hashed')
    throw new CaptureError('its subjects are hashed (admin.subjects), and a policy is about subjects');
}

const withIds = (text: string): string =>
  text.startsWith('_INBOX.') ? text.replaceAll(ENDING, (ending) => MORE + ending) : text;

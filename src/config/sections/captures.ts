import * as z from 'zod';
import { CLOSE_REASONS, type CloseReason } from '../../close-reason.ts';
import { bytes, bytesOrOff, mapList, number, optional, section, time, type ValuesOf } from '../keys.ts';
import { network } from '../urls.ts';
import { choice, fileName, shortText } from '../values.ts';
import type { Check, Files } from './check.ts';

const RULES = 'a list of ends, such as "- reason: nats_violation"';
const RULE = 'reason, error, user, origin or address, such as reason: nats_violation';
const rule = z
  .strictObject(
    {
      reason: optional('Its close reason.', choice(Object.keys(CLOSE_REASONS) as CloseReason[])),
      error: optional("Text of the server's last -ERR; * is any text.", shortText),
      user: optional('Who the client was.', shortText),
      origin: optional('Its Origin.', shortText),
      address: optional('Its address, or the network of it.', network),
    },
    { error: (issue) => (issue.code === 'unrecognized_keys' ? undefined : RULE) },
  )
  .meta({ description: 'An end of a session: all that is named must hold.' });

export const captures = section(
  'What operators may record of sessions.',
  'its keys below it, such as totalBytes: 64MiB',
  {
    directory: optional('Where captures are kept when they have ended; without it, in memory.', fileName),
    concurrent: number('Captures that wait or run at once.', 8, 100),
    bytes: bytes(
      'Of one capture; then its newest operations overwrite the oldest.',
      '4MiB',
      '64KiB',
      '64MiB',
    ),
    ring: bytesOrOff(
      'Newest operations of every inspected session that are held in memory.',
      '1KiB',
      '1MiB',
      '16KiB',
    ),
    keep: mapList('Which ends of sessions make a capture of the ring.', rule, RULES).optional(),
    time: time('Longest time from its start to its end.', '10m', '1s', '24h'),
    totalBytes: bytes(
      'Of all captures together; of those that have ended the oldest go.',
      '64MiB',
      '64KiB',
      '4GiB',
    ),
  },
);
type Values = ValuesOf<typeof captures>;

/** What is not named may be anything. */
export type KeepRule = ValuesOf<typeof rule>;

export type CapturesConfig = Readonly<ReturnType<typeof capturesConfig>>;
export const capturesConfig = (values: Values, { resolve }: Files) => ({
  directory: values.directory === undefined ? undefined : resolve(values.directory),
  concurrent: values.concurrent,
  maxBytes: values.bytes,
  maxMs: values.time,
  totalBytes: values.totalBytes,
  /** 0: off. */
  ringBytes: values.ring,
  keep: values.keep ?? [],
});

export function checkCaptures(values: Values, { problem, written }: Check): void {
  if (values.ring > 0 !== (values.keep !== undefined)) {
    const path = written(['captures', 'keep'], ['captures', 'ring']);
    problem(
      'ring_and_keep',
      path,
      'ring and keep need each other: ring: 16KiB holds the operations, keep says of which sessions; write both, or neither',
    );
  }
  if (values.bytes <= values.totalBytes) return;
  const path = written(['captures', 'bytes'], ['captures', 'totalBytes']);
  problem(
    'captures_above_total',
    path,
    'captures.bytes is more than captures.totalBytes, so no capture could run; write less for one, or more for all',
  );
}

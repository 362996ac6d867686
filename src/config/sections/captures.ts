import { bytes, number, optional, section, time, type ValuesOf } from '../keys.ts';
import { fileName } from '../values.ts';
import type { Check, Files } from './check.ts';

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

export type CapturesConfig = Readonly<ReturnType<typeof capturesConfig>>;
export const capturesConfig = (values: Values, { resolve }: Files) => ({
  directory: values.directory === undefined ? undefined : resolve(values.directory),
  concurrent: values.concurrent,
  maxBytes: values.bytes,
  maxMs: values.time,
  totalBytes: values.totalBytes,
});

export function checkCaptures(values: Values, { problem, written }: Check): void {
  if (values.bytes <= values.totalBytes) return;
  const path = written(['captures', 'bytes'], ['captures', 'totalBytes']);
  problem(
    'captures_above_total',
    path,
    'captures.bytes is more than captures.totalBytes, so no capture could run; write less for one, or more for all',
  );
}

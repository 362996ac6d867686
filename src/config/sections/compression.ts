import { bytes, number, section, type ValuesOf, words } from '../keys.ts';
import type { Check } from './check.ts';

/** The most that nats-server itself inflates. */
const MAX_INFLATED = 64 * 1024 * 1024;
const EXPECTED = 'on or off, or its keys below it';

const keys = {
  enabled: words('Whether clients that offer permessage-deflate get it.', 'off', ['on', 'off']),
  threshold: bytes('Shorter messages towards clients go uncompressed.', '1KiB', '0B', '64KiB'),
  sessions: number('Compressed sessions at once; the others are served without.', 500, 1e6),
};

/** What a route inherits from the top; concurrency is for the process. */
export const INHERITED_COMPRESSION = Object.keys(keys);

export const compression = section(
  'permessage-deflate, at the cost of memory and CPU.',
  EXPECTED,
  { ...keys, concurrency: number('Messages that are compressed or inflated at once.', 4, 64) },
  'enabled',
);
export const routeCompression = section(
  'As at the top; sessions counts those of this route.',
  EXPECTED,
  keys,
  'enabled',
);
type Values = ValuesOf<typeof routeCompression>;

/** permessage-deflate (RFC 7692), for the clients that offer it. */
export type CompressionConfig = Readonly<ReturnType<typeof compressionConfig>>;
export const compressionConfig = (values: Values, concurrency: number) => ({
  enabled: values.enabled === 'on',
  /** Shorter messages towards clients go uncompressed. */
  thresholdBytes: values.threshold,
  /** Compressed sessions at once; above it, sessions are served without. */
  sessions: values.sessions,
  /** Messages in zlib at once, in the whole process. */
  concurrency,
});

export function checkCompression(
  values: Values,
  limits: { readonly frameBytes: number; readonly sentFrameBytes: number },
  { problem, warning, written }: Check,
): void {
  if (values.enabled === 'off') return;
  if (limits.frameBytes > MAX_INFLATED) {
    problem(
      'frame_too_large_to_inflate',
      written(['limits', 'frameBytes'], ['compression', 'enabled']),
      'with compression a message is inflated whole, so that a few KiB of a client could cost frameBytes of memory; write limits.frameBytes of at most 64MiB, or compression: off',
    );
  }
  if (values.threshold > limits.sentFrameBytes) {
    warning(
      'nothing_to_compress',
      ['compression', 'threshold'],
      'no message towards a client is longer than limits.sentFrameBytes, so none would be compressed; write a smaller threshold',
    );
  }
}

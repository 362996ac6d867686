import type { Traffic } from '../../session/pipe.ts';
import type { Snapshot } from '../../snapshot.ts';

export type Labels = Readonly<Record<string, string>>;
export type Sample = readonly [labels: Labels, value: number];

/** One metric. Its samples are read from a snapshot when a scrape comes. */
export type Metric = {
  readonly name: string;
  readonly kind: 'gauge' | 'counter';
  readonly help: string;
  readonly labels: readonly string[];
  /** Absent where the listener speaks no TLS. */
  readonly tlsOnly?: true;
  samples(snapshot: Snapshot): readonly Sample[];
};

/** There is one listener; its name bounds the label's values. */
export const LISTENER = { listener: 'default' } as const;

type Numbers = Readonly<Record<string, number>>;

/** undefined: no sample now. */
export const one = (value: number | undefined, labels: Labels = {}): readonly Sample[] =>
  value === undefined ? [] : [[labels, value]];

/** A sample for each of `numbers`: its key becomes the value of `label`. */
export const by = (label: string, numbers: Numbers, labels: Labels = {}): readonly Sample[] =>
  Object.entries(numbers).map(([key, value]) => [{ ...labels, [label]: key }, value]);

/** The same for the numbers of both directions. */
export const byDirection = (
  label: string,
  { to_upstream, to_client }: { readonly to_upstream: Numbers; readonly to_client: Numbers },
  labels: Labels = {},
): readonly Sample[] => [
  ...by(label, to_upstream, { ...labels, direction: 'to_upstream' }),
  ...by(label, to_client, { ...labels, direction: 'to_client' }),
];

export const bytesOf = ({ bytesToUpstream, bytesToClient }: Traffic) => ({
  to_upstream: bytesToUpstream,
  to_client: bytesToClient,
});

/**
 * What a client publishes to, for each feature of JetStream, as nats.js does (measured through a recording proxy). What
 * comes back arrives in the inbox of the client. `a` and `b` are what the feature is used with.
 */

type Feature = {
  /** A stream or bucket; with the name of a consumer, or with a pattern of keys or subjects; or such a pattern alone. */
  readonly form: 'name' | 'name/name' | 'name/pattern' | 'pattern';
  readonly example: string;
  readonly publishes: (a: string, b: string) => readonly string[];
  /** Names of headers that it needs and that are not allowed without it. */
  readonly headers?: readonly string[];
};

const API = '$JS.API';

/** A client that may create a consumer reads all that its filter lets through, and says where it is delivered. */
const consumersOf = (stream: string, filter?: string): readonly string[] => [
  filter === undefined
    ? `${API}.CONSUMER.CREATE.${stream}.>`
    : `${API}.CONSUMER.CREATE.${stream}.*.${filter}`,
  `${API}.CONSUMER.INFO.${stream}.*`,
  `${API}.CONSUMER.DELETE.${stream}.*`,
  `${API}.CONSUMER.MSG.NEXT.${stream}.*`,
  `$JS.FC.${stream}.>`,
];
const messagesOf = (stream: string): readonly string[] => [
  `${API}.STREAM.INFO.${stream}`,
  `${API}.STREAM.MSG.GET.${stream}`,
  `${API}.DIRECT.GET.${stream}`,
  `${API}.DIRECT.GET.${stream}.>`,
];
const objectsOf = (bucket: string): readonly string[] => [
  `${API}.INFO`,
  ...messagesOf(`OBJ_${bucket}`),
  ...consumersOf(`OBJ_${bucket}`, `$O.${bucket}.>`),
];

export const JETSTREAM_FEATURES = {
  consumer: {
    form: 'name/name',
    example: 'ORDERS/web-{user}',
    publishes: (stream, consumer) => [
      `${API}.CONSUMER.INFO.${stream}.${consumer}`,
      `${API}.CONSUMER.MSG.NEXT.${stream}.${consumer}`,
      `$JS.ACK.${stream}.${consumer}.>`,
    ],
  },
  streamWrite: { form: 'pattern', example: 'orders.{tenant}.>', publishes: (subjects) => [subjects] },
  streamRead: {
    form: 'name',
    example: 'PRICES',
    publishes: (stream) => [...messagesOf(stream), ...consumersOf(stream), `$JS.ACK.${stream}.>`],
  },
  kvRead: { form: 'name', example: 'settings', publishes: (bucket) => messagesOf(`KV_${bucket}`) },
  kvWrite: {
    form: 'name/pattern',
    example: 'settings/{user}.>',
    publishes: (bucket, keys) => [`$KV.${bucket}.${keys}`],
  },
  kvWatch: {
    form: 'name/pattern',
    example: 'settings/public.>',
    publishes: (bucket, keys) => [
      `${API}.STREAM.INFO.KV_${bucket}`,
      ...consumersOf(`KV_${bucket}`, `$KV.${bucket}.${keys}`),
    ],
  },
  objectRead: { form: 'name', example: 'images', publishes: objectsOf },
  objectWrite: {
    form: 'name',
    example: 'uploads',
    publishes: (bucket) => [
      ...objectsOf(bucket),
      `${API}.STREAM.PURGE.OBJ_${bucket}`,
      `$O.${bucket}.C.*`,
      `$O.${bucket}.M.*`,
    ],
    headers: ['Nats-Rollup'],
  },
} as const satisfies Readonly<Record<string, Feature>>;
export type JetStreamFeature = keyof typeof JETSTREAM_FEATURES;

export const featureOf = (name: JetStreamFeature): Feature => JETSTREAM_FEATURES[name];

/**
 * The capture file, version 1: NDJSON. The first line is a `CaptureHeader`, then one event a line in the order of time,
 * and last a `CaptureEnd`; a file without it was cut. Readers pass over keys that they do not know.
 */

export type CaptureHeader = {
  readonly v: 1;
  readonly kind: 'natsgate-capture';
  readonly session: string;
  /** ISO 8601 in UTC; `t` of the events counts from it. */
  readonly started: string;
  /** `full`: events may have `b`. */
  readonly payloads: 'masked' | 'full';
  /** Tokens of subjects after the second are hashes. */
  readonly subjects?: 'hashed';
  readonly route?: string;
  readonly origin?: string;
  readonly user?: string;
  /** IP address of the client. */
  readonly client?: string;
  readonly server?: CapturedServer;
};

export type CapturedServer = {
  readonly name?: string;
  readonly version?: string;
  readonly cid?: number;
  /** IP address. */
  readonly address?: string;
};

/**
 * Where an operation was seen. `c>` came from the client, and went to the server too unless there is a verdict. `>s`
 * went to the server alone: natsgate wrote it. `s>` and `>c` are the same for the other direction.
 */
export const WAYS = ['c>', '>s', 's>', '>c'] as const;
export type Way = (typeof WAYS)[number];

/** What natsgate did with an operation in place of passing it on. A replaced one is followed by what was written. */
export const VERDICTS = ['replaced', 'dropped', 'ended'] as const;
export type CapturedVerdict = (typeof VERDICTS)[number];

/** Keys of an event by the names of arguments. */
export const ARGUMENT_KEYS = {
  subject: 'subj',
  sid: 'sid',
  queue: 'queue',
  reply: 'reply',
  max: 'max',
  headerSize: 'hb',
  size: 'n',
} as const;

export type OperationEvent = {
  /** Microseconds since the start, monotonic. */
  readonly t: number;
  readonly d: Way;
  /** As on the wire: `PUB`, `-ERR`. */
  readonly op: string;
  readonly subj?: string;
  readonly reply?: string;
  readonly queue?: string;
  readonly sid?: string;
  readonly max?: number;
  /** Bytes of the header block, and of headers and payload together. */
  readonly hb?: number;
  readonly n?: number;
  /** Names of the headers, and the status that a server writes in place of a payload. */
  readonly hn?: readonly string[];
  readonly st?: string;
  /** Free text of CONNECT, INFO and -ERR, without secrets. */
  readonly text?: string;
  /** Headers and payload in base64, or the first bytes of them; only with `payloads: full`. */
  readonly b?: string;
  readonly v?: CapturedVerdict;
  /** Why natsgate did so. */
  readonly note?: string;
};

/** What natsgate did by itself: pause, resume, a policy. */
export type GatewayEvent = { readonly t: number; readonly d: 'g'; readonly note: string };

export type CaptureEnd = {
  readonly t: number;
  readonly end: {
    /** Close reason of the session, or why the capture ended before it. */
    readonly reason: string;
    readonly operations: number;
    /** Overwritten, or above what is recorded in 100 ms. */
    readonly lost: number;
  };
};

export type CaptureRecord = CaptureHeader | OperationEvent | GatewayEvent | CaptureEnd;

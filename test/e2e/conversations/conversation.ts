import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import type { ConnectionOptions, Msg, NatsConnection, Status, Subscription } from '@nats-io/nats-core';
import type { connect as natsWsConnect } from 'nats.ws';
import type { RunningNatsServer } from '../../../src/dev/nats-process.ts';

/** One gateway before the server that all conversations share. */
export type Place = {
  readonly server: RunningNatsServer;
  /** A client through the gateway. It is closed when the conversation is over. */
  connect(options?: ConnectionOptions): Promise<NatsConnection>;
  /** Likewise, of the older library. */
  connectNatsWs(): ReturnType<typeof natsWsConnect>;
  /** For subjects, streams and buckets: no other conversation has it. */
  readonly name: string;
};

/** What real clients say to one another and to a real server. Rejects when something is otherwise than without a gateway. */
export type Conversation = (place: Place) => Promise<void>;

/** Where everything but one case is ordered. */
export const LIMITED = { user: 'limited', pass: 'p' } as const;
/** The server's. */
export const MAX_PAYLOAD = 256 * 1024;
export const DEADLINE_MS = 180_000;

/** The next `count` messages; throws when they do not come in time. */
export function take(subscription: Subscription, count: number): Promise<Msg[]> {
  return first(subscription, count);
}

/** The first `count` of what comes; throws when they do not come in time. */
export function first<T>(source: AsyncIterable<T>, count: number): Promise<T[]> {
  const read = async (): Promise<T[]> => {
    const found: T[] = [];
    if (count > 0) for await (const one of source) if (found.push(one) === count) break;
    assert.equal(found.length, count);
    return found;
  };
  return inTime(read());
}

/** All that comes, as long as it comes; `until` waits for the first `count`. */
export function collect<T>(source: AsyncIterable<T>): { readonly until: (count: number) => Promise<T[]> } {
  const found: T[] = [];
  let changed = Promise.withResolvers<void>();
  const read = async (): Promise<void> => {
    for await (const one of source) {
      found.push(one);
      changed.resolve();
      changed = Promise.withResolvers<void>();
    }
  };
  read().catch((error) => changed.reject(error));
  const wait = async (count: number): Promise<T[]> => {
    while (found.length < count) await changed.promise;
    return found.slice(0, count);
  };
  return { until: (count) => inTime(wait(count)) };
}

/** All that comes until the end; throws when that does not come in time. */
export const all = <T>(source: AsyncIterable<T>): Promise<T[]> => inTime(Array.fromAsync(source));

export async function inTime<T>(work: Promise<T>): Promise<T> {
  const deadline = new AbortController();
  const late = wait(DEADLINE_MS, undefined, { signal: deadline.signal }).then(() => {
    throw new Error(`not done after ${DEADLINE_MS} ms`);
  });
  late.catch(() => {});
  try {
    return await Promise.race([work, late]);
  } finally {
    deadline.abort();
  }
}

/** The texts of the errors that a client is told of, in order; `until` waits for one. */
export function errorsOf(client: NatsConnection): { readonly until: (text: RegExp) => Promise<void> } {
  const statuses = collect(client.status() as AsyncIterable<Status>);
  const wait = async (text: RegExp): Promise<void> => {
    for (let count = 1; ; count++) {
      const status = (await statuses.until(count))[count - 1];
      if (status?.type === 'error' && text.test(status.error.message)) return;
    }
  };
  return { until: (text) => inTime(wait(text)) };
}

export const sha256 = (data: Uint8Array): string => createHash('sha256').update(data).digest('hex');
export const numbers = (count: number): number[] => Array.from({ length: count }, (_, index) => index);

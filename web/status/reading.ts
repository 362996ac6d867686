import { type ReadonlySignal, signal } from '@preact/signals';
import type { Second } from '../../src/status/seconds.ts';
import { ask, type Trouble } from './api.ts';
import { beat } from './status-feed.ts';

/** What was read last, and why nothing newer came. */
export type Read<T> = { readonly value?: T | undefined; readonly trouble?: Trouble | undefined };

export type Reading<T> = {
  readonly read: ReadonlySignal<Read<T>>;
  /** Reads now. */
  again(): void;
  stop(): void;
};

/** Whether something newer than `value` may be there after `second`; not asked when nobody followed until now. */
export type IsDue<T> = (second: Second, value: T) => boolean;

/**
 * Reads a path now, and again when it is due, each second at most and never while the page is hidden. `path`: asked at
 * each reading. What is not there is not asked again until `again`.
 */
export function startReading<T>(path: () => string, isDue: IsDue<T> = () => true): Reading<T> {
  const read = signal<Read<T>>({});
  let isOver = false;
  /** Of the newest request; answers to others come too late. */
  let newest = 0;
  let isAsking = false;
  const once = async (): Promise<void> => {
    if (document.hidden) return;
    const mine = ++newest;
    isAsking = true;
    const answer = await ask<T>(path());
    if (mine !== newest) return;
    isAsking = false;
    isOver = !answer.ok && [400, 404, 501].includes(answer.status);
    read.value = answer.ok ? { value: answer.value } : { value: read.peek().value, trouble: answer };
  };
  const again = (): void => void once();
  // It is called for the beat of now, too.
  const unsubscribe = beat.subscribe(({ second }) => {
    const { value, trouble } = read.peek();
    if (isOver || isAsking) return;
    if (second === undefined || value === undefined || trouble !== undefined || isDue(second, value)) again();
  });
  return {
    read,
    again,
    stop: () => {
      newest++;
      unsubscribe();
    },
  };
}

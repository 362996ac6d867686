import { type ReadonlySignal, signal } from '@preact/signals';
import { ask, type Trouble } from './api.ts';

/** What was read last, and why nothing newer came. */
export type Read<T> = { readonly value?: T; readonly trouble?: Trouble };

export type Reading<T> = {
  readonly read: ReadonlySignal<Read<T>>;
  /** Reads now, and waits again from then on. */
  again(): void;
  stop(): void;
};

const EVERY_MS = 1000;

/**
 * Reads a path once a second while the page is visible, and not at all while it is hidden: nobody looks. `path`: asked
 * at each reading. What is not there is not asked again until `again`.
 */
export function startReading<T>(path: () => string, onValue: (value: T) => void = () => {}): Reading<T> {
  const read = signal<Read<T>>({});
  let timer: ReturnType<typeof setTimeout> | undefined;
  /** Of the newest request; answers to others come too late. */
  let newest = 0;
  const once = async (): Promise<void> => {
    clearTimeout(timer);
    if (document.hidden) return;
    const mine = ++newest;
    const answer = await ask<T>(path());
    if (mine !== newest) return;
    if (answer.ok) {
      read.value = { value: answer.value };
      onValue(answer.value);
    } else {
      read.value = { ...read.peek(), trouble: answer };
      if ([400, 404, 501].includes(answer.status)) return;
    }
    timer = setTimeout(again, EVERY_MS);
  };
  const again = (): void => void once();
  document.addEventListener('visibilitychange', again);
  again();
  return {
    read,
    again,
    stop: () => {
      newest++;
      clearTimeout(timer);
      document.removeEventListener('visibilitychange', again);
    },
  };
}

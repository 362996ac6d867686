import { type ReadonlySignal, signal } from '@preact/signals';

const now = signal(Date.now());

/** The time of the gateway when it was last heard of: what has a "3 s ago" is drawn again when it moves on. */
export const nowMs: ReadonlySignal<number> = now;

/** `atMs`: since the epoch. */
export const setClock = (atMs: number): void => {
  now.value = atMs;
};

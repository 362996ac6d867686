import { type ReadonlySignal, signal } from '@preact/signals';
import type { WatchedEvent, WatchedSubscriptions } from '../../src/live/format.ts';
import type { WatchEnd } from '../../src/live/watch.ts';
import { WatchLog } from './watch-log.ts';

export type WatchState = {
  readonly log: WatchLog;
  /** What subscriptions get; undefined: nothing yet. */
  readonly subscriptions?: WatchedSubscriptions | undefined;
  /** Why nothing follows; undefined: it goes on. */
  readonly over?: string;
  /** The connection is lost, and is being made again. */
  readonly isLost?: boolean;
};

export type WatchStream = {
  readonly state: ReadonlySignal<WatchState>;
  stop(): void;
};

/** Follows what a session says until it ends, or `stop`. */
export function startWatch(path: string): WatchStream {
  let log = new WatchLog();
  let subscriptions: WatchedSubscriptions | undefined;
  const state = signal<WatchState>({ log });
  const source = new EventSource(path);
  const over = (sentence: string): void => {
    source.close();
    state.value = { log, subscriptions, over: sentence };
  };
  source.addEventListener('watch', ({ data }) => {
    log = log.of((JSON.parse(data) as { readonly startedAt: string }).startedAt);
    state.value = { log, subscriptions };
  });
  source.addEventListener('subscriptions', ({ data }) => {
    subscriptions = JSON.parse(data) as WatchedSubscriptions;
    state.value = { log, subscriptions };
  });
  source.addEventListener('operations', ({ data }) => {
    log.add(JSON.parse(data) as WatchedEvent[]);
    state.value = { log, subscriptions };
  });
  source.addEventListener('end', ({ data }) => {
    const { code, reason, sentence } = JSON.parse(data) as WatchEnd;
    over(code === undefined ? sentence : `${sentence} ${code} ${reason}`);
  });
  source.addEventListener('error', () => {
    if (source.readyState !== EventSource.CLOSED) state.value = { log, subscriptions, isLost: true };
    // What was answered is not shown to scripts, so it is asked once more.
    else void refusalOf(path).then(over);
  });
  return { state, stop: () => source.close() };
}

async function refusalOf(path: string): Promise<string> {
  const leave = new AbortController();
  try {
    const response = await fetch(path, { signal: leave.signal });
    if (response.ok) return 'The stream has ended; watch again.';
    const { detail } = (await response.json()) as { readonly detail?: string };
    return detail ?? response.statusText;
  } catch {
    return 'The admin port does not answer.';
  } finally {
    leave.abort();
  }
}
